"""Bulk data: each value that the metadata only refer to is at the address that they give, with the right bytes."""

import http.client
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_image, save
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from server.asking import SECONDS, Served, instance_path
from server.pixels import read

OCTETS = "application/octet-stream"
SIZE = 400 << 20
"""Of a large image; the benchmarks have one of 2 GB."""

# pydicom says what it thinks of its own odd files.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def references(model: dict[str, Any]) -> Iterator[str]:
    """Yield the URIs in a data set in the DICOM JSON Model."""
    for element in model.values():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"]
        if element["vr"] == "SQ":
            for item in element.get("Value", ()):
                yield from references(item)


def plain_references(value: Any) -> Iterator[str]:
    """Yield the URIs in OHIF's plain form."""
    if isinstance(value, dict):
        if "BulkDataURI" in value:
            yield value["BulkDataURI"]
        for inner in value.values():
            yield from plain_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from plain_references(inner)


def value_at(dataset: Dataset, place: str) -> bytes:
    """Return the bytes at a place such as ``54000100/0/54001010``."""
    steps = place.split("/")
    for tag, number in zip(steps[:-1:2], steps[1::2], strict=True):
        dataset = dataset[int(tag, 16)].value[int(number)]
    value = dataset.get_item(int(steps[-1], 16)).value
    assert isinstance(value, bytes)
    return value


def check(served: Served, path: Path, uids: tuple[str, str, str]) -> tuple[int, list[str]]:
    """Ask for all that a file's metadata refer to; return how many values there are, and what is wrong."""
    address, dataset, wrong, count = instance_path(uids), read(path), [], 0
    (model,) = served.json(f"{address}/metadata")
    big = not dataset.original_encoding[1]
    for uri in references(model):
        count += 1
        start, _, place = uri.partition("/bulkdata/")
        answer = served.ask(uri, OCTETS)
        if start != address or answer.status != 200 or answer.header("content-type") != OCTETS:
            wrong.append(f"{path}: {place}: {answer.status}")
        elif answer.body != value_at(dataset, place) and not big:
            wrong.append(f"{path}: {place}: other bytes")
        elif served.ask(uri).one() != answer.body:
            wrong.append(f"{path}: {place}: other bytes in multipart")
    return count, wrong


def test_every_reference_of_pydicoms_files(gallery: Served) -> None:
    counts, wrong = 0, []
    for name, uids in gallery.places().items():
        count, faults = check(gallery, Path(name), uids)
        counts += count
        wrong += faults
    assert not wrong
    assert counts > 3


def test_every_reference_of_real_files(corpus_gallery: Served) -> None:
    counts, wrong = 0, []
    for name, uids in corpus_gallery.places().items():
        count, faults = check(corpus_gallery, Path(name), uids)
        counts += count
        wrong += faults
    assert not wrong
    assert counts > 100


def test_the_references_of_both_forms_are_the_same(gallery: Served) -> None:
    for study in {uids[0] for uids in gallery.places().values()}:
        models = gallery.json(f"/dicom-web/studies/{study}/metadata")
        plain = gallery.json(f"/studies/{study}/ohif-dicom-json")
        assert sorted(uri for model in models for uri in references(model)) == sorted(plain_references(plain))


def make_binary(syntax: str) -> tuple[Dataset, dict[str, bytes]]:
    """Return a file with long binary values at several depths, and what they are in little endian."""
    words = np.arange(3000, dtype=np.uint16)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    item, inner = Dataset(), Dataset()
    inner.add_new(0x00091002, "OB", bytes(range(256)) * 8)
    item.add_new(0x54001010, "OW", words.astype(f"{order}u2").tobytes())
    item.add_new(0x00091001, "SQ", Sequence([Dataset(), inner]))
    item[0x00091001].value[0].PatientComments = "first item"
    dataset = make_image(WaveformSequence=[Dataset(), item])
    dataset.WaveformSequence[0].ChannelLabel = "nothing long"
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = np.arange(64).astype(f"{order}u2").tobytes()
    dataset.add_new(0x00091010, "LO", "A CREATOR")
    dataset.add_new(0x00091002, "OB", b"\1\2\3" * 1000)
    dataset.add_new(0x00091003, "OF", np.arange(1000, dtype=f"{order}f4").tobytes())
    dataset.add_new(0x00091004, "OD", np.arange(1000, dtype=f"{order}f8").tobytes())
    return dataset, {
        "54000100/1/54001010": words.astype("<u2").tobytes(),
        "54000100/1/00091001/1/00091002": bytes(range(256)) * 8,
        "00091002": b"\1\2\3" * 1000,
        "00091003": np.arange(1000, dtype="<f4").tobytes(),
        "00091004": np.arange(1000, dtype="<f8").tobytes(),
    }


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_values_at_any_depth(shelf: Served, tmp_path: Path, syntax: str) -> None:
    dataset, values = make_binary(syntax)
    path = save(dataset, tmp_path / "image")
    shelf.add(path)
    address = shelf.instance(path)
    (model,) = shelf.json(f"{address}/metadata")
    found = {uri.partition("/bulkdata/")[2] for uri in references(model)}
    # Without VRs, nobody knows that a private element is a sequence: it is one value there.
    assert found & values.keys() == (
        values.keys() if syntax != ImplicitVRLittleEndian else found - {"54000100/1/00091001"}
    )
    assert "54000100/1/54001010" in found
    for place in found & values.keys():
        assert shelf.ask(f"{address}/bulkdata/{place}", OCTETS).one() == values[place], place
        assert shelf.ask(f"{address}/bulkdata/{place}".lower(), OCTETS).one() == values[place], place


def test_values_of_big_endian_files_come_in_little_endian(shelf: Served, tmp_path: Path) -> None:
    dataset, values = make_binary(ExplicitVRBigEndian)
    path = save(dataset, tmp_path / "image")
    shelf.add(path)
    address = shelf.instance(path)
    for place, value in values.items():
        assert shelf.ask(f"{address}/bulkdata/{place}", OCTETS).one() == value, place


def test_two_files_of_one_uid_give_their_own_values(served: Served, tmp_path: Path) -> None:
    paths = []
    for letter in (b"a", b"b"):
        dataset = make_image(SOPInstanceUID="1.2.3.4")
        dataset.add_new(0x00091010, "LO", "A CREATOR")
        dataset.add_new(0x00091001, "OB", letter * 5000)
        paths.append(save(dataset, tmp_path / letter.decode()))
    served.add(*paths)
    study, *_ = served.place(paths[0])
    uris = {uri for model in served.json(f"/dicom-web/studies/{study}/metadata") for uri in references(model)}
    assert len(uris) == 2
    for path, letter in zip(paths, (b"a", b"b"), strict=True):
        (uri,) = [uri for uri in uris if uri.startswith(served.instance(path) + "/")]
        assert served.ask(uri, OCTETS).one() == letter * 5000


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "many"),
        ("*/*", "many"),
        ('multipart/related; type="application/octet-stream"', "many"),
        ("application/octet-stream", "one"),
        ("application/*", "one"),
        ("application/json, application/octet-stream;q=0.5", "one"),
        ("image/jpeg", ""),
        ("application/dicom", ""),
        ('multipart/related; type="application/dicom"', ""),
    ],
)
def test_the_form_is_what_the_client_accepts(
    gallery: Served, pydicom_files: Path, accept: str | None, form: str
) -> None:
    path = pydicom_files / "waveform_ecg.dcm"
    answer = gallery.ask(f"{gallery.instance(path)}/bulkdata/54000100/0/54001010", accept)
    if not form:
        answer.sentence(406)
        return
    assert (answer.header("content-type") == OCTETS) is (form == "one")
    assert answer.one() == value_at(read(path), "54000100/0/54001010")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=100-", (100, None)),
        ("bytes=-7", (-7, None)),
        ("bytes=10-999999999", (10, None)),
        ("bytes=999999999-", None),
        ("bytes=-0", None),
        ("bytes=9-1", None),
        ("lines=1-2", (0, None)),
        ("bytes=0-1,4-5", (0, None)),
    ],
)
def test_values_come_in_ranges(
    gallery: Served, pydicom_files: Path, header: str, part: tuple[int, int | None] | None
) -> None:
    path = pydicom_files / "waveform_ecg.dcm"
    address = f"{gallery.instance(path)}/bulkdata/54000100/0/54001010"
    value = value_at(read(path), "54000100/0/54001010")
    answer = gallery.ask(address, OCTETS, headers={"Range": header})
    if part is None:
        answer.sentence(416)
        assert answer.header("content-range") == f"bytes */{len(value)}"
        return
    start, end, _ = slice(*part).indices(len(value))
    assert answer.body == value[start:end]
    assert answer.status == (206 if len(answer.body) < len(value) else 200)
    if answer.status == 206:
        assert answer.header("content-range") == f"bytes {start}-{end - 1}/{len(value)}"
    # Parts are of the whole.
    assert gallery.ask(address, headers={"Range": header}).one() == value


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "SC_rgb_rle_16bit_2frame.dcm"]
)
def test_pixels_are_bulk_data_too(gallery: Served, pydicom_files: Path, name: str) -> None:
    path = pydicom_files / name
    address = f"{gallery.instance(path)}/bulkdata/7FE00010"
    array = read(path).pixel_array
    value = array.astype(array.dtype.newbyteorder("<")).tobytes()
    assert gallery.ask(address, OCTETS).body[: len(value)] == value
    assert gallery.ask(address).one()[: len(value)] == value
    size = len(value) // 2
    for start, end in ((1, 4), (size - 3, size + 5), (len(value) - 5, len(value) - 1), (7, len(value) - 3)):
        if end < len(value):
            part = gallery.ask(address, OCTETS, headers={"Range": f"bytes={start}-{end}"})
            assert (part.status, part.body) == (206, value[start : end + 1])


def test_pixels_that_nobody_has_are_no_bulk_data(gallery: Served, pydicom_files: Path) -> None:
    gallery.ask(f"{gallery.instance(pydicom_files / 'waveform_ecg.dcm')}/bulkdata/7FE00010", OCTETS).sentence(404)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told otherwise elsewhere")
def test_large_files_take_hardly_any_memory(shelf: Served, tmp_path: Path) -> None:
    path = make_huge(tmp_path / "huge")
    shelf.add(path)
    address = shelf.instance(path)
    whole = path.stat().st_size
    before = resident_bytes()
    for tail, accept, size in (
        ("", "application/dicom", whole),
        ("/bulkdata/7FE00010", OCTETS, SIZE),
        ("", "application/dicom; transfer-syntax=1.2.840.10008.1.2", whole),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", shelf.port, timeout=SECONDS)
        connection.request("GET", address + tail, headers={"Accept": accept, "Authorization": f"Bearer {shelf.token}"})
        answer = connection.getresponse()
        assert answer.status == 200
        received, most = 0, 0
        while piece := answer.read(1 << 22):
            received += len(piece)
            most = max(most, resident_bytes())
        connection.close()
        assert abs(received - size) < 10_000
        assert most - before < 60_000_000
    part = shelf.ask(f"{address}/bulkdata/7FE00010", OCTETS, headers={"Range": f"bytes={SIZE - 3}-"})
    assert (part.status, part.body) == (206, b"end")


def make_huge(path: Path) -> Path:
    """Write a large image, most of which takes no room on the disk."""
    frames = SIZE >> 19
    ds = make_image(Rows=512, Columns=512, NumberOfFrames=frames, PixelData=b"\0\0")
    save(ds, path)
    data = path.read_bytes()
    head = b"\xe0\x7f\x10\x00OW\0\0"
    start = data.index(head) + len(head)
    with path.open("wb") as file:
        file.write(data[:start] + SIZE.to_bytes(4, "little"))
        file.truncate(start + 4 + SIZE)
        file.seek(-3, os.SEEK_END)
        file.write(b"end")
    return path


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
