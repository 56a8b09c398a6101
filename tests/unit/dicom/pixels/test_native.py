"""Native pixels: signs, unused bits, planes, shared chrominance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels import pack_bits
from unit.dicom.pixels.samples import make_pixel_format

from desktop.dicom.pixels.decoding import decode_frame
from desktop.dicom.pixels.format import NoPixels
from desktop.dicom.uids import DEFLATED_IMAGE_FRAME, EXPLICIT_VR_BIG_ENDIAN, RLE_LOSSLESS


def cut(value: int, high: int, stored: int, *, signed: bool) -> int:
    """The slow, obvious reference: the stored bits up to the high bit, one by one."""
    bits = [(value >> high - stored + 1 + number) & 1 for number in range(stored)]
    number = sum(bit << place for place, bit in enumerate(bits))
    return number - (1 << stored) if signed and bits[-1] else number


@given(st.data())
def test_stored_bits(data: st.DataObject) -> None:
    allocated = data.draw(st.sampled_from([8, 16, 32, 64]))
    stored = data.draw(st.integers(1, allocated))
    high = data.draw(st.integers(stored - 1, allocated - 1))
    signed = data.draw(st.booleans())
    values = data.draw(st.lists(st.integers(0, (1 << allocated) - 1), min_size=6, max_size=6))
    pixel_format = make_pixel_format(
        BitsAllocated=allocated, BitsStored=stored, HighBit=high, PixelRepresentation=int(signed)
    )
    frame = np.array(values, f"<u{allocated // 8}").tobytes()
    array = decode_frame(frame, pixel_format)
    assert array.shape == (2, 3)
    assert array.dtype == f"<{'i' if signed else 'u'}{allocated // 8}"
    assert array.reshape(-1).tolist() == [cut(value, high, stored, signed=signed) for value in values]


@given(st.lists(st.integers(0, 1), min_size=15, max_size=15))
def test_one_bit(bits: list[int]) -> None:
    pixel_format = make_pixel_format(Rows=3, Columns=5, BitsAllocated=1)
    assert decode_frame(pack_bits(np.array(bits, np.uint8)), pixel_format).reshape(-1).tolist() == bits


@given(st.lists(st.integers(0, 4095), min_size=1, max_size=9))
def test_twelve_bits(values: list[int]) -> None:
    pixel_format = make_pixel_format(Rows=1, Columns=len(values), BitsAllocated=12)
    whole = sum(value << 12 * number for number, value in enumerate(values))
    frame = whole.to_bytes((12 * len(values) + 7) // 8, "little")
    assert decode_frame(frame, pixel_format).reshape(-1).tolist() == values


def test_planes_and_pixels() -> None:
    colours = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    by_pixel = make_pixel_format(SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8)
    assert np.array_equal(decode_frame(colours.tobytes(), by_pixel), colours)
    by_plane = make_pixel_format(
        SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8, PlanarConfiguration=1
    )
    planes = np.ascontiguousarray(colours.transpose(2, 0, 1))
    assert np.array_equal(decode_frame(planes.tobytes(), by_plane), colours)
    deep = make_pixel_format(SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsStored=12, PlanarConfiguration=1)
    assert np.array_equal(decode_frame((planes.astype("<u2") + 0xF000).tobytes(), deep), colours)


@pytest.mark.parametrize(("keyword", "kind"), [("FloatPixelData", np.float32), ("DoubleFloatPixelData", np.float64)])
def test_floats(keyword: str, kind: type) -> None:
    values = np.array([[0.5, -1e30, np.nan], [np.inf, 0, 3]], kind)
    bits = values.dtype.itemsize * 8
    array = decode_frame(values.tobytes(), make_pixel_format(pixel_keyword=keyword, BitsAllocated=bits))
    assert array.dtype == kind
    assert np.array_equal(array, values, equal_nan=True)


@pytest.mark.parametrize(
    ("photometric", "sample", "colour"),
    [
        ("YBR_FULL", (128, 128, 128), (128, 128, 128)),
        ("YBR_FULL", (76, 85, 255), (254, 0, 0)),
        ("YBR_FULL", (255, 128, 128), (255, 255, 255)),
        ("RGB", (9, 8, 7), (9, 8, 7)),
        ("YBR_ICT", (9, 8, 7), (9, 8, 7)),
    ],
)
def test_colour_spaces(photometric: str, sample: tuple[int, ...], colour: tuple[int, ...]) -> None:
    pixel_format = make_pixel_format(SamplesPerPixel=3, PhotometricInterpretation=photometric, BitsAllocated=8)
    array = decode_frame(bytes(sample) * 6, pixel_format)
    assert (array == np.array(colour)).all()


@pytest.mark.parametrize(
    ("photometric", "pair", "colours"),
    [
        ("YBR_FULL_422", (76, 150, 128, 128), ((76, 76, 76), (150, 150, 150))),
        ("YBR_FULL_422", (76, 150, 85, 255), ((254, 0, 0), (255, 74, 74))),
        # From 16 to 235 (PS3.3 §C.7.6.3.1.2, CCIR 601).
        ("YBR_PARTIAL_422", (16, 235, 128, 128), ((0, 0, 0), (255, 255, 255))),
        ("YBR_PARTIAL_422", (81, 81, 90, 240), ((254, 0, 0), (254, 0, 0))),
    ],
)
def test_shared_chrominance(photometric: str, pair: tuple[int, ...], colours: tuple[tuple[int, ...], ...]) -> None:
    pixel_format = make_pixel_format(
        Columns=2, SamplesPerPixel=3, PhotometricInterpretation=photometric, BitsAllocated=8
    )
    array = decode_frame(bytes(pair) * 2, pixel_format)
    assert np.abs(array.astype(int) - np.array([colours, colours])).max() <= 1


def test_what_is_refused() -> None:
    with pytest.raises(NoPixels, match="11 of 12 bytes"):
        decode_frame(bytes(11), make_pixel_format())
    odd = make_pixel_format(
        Columns=1, Rows=3, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", BitsAllocated=8
    )
    with pytest.raises(NoPixels, match="odd"):
        decode_frame(bytes(9), odd)
    with pytest.raises(NoPixels, match="YBR_PARTIAL_420"):
        decode_frame(
            bytes(99),
            make_pixel_format(SamplesPerPixel=3, PhotometricInterpretation="YBR_PARTIAL_420", BitsAllocated=8),
        )
    deep = make_pixel_format(SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL", BitsAllocated=32)
    with pytest.raises(NoPixels, match="32 bits"):
        decode_frame(bytes(99), deep)


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_BIG_ENDIAN, DEFLATED_IMAGE_FRAME])
def test_frames_come_in_little_endian_whatever_the_file_is(syntax: str) -> None:
    frame = np.arange(6, dtype="<u2").tobytes()
    assert decode_frame(frame, make_pixel_format(TransferSyntaxUID=syntax)).tolist() == [[0, 1, 2], [3, 4, 5]]


def rle(*segments: bytes) -> bytes:
    starts = [64]
    for segment in segments:
        starts.append(starts[-1] + len(segment))
    head = [len(segments), *starts[:-1]]
    return np.array(head + [0] * (16 - len(head)), "<u4").tobytes() + b"".join(segments)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        # Three times 7, three literal bytes.
        ((b"\xfe\x07\x02abc",), [[7, 7, 7], [97, 98, 99]]),
        # 128 does nothing; padding and runs that are too long are passed over.
        ((b"\x80\xfb\x01\0",), [[1, 1, 1], [1, 1, 1]]),
        ((b"\x81\x05",), [[5, 5, 5], [5, 5, 5]]),
    ],
)
def test_rle(segments: tuple[bytes, ...], expected: list[list[int]]) -> None:
    pixel_format = make_pixel_format(TransferSyntaxUID=RLE_LOSSLESS, BitsAllocated=8)
    assert decode_frame(rle(*segments), pixel_format).tolist() == expected


def test_rle_puts_the_most_significant_byte_first() -> None:
    pixel_format = make_pixel_format(TransferSyntaxUID=RLE_LOSSLESS, PixelRepresentation=1)
    assert decode_frame(rle(b"\xfb\xff", b"\xfb\xfe"), pixel_format).tolist() == [[-2] * 3] * 2


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(64),
        rle(b"\xfe\x07"),
        rle(b"\x02ab"),
        rle(b"\xfe\x07", b"\xfe\x07"),
        np.array([1, 0xFFFFFFFF] + [0] * 14, "<u4").tobytes() + b"\xfb\1",
        np.array([1, 3] + [0] * 14, "<u4").tobytes() + b"\xfb\1",
        np.array([0xFFFFFFFF] + [0] * 15, "<u4").tobytes(),
    ],
)
def test_damaged_rle(frame: bytes) -> None:
    with pytest.raises(NoPixels):
        decode_frame(frame, make_pixel_format(TransferSyntaxUID=RLE_LOSSLESS, BitsAllocated=8))
