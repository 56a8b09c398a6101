"""Whole studies, series and instances: in parts, as archives, and in other transfer syntaxes. pydicom is the judge."""

import io
import os
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from builders import ROOT_UID, make_image, make_stack, save
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, generate_uid
from server.asking import Served, instance_path, make_viewer, serve
from server.pixels import CANNOT, read

from desktop.library.queries import locate_all
from desktop.pictures import transcoding
from desktop.server import archive
from desktop.server.multipart import read_accept
from desktop.server.wholes import Form, find_forms

PYDICOM_FILES = Path(str(pydicom.data.__file__)).parent / "test_files"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
PARTS = 'multipart/related; type="application/dicom"'
STORED = f"{PARTS}; transfer-syntax=*"
FILES = sorted(path.name for path in PYDICOM_FILES.glob("*.dcm"))
CHANGED = frozenset({"PhotometricInterpretation", "PlanarConfiguration", "HighBit"})
NOT_WRITTEN = {
    # What nobody can decode, or what contradicts itself.
    "JPEG2000-embedded-sequence-delimiter.dcm",
}

# pydicom says what it thinks of its own odd files.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@pytest.mark.parametrize(
    ("accept", "count", "forms"),
    [
        ("", 2, [Form("multipart", "*")]),
        ("*/*", 1, [Form("multipart", "*")]),
        (PARTS, 2, [Form("multipart", "")]),
        (STORED, 2, [Form("multipart", "*")]),
        ("multipart/related", 2, [Form("multipart", "")]),
        ('multipart/related; type="application/octet-stream"', 2, []),
        ("application/dicom", 1, [Form("single", "")]),
        ("application/dicom", 2, []),
        ("application/zip", 2, [Form("zip", "")]),
        (f"application/zip; transfer-syntax={IMPLICIT}", 2, [Form("zip", IMPLICIT)]),
        ("application/dicom;q=0.1, application/zip", 1, [Form("zip", ""), Form("single", "")]),
        ("text/html", 1, []),
    ],
)
def test_forms(accept: str, count: int, forms: list[Form]) -> None:
    assert find_forms(read_accept(accept), count) == forms


def pixels_of(dataset: Dataset) -> np.ndarray | None:
    try:
        return dataset.pixel_array
    except CANNOT:
        return None


def differences(sent: Dataset, own: Dataset) -> set[str]:
    """Return the keywords of elements that are otherwise, without pixels and lengths of groups.

    Private elements in implicit VR have no VR: their values are compared as bytes.
    """
    found = set()
    for tag in own.keys() | sent.keys():
        if tag.group == 2 or tag.element == 0 or tag.group == 0x7FE0:
            continue
        if tag.is_private:
            same = tag in own and tag in sent
        else:
            same = tag in own and tag in sent and str(own[tag].value) == str(sent[tag].value)
        if not same:
            found.add(pydicom.datadict.keyword_for_tag(tag) or str(tag))
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_file_comes_in_both_syntaxes(gallery: Served, name: str) -> None:
    path = PYDICOM_FILES / name
    uids = gallery.places().get(str(path))
    if uids is None:
        assert gallery.outcome(path) in ("duplicate", "rejected", "not_dicom")
        return
    own = read(path)
    for syntax in (EXPLICIT, IMPLICIT):
        answer = gallery.ask(instance_path(uids), f"application/dicom; transfer-syntax={syntax}")
        if name in NOT_WRITTEN:
            answer.sentence(406)
            continue
        assert answer.header("content-type") == f"application/dicom; transfer-syntax={syntax}"
        assert answer.header("content-length") == str(len(answer.body))
        if answer.body == path.read_bytes():
            continue
        sent = dcmread(io.BytesIO(answer.body))
        assert sent.file_meta.TransferSyntaxUID == syntax
        assert differences(sent, own) <= (CHANGED if own.get_item("PixelData") is not None else set())
        expected = pixels_of(own)
        if expected is not None:
            assert np.array_equal(pixels_of(sent), expected)


def test_every_real_file_comes_in_explicit_vr(corpus_gallery: Served) -> None:
    wrong, refused = [], 0
    for name, uids in corpus_gallery.places().items():
        answer = corpus_gallery.ask(instance_path(uids), f"application/dicom; transfer-syntax={EXPLICIT}")
        if answer.status == 406:
            refused += 1
            continue
        own = read(Path(name))
        sent = dcmread(io.BytesIO(answer.body), force=True)
        expected = pixels_of(own)
        if answer.status != 200 or (expected is not None and not np.array_equal(pixels_of(sent), expected)):
            wrong.append(f"{answer.status} {name}")
    assert not wrong
    assert refused < 10


def test_who_names_no_syntax_gets_what_the_standard_says(gallery: Served) -> None:
    path = PYDICOM_FILES / "MR_small_RLE.dcm"
    for accept in ("application/dicom", PARTS):
        sent = dcmread(io.BytesIO(gallery.ask(gallery.instance(path), accept).one()))
        assert sent.file_meta.TransferSyntaxUID == EXPLICIT
        assert np.array_equal(sent.pixel_array, read(path).pixel_array)


def test_what_cannot_be_decoded_comes_as_it_is_stored(gallery: Served) -> None:
    path = PYDICOM_FILES / next(iter(NOT_WRITTEN))
    answer = gallery.ask(gallery.instance(path), "application/dicom")
    assert answer.body == path.read_bytes()
    assert (
        answer.header("content-type") == f"application/dicom; transfer-syntax={read(path).file_meta.TransferSyntaxUID}"
    )


def odd_file(syntax: str) -> Dataset:
    """Return a file with what is easily lost: broken values, private elements in sequences, elements behind pixels."""
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    item = Dataset()
    item.add_new(0x00091010, "LO", "A CREATOR")
    item.add_new(0x00091001, "OB", b"\1\2\3\4")
    item.CodeMeaning = "Älter"
    ds = make_image()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientID = "x" * 80
    ds.AnatomicRegionSequence = [item, Dataset()]
    ds.PixelRepresentation = 1
    ds.add_new("SmallestImagePixelValue", "SS", -5)
    ds.PixelData = np.arange(-32, 32, dtype=f"{order}i2").tobytes()
    ds.add_new(0x7FE10010, "LO", "BEHIND THE PIXELS")
    ds.add_new(0x7FE11001, "OW", np.arange(600, dtype=f"{order}u2").tobytes())
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


@pytest.mark.parametrize("target", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_nothing_of_a_file_is_lost(shelf: Served, tmp_path: Path, syntax: str, target: str) -> None:
    path = save(odd_file(syntax), tmp_path / "image")
    shelf.add(path)
    answer = shelf.ask(shelf.instance(path), f"application/dicom; transfer-syntax={target}")
    sent = dcmread(io.BytesIO(answer.one()))
    assert sent.file_meta.TransferSyntaxUID == target
    assert sent.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
    assert sent.PatientID == "x" * 80
    assert sent.SmallestImagePixelValue == -5
    item, empty = sent.AnatomicRegionSequence
    assert item.CodeMeaning == "Älter"
    assert item[0x00091001].value == b"\1\2\3\4"
    assert len(empty) == 0
    assert np.array_equal(sent.pixel_array, np.arange(-32, 32).reshape(8, 8))
    words = sent[0x7FE11001].value
    # Without VRs, nobody knows that a private value consists of words.
    if not (syntax == ExplicitVRBigEndian and sent[0x7FE11001].VR == "UN"):
        assert words == np.arange(600, dtype="<u2").tobytes()


def test_frames_of_one_bit_follow_one_another_without_gaps(shelf: Served, tmp_path: Path) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (4, 3, 5), np.uint8)
    frames = []
    for frame in bits:
        packed = np.packbits(frame.reshape(-1), bitorder="little").tobytes()
        head = np.array([1, 64, *[0] * 14], "<u4").tobytes()
        frames.append(head + bytes([len(packed) - 1]) + packed + b"\0")
    ds = make_image(Rows=3, Columns=5, NumberOfFrames=4, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=b"")
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = RLELossless
    path = save(ds, tmp_path / "image")
    shelf.add(path)
    sent = dcmread(io.BytesIO(shelf.ask(shelf.instance(path), "application/dicom").one()))
    assert sent.file_meta.TransferSyntaxUID == EXPLICIT
    assert np.array_equal(sent.pixel_array, bits)


def test_frames_that_hold_more_than_the_file_says_are_not_written_anew(
    shelf: Served, tmp_path: Path, pydicom_files: Path
) -> None:
    ds = dcmread(pydicom_files / "MR_small_jp2klossless.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(ROOT_UID)
    ds.BitsStored, ds.HighBit = 4, 3
    path = save(ds, tmp_path / "image")
    shelf.add(path)
    address = shelf.instance(path)
    said = shelf.ask(address, f"application/dicom; transfer-syntax={EXPLICIT}").sentence(406)
    assert "larger numbers" in said
    assert shelf.ask(address, "application/dicom").body == path.read_bytes()


def make_study(folder: Path) -> list[Path]:
    """Write a study of two series, one of which is compressed or in big endian."""
    files = make_stack(folder / "a", 3)
    for number, name in enumerate(("MR_small_RLE.dcm", "MR_small_bigendian.dcm")):
        ds = dcmread(PYDICOM_FILES / name)
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SeriesNumber = ROOT_UID + "1", ROOT_UID + "1.2", 2
        ds.SOPInstanceUID, ds.InstanceNumber = f"{ROOT_UID}1.2.{number}", number
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doe^Jane", "P1", "19700102", "F"
        files.append(save(ds, folder / "b" / name))
    return files


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, list[Path]]]:
    """Such a study, served. Tests only look at it."""
    folder = tmp_path_factory.mktemp("study")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        files = make_study(folder / "files")
        started.add(folder / "files")
        yield started, files


def study_path(served: Served, path: Path, *, series: bool = False) -> str:
    uids = served.place(path)
    return f"/dicom-web/studies/{uids[0]}" + (f"/series/{uids[1]}" if series else "")


def test_a_study_comes_in_parts(study: tuple[Served, list[Path]]) -> None:
    served, files = study
    answer = served.ask(study_path(served, files[0]), STORED)
    assert answer.header("content-length") == str(len(answer.body))
    parts = answer.parts()
    assert [part.body for part in parts] == [path.read_bytes() for path in files]
    assert [part.headers["Content-Location"] for part in parts] == [served.instance(path) for path in files]
    head = served.ask(study_path(served, files[0]), STORED, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for some in (files[:3], files[3:]):
        parts = served.ask(study_path(served, some[0], series=True), STORED).parts()
        assert [part.body for part in parts] == [path.read_bytes() for path in some]


@pytest.mark.parametrize(
    "accept", [PARTS, f"{PARTS}; transfer-syntax={EXPLICIT}", f"{PARTS}; transfer-syntax={IMPLICIT}"]
)
def test_a_study_comes_in_one_syntax(study: tuple[Served, list[Path]], accept: str) -> None:
    served, files = study
    parts = served.ask(study_path(served, files[0]), accept).parts()
    syntax = IMPLICIT if accept.endswith(IMPLICIT) else EXPLICIT
    assert [part.content_type for part in parts] == [f"application/dicom; transfer-syntax={syntax}"] * 5
    for part, path in zip(parts, files, strict=True):
        assert np.array_equal(dcmread(io.BytesIO(part.body)).pixel_array, read(path).pixel_array)


def test_a_study_comes_as_an_archive(study: tuple[Served, list[Path]]) -> None:
    served, files = study
    answer = served.ask(study_path(served, files[0]), "application/zip; transfer-syntax=*")
    assert answer.header("content-type") == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        assert packed.testzip() is None
        names = ["/".join(served.place(path)[1:]) + ".dcm" for path in files]
        assert packed.namelist() == names
        assert [packed.read(name) for name in names] == [path.read_bytes() for path in files]
    browser = served.ask(study_path(served, files[0]) + "?accept=application/zip", "text/html")
    with zipfile.ZipFile(io.BytesIO(browser.body)) as packed:
        syntaxes = {dcmread(packed.open(name)).file_meta.TransferSyntaxUID for name in names}
        assert syntaxes == {EXPLICIT}


def test_archives_hold_files_of_more_than_4_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    # As many bytes as fit in 32 bits take long to be added up; all that is asked of them is whether they are more.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1 << 20)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    monkeypatch.setattr(archive, "_SMALL", 1 << 19)
    data = bytes(range(256)) * 5000
    files = [(f"a/{number}.dcm", partial(as_whole, data[: number * 700_000])) for number in (0, 1)]
    sent = b"".join(archive.write_archive(files))
    with zipfile.ZipFile(io.BytesIO(sent)) as read_back:
        assert read_back.testzip() is None
        assert read_back.read("a/1.dcm") == data[:700_000]
    # The end of the central directory in 64 bits, and its locator.
    assert b"PK\x06\x06" in sent[-200:]
    assert b"PK\x06\x07" in sent[-200:]


def as_whole(data: bytes) -> transcoding.Whole:
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))
    return transcoding.Whole(EXPLICIT, len(data), pieces)


def test_what_no_instance_can_be_had_in_is_refused(study: tuple[Served, list[Path]]) -> None:
    served, files = study
    address = study_path(served, files[0])
    said = served.ask(address, f"{PARTS}; transfer-syntax=1.2.840.10008.1.2.5").sentence(406)
    assert said == "Of these 5 files, 4 cannot be had in that transfer syntax. Ask for transfer-syntax=*."
    served.ask(address, "application/dicom").sentence(406)
    served.ask(address, "text/html").sentence(406)


def test_a_file_that_is_gone_is_not_left_out(served: Served, tmp_path: Path) -> None:
    files = make_study(tmp_path)
    served.add(tmp_path)
    files[1].unlink()
    for accept in (STORED, PARTS, "application/zip"):
        said = served.ask(study_path(served, files[0]), accept).sentence(409)
        assert said.startswith("Of these 5 files, 1 cannot be read now")
    served.ask(served.instance(files[1]), STORED).sentence(404)
    assert len(served.ask(study_path(served, files[3], series=True), STORED).parts()) == 2


def test_an_answer_ends_early_when_a_file_goes_away(served: Served, tmp_path: Path) -> None:
    files = make_stack(tmp_path / "a", 2, Rows=2200, Columns=2200)
    served.add(tmp_path / "a")
    for accept in (STORED, "application/zip"):
        request = (
            f"GET {study_path(served, files[0])} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
            f"Authorization: Bearer {served.token}\r\nAccept: {accept}\r\n\r\n"
        )
        kept = files[1].read_bytes()
        status = files[1].stat()
        with served.connect() as connection:
            connection.sendall(request.encode())
            received = connection.recv(1 << 16)
            assert received.startswith(b"HTTP/1.1 200")
            files[1].unlink()
            while piece := connection.recv(1 << 20):
                received += piece
        assert b"200 OK" in received[:20]
        assert len(received) < 15_000_000
        assert not received.endswith((b"--\r\n", b"0\r\n\r\n"))
        files[1].write_bytes(kept)
        os.utime(files[1], ns=(status.st_atime_ns, status.st_mtime_ns))


def test_two_files_of_one_uid_both_come(served: Served, tmp_path: Path) -> None:
    files = [
        save(make_image(SOPInstanceUID="1.2.3.4", PatientComments=letter), tmp_path / letter) for letter in ("a", "b")
    ]
    served.add(*files)
    parts = served.ask(study_path(served, files[0]), STORED).parts()
    assert {part.body for part in parts} == {path.read_bytes() for path in files}
    assert len({part.headers["Content-Location"] for part in parts}) == 2


def test_all_instances_are_located(study: tuple[Served, list[Path]]) -> None:
    served, files = study
    study_uid, series_uid, _ = served.place(files[4])
    db = served.app.store.reader()
    assert [located.file.path for located in locate_all(db, study_uid)] == [str(path) for path in files]
    assert [located.file.path for located in locate_all(db, study_uid, series_uid)] == [str(path) for path in files[3:]]
    assert locate_all(db, study_uid, "1.2.3") == locate_all(db, "1.2.3") == []
