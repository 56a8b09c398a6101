"""Palettes and segmented palettes, against a slow and obvious reference."""

import base64
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.pixels import apply_color_lut
from unit.dicom.pixels.samples import bulk_of, decoded_frames, no_bulk, opened

from desktop.dicom.items import Item
from desktop.dicom.pixels.palettes import BadPalette, Palette, expand_segments, read_palette


def palette_item(descriptor: list[int], *tables: bytes, segmented: bool = False) -> Item:
    model: dict[str, Any] = {}
    for number, data in enumerate(tables):
        model[f"0028110{number + 1}"] = {"vr": "US", "Value": descriptor}
        tag = f"0028122{number + 1}" if segmented else f"0028120{number + 1}"
        model[tag] = {"vr": "OW", "InlineBinary": base64.b64encode(data).decode()}
    return Item(model)


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}H", *numbers)


def read(descriptor: list[int], *tables: bytes, signed: bool = False, segmented: bool = False) -> Palette:
    palette = read_palette(palette_item(descriptor, *tables, segmented=segmented), no_bulk, signed=signed)
    assert palette is not None
    return palette


EXPECTED = [[1, 4, 7], [2, 5, 8], [3, 6, 9]]


@pytest.mark.parametrize(
    ("descriptor", "tables"),
    [
        # 16 bits; 8 bits as bytes, with padding; 8 bits in words; 8 bits in the lower or upper byte of what is said
        # to be 16 or 8 bits.
        ([3, 0, 16], [words(0x101, 0x202, 0x3FF), words(0x400, 0x500, 0x600), words(0x700, 0x800, 0x900)]),
        ([3, 0, 8], [b"\1\2\3\0", b"\4\5\6\0", b"\7\x08\x09\0"]),
        ([3, 0, 8], [words(1, 2, 3), words(4, 5, 6), words(7, 8, 9)]),
        ([3, 0, 16], [words(1, 2, 3), words(4, 5, 6), words(7, 8, 9)]),
        ([3, 0, 8], [words(0x100, 0x200, 0x300), words(0x400, 0x500, 0x600), words(0x700, 0x800, 0x900)]),
        # Said to be more than they are.
        ([256, 0, 16], [words(0x101, 0x202, 0x3FF), words(0x400, 0x500, 0x600), words(0x700, 0x800, 0x900)]),
    ],
)
def test_depths(descriptor: list[int], tables: list[bytes]) -> None:
    assert read(descriptor, *tables).colours.tolist() == EXPECTED


def test_twelve_bits() -> None:
    palette = read([2, 0, 12], words(0xFFF, 0), words(0x800, 0), words(0x010, 0))
    assert palette.colours.tolist() == [[255, 128, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("first", "signed", "stored", "expected"),
    [
        (10, False, [0, 10, 11, 12, 13, 255], [1, 1, 2, 3, 3, 3]),
        (-2, True, [-100, -2, -1, 0, 1, 100], [1, 1, 2, 3, 3, 3]),
        (65_534, True, [-100, -2, -1, 0, 1, 100], [1, 1, 2, 3, 3, 3]),
        (65_534, False, [0, 65_534, 65_535], [1, 1, 2]),
    ],
)
def test_the_first_value_mapped(first: int, signed: bool, stored: list[int], expected: list[int]) -> None:
    palette = read([3, first, 8], b"\1\2\3\0", b"\4\5\6\0", b"\7\x08\x09\0", signed=signed)
    assert palette.apply(np.array(stored))[:, 0].tolist() == expected


def test_65536_colours() -> None:
    data = np.arange(65_536, dtype="<u2").tobytes()
    palette = read([0, 0, 16], data, data, data)
    assert palette.colours.shape == (65_536, 3)
    assert palette.apply(np.array([[0xABCD]], np.uint16)).tolist() == [[[0xAB] * 3]]


@pytest.mark.parametrize(
    "item",
    [
        Item({}),
        palette_item([3, 0, 8], b"\1\2\3\0", b"\4\5\6\0"),
        palette_item([3, 0], b"\1\2\3\0", b"\4\5\6\0", b"\7\x08\x09\0"),
        palette_item([3, 0, 16], b"", b"", b""),
        palette_item([3, 0, 16], words(9, 1), words(9, 1), words(9, 1), segmented=True),
    ],
)
def test_no_palette(item: Item) -> None:
    assert read_palette(item, no_bulk, signed=False) is None


Segments = list[tuple[int, list[int]]]


def rounded(number: Fraction) -> int:
    return (number + Fraction(1, 2)).__floor__()


def lines(start: int, length: int, end: int) -> list[int]:
    return [rounded(start + Fraction(end - start, length) * (n + 1)) for n in range(length)]


def reference(segments: Segments) -> list[int]:
    """Read PS3.3 §C.7.9.2 sentence by sentence. An indirect segment is (2, [how many, which first])."""
    table: list[int] = []

    def add(opcode: int, values: list[int]) -> None:
        if opcode == 0:
            table.extend(values)
        else:
            table.extend(lines(table[-1], *values))

    for opcode, values in segments:
        if opcode == 2:
            for inner in segments[values[1] : values[1] + values[0]]:
                add(*inner)
        else:
            add(opcode, values)
    return table


def encode(segments: Segments, *, wide: bool) -> bytes:
    letter, size = ("H", 16) if wide else ("B", 8)
    numbers: list[int] = []
    places: list[int] = []
    for opcode, values in segments:
        places.append(len(numbers) * size // 8)
        if opcode == 0:
            numbers += [0, len(values), *values]
        elif opcode == 1:
            numbers += [1, *values]
        else:
            offset, parts = places[values[1]], 2 if wide else 4
            numbers += [2, values[0], *(offset >> size * part & (1 << size) - 1 for part in range(parts))]
    return struct.pack(f"<{len(numbers)}{letter}", *numbers)


@st.composite
def segment_lists(draw: st.DrawFn, largest: int) -> Segments:
    value = st.integers(0, largest)
    segments: Segments = [(0, draw(st.lists(value, min_size=1, max_size=5)))]
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.integers(0, 2))
        if kind == 0:
            segments.append((0, draw(st.lists(value, max_size=5))))
        elif kind == 1:
            segments.append((1, [draw(st.integers(1, 9)), draw(value)]))
        else:
            which = draw(st.integers(0, len(segments) - 1))
            plain = [opcode for opcode, _ in segments[which:]]
            most = plain.index(2) if 2 in plain else len(plain)
            segments.append((2, [draw(st.integers(0, most)), which]))
    return segments


@given(st.data(), st.booleans())
def test_segments(data: st.DataObject, wide: bool) -> None:
    segments = data.draw(segment_lists(65_535 if wide else 255))
    expected = reference(segments)
    encoded = encode(segments, wide=wide)
    padded = encoded + b"\0" * (len(encoded) % 2)
    assert expand_segments(padded, len(expected), wide=wide).tolist() == expected
    longer = expand_segments(padded, len(expected) + 3, wide=wide).tolist()
    assert longer == expected + expected[-1:] * 3, "what is missing is filled with the last"
    assert expand_segments(padded, 1, wide=wide).tolist() == expected[:1], "what is too much is cut off"


def test_segments_of_a_palette() -> None:
    tables = [encode([(0, [0]), (1, [255, value])], wide=True) for value in (0xFF00, 0x8000, 0)]
    colours = read([256, 0, 16], *tables, segmented=True).colours
    assert colours.shape == (256, 3)
    assert colours[[0, 128, 255]].tolist() == [[0, 0, 0], [128, 64, 0], [255, 128, 0]]


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0],
        [1, 5, 9],
        [2, 1, 0, 0],
        [0, 9, 1],
        [7, 1, 1],
        [0, 1, 5, 1, 3],
        [0, 1, 5, 2, 1, 3, 0],
        [0, 1, 5, 2, 1, 400, 0],
        [0, 1, 5, 2, 9, 0, 0],
        # It refers to itself, or to the end.
        [0, 1, 5, 2, 1, 6, 0],
        [0, 0],
    ],
)
def test_damaged_segments(numbers: list[int]) -> None:
    with pytest.raises(BadPalette):
        expand_segments(words(*numbers), 256, wide=True)


def test_segments_that_never_end_are_given_up() -> None:
    with pytest.raises(BadPalette, match="too many"):
        expand_segments(words(0, 1, 5) + words(0, 0) * 200_000, 256, wide=True)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, wide: bool) -> None:
    try:
        table = expand_segments(data, 256, wide=wide)
    except BadPalette:
        return
    assert table.shape == (256,)


def check(path: Path) -> None:
    """Compare with pydicom's colours, reduced to 8 bits."""
    item = opened(path)[0]
    (array, *_) = decoded_frames(path, 1)
    palette = read_palette(item, bulk_of(path), signed=array.dtype.kind == "i")
    assert palette is not None, path
    expected = apply_color_lut(array, dcmread(path, force=True))
    if expected.dtype == np.uint16 and expected.max() > 255:
        expected >>= 8
    assert np.array_equal(palette.apply(array), expected), path


def test_palettes_of_pydicom(pydicom_files: Path) -> None:
    check(pydicom_files / "examples_palette.dcm")


@pytest.mark.parametrize(
    "name",
    [
        "gdcm-US-ALOKA-16_big.dcm",  # segmented, in big endian
        "OT-PAL-8-face.dcm",
        "OBXXXX1A_rle.dcm",
        "palette-multiframe-jpeg-ls.dcm",
        "seg_image_sm_control_labelmap_palette_color.dcm",
    ],
)
def test_palettes_of_the_corpus(corpus: Path, name: str) -> None:
    check(next(corpus.rglob(name)))
