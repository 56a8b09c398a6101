"""Sending to real archives and receivers: what is sent is there, what is not is told, and can be sent again."""

import errno
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, save
from cli.running import Program
from pacs.asking.archives import find_program, node_at, run_program, told, web_at
from pacs.asking.conftest import ORTHANC
from pacs.asking.relaying import relay
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from server.asking import Served, make_viewer, serve
from server.orthanc import Orthanc, find_orthanc, free_port, run_orthanc
from server.storing import multipart

from desktop.errors import InputError, PeerError
from desktop.library.sendable import Sendable
from desktop.pacs.nodes import Auth, Node
from desktop.pacs.parcels import NotSendable, Parcel, skip_head
from desktop.pacs.proposing import NATIVE
from desktop.pacs.sending import group_parcels
from desktop.pictures import transcoding
from desktop.pictures.transcoding import Whole
from desktop.services import persisting
from desktop.services.sending import SendAsk, SendProgress, SendReport, find_obstacle

SECONDS = 60
KINDS = ["dimse", "web"]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Orthanc, with nothing in it, into which these tests send."""
    program = find_orthanc()
    if program is None:
        pytest.skip("Orthanc is not here (Debian's packages orthanc and orthanc-dicomweb)")
    folder = tmp_path_factory.mktemp("orthanc")
    with run_orthanc(program, folder, aet=ORTHANC, DicomAlwaysAllowStore=True) as started:
        yield started


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A library from which is sent."""
    folder = tmp_path_factory.mktemp("sending")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as served:
        served.app._pool.submit(()).result()
        yield served


def images(folder: Path, count: int = 3, **more: Any) -> tuple[str, dict[str, Path]]:
    """Write images of a study of its own; return its UID, and the files by their SOP Instance UID."""
    study = generate_uid(ROOT_UID)
    made = {}
    for number in range(count):
        uid = generate_uid(ROOT_UID)
        what = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study[:50]}.1", "SOPInstanceUID": uid, **more}
        made[uid] = save(make_image(**what, InstanceNumber=number), folder / f"{number}.dcm")
    return study, made


def send(house: Served, node: Node, *studies: str, secret: str = "", **more: Any) -> SendReport:
    seen: list[SendProgress] = []
    job = house.app.sending.start(SendAsk(node, studies, **more), told(secret), seen.append)
    assert job.join(SECONDS)
    report = job.wait()
    assert all(one.objects <= one.total == len(report.outcomes) for one in seen)
    return report


def at(orthanc: Orthanc, kind: str, **more: Any) -> Node:
    return node_at(orthanc.dicom_port, ORTHANC, **more) if kind == "dimse" else web_at(orthanc.port, **more)


def kept(orthanc: Orthanc, uid: str) -> bytes:
    """Return an instance's file as Orthanc has it."""
    found = orthanc.tell("/tools/find", {"Level": "Instance", "Query": {"SOPInstanceUID": uid}}).json()
    assert len(found) == 1
    return orthanc.ask(f"/instances/{found[0]}/file").body


def assert_complete(report: SendReport, count: int) -> None:
    assert report.error is None, report.error
    assert [delivered.sentence for _, delivered in report.outcomes] == [""] * count
    assert (report.sent, report.is_complete) == (count, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_is_sent(house: Served, orthanc: Orthanc, tmp_path: Path, kind: str) -> None:
    study, files = images(tmp_path)
    house.add(tmp_path)
    assert_complete(send(house, at(orthanc, kind), study), 3)
    for uid, path in files.items():
        assert _data_set(kept(orthanc, uid)) == _data_set(path.read_bytes())
    # Once more is no fault.
    assert_complete(send(house, at(orthanc, kind), study), 3)


def _data_set(file: bytes) -> bytes:
    return b"".join(skip_head(iter([file])))


@pytest.mark.parametrize("kind", KINDS)
def test_one_series_and_one_object_are_sent(house: Served, orthanc: Orthanc, tmp_path: Path, kind: str) -> None:
    study, files = images(tmp_path, 2)
    other = save(make_image(StudyInstanceUID=study, SeriesInstanceUID=f"{study[:50]}.2"), tmp_path / "other")
    house.add(tmp_path)
    (series, instance) = house.place(other)[1:]
    assert_complete(send(house, at(orthanc, kind), study, series_uid=series), 1)
    assert kept(orthanc, instance)
    first = next(iter(files))
    assert_complete(send(house, at(orthanc, kind), study, instance_uid=first), 1)
    assert kept(orthanc, first)
    with pytest.raises(InputError, match="nothing of that"):
        send(house, at(orthanc, kind), "1.2.3.99")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "JPEG2000.dcm", "MR_small_implicit.dcm", "rtplan.dcm"])
def test_objects_keep_their_transfer_syntax(
    house: Served, orthanc: Orthanc, tmp_path: Path, pydicom_files: Path, kind: str, name: str
) -> None:
    ds = dcmread(pydicom_files / name)
    ds.StudyInstanceUID, ds.SOPInstanceUID = generate_uid(ROOT_UID), generate_uid(ROOT_UID)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    path = save(ds, tmp_path / "object")
    house.add(path)
    assert_complete(send(house, at(orthanc, kind), str(ds.StudyInstanceUID)), 1)
    there = kept(orthanc, str(ds.SOPInstanceUID))
    # Orthanc writes anew what comes by C-STORE: sequences get lengths.
    assert dcmread(io.BytesIO(there)) == dcmread(path)
    assert dcmread(io.BytesIO(there)).file_meta.TransferSyntaxUID == ds.file_meta.TransferSyntaxUID


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm"])
def test_what_a_receiver_takes_uncompressed_only_is_decoded(
    house: Served, tmp_path: Path, pydicom_files: Path, name: str
) -> None:
    ds = dcmread(pydicom_files / name)
    ds.StudyInstanceUID = generate_uid(ROOT_UID)
    house.add(save(ds, tmp_path / "object"))
    folder, port = tmp_path / "came", free_port()
    folder.mkdir()
    command = [find_program("storescp"), "+xe", "-od", str(folder), str(port)]
    with run_program(command, port, tmp_path):
        assert_complete(send(house, node_at(port), str(ds.StudyInstanceUID)), 1)
        (path,) = folder.iterdir()
    came = dcmread(path)
    assert came.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    if name != "SC_rgb_jpeg_dcmtk.dcm":
        assert (came.pixel_array == ds.pixel_array).all()
    assert came.PatientName == ds.PatientName


def test_what_a_receiver_does_not_take_is_told_and_the_rest_is_sent(house: Served, tmp_path: Path) -> None:
    study, files = images(tmp_path, 1)
    film = make_image(StudyInstanceUID=study)
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
    save(film, tmp_path / "film")
    house.add(tmp_path)
    port, folder = free_port(), tmp_path / "came"
    folder.mkdir()
    configuration = tmp_path / "storescp.cfg"
    configuration.write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianExplicit\n[[PresentationContexts]]\n[Only]\n"
        "PresentationContext1 = CTImageStorage\\Plain\nPresentationContext2 = VerificationSOPClass\\Plain\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = Only\n"
    )
    command = [find_program("storescp"), "-xf", str(configuration), "Default", "-od", str(folder), str(port)]
    with run_program(command, port, tmp_path):
        report = send(house, node_at(port), study)
    assert (report.sent, report.is_complete, report.error) == (1, False, None)
    (sentence,) = [delivered.sentence for _, delivered in report.outcomes if not delivered.is_there]
    assert "does not take Video Endoscopic Image Storage" in sentence
    assert len(list(folder.iterdir())) == 1
    assert next(iter(files)) in next(folder.iterdir()).name


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_made_here_is_sent_once(house: Served, orthanc: Orthanc, tmp_path: Path, kind: str) -> None:
    study, _ = images(tmp_path, 2)
    house.add(tmp_path)
    series = generate_uid(ROOT_UID)
    made = save(make_image(StudyInstanceUID=study, SeriesInstanceUID=series, Modality="SR"), tmp_path / "made")
    content_type, body = multipart([made.read_bytes()])
    headers = {"Content-Type": content_type, "X-Saved-By-Viewer": "1"}
    assert house.ask("/dicom-web/studies", method="POST", headers=headers, body=body).status == 200

    def unsent() -> int:
        entry = house.app.viewing.study(study)
        assert entry is not None
        return entry.unsent

    assert unsent() == 1
    assert_complete(send(house, at(orthanc, kind), study, unsent=True), 1)
    assert kept(orthanc, str(dcmread(made).SOPInstanceUID))
    assert unsent() == 0
    with pytest.raises(InputError, match="nothing that was made here"):
        send(house, at(orthanc, kind), study, unsent=True)
    # It is still known to be made here: it keeps its letters, and its study.
    house.app.holdings.set_charset(study, "ISO_IR 100")
    assert unsent() == 0
    (left,) = house.app.store.reader().execute("SELECT count(*) FROM made_here").fetchone()
    assert left > 0


def test_another_negatoscope_takes_it(house: Served, tmp_path: Path) -> None:
    study, files = images(tmp_path / "files")
    house.add(tmp_path / "files")
    with serve(tmp_path / "base", make_viewer(tmp_path / "resources")) as other:
        node = web_at(other.port, auth=Auth.BEARER)
        assert_complete(send(house, node, study, secret=other.token), 3)
        assert len(other.json(f"/dicom-web/studies/{study}/instances")) == len(files)
        # What has another one's UID is told.
        changed = next(iter(files.values()))
        ds = dcmread(changed)
        ds.WindowWidth = 77
        house.add(save(ds, tmp_path / "changed"))
        report = send(house, node, study, secret=other.token)
    assert (report.sent, report.is_complete) == (4, True)
    assert any("changed some values" in delivered.sentence for _, delivered in report.outcomes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_is_cut_again_and_again_loses_nothing(
    house: Served, orthanc: Orthanc, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisting, "_FIRST_SECONDS", 0.01)
    study, files = images(tmp_path)
    house.add(tmp_path)
    size = sum(path.stat().st_size for path in files.values())
    port = orthanc.dicom_port if kind == "dimse" else orthanc.port
    with relay(port, [size // 8, size // 2, size * 3 // 4], forward=True) as cut_port:
        node = node_at(cut_port, ORTHANC) if kind == "dimse" else web_at(cut_port)
        assert_complete(send(house, node, study), 3)
    for uid, path in files.items():
        assert _data_set(kept(orthanc, uid)) == _data_set(path.read_bytes())


def test_who_is_not_there_and_who_lets_nobody_in(house: Served, orthanc: Orthanc, tmp_path: Path) -> None:
    study, _ = images(tmp_path, 1)
    house.add(tmp_path)
    report = send(house, node_at(free_port()), study)
    assert isinstance(report.error, PeerError)
    assert (report.error.kind, report.sent, report.is_complete) == ("port_closed", 0, False)
    report = send(house, node_at(orthanc.dicom_port, "NOBODY"), study)
    assert isinstance(report.error, PeerError)
    assert report.error.kind == "rejected"


def test_a_file_that_is_gone_is_told(house: Served, orthanc: Orthanc, tmp_path: Path) -> None:
    study, files = images(tmp_path, 2)
    house.add(tmp_path)
    gone = next(iter(files))
    files[gone].unlink()
    for kind in KINDS:
        report = send(house, at(orthanc, kind), study)
        assert (report.sent, report.error) == (1, None)
        (told_,) = [delivered for _, delivered in report.outcomes if not delivered.is_there]
        assert (told_.sop_instance, bool(told_.sentence)) == (gone, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_while_it_is_sent_keeps_no_other_from_being_sent(
    house: Served, orthanc: Orthanc, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisting, "_FIRST_SECONDS", 0.01)
    study, files = images(tmp_path)
    house.add(tmp_path)
    bad = list(files)[1]

    def read(located: Any, _read: Any = transcoding.read_stored) -> Whole:
        whole = _read(located)

        def give() -> Iterator[bytes]:
            data = b"".join(whole.pieces)
            yield data[:1000]
            raise OSError(errno.EIO, "the stick was taken out")

        return replace(whole, pieces=give()) if located.instance.SOPInstanceUID == bad else whole

    monkeypatch.setattr(transcoding, "read_stored", read)
    report = send(house, at(orthanc, kind), study)
    assert report.error is None
    assert [(one.sop_instance, one.is_there) for _, one in report.outcomes] == [(uid, uid != bad) for uid in files]
    assert any("taken out" in one.sentence for _, one in report.outcomes)
    found = orthanc.tell("/tools/find", {"Level": "Instance", "Query": {"SOPInstanceUID": bad}}).json()
    assert found == []


def test_on_the_command_line(tmp_path: Path, orthanc: Orthanc) -> None:
    program = Program(tmp_path / "program")
    study, files = images(tmp_path / "files")
    assert program.run("import", tmp_path / "files").code == 0
    words = ("--aet", ORTHANC, "--host", "127.0.0.1", "--port", str(orthanc.dicom_port))
    assert program.run("pacs", "add", "A", *words).code == 0
    done = program.run("pacs", "send", "A", "--study", study, "--json")
    assert (done.code, done.json()["complete"], len(done.json()["objects"])) == (0, True, 3)
    in_words = program.run("pacs", "send", "A", "--study", study)
    assert "3 objects of 3 sent to A" in in_words.sentence()
    nothing = program.run("pacs", "send", "A", "--unsent")
    assert (nothing.code, "nothing that was made here" in nothing.sentence()) == (1, True)
    assert program.run("pacs", "send", "A").code == 2
    assert all(kept(orthanc, uid) for uid in files)


# What is decided


def parcel(sop_class: str, syntax: str) -> Parcel:
    return Parcel(sop_class, "1.2", syntax, plain=True, open=lambda _: iter(()))


def test_each_kind_of_object_has_its_contexts() -> None:
    parcels = [parcel("1", NATIVE[0]), parcel("1", "9"), parcel("2", NATIVE[1]), parcel("1", NATIVE[0])]
    ((proposals, group),) = group_parcels(parcels)
    assert group == parcels
    assert [(one.context_id, one.abstract, one.syntaxes) for one in proposals] == [
        (1, "1", NATIVE),
        (3, "1", ("9",)),
        (5, "2", NATIVE),
        (7, "2", (NATIVE[1],)),
    ]


def test_what_needs_more_contexts_than_there_are_goes_over_several_associations() -> None:
    parcels = [parcel(str(number), "9") for number in range(150)]
    groups = list(group_parcels(parcels))
    assert [len(group) for _, group in groups] == [64, 64, 22]
    assert all(len(proposals) <= 128 for proposals, _ in groups)
    assert [one for _, group in groups for one in group] == parcels
    assert list(group_parcels([])) == []


@pytest.mark.parametrize("step", [1, 7, 132, 143, 144, 145, 1000, 5000])
def test_a_data_set_is_what_stands_behind_the_head(tmp_path: Path, step: int) -> None:
    data = save(make_image(), tmp_path / "image").read_bytes()
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    length = int.from_bytes(data[140:144], "little")
    assert b"".join(skip_head(iter(pieces))) == data[144 + length :]


@pytest.mark.parametrize("data", [b"", b"no file", bytes(200)])
def test_what_has_no_head_is_not_sent(data: bytes) -> None:
    with pytest.raises(NotSendable):
        list(skip_head(iter([data])))


def test_what_cannot_be_sent_at_all() -> None:
    one = Sendable(("1", "2", "3"), "3", "", is_made_here=False, is_known_otherwise=False)
    assert "not in the library" in find_obstacle(one, None)
