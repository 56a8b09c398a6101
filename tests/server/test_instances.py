"""Whole instances over HTTP: the file itself, or what makes a file of a bare data set."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from builders import make_image, save
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from server.asking import Served, instance_path
from server.pixels import read

PYDICOM_FILES = Path(str(pydicom.data.__file__)).parent / "test_files"
ONE = "application/dicom; transfer-syntax=*"
MANY = 'multipart/related; type="application/dicom"; transfer-syntax=*'
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"

# pydicom says what it thinks of its own odd files.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def is_whole(sent: bytes, path: Path) -> bool:
    """Whether these are a file's bytes; or, if it has no preamble, a file with the same data set."""
    data = path.read_bytes()
    whole = dcmread(io.BytesIO(sent))
    if sent == data:
        return len(whole) > 0
    if not sent.endswith(data) or not sent.startswith(b"\0" * 128 + b"DICM") or not whole.file_meta.TransferSyntaxUID:
        return False
    # Where these letters stand in a bare data set by chance, pydicom takes the file for another.
    return data[128:132] == b"DICM" or whole == read(path)


@pytest.mark.parametrize("name", sorted(path.name for path in PYDICOM_FILES.glob("*.dcm")))
def test_every_file_comes_whole(gallery: Served, name: str) -> None:
    path = PYDICOM_FILES / name
    uids = gallery.places().get(str(path))
    if uids is None:
        assert gallery.outcome(path) in ("duplicate", "rejected", "not_dicom")
        return
    single = gallery.ask(instance_path(uids), ONE)
    assert is_whole(single.one(), path)
    (part,) = gallery.ask(instance_path(uids), MANY).parts()
    assert part.body == single.body
    assert part.content_type == single.header("content-type")
    assert single.header("content-length") == str(len(single.body))


def test_every_real_file_comes_whole(corpus_gallery: Served) -> None:
    wrong = []
    for name, uids in corpus_gallery.places().items():
        answer = corpus_gallery.ask(instance_path(uids), ONE)
        if answer.status != 200 or not is_whole(answer.body, Path(name)):
            wrong.append(f"{answer.status} {name}")
    assert not wrong


@pytest.mark.parametrize(
    ("name", "accept", "form"),
    [
        ("CT_small.dcm", None, "many"),
        ("CT_small.dcm", "*/*", "many"),
        ("CT_small.dcm", "multipart/related", "many"),
        ("CT_small.dcm", "multipart/related; type=application/dicom", "many"),
        ("CT_small.dcm", 'multipart/related; type="application/dicom"; transfer-syntax=*', "many"),
        ("CT_small.dcm", "application/dicom", "one"),
        ("CT_small.dcm", "application/*", "one"),
        ("CT_small.dcm", f"application/dicom; transfer-syntax={EXPLICIT}", "one"),
        ("CT_small.dcm", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", ""),
        ("MR_small_RLE.dcm", "*/*", "many"),
        ("MR_small_RLE.dcm", "application/dicom; transfer-syntax=*", "one"),
        (
            "MR_small_RLE.dcm",
            'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5',
            "many",
        ),
        ("MR_small_RLE.dcm", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90", ""),
        ("CT_small.dcm", "application/octet-stream", ""),
        ("CT_small.dcm", "image/jpeg", ""),
        ("CT_small.dcm", "text/html, application/dicom;q=0", ""),
    ],
)
def test_the_form_is_what_the_client_accepts(gallery: Served, name: str, accept: str | None, form: str) -> None:
    path = PYDICOM_FILES / name
    answer = gallery.ask(gallery.instance(path), accept)
    if not form:
        answer.sentence(406)
        return
    content_type = f"application/dicom; transfer-syntax={read(path).file_meta.TransferSyntaxUID}"
    if form == "one":
        assert answer.header("content-type") == content_type
    else:
        assert [part.content_type for part in answer.parts()] == [content_type]
    assert answer.one() == path.read_bytes()


def write_bare(dataset: Dataset, syntax: str, path: Path) -> Path:
    """Write a data set without preamble and meta."""
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = syntax == IMPLICIT, syntax != BIG
    bare = Dataset()
    bare.update({element.tag: element for element in dataset})
    write_dataset(stream, bare)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stream.getvalue())
    return path


@pytest.mark.parametrize("rows", [8, 2200], ids=["small", "large"])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
@pytest.mark.parametrize("without", ["", "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID"])
def test_bare_data_sets_become_files(shelf: Served, tmp_path: Path, syntax: str, rows: int, without: str) -> None:
    # A value that breaks the rules must come through as it is.
    pixels = (np.arange(rows * rows) % 4096).astype(np.uint16).reshape(rows, rows)
    data = pixels.astype(">u2" if syntax == BIG else "<u2").tobytes()
    dataset = make_image(Rows=rows, Columns=rows, PatientID="x" * 80, PixelData=data)
    if without:
        delattr(dataset, without)
    path = write_bare(dataset, syntax, tmp_path / "bare")
    shelf.add(path)
    sent = shelf.ask(shelf.instance(path), ONE)
    assert sent.header("content-type") == f"application/dicom; transfer-syntax={syntax}"
    read_back = dcmread(io.BytesIO(sent.one()))
    assert read_back.file_meta.TransferSyntaxUID == syntax
    assert sent.body.endswith(path.read_bytes())
    assert read_back.PatientID == "x" * 80
    assert np.array_equal(read_back.pixel_array, pixels)
    (part,) = shelf.ask(shelf.instance(path), MANY).parts()
    assert part.body == sent.body


def test_a_large_file_comes_whole(shelf: Served, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 4096, (20, 1024, 512), np.uint16)
    path = save(make_image(Rows=1024, Columns=512, NumberOfFrames=20, PixelData=pixels.tobytes()), tmp_path / "image")
    assert path.stat().st_size > 20_000_000
    shelf.add(path)
    digest = hashlib.sha256(path.read_bytes()).digest()
    for accept in (ONE, MANY):
        answer = shelf.ask(shelf.instance(path), accept)
        assert hashlib.sha256(answer.one()).digest() == digest
    head = shelf.ask(shelf.instance(path), ONE, method="HEAD")
    assert head.header("content-length") == str(path.stat().st_size)
    assert shelf.ask(shelf.instance(path) + "/frames/20", "application/octet-stream").body == pixels[19].tobytes()


@pytest.mark.parametrize("size", [(8 << 20) - 1, 8 << 20, (8 << 20) + 1, (9 << 20) - 1, 9 << 20])
def test_files_about_as_long_as_the_pieces_that_are_sent(shelf: Served, tmp_path: Path, size: int) -> None:
    path = save(make_image(), tmp_path / "image")
    with path.open("ab") as file:
        file.write(b"\xab" * (size - path.stat().st_size - 1) + b"\xcd")
    shelf.add(path)
    assert shelf.ask(shelf.instance(path), ONE).one() == path.read_bytes()


@pytest.mark.parametrize(
    "syntax",
    [
        b"1.2.840.10008.1.2.1\r\nAccess-Control-Allow-Origin: *",
        b"1.2.840.10008.1.2.1\r\n\r\n<script>",
        b'1.2.840.10008.1.2.1"; boundary=x',
        b"1.2\0.840",
        b"\xff\xfe",
        "Übertragung".encode(),
        b"x" * 5000,
        b"",
    ],
    ids=lambda syntax: repr(syntax[:30]),
)
@pytest.mark.parametrize("rows", [8, 2200], ids=["small", "large"])
def test_what_a_file_says_gets_into_no_header(shelf: Served, tmp_path: Path, syntax: bytes, rows: int) -> None:
    path = save(make_image(Rows=rows, Columns=rows), tmp_path / "image")
    data = path.read_bytes()
    element = b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\0"
    assert element in data
    value = syntax + b"\0" * (len(syntax) % 2)
    path.write_bytes(data.replace(element, b"\x02\x00\x10\x00UI" + len(value).to_bytes(2, "little") + value))
    shelf.add(path)
    uids = shelf.places().get(str(path))
    if uids is None:
        assert shelf.outcome(path) == "rejected"
        return
    address = instance_path(uids)
    for accept in (ONE, MANY, None):
        answer = shelf.ask(address, accept)
        assert answer.one() == path.read_bytes()
        assert len((answer.header("content-type") or "").splitlines()) == 1
        assert b"Access-Control" not in b"".join(value.encode() for _, value in answer.headers)
    for tail in ("/frames/1", "/metadata"):
        assert shelf.ask(address + tail).status in (200, 404)
    assert shelf.ask("/dicom-web/instances").status == 200
