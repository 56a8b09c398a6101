"""What is answered at once is what a thread would have answered."""

import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ROOT_UID, ask, make_image, save
from server.asking import ONE_PART, SECONDS, Served

from desktop.dicom.memberpaths import member_path
from desktop.dicom.records import FileRef, Instance, Pixels
from desktop.importers.keeping import Keep
from desktop.library.queries import Located
from desktop.server.fileparts import FileTransport
from desktop.server.quick import LIMIT, Quick, find_native_frame, open_now, read_now

EXPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
ONE = "application/dicom; transfer-syntax=*"

only_where_it_is = pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system cannot tell what is in memory")


def located(**fields: object) -> Located:
    pixels = Pixels(
        **{"TransferSyntaxUID": EXPLICIT, "offset": 1000, "length": 400, "frames": 4, "frame_bits": 800, **fields}
    )
    return Located(FileRef("/nowhere", 2000, 0), pixels, Instance("1.2"))


@pytest.mark.parametrize(
    ("fields", "number", "span"),
    [
        ({}, 1, (1000, 100)),
        ({}, 4, (1300, 100)),
        ({}, 0, None),
        ({}, 5, None),
        ({"length": 399}, 4, None),
        ({"length": 399}, 3, (1200, 100)),
        ({"length": None}, 1, None),
        ({"offset": -1}, 1, None),
        ({"frame_bits": 0}, 1, None),
        ({"frame_bits": 801}, 1, None),
        ({"big_endian": True}, 1, None),
        ({"TransferSyntaxUID": DEFLATED}, 1, None),
    ],
)
def test_frames_that_are_sent_as_they_stand(
    fields: dict[str, object], number: int, span: tuple[int, int] | None
) -> None:
    assert find_native_frame(located(**fields), number) == span


def ref_of(path: Path) -> FileRef:
    status = path.stat()
    return FileRef(str(path), status.st_size, status.st_mtime_ns)


@only_where_it_is
def test_what_is_in_memory_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(200)))
    ref = ref_of(path)
    assert read_now(ref, 0, 200) == path.read_bytes()
    assert read_now(ref, 10, 5, b"<<", b">") == b"<<" + bytes(range(10, 15)) + b">"
    # Beyond the end, nothing is made up.
    assert read_now(ref, 190, 11) is None


SIZES = (131_072 - 1, 131_072, 131_073, 1_500_000, LIMIT)


@only_where_it_is
@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_sent_as_it_is(served: Served, tmp_path: Path, size: int) -> None:
    path = save(make_image(), tmp_path / "image")
    with path.open("ab") as file:
        file.write(os.urandom(size - path.stat().st_size))
    data = path.read_bytes()
    served.app.importing.start(ask(path, keep=Keep.COPY)).wait()
    served.ask(served.instance(path), ONE)
    part = open_now(ref_of(path))
    assert part is not None
    assert (len(part), part.read(), part.read(size - 5)) == (size, data, data[-5:])
    for _ in range(3):
        assert served.ask(served.instance(path), ONE).body == data
    head = served.ask(served.instance(path), ONE, method="HEAD")
    assert (head.body, head.header("content-length")) == (b"", str(size))
    # Several requests at once, whose answers are read late: each is whole, in its order.
    request = (
        f"GET {served.instance(path)} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAccept: {ONE}\r\n"
        f"Authorization: Bearer {served.token}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), SECONDS) as line:
        line.sendall(request.encode() * 5 + request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
        time.sleep(0.2)
        said = b""
        while piece := line.recv(1 << 20):
            said += piece
    assert said.count(data) == 6
    assert len(said) - 6 * size < 6 * 2000


@only_where_it_is
def test_files_are_closed_and_those_that_are_no_dicom_are_left_to_threads(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2000))
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert open_now(ref_of(path)) is None
    save(make_image(), path)
    for _ in range(50):
        part = open_now(ref_of(path))
        assert part is not None
    del part
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    for other in (replace(ref_of(path), size=5), replace(ref_of(path), medium="a stick")):
        assert open_now(other) is None


@only_where_it_is
def test_a_file_that_becomes_shorter_while_it_is_sent_ends_the_connection(tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "image")
    part = open_now(ref_of(path))
    assert part is not None
    os.truncate(path, 500)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        line = Line(ours)
        FileTransport(line).write(part)  # type: ignore[arg-type]
        assert line.aborted
        assert len(theirs.recv(1 << 20)) == 500


class Line:
    """What a transport is to those who send files over it."""

    def __init__(self, opened: socket.socket) -> None:
        self.opened = opened
        self.aborted = False

    def get_extra_info(self, name: str) -> object:
        return self.opened if name == "socket" else None

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True


@only_where_it_is
def test_what_a_thread_has_to_look_at_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(200))
    ref = ref_of(path)
    for other in (
        replace(ref, medium="a stick"),
        replace(ref, size=199),
        replace(ref, mtime_ns=ref.mtime_ns + 1),
        replace(ref, path=str(tmp_path / "nothing")),
        replace(ref, path=str(tmp_path)),
        replace(ref, path=member_path(str(path), 0, "inner")),
    ):
        assert read_now(other, 0, 100) is None
    assert read_now(ref, 0, LIMIT + 1) is None
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_now(replace(ref, path=str(pipe)), 0, 100) is None


@only_where_it_is
def test_what_changes_in_the_library_is_noticed(served: Served, tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "image")
    quick = Quick(served.app.store)
    assert quick.find(("1.2", "1.3", "1.4")) is None
    served.add(path)
    place = served.place(path)
    found = quick.find(place)
    assert found is not None
    assert found.file == ref_of(path)
    assert quick.find(place) is found
    assert quick.find((place[0], "1.2", place[2])) is None
    served.change("UPDATE files SET size = size + 1")
    changed = quick.find(place)
    assert changed is not None
    assert changed.file.size == found.file.size + 1
    served.change("DELETE FROM instances")
    assert quick.find(place) is None


@only_where_it_is
def test_a_library_that_is_closed_knows_nothing(tmp_path: Path, served: Served) -> None:
    quick = Quick(served.app.store)
    served.app.store.close()
    assert quick.find(("1.2", "1.3", "1.4")) is None


def test_what_was_answered_once_is_still_looked_at(served: Served, tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "image")
    served.add(path)
    address = served.instance(path)
    for _ in range(3):
        assert served.ask(address, ONE).body == path.read_bytes()
        assert served.ask(f"{address}/frames/1", ONE_PART).status == 200
    data = path.read_bytes()
    path.write_bytes(data + b"\0")
    assert "changed" in served.ask(address, ONE).sentence(404)
    assert "changed" in served.ask(f"{address}/frames/1", ONE_PART).sentence(404)
    path.unlink()
    served.ask(address, ONE).sentence(404)
    other = save(make_image(SOPInstanceUID=f"{ROOT_UID}9"), tmp_path / "other")
    served.add(other)
    assert served.ask(served.instance(other), ONE).body == other.read_bytes()
