"""Reading headers: where the pixels are, what is damaged, and who it belongs to. pydicom is the judge."""

import io
import os
import re
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
from unit.dicom.judge import read_judge
from unit.helpers import (
    UNDEFINED,
    element,
    file_ref,
    files_below,
    header_of,
    header_of_bytes,
    implicit_element,
    item,
    model_of,
    part10,
    plain_of,
    sequence_end,
    small_image,
)

from desktop.dicom import parsing
from desktop.dicom.elements import Walker
from desktop.dicom.header import read_header
from desktop.dicom.parsing import find_encoding, parse
from desktop.dicom.records import MAX_FRAMES, FileRef, Header
from desktop.dicom.sniff import Encoding, Kind, sniff
from desktop.dicom.uids import GE_PRIVATE_BIG_ENDIAN_PIXELS as GE
from desktop.dicom.uids import NATIVE_SYNTAXES, is_uid
from desktop.dicom.uids import PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN as PAPYRUS
from desktop.errors import NotDicom, Unreadable


def check_pixels(folder: Path) -> tuple[int, list[str]]:
    """Compare pixel offset, length and transfer syntax of all files below a folder with pydicom's."""
    checked, wrong = 0, []
    for path in files_below(folder):
        try:
            pixels = header_of(path).pixels
        except (NotDicom, Unreadable):
            continue
        judge = read_judge(path, bare=sniff(path.read_bytes()[:512]).kind is Kind.BARE)
        shift = 132 if sniff(path.read_bytes()[:512]).kind is Kind.BARE else 0
        found = (pixels.offset, pixels.length, pixels.TransferSyntaxUID)
        expected = judge_pixels(judge, shift)
        if found != expected:
            wrong.append(f"{path.name}: {found} instead of {expected}")
        checked += 1
    return checked, wrong


def judge_pixels(judge: Dataset, shift: int) -> tuple[int, int | None, str]:
    """Return what pydicom knows of the pixels; ``shift`` bytes were put before the file."""
    implicit, little = judge.original_encoding
    written = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    syntax = judge.file_meta.get("TransferSyntaxUID", written)
    for tag in (0x7FE00010, 0x7FE00008, 0x7FE00009):
        if tag in judge:
            raw = judge.get_item(tag)
            undefined = raw.length == UNDEFINED if hasattr(raw, "length") else raw.is_undefined_length
            offset = raw.value_tell if hasattr(raw, "value_tell") else raw.file_tell
            if syntax == DeflatedExplicitVRLittleEndian:
                shift = 0
            if syntax in (GE, PAPYRUS):
                # Private ones, of which pydicom knows nothing: implicit VR, native pixels.
                assert written == ImplicitVRLittleEndian
            elif not undefined and syntax not in NATIVE_SYNTAXES:
                # Pixels of defined length are not compressed, whatever the file meta says.
                syntax = written
            return offset - shift, None if undefined else raw.length, syntax
    return -1, None, syntax


def test_pixels_are_where_pydicom_finds_them(pydicom_files: Path) -> None:
    checked, wrong = check_pixels(pydicom_files)
    assert wrong == []
    assert checked > 150


def test_pixels_of_the_corpus_are_where_pydicom_finds_them(corpus: Path) -> None:
    checked, wrong = check_pixels(corpus)
    assert wrong == []
    assert checked > 550


def test_no_warning_is_given_of_any_file(pydicom_files: Path) -> None:
    # Warnings would carry values of elements to the console of a worker.
    with warnings.catch_warnings(action="error"):
        for path in files_below(pydicom_files.parent):
            try:
                header_of(path)
            except (NotDicom, Unreadable):
                continue


# How a file may be written


def encoded(syntax: str, **attributes: Any) -> bytes:
    dataset = make_image(**attributes)
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = b"".join(dataset.PixelData[at : at + 2][::-1] for at in range(0, len(dataset.PixelData), 2))
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True, implicit_vr=None)
    return buffer.getvalue()


SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
PLAIN = encoded(ExplicitVRLittleEndian, SOPInstanceUID="1.2.3", ReferencedImageSequence=[Dataset()])


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_the_same_is_read_of_each_transfer_syntax(syntax: str, tmp_path: Path) -> None:
    header = header_of_bytes(encoded(syntax, SOPInstanceUID="1.2.3", ReferencedImageSequence=[Dataset()]), tmp_path)
    expected = header_of_bytes(PLAIN, tmp_path)
    assert model_of(header) == model_of(expected)
    assert header.pixels.TransferSyntaxUID == syntax
    assert header.pixels.length == expected.pixels.length == 128
    assert header.notes == ()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("form", ["no preamble", "no meta", "no preamble, no meta", "no transfer syntax"])
def test_preamble_and_meta_may_be_missing(form: str, syntax: str, tmp_path: Path) -> None:
    whole = encoded(syntax, SOPInstanceUID="1.2.3")
    (length,) = struct.unpack_from("<L", whole, 140)
    dataset = whole[144 + length :]
    data = {
        "no preamble": whole[132:],
        "no meta": whole[:132] + dataset,
        "no preamble, no meta": dataset,
        "no transfer syntax": whole[:132] + element(0x00020001, "OB", b"\0\1") + dataset,
    }[form]
    header = header_of_bytes(data, tmp_path)
    assert model_of(header) == model_of(header_of_bytes(whole, tmp_path))
    assert header.pixels.TransferSyntaxUID == syntax
    assert data[header.pixels.offset :] == whole[-128:]


def test_meta_without_group_length(tmp_path: Path) -> None:
    meta = element(0x00020010, "UI", b"1.2.840.10008.1.2\0") + element(0x00020016, "AE", b"ME")
    dataset = implicit_element(0x00080018, b"1.2.3\0") + implicit_element(0x0020000D, b"1.2\0")
    header = header_of_bytes(b"\0" * 128 + b"DICM" + meta + dataset, tmp_path)
    assert model_of(header)["00080018"]["Value"] == ["1.2.3"]
    assert header.pixels.TransferSyntaxUID == ImplicitVRLittleEndian


def test_meta_with_a_wrong_group_length(tmp_path: Path) -> None:
    data = bytearray(PLAIN)
    for wrong in (0, 10, 100_000):
        struct.pack_into("<L", data, 140, wrong)
        assert model_of(header_of_bytes(bytes(data), tmp_path)) == model_of(header_of_bytes(PLAIN, tmp_path))


def test_meta_in_implicit_vr(tmp_path: Path) -> None:
    meta = implicit_element(0x00020000, struct.pack("<L", 26)) + implicit_element(0x00020010, b"1.2.840.10008.1.2\0")
    dataset = implicit_element(0x00080018, b"1.2.3\0") + implicit_element(0x0020000D, b"1.2\0")
    header = header_of_bytes(b"\0" * 128 + b"DICM" + meta + dataset, tmp_path)
    assert header.study.StudyInstanceUID == "1.2"


@pytest.mark.parametrize("said", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("written", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_the_data_set_is_believed_before_the_meta(said: str, written: str, tmp_path: Path) -> None:
    whole = encoded(written, SOPInstanceUID="1.2.3")
    (length,) = struct.unpack_from("<L", whole, 140)
    header = header_of_bytes(part10(whole[144 + length :], said), tmp_path)
    assert model_of(header) == model_of(header_of_bytes(PLAIN, tmp_path)) | {
        "00081140": {"vr": "SQ", "Value": [{}]}
    } or (model_of(header) == model_of(header_of_bytes(whole, tmp_path)))
    assert header.pixels.length == 128


def test_the_name_of_a_compression_that_was_left_behind(tmp_path: Path) -> None:
    whole = encoded(ExplicitVRLittleEndian)
    (length,) = struct.unpack_from("<L", whole, 140)
    header = header_of_bytes(part10(whole[144 + length :], JPEGBaseline8Bit), tmp_path)
    assert header.pixels.TransferSyntaxUID == ExplicitVRLittleEndian
    assert header.pixels.length == 128


@pytest.mark.parametrize(
    ("syntax", "head", "expected"),
    [
        (ExplicitVRLittleEndian, element(0x00080005, "CS", b"ISO_IR 100"), Encoding(False, True)),
        (ImplicitVRLittleEndian, implicit_element(0x00080005, b"ISO_IR 100"), Encoding(True, True)),
        (ExplicitVRBigEndian, element(0x00080005, "CS", b"ISO_IR 100", order=">"), Encoding(False, False)),
        (JPEGBaseline8Bit, element(0x00080005, "CS", b"ISO_IR 100"), Encoding(False, True)),
        # Data sets that begin with a group that no bare one begins with.
        (ExplicitVRLittleEndian, element(0x00100020, "LO", b"P1"), Encoding(False, True)),
        (ImplicitVRLittleEndian, implicit_element(0x00100020, b"P1"), Encoding(True, True)),
        (ImplicitVRLittleEndian, element(0x00100020, "LO", b"P1"), Encoding(False, True)),
        (ExplicitVRLittleEndian, implicit_element(0x00100020, b"P1"), Encoding(True, True)),
        (ExplicitVRLittleEndian, b"", Encoding(False, True)),
        ("", b"", Encoding(True, True)),
    ],
)
def test_how_a_data_set_is_written(syntax: str, head: bytes, expected: Encoding) -> None:
    assert find_encoding(syntax, head) == expected


# Long headers


@pytest.mark.parametrize("length", [60_000, 65_536, 65_480, 200_000, 3_000_000])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_elements_longer_than_the_first_read(length: int, syntax: str, tmp_path: Path) -> None:
    data = encoded(syntax, SOPInstanceUID="1.2.3", RedPaletteColorLookupTableData=b"\7" * length)
    header = header_of_bytes(data, tmp_path)
    model = model_of(header)
    assert len(model["00281201"]["InlineBinary"]) == -(-length // 3) * 4
    assert header.pixels.length == 128
    if syntax != DeflatedExplicitVRLittleEndian:
        assert header.pixels.offset == len(data) - 128


def test_every_place_of_the_first_read_in_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where the first read ends must make no difference: within tags, lengths, values, sequences, meta.
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.3.4"
    data = encoded(ExplicitVRLittleEndian, SOPInstanceUID="1.2.3", ReferencedImageSequence=[inner, inner])
    path = tmp_path / "a"
    path.write_bytes(data)
    expected = header_of(path)
    for length in range(512, len(data) + 1):
        monkeypatch.setattr(parsing, "FIRST_READ", length)
        assert header_of(path) == expected, length


def test_long_sequences_of_undefined_length(tmp_path: Path) -> None:
    inner = element(0x00081155, "UI", b"1.2.3.4\0")
    sequence = element(0x00081140, "SQ", item(inner, undefined=True) * 8000 + sequence_end(), length=UNDEFINED)
    dataset = element(0x00080018, "UI", b"1.2.3\0") + sequence + element(0x0020000D, "UI", b"1.2\0")
    model = model_of(header_of_bytes(part10(dataset), tmp_path))
    assert len(model["00081140"]["Value"]) == 8000
    assert model["0020000D"]["Value"] == ["1.2"]


def test_long_file_meta(tmp_path: Path) -> None:
    private = element(0x00020100, "UI", b"1.2\0") + element(0x00020102, "OB", b"\7" * 70_000)
    for extra in range(-20, 20):
        meta = element(0x00020102, "OB", b"\7" * (65_536 - 132 - 70 + extra))
        dataset = implicit_element(0x00080018, b"1.2.3\0") + implicit_element(0x0020000D, b"1.2\0")
        header = header_of_bytes(part10(dataset, ImplicitVRLittleEndian, meta=meta), tmp_path)
        assert header.study.StudyInstanceUID == "1.2", extra
    header = header_of_bytes(part10(dataset, ImplicitVRLittleEndian, meta=private), tmp_path)
    assert header.study.StudyInstanceUID == "1.2"
    # Were the data set taken to begin within the meta, it would be read in the wrong order of bytes.
    big = element(0x00080018, "UI", b"1.2.3\0", order=">") + element(0x0020000D, "UI", b"1.2\0", order=">")
    header = header_of_bytes(part10(big, ExplicitVRBigEndian, meta=private), tmp_path)
    assert header.study.StudyInstanceUID == "1.2"


def test_a_header_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "HEADER_LIMIT", 1 << 20)
    data = encoded(ExplicitVRLittleEndian, RedPaletteColorLookupTableData=b"\7" * (1 << 21))
    with pytest.raises(Unreadable, match="larger than 1 MB"):
        header_of_bytes(data, tmp_path)


def test_a_header_has_a_limit_of_elements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "ELEMENTS_LIMIT", 100)
    dataset = element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0")
    assert header_of_bytes(part10(dataset + b"\0" * 8 * 98), tmp_path).study.StudyInstanceUID == "1.2"
    with pytest.raises(Unreadable, match="more than 100 elements"):
        header_of_bytes(part10(dataset + b"\0" * 8 * 99), tmp_path)


def test_more_images_than_are_shown_are_noted(tmp_path: Path) -> None:
    image = make_image(Rows=1, Columns=1, NumberOfFrames=MAX_FRAMES + 1)
    header = header_of(save(image, tmp_path / "a"))
    assert header.pixels.frames == MAX_FRAMES
    assert header.notes == (f"It has {MAX_FRAMES + 1:,} images. Only the first {MAX_FRAMES:,} are shown.",)


# Deflated data sets


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def test_a_deflate_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "INFLATED_LIMIT", 1 << 20)
    dataset = element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0")
    inside = part10(deflate(dataset + b"\0" * ((1 << 20) - len(dataset))), DeflatedExplicitVRLittleEndian)
    assert header_of_bytes(inside, tmp_path).study.StudyInstanceUID == "1.2"
    bomb = part10(deflate(dataset + b"\0" * (1 << 20)), DeflatedExplicitVRLittleEndian)
    with pytest.raises(Unreadable, match="larger than 256 MB"):
        header_of_bytes(bomb, tmp_path)


@pytest.mark.parametrize(("limit", "tenth", "fits"), [(100_000, 0, False), (300_000, 0, True), (0, 30_000, True)])
def test_the_header_of_a_deflated_file_may_not_swell(
    limit: int, tenth: int, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "SWOLLEN_LIMIT", limit)
    dataset = element(0x0020000D, "UI", b"1.2\0") + element(0x00420011, "OB", b"\0" * 250_000)
    data = part10(deflate(dataset) + b"\0" * tenth, DeflatedExplicitVRLittleEndian)
    if fits:
        assert header_of_bytes(data, tmp_path).study.StudyInstanceUID == "1.2"
    else:
        with pytest.raises(Unreadable, match="header is larger than"):
            header_of_bytes(data, tmp_path)


def test_deflated_pixels_take_no_memory(tmp_path: Path) -> None:
    pixels = element(0x7FE00010, "OW", b"", length=1 << 27)
    packed = deflate(element(0x0020000D, "UI", b"1.2\0") + pixels + b"\0" * (1 << 27))
    path = tmp_path / "a"
    path.write_bytes(part10(packed, DeflatedExplicitVRLittleEndian))
    tracemalloc.start()
    try:
        assert header_of(path).pixels.length == 1 << 27
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


def test_every_cut_of_a_deflated_file(tmp_path: Path) -> None:
    data = encoded(DeflatedExplicitVRLittleEndian, SOPInstanceUID="1.2.3")
    whole = model_of(header_of_bytes(data, tmp_path))
    for length in range(132, len(data) - 8):
        check_cut(data[:length], whole, tmp_path)


def test_a_damaged_deflated_file(tmp_path: Path) -> None:
    data = bytearray(encoded(DeflatedExplicitVRLittleEndian))
    (length,) = struct.unpack_from("<L", data, 140)
    data[144 + length] = 0xFF
    with pytest.raises(Unreadable, match="damaged or cut short"):
        header_of_bytes(bytes(data), tmp_path)


# Damage


MADE = {"00080016", "00080018", "0020000D", "0020000E"}


def check_cut(data: bytes, whole: dict[str, Any], folder: Path) -> None:
    """A file that is cut is refused, or what it holds is right as far as it goes, and a note says so."""
    try:
        header = header_of_bytes(data, folder)
    except (NotDicom, Unreadable) as error:
        assert_no_patient(error.sentence)
        return
    assert header.notes, len(data)
    assert_no_patient(" ".join(header.notes))
    for tag, found in model_of(header).items():
        assert found == whole[tag] or tag in MADE, (len(data), tag)
    # A study is never made up for what may belong to one that is there.
    assert model_of(header)["0020000D"] == whole["0020000D"]


def assert_no_patient(text: str) -> None:
    assert not re.search("zyxwvut|qponml|4711|1970", text, re.IGNORECASE), text


def test_every_cut_of_an_image(tmp_path: Path) -> None:
    data = small_image()
    whole = model_of(header_of_bytes(data, tmp_path))
    for length in range(len(data)):
        check_cut(data[:length], whole, tmp_path)


def test_every_cut_of_a_bare_image(tmp_path: Path) -> None:
    data = small_image()
    (length,) = struct.unpack_from("<L", data, 140)
    data = data[144 + length :]
    whole = model_of(header_of_bytes(data, tmp_path))
    for cut in range(len(data)):
        check_cut(data[:cut], whole, tmp_path)


def test_a_cut_within_an_element_behind_the_study_of_a_report(tmp_path: Path) -> None:
    # A report has no pixels: if it ends between two elements, nobody can tell.
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = BasicTextSRStorage, "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.2.1"
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = save(dataset, tmp_path / "report").read_bytes()
    end = data.index(b"\x20\0\x0d\0") + 12
    borders = {len(data)} | {
        data.index(tag) for tag in (b"\x20\0\x0e\0", b"\x40\0\x91\xa4", b"\x40\0\x93\xa4") if tag in data
    }
    assert header_of_bytes(data, tmp_path).notes == ()
    refused = noted = 0
    for length in range(end, len(data)):
        if length in borders:
            continue
        try:
            assert header_of_bytes(data[:length], tmp_path).notes
            noted += 1
        except Unreadable:
            refused += 1
    assert refused > 10
    assert noted > 10


def test_trailing_zeros_are_no_damage(tmp_path: Path) -> None:
    for count in range(20):
        dataset = element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0")
        dataset += element(0x0020000E, "UI", b"1.2.1\0")
        assert header_of_bytes(part10(dataset + b"\0" * count), tmp_path).notes == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=6))
def test_flipped_bits_give_a_header_or_a_refusal(flips: list[tuple[float, int]], tmp_path: Path) -> None:
    check_flips(small_image(), flips, 128, tmp_path)


@pytest.mark.parametrize(
    "name", ["rtplan", "reportsi", "nested_priv_SQ", "UN_sequence", "SC_rgb_rle_2frame", "image_dfl"]
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=6))
def test_flipped_bits_of_real_files(
    name: str, flips: list[tuple[float, int]], pydicom_files: Path, tmp_path: Path
) -> None:
    check_flips((pydicom_files / f"{name}.dcm").read_bytes()[:6000], flips, 0, tmp_path)


def check_flips(data: bytes, flips: list[tuple[float, int]], start: int, folder: Path) -> None:
    flipped = bytearray(data)
    for place, bit in flips:
        flipped[start + int(place * (len(data) - start))] ^= 1 << bit
    try:
        header = header_of_bytes(bytes(flipped), folder)
    except (NotDicom, Unreadable) as error:
        assert_no_patient(error.sentence)
        return
    assert_no_patient(" ".join(header.notes))
    assert is_uid(header.study.StudyInstanceUID)
    assert is_uid(header.series.SeriesInstanceUID)
    assert is_uid(header.instance.SOPInstanceUID)
    assert model_of(header)
    assert plain_of(header)


@pytest.mark.parametrize(
    "nested",
    [
        pytest.param(lambda data: item(data, undefined=True) + sequence_end(), id="undefined"),
        pytest.param(item, id="defined"),
    ],
)
def test_nesting_that_is_an_attack(nested: Any, tmp_path: Path) -> None:
    data = b""
    for _ in range(1000):
        inner = nested(data)
        data = element(0x00081140, "SQ", inner, length=None if len(inner) == len(item(data)) else UNDEFINED)
    dataset = element(0x00080018, "UI", b"1.2.3\0") + data + element(0x0020000D, "UI", b"1.2\0")
    with pytest.raises(Unreadable):
        header_of_bytes(part10(dataset), tmp_path)


@pytest.mark.parametrize("undefined", [False, True])
def test_what_lies_deep_is_walked_over_a_few_times_only(
    undefined: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = element(0x00100020, "LO", b"") * 1000
    for _ in range(60):
        inner = item(data, undefined=undefined) + (sequence_end() if undefined else b"")
        data = element(0x00211000, "SQ", inner, length=UNDEFINED if undefined else None)
    reads = []
    read = Walker._read
    monkeypatch.setattr(Walker, "_read", lambda *args, **options: reads.append(1) or read(*args, **options))
    header_of_bytes(part10(element(0x0020000D, "UI", b"1.2\0") + data), tmp_path)
    assert 1000 < len(reads) < 10_000


def test_an_item_that_holds_more_than_it_says(tmp_path: Path) -> None:
    inner = element(0x00081155, "UI", b"1.2.3.4.5.6\0")
    short = item(inner)[:4] + struct.pack("<L", len(inner) - 4) + inner
    dataset = element(0x00080018, "UI", b"1.2.3\0") + element(0x00081140, "SQ", short)
    with pytest.raises(Unreadable, match="sequence is cut short"):
        header_of_bytes(part10(dataset + element(0x0020000D, "UI", b"1.2\0")), tmp_path)


def test_what_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="It cannot be read: No such file"):
        read_header(FileRef(str(tmp_path / "none"), 0, 0))
    with pytest.raises(Unreadable, match="It cannot be read: it is no regular file"):
        read_header(FileRef(str(tmp_path), 0, 0))


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoded(ExplicitVRLittleEndian, RedPaletteColorLookupTableData=b"\7" * 200_000)[:150_000])
    with path.open("rb", buffering=0) as file, pytest.raises(Unreadable, match="became shorter"):
        parse(file, 300_000)


def test_names_that_are_no_text_can_be_read(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller")
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(PLAIN)
    assert read_header(FileRef(path, len(PLAIN), 0)).instance.SOPInstanceUID == "1.2.3"


# Pixels that are missing


@pytest.mark.parametrize(
    ("attributes", "note"),
    [
        ({"Rows": 8}, None),
        ({"NumberOfFrames": 2, "PixelData": b"\1" * 256}, None),
        ({"NumberOfFrames": 2, "PixelData": b"\1" * 128}, "It has fewer pixels than its header says: 128 of 256 bytes"),
        ({"Rows": 9, "PixelData": b"\1" * 128}, "128 of 144 bytes"),
        ({"Rows": 7, "PixelData": b"\1" * 128}, None),
        ({"Rows": 4, "PixelData": b"\1" * 128}, "It has more pixels than its header says: 64 of 128 bytes are shown."),
        ({"NumberOfFrames": 2, "PixelData": b"\1" * 382}, None),
        ({"NumberOfFrames": 2, "PixelData": b"\1" * 384}, "256 of 384 bytes are shown"),
        ({"Rows": 3, "Columns": 3, "BitsAllocated": 8, "PixelData": b"\1" * 10}, None),
        ({"BitsAllocated": 1, "NumberOfFrames": 3, "Rows": 3, "Columns": 3, "PixelData": b"\1" * 4}, None),
        ({"BitsAllocated": 1, "NumberOfFrames": 4, "Rows": 3, "Columns": 3, "PixelData": b"\1" * 4}, "4 of 5 bytes"),
    ],
)
def test_fewer_or_more_pixels_than_the_header_says_are_noted(
    attributes: dict[str, Any], note: str | None, tmp_path: Path
) -> None:
    notes = header_of(save(make_image(**attributes), tmp_path / "a")).notes
    assert notes == () if note is None else note in notes[0]


def test_pixels_that_are_cut_short_are_noted(tmp_path: Path) -> None:
    for missing in (1, 100, 128):
        (note,) = header_of_bytes(PLAIN[:-missing], tmp_path).notes
        assert f"cut short: {128 - missing} of 128 bytes are there" in note


def encapsulated(*fragments: bytes, frames: int = 1, end: bytes | None = None, behind: bytes = b"") -> bytes:
    dataset = make_image()
    dataset.NumberOfFrames = frames
    del dataset.PixelData
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    (length,) = struct.unpack_from("<L", buffer.getvalue(), 140)
    pixels = item(b"") + b"".join(map(item, fragments)) + (sequence_end() if end is None else end) + behind
    return part10(
        buffer.getvalue()[144 + length :] + element(0x7FE00010, "OB", pixels, length=UNDEFINED), JPEGBaseline8Bit
    )


def test_fragments_that_are_cut_short_are_noted(tmp_path: Path) -> None:
    whole = encapsulated(b"\1" * 400, b"\2" * 5000)
    assert header_of_bytes(whole, tmp_path).notes == ()
    for missing in (9, 100, 4999, 5008, 5017, 5200):
        (note,) = header_of_bytes(whole[:-missing], tmp_path).notes
        assert "pixels are cut short" in note


def test_a_missing_delimiter_and_elements_behind_the_pixels_are_no_damage(tmp_path: Path) -> None:
    assert header_of_bytes(encapsulated(b"\1" * 400, end=b""), tmp_path).notes == ()
    behind = element(0xFFFCFFFC, "OB", b"\0" * 10_000)
    assert header_of_bytes(encapsulated(b"\1" * 400, behind=behind), tmp_path).notes == ()


def test_a_number_of_frames_that_is_damaged_is_bounded(tmp_path: Path) -> None:
    for frames in (2_000_000_000, 999_999_999_999):
        header = header_of(save(make_image(NumberOfFrames=str(frames), PixelData=b"\1" * 256), tmp_path / "a"))
        assert header.pixels.frames == 2
        assert header.notes
        data = encapsulated(b"\1" * 80, frames=frames)
        assert header_of_bytes(data, tmp_path).pixels.frames < 20


@pytest.mark.parametrize(
    ("said", "frames"), [(None, 1), ("", 1), ("0", 1), ("-3", 1), ("1", 1), ("2", 2), ("2 frames", 2)]
)
def test_number_of_frames(said: str | None, frames: int, tmp_path: Path) -> None:
    dataset = element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0")
    if said is not None:
        dataset += element(0x00280008, "IS", said.encode() + b" " * (len(said) % 2))
    dataset += (
        element(0x00280010, "US", b"\1\0") + element(0x00280011, "US", b"\1\0") + element(0x00280100, "US", b"\x08\0")
    )
    header = header_of_bytes(part10(dataset + element(0x7FE00010, "OB", b"\1\2")), tmp_path)
    assert (header.pixels.frames, header.instance.frames) == (frames, frames)


# Identity


def identity(header: Header) -> tuple[str, str, str]:
    return header.study.StudyInstanceUID, header.series.SeriesInstanceUID, header.instance.SOPInstanceUID


def test_uids_of_the_file_are_kept(tmp_path: Path) -> None:
    header = header_of_bytes(PLAIN, tmp_path)
    assert identity(header) == (ROOT_UID + "1", ROOT_UID + "1.1", "1.2.3")
    assert header.instance.StudyInstanceUID == ROOT_UID + "1"
    assert header.instance.SeriesInstanceUID == ROOT_UID + "1.1"


MISSING = {"StudyInstanceUID": None, "SeriesInstanceUID": None, "SOPInstanceUID": None}


def written(folder: Path, name: str = "a", **attributes: Any) -> Header:
    dataset = make_image(**attributes)
    data = io.BytesIO()
    dataset.save_as(data, implicit_vr=False, little_endian=True)
    (folder / name).write_bytes(part10(data.getvalue()))
    return header_of(folder / name)


def test_missing_uids_are_made_and_stay_the_same(tmp_path: Path) -> None:
    one, again = written(tmp_path, **MISSING), written(tmp_path, "b", **MISSING)
    assert identity(one) == identity(again)
    assert all(map(is_uid, identity(one)))
    assert len(set(identity(one))) == 3
    model = model_of(one)
    assert [model[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")] == list(identity(one))
    plain = plain_of(one)
    assert (plain["StudyInstanceUID"], plain["SeriesInstanceUID"], plain["SOPInstanceUID"]) == identity(one)
    assert one.notes == (
        "It has no valid Study Instance UID and no Series Instance UID and no SOP Instance UID; made from its content.",
    )


def test_made_uids_do_not_change_from_version_to_version(tmp_path: Path) -> None:
    # Libraries hold them: another value would part a study in two.
    assert identity(written(tmp_path, **MISSING))[:2] == (STUDY_MADE, SERIES_MADE)


STUDY_MADE = "2.25.22318076299612775019224547478720572526"
SERIES_MADE = "2.25.298012071618860144409522270339807087740"


@pytest.mark.parametrize(
    ("attributes", "same_study", "same_series"),
    [
        ({}, True, True),
        ({"InstanceNumber": 2}, True, True),
        ({"ImagePositionPatient": [0, 0, 2]}, True, True),
        ({"SeriesNumber": 2}, True, False),
        ({"SeriesDescription": "Sagittal"}, True, False),
        ({"Modality": "MR"}, True, False),
        ({"PatientID": "P2"}, False, False),
        ({"PatientName": "Doe^John"}, False, False),
        ({"StudyDate": "20260103"}, False, False),
        ({"StudyTime": "111500"}, False, False),
        ({"StudyID": "S2"}, False, False),
        ({"AccessionNumber": "A2"}, False, False),
    ],
)
def test_what_shares_a_made_study_and_series(
    attributes: dict[str, Any], same_study: bool, same_series: bool, tmp_path: Path
) -> None:
    one, other = identity(written(tmp_path, **MISSING)), identity(written(tmp_path, "b", **MISSING | attributes))
    assert (one[0] == other[0], one[1] == other[1]) == (same_study, same_series)
    assert (one[2] == other[2]) == (not attributes)


@pytest.mark.parametrize("uid", ["", "abc", "1.2.3/4", "1" * 65, "1.2\\1.3", "..", "1.2 3"])
def test_what_is_no_uid_is_replaced(uid: str, tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        one = written(tmp_path, StudyInstanceUID=uid, SeriesInstanceUID=uid, SOPInstanceUID=uid)
    assert all(map(is_uid, identity(one)))
    assert all(uid.startswith("2.25.") for uid in identity(one))
    assert one.notes


def test_different_broken_uids_stay_different(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        one = written(tmp_path, StudyInstanceUID="abc", SeriesInstanceUID="x")
        other = written(tmp_path, StudyInstanceUID="abd", SeriesInstanceUID="x")
        third = written(tmp_path, StudyInstanceUID="abc", SeriesInstanceUID="y")
    assert one.study.StudyInstanceUID == third.study.StudyInstanceUID != other.study.StudyInstanceUID
    assert one.series.SeriesInstanceUID != third.series.SeriesInstanceUID


def test_padding_is_no_part_of_a_uid(tmp_path: Path) -> None:
    for padded in (b"1.2\0", b"1.2 ", b" 1.2", b"1.2\0\0\0"):
        header = header_of_bytes(
            part10(element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", padded)), tmp_path
        )
        assert header.study.StudyInstanceUID == "1.2"


def test_class_and_instance_of_the_file_meta(tmp_path: Path) -> None:
    meta = element(0x00020002, "UI", b"1.2.840.10008.5.1.4.1.1.2\0") + element(0x00020003, "UI", b"1.2.3.9\0")
    header = header_of_bytes(part10(element(0x0020000D, "UI", b"1.2\0"), meta=meta), tmp_path)
    assert header.instance.SOPInstanceUID == "1.2.3.9"
    assert header.instance.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_a_repeated_element_does_not_part_record_and_metadata(tmp_path: Path) -> None:
    twice = element(0x0020000D, "UI", b"1.2\0") + element(0x0020000D, "UI", b"1.9\0")
    header = header_of_bytes(part10(element(0x00080018, "UI", b"1.2.3\0") + twice), tmp_path)
    assert model_of(header)["0020000D"]["Value"] == [header.study.StudyInstanceUID]
    assert plain_of(header)["StudyInstanceUID"] == header.study.StudyInstanceUID


# What belongs to no study


@pytest.mark.parametrize(
    "name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-empty.dcm", "DICOMDIR-nooffset"]
)
def test_a_dicomdir_is_refused_as_what_it_is(name: str, pydicom_files: Path) -> None:
    with pytest.raises(NotDicom, match="It is a DICOMDIR, a table of contents"):
        header_of(pydicom_files / "dicomdirtests" / name)


def test_a_dicomdir_without_meta_is_refused_as_what_it_is(pydicom_files: Path, tmp_path: Path) -> None:
    data = (pydicom_files / "dicomdirtests" / "DICOMDIR").read_bytes()
    (length,) = struct.unpack_from("<L", data, 140)
    with pytest.raises(NotDicom, match="It is a DICOMDIR"):
        header_of_bytes(data[144 + length :], tmp_path)


def test_palettes_are_refused_as_what_they_are(pydicom_files: Path) -> None:
    palettes = sorted((pydicom_files.parent / "palettes").glob("*.dcm"))
    assert palettes
    for path in palettes:
        with pytest.raises(Unreadable, match="It belongs to no study"):
            header_of(path)


def test_other_files_are_refused_as_what_they_are(tmp_path: Path) -> None:
    for data, sentence in ((b"", "It is empty"), (b"Dear colleague,\n", "It is a text."), (b"%PDF-1.4", "a PDF")):
        with pytest.raises(NotDicom, match=sentence):
            header_of_bytes(data, tmp_path)


def test_a_preamble_alone_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="It holds no data elements"):
        header_of_bytes(b"\0" * 128 + b"DICM", tmp_path)


def test_a_refused_file_is_closed(tmp_path: Path) -> None:
    # An open one would warn, and warnings are errors here.
    with pytest.raises(NotDicom):
        header_of_bytes(b"text", tmp_path)
    (tmp_path / "file").unlink()


def test_the_file_is_the_one_that_was_given(tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "a")
    ref = file_ref(path)
    assert read_header(ref).file == ref
    assert dcmread(path).PatientName == "Doe^Jane"


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "FrameOfReferenceUID", "AcquisitionDate", "ContentDate"])
def test_files_of_nobody_are_kept_apart_by_what_they_have(keyword: str, tmp_path: Path) -> None:
    nobody = ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "StudyTime", "StudyID", "AccessionNumber")
    values = ("1.2.3", "1.2.4") if keyword.endswith("UID") else ("20250101", "20250102")
    studies = [
        header_of(save(make_image(**dict.fromkeys(nobody), **{keyword: value}), tmp_path / f"{number}")).study
        for number, value in enumerate((*values, values[0]))
    ]
    first, second, again = (study.StudyInstanceUID for study in studies)
    assert first == again != second
