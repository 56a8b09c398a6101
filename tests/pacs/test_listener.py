"""Images come from real peers: DCMTK's programs and pynetdicom. What is kept is what was sent."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from pacs.peers import (
    AET,
    CT,
    ECHO,
    EXPLICIT,
    IMPLICIT,
    RELEASE,
    Folder,
    Peer,
    associate,
    data_set,
    dcmtk,
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
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless, SecondaryCaptureImageStorage
from pynetdicom import AE, build_context

from desktop.callers import Callers
from desktop.errors import InputError
from desktop.pacs.intake import Sender


def client(port: int, *contexts: tuple[str, list[str] | str]) -> object:
    ae = AE("PYNETDICOM")
    ae.requested_contexts = [build_context(abstract, syntaxes) for abstract, syntaxes in contexts]
    association = ae.associate("127.0.0.1", port, ae_title=AET)
    assert association.is_established
    return association


def test_storescu_sends(port: int, folder: Folder, tmp_path: Path) -> None:
    files = make_stack(tmp_path / "stack", 20)
    dcmtk("storescu", "-aec", AET, "-aet", "DCMTK", "-R", "127.0.0.1", port, *files)
    assert folder.data_sets() == sorted(data_set(path.read_bytes()) for path in files)
    assert set(folder.senders) == {Sender("DCMTK", "127.0.0.1")}
    kept = {dcmread(path).SOPInstanceUID: dcmread(path).file_meta for path in folder.files()}
    for path in files:
        sent = dcmread(path)
        meta = kept[sent.SOPInstanceUID]
        assert meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
        assert meta.MediaStorageSOPClassUID == sent.SOPClassUID
        assert meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    dcmtk("dcmftest", *folder.files())


def test_dcmsend_sends_all_kinds(port: int, folder: Folder, pydicom_files: Path) -> None:
    names = ("JPEG-lossy.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "JPEGLSNearLossless_08.dcm", "CT_small.dcm")
    names += ("reportsi.dcm", "rtplan.dcm", "waveform_ecg.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm")
    files = [pydicom_files / name for name in names]
    dcmtk("dcmsend", "-aec", AET, "--no-uid-checks", "127.0.0.1", port, *files)
    sent, kept = ([dcmread(path) for path in paths] for paths in (files, folder.files()))
    assert sorted(one.SOPInstanceUID for one in kept) == sorted(one.SOPInstanceUID for one in sent)
    # What is compressed, it sends as it is.
    told = [
        {
            (one.file_meta.TransferSyntaxUID, one.PixelData)
            for one in some
            if one.file_meta.TransferSyntaxUID.is_encapsulated
        }
        for some in (sent, kept)
    ]
    assert len(told[0]) == 4
    assert told[0] == told[1]


def test_echoscu_is_answered(port: int, folder: Folder) -> None:
    dcmtk("echoscu", "-aec", AET, "127.0.0.1", port)
    assert folder.files() == []


@pytest.mark.parametrize("sop_class", ["1.2.840.113619.4.26", "1.2.840.10008.5.1.4.1.1.9999", CT])
def test_pynetdicom_sends_private_classes_too(port: int, folder: Folder, sop_class: str) -> None:
    association = client(port, (sop_class, [IMPLICIT, EXPLICIT]))
    ds = make_image(SOPClassUID=sop_class)
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = sop_class, ds.SOPInstanceUID
    assert association.send_c_store(ds).Status == 0
    association.release()
    (path,) = folder.files()
    assert dcmread(path) == ds
    assert dcmread(path).file_meta.TransferSyntaxUID == EXPLICIT


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, RLELossless, DeflatedExplicitVRLittleEndian, IMPLICIT])
def test_bytes_are_kept_whatever_they_are(port: int, folder: Folder, syntax: str) -> None:
    data = bytes(range(256)) * 4001
    with open_peer(port, proposals=[proposal(3, CT, syntax)]) as peer:
        assert peer.send(store(data, size=100_001)).status() == 0
        assert peer.send(RELEASE).read()[0] == 6
    (path,) = folder.files()
    assert data_set(path.read_bytes()) == data
    assert read_file_meta_info(path).TransferSyntaxUID == syntax


def test_four_at_once(port: int, folder: Folder, tmp_path: Path) -> None:
    stacks = [make_stack(tmp_path / str(one), 15, SeriesInstanceUID=f"{ROOT_UID}{one}") for one in range(1, 5)]
    threads = [
        threading.Thread(target=dcmtk, args=("storescu", "-aec", AET, "127.0.0.1", port, *files)) for files in stacks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folder.data_sets() == sorted(data_set(path.read_bytes()) for files in stacks for path in files)


def test_objects_follow_one_another_without_a_pause(port: int, folder: Folder) -> None:
    data = [encoded(InstanceNumber=number) for number in range(30)]
    with open_peer(port) as peer:
        peer.send(*(store(one, f"1.2.{number}", size=500) for number, one in enumerate(data)), ECHO)
        assert [peer.status() for _ in range(31)] == [0] * 31
    assert folder.data_sets() == sorted(data)


def test_a_command_and_its_data_may_share_a_pdu(port: int, folder: Folder) -> None:
    data = encoded()
    command = store_command()
    parts = [
        fragment(3, command[:20], command=True, last=False),
        fragment(3, command[20:], command=True),
        fragment(3, data[:100], command=False, last=False),
        fragment(3, b"", command=False, last=False),
        fragment(3, data[100:], command=False),
    ]
    with open_peer(port) as peer:
        assert peer.send(pdu(4, b"".join(parts)), pdu(4, b"")).status() == 0
    assert folder.data_sets() == [data]


def test_file_names_are_never_the_peers(port: int, folder: Folder, tmp_path: Path) -> None:
    with open_peer(port) as peer:
        for uid in ("../../x", "/tmp/x", "1.2/3", "", "1" * 65, "..", "x"):
            assert peer.send(store(encoded(), uid)).status() == 0xC000
        assert peer.send(store(encoded(), "1.2.3")).status() == 0
    assert len(folder.files()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["came"]


# Who may call


def test_who_may_not_call_is_rejected(listen: Callable[..., int], folder: Folder) -> None:
    port = listen(callers=Callers(["PEER", "OTHER@192.0.2.1"]))
    for words, rejection in [
        ((AET, "STRANGER"), b"\0\1\1\3"),
        ((AET, "OTHER"), b"\0\1\1\3"),
        (("SOMEBODY", "PEER"), b"\0\1\1\7"),
    ]:
        with Peer(port) as peer:
            assert peer.send(associate(*words)).read() == (3, rejection)
            assert peer.read()[0] == 0
    assert [aet for aet, _ in folder.refused] == ["STRANGER", "OTHER", "PEER"]
    assert is_alive(port)


def test_addresses_that_may_not_call_are_not_heard(listen: Callable[..., int]) -> None:
    port = listen(callers=Callers(["192.0.2.0/24"]))
    with Peer(port) as peer, contextlib.suppress(ConnectionError):
        assert peer.send(associate()).read()[0] == 0


def test_so_many_and_no_more(listen: Callable[..., int], folder: Folder) -> None:
    port = listen(associations=4)
    with open_peer(port), open_peer(port), Peer(port) as third:
        # From one address, half of them.
        assert third.send(associate()).read() == (3, b"\0\2\3\2")
    wait_for(lambda: is_alive(port))
    assert set(folder.refused) == {("PEER", "Too many associations are open.")}


def test_a_port_that_is_taken_is_told(listen: Callable[..., int]) -> None:
    port = listen()
    with pytest.raises(InputError, match="cannot be opened"):
        listen(port=port)


def test_other_addresses(listen: Callable[..., int], folder: Folder, tmp_path: Path) -> None:
    file = save(make_image(SOPClassUID=SecondaryCaptureImageStorage), tmp_path / "one")
    for address in ("0.0.0.0", "::"):
        try:
            port = listen(address=address)
        except InputError:
            assert address == "::"
            pytest.skip("this computer has no IPv6")
        dcmtk("storescu", "-aec", AET, "-R", "127.0.0.1", port, file)
    assert {sender.address.removeprefix("::ffff:") for sender in folder.senders} == {"127.0.0.1"}
