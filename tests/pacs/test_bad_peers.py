"""Peers that break the protocol, stall, flood or lie: the listener goes on, and nothing half is left."""

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pacs.peers import (
    ABORT,
    ECHO,
    IMPLICIT,
    PROPOSALS,
    RELEASE,
    VERIFICATION,
    Folder,
    Peer,
    associate,
    associate_body,
    command,
    encoded,
    fragment,
    is_alive,
    open_peer,
    pdu,
    proposal,
    store,
    store_command,
    wait_for,
)

from desktop.pacs import listener as listener_module
from desktop.pacs import taking as taking_module
from desktop.pacs.association import Limits
from desktop.pacs.wire import MAX_PDU

DATA = encoded()
COMMAND = pdu(4, fragment(3, store_command(), command=True))
HALF = COMMAND + pdu(4, fragment(3, DATA[:100], command=False, last=False))


def send_until_cut_off(peer: Peer, piece: bytes, pause: float = 0) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            peer.send(piece)
            time.sleep(pause)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (pdu(9, bytes(4)), 1),
        (pdu(2, bytes(100)), 2),
        (associate(), 2),
        (pdu(4, bytes(5)), 6),
        (pdu(4, b"\0\0\0\1\3\3"), 6),
        (pdu(4, b"\xff\xff\xff\xff\3\3"), 6),
        (pdu(4, fragment(3, bytes(20), command=True)[:-1]), 6),
        (b"\4\0" + (MAX_PDU + 1).to_bytes(4, "big"), 6),
        (b"\4\0\xff\xff\xff\xff", 6),
        (pdu(4, fragment(99, store_command(), command=True)), 6),
        (pdu(4, fragment(5, store_command(), command=True)), 6),
        (pdu(4, fragment(3, b"nonsense", command=True)), 6),
        (pdu(4, fragment(3, DATA, command=False)), 5),
        (COMMAND + COMMAND, 5),
        (COMMAND + pdu(4, fragment(1, DATA, command=False)), 5),
        (HALF + RELEASE, 2),
        (HALF + pdu(4, fragment(1, DATA, command=False)), 5),
        (HALF + b"\4\0\xff\xff\xff\xff", 6),
        (pdu(4, fragment(3, bytes(60_000), command=True, last=False)) * 2, 6),
    ],
)
def test_what_breaks_the_protocol_is_aborted(port: int, folder: Folder, sent: bytes, reason: int) -> None:
    proposals = (*PROPOSALS, proposal(5, "1.2.840.10008.5.1.4.1.2.2.1", IMPLICIT))
    with open_peer(port, proposals=proposals) as peer:
        assert peer.send(sent).read() == (7, bytes((0, 0, 2, reason)))
        assert peer.read()[0] == 0
    assert folder.files() == []
    assert is_alive(port)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
        ECHO,
        RELEASE,
        pdu(1, b""),
        pdu(1, associate_body(proposals=())),
        b"\1\0\x7f\xff\xff\xff" + bytes(100),
    ],
)
def test_what_is_no_request_is_aborted(port: int, sent: bytes) -> None:
    with Peer(port) as peer:
        assert peer.send(sent).read()[0] == 7
    assert is_alive(port)


@pytest.mark.parametrize("sent", [b"", b"\1", associate()[:40], associate()])
def test_who_hangs_up_is_forgotten(port: int, folder: Folder, sent: bytes) -> None:
    with Peer(port) as peer:
        peer.send(sent)
    assert is_alive(port)
    assert folder.refused == []


@pytest.mark.parametrize("end", ["closed", "reset", "aborted"])
@pytest.mark.parametrize("images", [0, 1, 2, 5])
def test_cut_after_each_image_what_came_is_whole(port: int, folder: Folder, images: int, end: str) -> None:
    data = [encoded(InstanceNumber=number) for number in range(images)]
    with open_peer(port) as peer:
        for number, one in enumerate(data):
            assert peer.send(store(one, f"1.2.{number}", size=300)).status() == 0
        peer.send(HALF)
        wait_for(lambda: len(folder.files()) == images + 1)
        if end == "aborted":
            peer.send(ABORT)
        elif end == "reset":
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: len(folder.files()) == images)
    assert folder.data_sets() == sorted(data)
    assert is_alive(port)


def test_a_data_set_cut_short_is_kept_as_it_came(port: int, folder: Folder) -> None:
    # Whether it is whole, the library sees; it is not thrown away.
    with open_peer(port) as peer:
        assert peer.send(store(DATA[:300])).status() == 0
        assert peer.send(store(b"")).status() == 0
    assert folder.data_sets() == [b"", DATA[:300]]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (store(DATA, sop_class="1.2.840.10008.5.1.4.1.1.4"), 0xA900),
        (store(DATA, context=1), 0xA900),
        (store(DATA, sop_class=VERIFICATION, context=1), 0xA900),
        (pdu(4, fragment(3, store_command(data=0x101), command=True)), 0xC000),
        (pdu(4, fragment(3, command(field=0x20, message_id=1, data=0x101), command=True)), 0x211),
        (
            pdu(
                4,
                fragment(3, command(field=0x20, message_id=1, data=0), command=True) + fragment(3, DATA, command=False),
            ),
            0x211,
        ),
    ],
)
def test_what_cannot_be_done_is_answered(port: int, folder: Folder, sent: bytes, status: int) -> None:
    with open_peer(port) as peer:
        assert peer.send(sent).status() == status
        cancel = pdu(4, fragment(3, command(field=0xFFF, data=0x101), command=True))
        assert peer.send(cancel, ECHO).status() == 0
        assert peer.send(store(DATA)).status() == 0
    assert folder.data_sets() == [DATA]


def test_a_full_disk_is_told_and_is_over_when_there_is_room(port: int, folder: Folder) -> None:
    with open_peer(port) as peer:
        folder.free = 0
        assert peer.send(store(DATA)).status() == 0xA700
        folder.free = 1 << 30
        for error in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES):
            folder.error = OSError(error, os.strerror(error))
            assert peer.send(store(DATA)).status() == 0xA700
            assert folder.files() == []
        folder.error = None
        assert peer.send(store(DATA)).status() == 0
    assert folder.data_sets() == [DATA]


def test_room_is_looked_at_while_an_object_comes(port: int, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_module, "_LOOK_BYTES", 1000)
    with open_peer(port) as peer:
        peer.send(HALF)
        wait_for(folder.files)
        folder.free = 0
        more = pdu(4, fragment(3, bytes(2000), command=False, last=False))
        peer.send(more * 3)
        wait_for(lambda: not folder.files())
        assert peer.send(pdu(4, fragment(3, b"", command=False))).status() == 0xA700
        folder.free = 1 << 30
        assert peer.send(store(DATA)).status() == 0


def test_endless_data_are_cut_off(port: int, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_module, "_MAX_OBJECT", 50_000_000)
    piece = pdu(4, fragment(3, bytes(MAX_PDU - 6), command=False, last=False))
    with open_peer(port) as peer:
        peer.send(COMMAND)
        send_until_cut_off(peer, piece)
    wait_for(lambda: not folder.files())
    assert is_alive(port)


@pytest.mark.parametrize("sent", [b"", associate()[:30], associate(), associate() + HALF, associate() + HALF[:-3]])
def test_who_is_silent_is_cut_off(listen: Callable[..., int], folder: Folder, sent: bytes) -> None:
    port = listen(limits=Limits(association=0.3, silence=0.3))
    with Peer(port) as peer:
        peer.send(sent)
        while peer.read()[0]:
            pass
    assert folder.files() == []
    assert is_alive(port)


def test_a_request_byte_by_byte_is_cut_off(listen: Callable[..., int]) -> None:
    port = listen(limits=Limits(association=0.4, silence=5))
    with Peer(port) as peer:
        started = time.monotonic()
        send_until_cut_off(peer, b"\1", pause=0.02)
        assert time.monotonic() - started < 4


def test_a_peer_that_reads_nothing_is_cut_off(listen: Callable[..., int]) -> None:
    port = listen(limits=Limits(association=5, silence=0.5), buffer=4096)
    with Peer(port, buffer=4096) as peer:
        peer.send(associate())
        send_until_cut_off(peer, ECHO * 10)
    assert is_alive(port)


def test_a_thousand_connections(listen: Callable[..., int], folder: Folder) -> None:
    port = listen()
    before = threading.active_count()
    peers = []
    try:
        for number in range(1000):
            peers.append(Peer(port))
            if number % 100 == 50:
                assert is_alive(port)
        assert threading.active_count() - before < 150
        assert is_alive(port)
    finally:
        for peer in peers:
            peer.socket.close()
    assert is_alive(port)


def test_a_thousand_associations(listen: Callable[..., int], folder: Folder) -> None:
    port = listen(associations=20)
    with open_peer(port) as first:
        peers = [first]
        for _ in range(999):
            peer = Peer(port).send(associate())
            if peer.read()[0] == 2:
                peers.append(peer)
            else:
                peer.socket.close()
        assert len(peers) == 10
        assert len(folder.refused) == 990
        assert first.send(store(DATA)).status() == 0
        for peer in peers[1:]:
            peer.socket.close()
        wait_for(lambda: is_alive(port))


def test_no_thread_can_be_started(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(listener_module.threading.Thread, "start", fail)
        with Peer(port) as peer:
            assert peer.read()[0] == 0
    assert is_alive(port)


def test_closing_cuts_what_is_begun(listen: Callable[..., int], folder: Folder) -> None:
    port = listen()
    with open_peer(port) as peer:
        peer.send(store(DATA), HALF)
        wait_for(lambda: len(folder.files()) == 2)
    # The fixture closes the listener, and sees that nothing half is left.


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 1200), change=st.binary(max_size=6), cut=st.integers(0, 1200), data=st.binary(max_size=100))
def test_any_bytes_at_all(port: int, folder: Folder, at: int, change: bytes, cut: int, data: bytes) -> None:
    talk = associate() + ECHO + store(DATA, size=300) + RELEASE
    for sent in (talk[:at] + change + talk[at + len(change) :], talk[:at] + talk[at + cut :], associate() + data):
        with Peer(port) as peer:
            try:
                peer.send(sent)
                peer.socket.shutdown(socket.SHUT_WR)
                while peer.read()[0]:
                    pass
            except OSError:
                pass
    wait_for(lambda: not [path for path in folder.files() if path.suffix == ".part"])
    assert is_alive(port)
    assert [path.name for path in folder.path.parent.iterdir()] == ["came"]
