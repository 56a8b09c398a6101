"""Binary values that the metadata refer to are found again, and are those that pydicom finds."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import make_image, save
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from unit.dicom.judge import WORDS, read_judge
from unit.helpers import UNDEFINED, element, files_below, header_of, item, model_of, part10, sequence_end

from desktop.dicom import encoding
from desktop.dicom.bulkdata import NoBulkData, read_bulk_data
from desktop.dicom.elements import MAX_DEPTH
from desktop.dicom.sniff import Kind, sniff
from desktop.dicom.values import swap_words
from desktop.errors import NotDicom, Unreadable

IDENTITY = element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0")


def references(model: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Yield (place, URI) of all bulk data."""
    for tag, found in model.items():
        if "BulkDataURI" in found:
            yield f"{place}{tag}", found["BulkDataURI"]
        if found["vr"] == "SQ":
            for number, inner in enumerate(found.get("Value", [])):
                yield from references(inner, f"{place}{tag}/{number}/")


def value_at(dataset: Dataset, place: str) -> tuple[str, bytes]:
    """Return VR and bytes at a place, by pydicom."""
    steps = place.split("/")
    for tag, number in zip(steps[:-1:2], steps[1::2], strict=True):
        dataset = dataset[int(tag, 16)].value[int(number)]
    found = dataset[int(steps[-1], 16)]
    return found.VR, found.value


def read(path: Path, place: str) -> bytes:
    with path.open("rb") as file:
        return read_bulk_data(file, path.stat().st_size, place)


def check(folder: Path) -> int:
    checked = 0
    for path in files_below(folder):
        try:
            model = model_of(header_of(path))
        except (NotDicom, Unreadable):
            continue
        found = list(references(model))
        if not found:
            continue
        judge = read_judge(path, bare=sniff(path.read_bytes()[:512]).kind is Kind.BARE)
        for place, uri in found:
            assert uri.endswith(f"/bulkdata/{place}")
            vr, value = value_at(judge, place)
            size = WORDS.get(vr, 1)
            if judge.original_encoding[1] is False and size > 1:
                value = b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))
            assert read(path, place) == value, (path.name, place)
            checked += 1
    return checked


def test_bulk_data_of_pydicoms_files(pydicom_files: Path) -> None:
    assert check(pydicom_files) > 5


def test_bulk_data_of_the_corpus(corpus: Path) -> None:
    assert check(corpus) > 200


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_bulk_data_are_little_endian_whatever_the_file_is(syntax: str, tmp_path: Path) -> None:
    # PS3.18 §8.7.3.5.2: clients cannot know how the file was written.
    words = b"".join(number.to_bytes(2, "little") for number in range(1000))
    inner = Dataset()
    inner.add_new(0x54001010, "OW", words)
    dataset = make_image(WaveformSequence=[Dataset(), inner], PixelData=bytes(128))
    dataset.add_new(0x00420011, "OB", words)
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        swapped = b"".join(words[at : at + 2][::-1] for at in range(0, len(words), 2))
        inner[0x54001010].value = swapped
    path = save(dataset, tmp_path / "a")
    assert {place for place, _ in references(model_of(header_of(path)))} == {"00420011", "54000100/1/54001010"}
    assert read(path, "00420011") == words
    assert read(path, "54000100/1/54001010") == words


def test_values_that_are_far_into_the_file(tmp_path: Path) -> None:
    path = save(make_image(EncapsulatedDocument=b"\7" * 300_000), tmp_path / "a")
    assert read(path, "00420011") == b"\7" * 300_000


def test_values_within_sequences_of_any_form(tmp_path: Path) -> None:
    long = element(0x00091001, "OB", b"\7" * 2000)
    inner = element(0x00081199, "SQ", item(b"") + item(long))
    outer = element(0x00081115, "SQ", item(inner, undefined=True) + sequence_end(), length=UNDEFINED)
    path = tmp_path / "a"
    path.write_bytes(part10(element(0x00080018, "UI", b"1.2.3\0") + outer + element(0x0020000D, "UI", b"1.2\0")))
    (place,) = (place for place, _ in references(model_of(header_of(path))))
    assert place == "00081115/0/00081199/1/00091001"
    assert read(path, place) == b"\7" * 2000


def test_of_a_repeated_element_the_last_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a"
    values = [letter * 2000 for letter in (b"\1", b"\2")]
    path.write_bytes(part10(IDENTITY + b"".join(element(0x00420011, "OB", value) for value in values)))
    ((place, _),) = references(model_of(header_of(path)))
    assert read(path, place) == values[-1]


@pytest.mark.parametrize(("vr", "size"), [("US", 2), ("FL", 4), ("SV", 8), ("AT", 2), ("LO", 1)])
def test_long_values_are_referred_to_in_the_order_of_little_endian(
    vr: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "VALUE_LIMIT", 16)
    value = bytes(range(24))
    identity = element(0x0020000D, "UI", b"1.2\0", order=">")
    path = tmp_path / "a"
    path.write_bytes(part10(identity + element(0x00211001, vr, value, order=">"), ExplicitVRBigEndian))
    assert [place for place, _ in references(model_of(header_of(path)))] == ["00211001"]
    assert read(path, "00211001") == swap_words(value, size)


def test_each_place_that_is_referred_to_can_be_read(tmp_path: Path) -> None:
    nested = element(0x00420011, "OB", b"\7" * 2000)
    for _ in range(MAX_DEPTH):
        nested = element(0x00211000, "SQ", item(nested))
    path = tmp_path / "a"
    path.write_bytes(part10(IDENTITY + nested))
    ((place, _),) = references(model_of(header_of(path)))
    assert place.count("/") == 2 * MAX_DEPTH
    assert read(path, place) == b"\7" * 2000


@pytest.mark.parametrize(
    "place",
    [
        "",
        "0042001",
        "004200110",
        "0042001g",
        "00420012",
        "00420011/0/00420011",
        "00420011/",
        "/00420011",
        "00420011/0",
        "00081140/1/00081155",
        "00081140/0/00081199",
        "00081140/-1/00081155",
        "00081140/0000000/00081155",
        "00081140/\N{ARABIC-INDIC DIGIT ZERO}/00081155",
        "../../etc/passwd",
        "00420011\n",
        "7FE00010",
    ],
)
def test_what_is_not_there(place: str, tmp_path: Path) -> None:
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.3.4"
    path = save(make_image(EncapsulatedDocument=b"\7" * 2000, ReferencedImageSequence=[inner]), tmp_path / "a")
    with pytest.raises(NoBulkData):
        read(path, place)


def test_a_place_may_be_written_in_lower_case(tmp_path: Path) -> None:
    data = (
        element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0") + element(0x0029ABCD, "OB", b"\1\2")
    )
    (tmp_path / "a").write_bytes(part10(data))
    assert read(tmp_path / "a", "0029abcd") == read(tmp_path / "a", "0029ABCD") == b"\1\2"


@pytest.mark.parametrize("content", [b"", b"text", b"\0" * 132, part10(b"\x08\0\x05\0CS\xff\0")])
def test_a_file_that_became_something_else(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(NoBulkData):
        read(path, "00420011")


@given(
    st.text(max_size=30) | st.from_regex(r"[0-9a-f]{8}(/[0-9]{1,6}/[0-9a-f]{8}){0,3}", fullmatch=True),
    st.binary(max_size=200),
)
def test_no_place_and_no_bytes_make_it_fail(place: str, noise: bytes) -> None:
    data = part10(element(0x00080018, "UI", b"1.2.3\0") + noise)
    try:
        read_bulk_data(io.BytesIO(data), len(data), place)
    except NoBulkData:
        return
