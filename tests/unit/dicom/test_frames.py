"""Frames cut out of files, byte for byte what pydicom finds."""

import io
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_image, save
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.pixels import pack_bits, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless
from unit.helpers import UNDEFINED, element, files_below, header_of, item, part10, sequence_end

from desktop.dicom import fragments
from desktop.dicom.fragments import scan_fragments
from desktop.dicom.frames import (
    Frame,
    NoFrame,
    inflate_file,
    is_native,
    make_frame_table,
    read_encapsulated_frame,
    read_native_frame,
    unpack_bits,
)
from desktop.dicom.records import Pixels
from desktop.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_IMAGE_FRAME, EXPLICIT_VR_LITTLE_ENDIAN
from desktop.errors import NotDicom, Unreadable


def frames_of(path: Path) -> tuple[Pixels, list[Frame]]:
    """Return all frames of a file, as the server reads them."""
    pixels = header_of(path).pixels
    return pixels, [frame_of(path, pixels, number) for number in range(1, pixels.frames + 1)]


def frame_of(path: Path, pixels: Pixels, number: int) -> Frame:
    with path.open("rb") as file:
        if not is_native(pixels):
            return read_encapsulated_frame(file, pixels, make_frame_table(file, pixels), number)
        deflated = pixels.TransferSyntaxUID == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        return read_native_frame(io.BytesIO(inflate_file(file)) if deflated else file, pixels, number)


def readable(folder: Path) -> Iterator[tuple[Path, Pixels]]:
    for path in files_below(folder):
        try:
            pixels = header_of(path).pixels
        except (NotDicom, Unreadable):
            continue
        if pixels.offset >= 0:
            yield path, pixels


VIDEO = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))
"""In a video all frames are one stream: nobody can cut them out."""


def check_encapsulated(folder: Path) -> int:
    """Compare all encapsulated frames below a folder with pydicom's; return their number."""
    checked = 0
    for path, pixels in readable(folder):
        if is_native(pixels) or pixels.TransferSyntaxUID in VIDEO:
            continue
        with warnings.catch_warnings(action="ignore"):
            dataset = dcmread(path, force=True)
            tables = {}
            if "ExtendedOffsetTable" in dataset:
                tables["extended_offsets"] = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
            judged = list(generate_frames(dataset.PixelData, number_of_frames=pixels.frames, **tables))
        if pixels.TransferSyntaxUID == DEFLATED_IMAGE_FRAME:
            judged = [zlib.decompress(frame, -zlib.MAX_WBITS) for frame in judged]
        found = frames_of(path)[1]
        assert len(found) == len(judged), path.name
        for one, other in zip(found, judged, strict=True):
            assert one.data == other, path.name
            syntax = EXPLICIT_VR_LITTLE_ENDIAN if pixels.TransferSyntaxUID == DEFLATED_IMAGE_FRAME else None
            assert one.TransferSyntaxUID == (syntax or pixels.TransferSyntaxUID)
            checked += 1
    return checked


def test_encapsulated_frames_of_pydicom(pydicom_files: Path) -> None:
    assert check_encapsulated(pydicom_files) > 35


def test_encapsulated_frames_of_the_corpus(corpus: Path) -> None:
    assert check_encapsulated(corpus) > 400


def check_native(folder: Path) -> int:
    """Compare all native frames below a folder with pydicom's pixels; return their number."""
    checked = 0
    for path, pixels in readable(folder):
        if not is_native(pixels):
            continue
        with warnings.catch_warnings(action="ignore"):
            dataset = dcmread(path, force=True)
            if not hasattr(dataset.file_meta, "TransferSyntaxUID"):
                dataset.file_meta.TransferSyntaxUID = pixels.TransferSyntaxUID
            expected = judged_frames(dataset, pixels)
        if expected is None:
            continue
        found = [frame.data for frame in frames_of(path)[1]]
        if not pixels.big_endian and dataset.BitsAllocated >= 8 and "PixelData" in dataset:
            assert b"".join(found) == dataset.PixelData[: sum(map(len, found))], path.name
        assert [stored_bits(frame, dataset) for frame in found] == [stored_bits(f, dataset) for f in expected], (
            path.name
        )
        checked += len(found)
    return checked


def stored_bits(frame: bytes, dataset: Dataset) -> bytes:
    """Return the frame without the bits above those stored, into which pydicom puts the sign."""
    unused = dataset.BitsAllocated - dataset.get("BitsStored", dataset.BitsAllocated)
    return (np.frombuffer(frame, f"<u{dataset.BitsAllocated // 8}") << unused).tobytes() if unused else frame


def judged_frames(dataset: Dataset, pixels: Pixels) -> list[bytes] | None:
    """Return each frame's bytes by pydicom's decoding of the pixels, written again in little endian.

    None where pydicom does not decode them: cut files, pixels of other elements, private transfer syntaxes.
    """
    try:
        array = pixel_array(dataset, raw=True)
    except (ValueError, AttributeError, NotImplementedError, KeyError):
        return None
    count, rows, columns = pixels.frames, dataset.Rows, dataset.Columns
    if dataset.BitsAllocated == 1:
        return [pack_bits(frame.ravel(), pad=False) for frame in array.reshape(count, rows * columns)]
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        # pydicom gives each pixel the chroma that two share: Y1 Y2 Cb Cr.
        pairs = array.reshape(count, -1, 2, 3)
        return [np.stack([f[:, 0, 0], f[:, 1, 0], f[:, 0, 1], f[:, 0, 2]], axis=1).tobytes() for f in pairs]
    array = array.astype(array.dtype.newbyteorder("<"))
    if dataset.SamplesPerPixel > 1:
        array = array.reshape(count, rows, columns, dataset.SamplesPerPixel)
        if dataset.PlanarConfiguration == 1:
            array = array.transpose(0, 3, 1, 2)
    return (
        [np.ascontiguousarray(frame).tobytes() for frame in array.reshape(count, -1)]
        if count > 1
        else [array.tobytes()]
    )


def test_native_frames_of_pydicom(pydicom_files: Path) -> None:
    assert check_native(pydicom_files.parent) > 50


def test_native_frames_of_the_corpus(corpus: Path) -> None:
    assert check_native(corpus) > 2000


@pytest.mark.parametrize(
    ("little", "big"),
    [
        ("SC_rgb_small_odd", "SC_rgb_small_odd_big_endian"),
        ("liver_1frame", "liver_expb_1frame"),
        ("rtdose", "rtdose_expb"),
        ("MR_small", "MR_small_bigendian"),
    ],
)
def test_big_endian_frames_are_those_of_the_little_endian_twin(little: str, big: str, pydicom_files: Path) -> None:
    one, other = frames_of(pydicom_files / f"{little}.dcm"), frames_of(pydicom_files / f"{big}.dcm")
    assert other[0].TransferSyntaxUID == ExplicitVRBigEndian
    assert [frame.data for frame in one[1]] == [frame.data for frame in other[1]]


# Native frames that are made here


def native(values: np.ndarray, folder: Path, *, big_endian: bool = False, vr: str = "OW", **attributes: Any) -> Path:
    """Write frames (frames, rows, columns[, samples]) of any depth; big-endian OW is written in words."""
    count, rows, columns = values.shape[:3]
    bits = values.dtype.itemsize * 8
    samples = values.shape[3] if values.ndim > 3 else 1
    order = ">" if big_endian else "<"
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data += b"\0" * (len(data) % 2)
    if big_endian and bits == 8 and vr == "OW":
        data = np.frombuffer(data, "u2").byteswap().tobytes()
    numbers = {0x00280002: samples, 0x00280010: rows, 0x00280011: columns, 0x00280100: bits}
    dataset = element(0x00080018, "UI", b"1.2.3\0", order=order) + element(0x0020000D, "UI", b"1.2\0", order=order)
    for tag in sorted([*numbers, 0x00280008]):
        if tag == 0x00280008:
            text = str(count).encode()
            dataset += element(tag, "IS", text + b" " * (len(text) % 2), order=order)
        else:
            dataset += element(tag, "US", struct.pack(order + "H", numbers[tag]), order=order)
    dataset += element(0x7FE00010, vr, data, order=order)
    # What stands behind the pixels must never be drawn.
    dataset += element(0xFFFCFFFC, "OB", b"\xee" * 64, order=order)
    path = folder / "native"
    path.write_bytes(part10(dataset, ExplicitVRBigEndian if big_endian else ExplicitVRLittleEndian))
    return path


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 3, 3), (2, 5, 7), (3, 1, 1), (2, 3, 3, 3), (3, 4, 4)])
@pytest.mark.parametrize(
    ("kind", "vr"), [("u1", "OB"), ("u1", "OW"), ("u2", "OW"), ("i2", "OW"), ("u4", "OW"), ("f4", "OF")]
)
def test_native_frames_of_any_depth(
    kind: str, vr: str, shape: tuple[int, ...], big_endian: bool, tmp_path: Path
) -> None:
    values = (np.arange(np.prod(shape)) * 37 % 251 + 1).reshape(shape).astype(kind)
    pixels, found = frames_of(native(values, tmp_path, big_endian=big_endian, vr=vr))
    assert [frame.data for frame in found] == [frame.tobytes() for frame in values]
    assert {frame.TransferSyntaxUID for frame in found} == {EXPLICIT_VR_LITTLE_ENDIAN}
    assert pixels.frames == shape[0]


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
def test_float_pixels(tag: int, tmp_path: Path) -> None:
    kind, bits, vr = ("f4", 32, "OF") if tag == 0x7FE00008 else ("f8", 64, "OD")
    values = np.linspace(-1, 1, 24).reshape(2, 3, 4).astype(kind)
    dataset = (
        element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0") + element(0x00280008, "IS", b"2 ")
    )
    dataset += element(0x00280010, "US", b"\3\0") + element(0x00280011, "US", b"\4\0")
    dataset += element(0x00280100, "US", struct.pack("<H", bits)) + element(tag, vr, values.tobytes())
    (tmp_path / "a").write_bytes(part10(dataset))
    assert [frame.data for frame in frames_of(tmp_path / "a")[1]] == [frame.tobytes() for frame in values]


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    frames=st.integers(1, 5),
    big_endian=st.booleans(),
    seed=st.integers(0, 1 << 30),
)
def test_bits_of_frames_that_begin_within_a_byte(
    rows: int, columns: int, frames: int, big_endian: bool, seed: int
) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (frames, rows * columns), np.uint8)
    data = np.packbits(bits.ravel(), bitorder="little").tobytes()
    data += b"\0" * (len(data) % 2)
    stored = np.frombuffer(data, "u2").byteswap().tobytes() if big_endian else data
    pixels = Pixels(
        EXPLICIT_VR_LITTLE_ENDIAN,
        offset=3,
        length=len(stored),
        frames=frames,
        frame_bits=rows * columns,
        word_bits=16 if big_endian else 8,
        big_endian=big_endian,
    )
    stream = io.BytesIO(b"abc" + stored + b"\xff" * 9)
    for number in range(frames):
        frame = read_native_frame(stream, pixels, number + 1)
        assert frame.data == np.packbits(bits[number], bitorder="little").tobytes()
        assert unpack_bits(frame, pixels).data == bits[number].tobytes()


def test_bits_as_pydicom_packs_them(tmp_path: Path) -> None:
    bits = np.random.default_rng(5).integers(0, 2, (3, 5, 7), np.uint8)
    dataset = make_image(
        Rows=5, Columns=7, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3, PixelData=pack_bits(bits.ravel())
    )
    path = save(dataset, tmp_path / "a")
    assert np.array_equal(dcmread(path).pixel_array, bits)
    assert [frame.data for frame in frames_of(path)[1]] == [pack_bits(frame.ravel(), pad=False) for frame in bits]


def test_deflated_pixels(tmp_path: Path, pydicom_files: Path) -> None:
    dataset = make_image(NumberOfFrames=3)
    dataset.file_meta.TransferSyntaxUID = DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    path = save(dataset, tmp_path / "a")
    assert b"".join(frame.data for frame in frames_of(path)[1]) == dataset.PixelData
    (frame,) = frames_of(pydicom_files / "image_dfl.dcm")[1]
    assert frame.data == dcmread(pydicom_files / "image_dfl.dcm").PixelData[: len(frame.data)]


def test_ybr_full_422_has_two_samples_for_each_pixel(pydicom_files: Path) -> None:
    path = pydicom_files / "SC_ybr_full_422_uncompressed.dcm"
    pixels, (frame,) = frames_of(path)
    dataset = dcmread(path)
    assert len(frame.data) == dataset.Rows * dataset.Columns * 2
    assert frame.data == dataset.PixelData[: len(frame.data)]
    assert pixels.frames == 1


@pytest.mark.parametrize("number", [0, -1, 4, 1000])
def test_frames_that_do_not_exist(number: int, tmp_path: Path) -> None:
    path = save(make_image(NumberOfFrames=3), tmp_path / "a")
    with pytest.raises(NoFrame, match=f"There is no frame {number}: the image has 3"):
        frame_of(path, header_of(path).pixels, number)
    path = jpeg(tmp_path, [[b"\xff\xd8a"]] * 3)
    with pytest.raises(NoFrame, match="There is no frame"):
        frame_of(path, header_of(path).pixels, number)


def test_a_file_without_pixels_has_no_frames(tmp_path: Path) -> None:
    dataset = make_image()
    del dataset.PixelData
    pixels = header_of(save(dataset, tmp_path / "a")).pixels
    stream = io.BytesIO(b"")
    with pytest.raises(NoFrame, match="holds no pixels"):
        read_native_frame(stream, pixels, 1)
    with pytest.raises(NoFrame, match="holds no pixels"):
        read_encapsulated_frame(stream, pixels, make_frame_table(stream, pixels), 1)


def test_a_frame_of_unknown_size_is_not_shown(tmp_path: Path) -> None:
    path = save(make_image(Rows=0, PixelData=b"\1" * 128), tmp_path / "a")
    with pytest.raises(NoFrame, match="does not say how large"):
        frame_of(path, header_of(path).pixels, 1)


def test_native_frames_of_a_file_that_is_cut_short(tmp_path: Path) -> None:
    path = save(make_image(NumberOfFrames=3, PixelData=bytes(range(1, 129)) * 3), tmp_path / "a")
    pixels = header_of(path).pixels
    path.write_bytes(path.read_bytes()[: pixels.offset + 200])
    assert frame_of(path, pixels, 1).data == bytes(range(1, 129))
    # What is there is shown, the rest is black.
    assert frame_of(path, pixels, 2).data == bytes(range(1, 73)) + b"\0" * 56
    with pytest.raises(NoFrame, match="cut short"):
        frame_of(path, pixels, 3)


def test_pixels_end_where_their_element_ends(tmp_path: Path) -> None:
    values = np.arange(1, 10, dtype="u1").reshape(1, 3, 3)
    path = native(values, tmp_path, vr="OB")
    pixels = header_of(path).pixels
    more = Pixels(**{name: getattr(pixels, name) for name in pixels.__slots__} | {"frames": 3})
    # Its value is ten bytes: a frame of nine, and one of padding. Behind it is another element.
    assert frame_of(path, more, 2).data == b"\0" * 9
    with pytest.raises(NoFrame, match="cut short"):
        frame_of(path, more, 3)
    for big_endian in (False, True):
        words = native(np.arange(1, 10, dtype="u2").reshape(1, 3, 3), tmp_path, big_endian=big_endian)
        pixels = header_of(words).pixels
        more = Pixels(**{name: getattr(pixels, name) for name in pixels.__slots__} | {"frames": 2})
        with pytest.raises(NoFrame):
            frame_of(words, more, 2)


# Encapsulated frames that are made here


def jpeg(
    folder: Path,
    frames: list[list[bytes]],
    *,
    basic: list[int] | bool | None = None,
    extended: tuple[list[int], list[int]] | None = None,
    end: bytes | None = None,
    said: int | None = None,
    syntax: str = JPEGBaseline8Bit,
) -> Path:
    """Write frames of fragments.

    Args:
        basic: values of the Basic Offset Table; True for the right ones, None for none.
        extended: values of Extended Offset Table and Lengths.
        end: instead of the sequence's delimiter.
        said: Number of Frames, if it is not the true one.
    """
    fragments = [[fragment + b"\0" * (len(fragment) % 2) for fragment in frame] for frame in frames]
    if basic is True:
        basic = right_offsets(fragments)
    count = str(len(frames) if said is None else said).encode()
    dataset = element(0x00080018, "UI", b"1.2.3\0") + element(0x0020000D, "UI", b"1.2\0")
    dataset += element(0x00280008, "IS", count + b" " * (len(count) % 2))
    if extended is not None:
        for tag, values in zip((0x7FE00001, 0x7FE00002), extended, strict=True):
            dataset += element(tag, "OV", struct.pack(f"<{len(values)}Q", *values))
    table = struct.pack(f"<{len(basic)}L", *basic) if basic else b""
    items = item(table) + b"".join(item(fragment) for frame in fragments for fragment in frame)
    pixels = items + (sequence_end() if end is None else end)
    path = folder / "jpeg"
    path.write_bytes(part10(dataset + element(0x7FE00010, "OB", pixels, length=UNDEFINED), syntax))
    return path


def right_offsets(fragments: list[list[bytes]]) -> list[int]:
    offsets, at = [], 0
    for frame in fragments:
        offsets.append(at)
        at += sum(8 + len(fragment) for fragment in frame)
    return offsets


def found_frames(path: Path, frames: int | None = None) -> list[bytes | None]:
    """Return each frame's bytes; None for one that is not there."""
    pixels = header_of(path).pixels
    found: list[bytes | None] = []
    for number in range(1, (frames or pixels.frames) + 1):
        try:
            found.append(frame_of(path, pixels, number).data)
        except NoFrame:
            found.append(None)
    return found


A1, A2, B1, B2, C1, C2 = b"\xff\xd8A1", b"a-2-", b"\xff\xd8B1..", b"b-2-..", b"\xff\xd8C1", b"c-2-c-"
SINGLE, DOUBLE, MIXED = [[A1], [B1], [C1]], [[A1, A2], [B1, B2], [C1, C2]], [[A1], [B1, B2], [C1, C2]]


@pytest.mark.parametrize("basic", [None, True])
@pytest.mark.parametrize("frames", [SINGLE, DOUBLE, MIXED, [[A1, A2]], [[A1]]])
def test_fragments_are_joined_to_frames(frames: list[list[bytes]], basic: bool | None, tmp_path: Path) -> None:
    assert found_frames(jpeg(tmp_path, frames, basic=basic)) == [b"".join(frame) for frame in frames]


@pytest.mark.parametrize(
    "basic",
    [
        [0, 4, 8],
        [0, 0, 0],
        [0, 12, 12],
        [24, 12, 0],
        [8, 20, 32],
        [12, 26, 40],
        [0, 1 << 31, (1 << 32) - 1],
        [0, 12],
        [0, 12, 26, 38],
    ],
)
@pytest.mark.parametrize("frames", [SINGLE, DOUBLE])
def test_a_wrong_offset_table_is_not_believed(frames: list[list[bytes]], basic: list[int], tmp_path: Path) -> None:
    assert found_frames(jpeg(tmp_path, frames, basic=basic)) == [b"".join(frame) for frame in frames]


def test_an_offset_table_that_begins_at_a_later_frame_is_not_believed(tmp_path: Path) -> None:
    # Each offset is that of a fragment, but all frames would be those behind them.
    frames = [[A1], [B1], [C1], [A2]]
    offsets = right_offsets(frames)
    assert found_frames(jpeg(tmp_path, frames, basic=offsets[1:], said=3)) == [A1, B1, C1 + A2]


def test_fragments_that_nothing_tells_apart_are_not_shown(tmp_path: Path) -> None:
    frames = [[b"x1"], [b"x2"], [b"x3"]]
    assert found_frames(jpeg(tmp_path, frames, said=2)) == [None, None]
    # Two images in what should be three frames: the third is missing, not a part of the second.
    assert found_frames(jpeg(tmp_path, [[A1, A2], [B1, B2]], said=3)) == [A1 + A2, B1 + B2, None]
    # Three images in what should be two frames.
    assert found_frames(jpeg(tmp_path, DOUBLE, said=2)) == [None, None]


def test_the_delimiter_within_a_fragment_ends_nothing(tmp_path: Path) -> None:
    frames = [[A1 + sequence_end()], [B1]]
    assert found_frames(jpeg(tmp_path, frames)) == [A1 + sequence_end(), B1]


def test_short_fragments_of_a_whole_file_are_kept(tmp_path: Path) -> None:
    # Two zeros could be the beginning of a JPEG 2000 file, if the file were cut here.
    frames = [[A1, b"\0\0"], [B1, b"\0\0"]]
    assert found_frames(jpeg(tmp_path, frames)) == [A1 + b"\0\0", B1 + b"\0\0"]


def test_an_offset_table_that_is_left_out(tmp_path: Path) -> None:
    path = jpeg(tmp_path, [[A1], [B1]])
    data = path.read_bytes()
    at = data.index(item(b"") + item(A1))
    path.write_bytes(data[:at] + data[at + 8 :])
    assert found_frames(path) == [A1, B1]


def test_rle_frames_are_one_fragment_each(tmp_path: Path) -> None:
    frames = [[b"\1\0\0\0aa"], [b"\1\0\0\0bb"], [b"\1\0\0\0cc"]]
    assert found_frames(jpeg(tmp_path, frames, syntax=RLELossless)) == [frame[0] for frame in frames]
    path = jpeg(tmp_path, frames, syntax=RLELossless, end=b"")
    path.write_bytes(path.read_bytes()[:-16])
    assert found_frames(path, 3) == [b"\1\0\0\0aa", b"\1\0\0\0b"[:6], None][:1] + found_frames(path, 3)[1:]
    assert found_frames(path, 3)[0] == b"\1\0\0\0aa"
    assert found_frames(path, 3)[2] is None


@pytest.mark.parametrize("basic", [None, True])
@pytest.mark.parametrize("frames", [SINGLE, DOUBLE, MIXED])
def test_every_cut_of_an_encapsulated_file(frames: list[list[bytes]], basic: bool | None, tmp_path: Path) -> None:
    path = jpeg(tmp_path, frames, basic=basic)
    data = path.read_bytes()
    pixels = header_of(path).pixels
    whole = [b"".join(frame) for frame in frames]
    for length in range(pixels.offset, len(data)):
        path.write_bytes(data[:length])
        for number, frame in enumerate(whole, start=1):
            try:
                found = frame_of(path, pixels, number).data
            except NoFrame:
                continue
            # A frame may be cut, but is never another one.
            assert frame.startswith(found), (length, number)
            assert found


def lengths(frames: list[list[bytes]]) -> list[int]:
    return [len(frame[0]) for frame in frames]


def test_an_extended_offset_table(tmp_path: Path) -> None:
    frames = [[b"\xff\xd8A"], [b"\xff\xd8BB"], [b"\xff\xd8CCC"]]
    padded = [[frame[0] + b"\0" * (len(frame[0]) % 2)] for frame in frames]
    path = jpeg(tmp_path, frames, extended=(right_offsets(padded), lengths(frames)))
    # Its lengths leave the padding out.
    assert found_frames(path) == [frame[0] for frame in frames]


def test_an_extended_offset_table_of_frames_in_another_order(tmp_path: Path) -> None:
    offsets = right_offsets(SINGLE)
    path = jpeg(tmp_path, SINGLE, extended=(offsets[::-1], lengths(SINGLE)[::-1]))
    assert found_frames(path) == [C1, B1, A1]


@pytest.mark.parametrize(
    "table",
    [
        ([0, 12, 26], [4, 6, 2]),
        ([0, 12, 26], [4, 60, 4]),
        ([0, 12, 26], [2, 6, 4]),
        ([0, 13, 26], [4, 6, 4]),
        ([0, 26, 26], [4, 4, 4]),
        ([12, 26, 40], [6, 4, 4]),
        ([0, 1 << 63, (1 << 64) - 1], [4, 6, 4]),
        ([0, 1 << 63, (1 << 63) + 16], [(1 << 63) - 8, 8, 8]),
        ([0, 12], [4, 6]),
        ([], []),
    ],
)
def test_a_wrong_extended_offset_table_is_not_believed(table: tuple[list[int], list[int]], tmp_path: Path) -> None:
    assert right_offsets(SINGLE) == [0, 12, 26]
    assert found_frames(jpeg(tmp_path, SINGLE, extended=table)) == [A1, B1, C1]


@given(
    frames=st.lists(st.binary(max_size=30), min_size=1, max_size=6),
    fragments=st.integers(1, 3),
    table=st.sampled_from(["basic", "none", "extended"]),
)
def test_what_pydicom_encapsulates_comes_out_again(
    frames: list[bytes], fragments: int, table: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = [b"\xff\xd8" + frame + b"\xff" * (len(frame) % 2) + b"\xff\xd9" for frame in frames]
    offsets = lengths = b""
    if table == "extended":
        stream, offsets, lengths = encapsulate_extended(images)
    else:
        # Fragments behind the first of a frame must not look like images.
        pieces = fragments if all(b"\xff\xd8" not in image[2:] and len(image) >= 6 for image in images) else 1
        stream = encapsulate(images, fragments_per_frame=pieces, has_bot=table == "basic")
    pixels = Pixels(JPEGBaseline8Bit, offset=5, frames=len(images), extended_offsets=offsets, extended_lengths=lengths)
    file = io.BytesIO(b"12345" + stream + sequence_end())
    spans = make_frame_table(file, pixels)
    assert [read_encapsulated_frame(file, pixels, spans, n + 1).data for n in range(len(images))] == images


def test_deflated_frames(tmp_path: Path) -> None:
    images = [bytes(range(64)), bytes(64), b"\7" * 64]
    deflated = []
    for image in images:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        deflated.append(deflater.compress(image) + deflater.flush())
    pixels = Pixels(DEFLATED_IMAGE_FRAME, offset=0, frames=3, frame_bits=512)
    stream = io.BytesIO(encapsulate(deflated) + sequence_end())
    table = make_frame_table(stream, pixels)
    found = [read_encapsulated_frame(stream, pixels, table, number) for number in (1, 2, 3)]
    assert [frame.data for frame in found] == images
    assert found[0].TransferSyntaxUID == EXPLICIT_VR_LITTLE_ENDIAN
    # A frame that inflates to more than it should is cut, so that it can be no bomb.
    small = Pixels(DEFLATED_IMAGE_FRAME, offset=0, frames=3, frame_bits=64)
    assert read_encapsulated_frame(stream, small, table, 3).data == b"\7" * 8


def test_a_small_file_is_no_frame_of_gigabytes(tmp_path: Path) -> None:
    for size, words in ((60_000, "too large"), (10_000, "hardly anything")):
        path = save(make_image(Rows=size, Columns=size, PixelData=b"\1" * 128), tmp_path / "a")
        with pytest.raises(NoFrame, match=words):
            frame_of(path, header_of(path).pixels, 1)
    stream = io.BytesIO(encapsulate([b"\1\2"]) + sequence_end())
    unknown = Pixels(DEFLATED_IMAGE_FRAME, offset=0)
    with pytest.raises(NoFrame, match="does not say how large"):
        read_encapsulated_frame(stream, unknown, make_frame_table(stream, unknown), 1)
    large = replace(unknown, frame_bits=1 << 39)
    with pytest.raises(NoFrame, match="too large"):
        read_encapsulated_frame(stream, large, make_frame_table(stream, large), 1)


def test_no_memory_is_taken_for_what_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(struct.pack("<HHL", 0xFFFE, 0xE000, 0) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xF0000000) + b"\1\2")
    pixels = Pixels(JPEGBaseline8Bit, offset=0)
    with path.open("rb") as stream:
        table = make_frame_table(stream, pixels)
        tracemalloc.start()
        try:
            assert read_encapsulated_frame(stream, pixels, table, 1).data == b"\1\2"
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_fragments_without_end_are_followed_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(item(b"") * 20 + sequence_end())
    assert scan_fragments(stream, 0) == ([(8 * number, 0) for number in range(1, 21)], True)
    monkeypatch.setattr(fragments, "FRAGMENTS_LIMIT", 19)
    assert scan_fragments(stream, 0) == ([(8 * number, 0) for number in range(1, 20)], False)


def test_a_damaged_deflated_frame_is_not_shown() -> None:
    stream = io.BytesIO(encapsulate([b"\xff" * 20]) + sequence_end())
    pixels = Pixels(DEFLATED_IMAGE_FRAME, offset=0, frame_bits=64)
    with pytest.raises(NoFrame, match="damaged"):
        read_encapsulated_frame(stream, pixels, make_frame_table(stream, pixels), 1)


@given(st.binary(max_size=200), st.integers(1, 4), st.binary(max_size=32))
def test_any_bytes_give_frames_or_none(data: bytes, frames: int, tables: bytes) -> None:
    stream = io.BytesIO(data)
    pixels = Pixels(
        JPEGBaseline8Bit,
        offset=0,
        frames=frames,
        extended_offsets=tables[: 8 * frames],
        extended_lengths=tables[-8 * frames :],
    )
    table = make_frame_table(stream, pixels)
    for number in range(1, frames + 1):
        try:
            assert read_encapsulated_frame(stream, pixels, table, number).data in data or frames == 1
        except NoFrame:
            continue
