"""What the frames of a file are, by pydicom and by the standard's words alone."""

import re
import zlib
from pathlib import Path

import gdcm
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGExtended12Bit

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
GE_PRIVATE = "1.2.840.113619.5.2"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
DECODED_BY_OHIF = frozenset(
    f"1.2.840.10008.1.2.{end}"
    for end in ("5", *(f"4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)))  # RLE; the JPEGs
)

CANNOT = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What pydicom raises of pixels that it cannot decode."""


def read(path: Path) -> Dataset:
    """Read a file as pydicom does, whatever it is."""
    return dcmread(path, force=True)


def expected_frames(path: Path) -> tuple[list[bytes], str] | None:
    """Return the frames of a file and the transfer syntax in which they are to be sent; None if it cannot have any."""
    ds = read(path)
    name = next((keyword for keyword in PIXELS if keyword in ds), None)
    if name is None or "Rows" not in ds:
        return None
    count = number_of_frames(ds)
    element = ds[name]
    if not element.is_undefined_length:
        return native_frames(ds, element.value, element.VR, count), ExplicitVRLittleEndian
    syntax = str(ds.file_meta.TransferSyntaxUID)
    table = ds.get("ExtendedOffsetTable"), ds.get("ExtendedOffsetTableLengths")
    frames = generate_frames(element.value, number_of_frames=count, extended_offsets=table if table[0] else None)
    if syntax == DEFLATED_FRAMES:
        return [zlib.decompressobj(-15).decompress(frame) for frame in frames], ExplicitVRLittleEndian
    return (list(frames), syntax) if syntax in DECODED_BY_OHIF else None


def number_of_frames(ds: Dataset) -> int:
    """Return the number of frames; of a broken value, the digits that it begins with."""
    raw = ds.get_item("NumberOfFrames")
    text = "" if raw is None else raw.value.decode() if isinstance(raw.value, bytes) else str(raw.value)
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else 1


def native_frames(ds: Dataset, value: bytes, vr: str, count: int) -> list[bytes]:
    """Cut native pixels into frames in little endian (PS3.5 §8.1.1, §8.2; 1-bit pixels are packed across frames)."""
    samples = 2 if ds.PhotometricInterpretation == "YBR_FULL_422" else ds.SamplesPerPixel
    if ds.BitsAllocated == 1:
        pixels = ds.Rows * ds.Columns * samples
        bits = np.unpackbits(np.frombuffer(value, np.uint8), bitorder="little")
        return [np.packbits(bits[n * pixels : (n + 1) * pixels], bitorder="little").tobytes() for n in range(count)]
    syntax = getattr(ds.file_meta, "TransferSyntaxUID", "")
    # In a big-endian file that does not name its syntax, pydicom knows what it found.
    big = syntax in (ExplicitVRBigEndian, GE_PRIVATE) or not (syntax or ds.original_encoding[1])
    width = max(ds.BitsAllocated // 8, 2 if vr == "OW" else 1) if big else 1
    value = np.frombuffer(value[: len(value) // width * width], f">u{width}").astype(f"<u{width}").tobytes()
    size = ds.Rows * ds.Columns * samples * ds.BitsAllocated // 8
    return [value[n * size : (n + 1) * size].ljust(size, b"\0") for n in range(count)]


def same_frame(sent: bytes, expected: bytes, bits: int) -> bool:
    """Whether two frames are the same, but for what stands behind the last of ``bits`` bits in the last byte."""
    rest = bits % 8
    if not rest or len(sent) != len(expected):
        return sent == expected
    mask = (1 << rest) - 1
    return sent[:-1] == expected[:-1] and sent[-1] & mask == expected[-1] & mask


def bits_of_frame(path: Path) -> int:
    """Return the bits of one native frame; 0 where they fill its bytes."""
    ds = read(path)
    return int(ds.Rows * ds.Columns * ds.SamplesPerPixel) if ds.get("BitsAllocated") == 1 else 0


def shown_to_the_viewer(path: Path, number: int, syntax: str = "") -> np.ndarray:
    """Return by pydicom's decoders what the viewer is to have of a frame (from 1).

    Args:
        syntax: the one in which the file is written, if it does not say so itself.
    """
    ds = read(path)
    ds.NumberOfFrames = number_of_frames(ds)
    if "TransferSyntaxUID" not in ds.file_meta:
        ds.file_meta.TransferSyntaxUID = syntax
    if ds.file_meta.TransferSyntaxUID == JPEGExtended12Bit and ds.BitsStored == 12:
        return _by_gdcm(path)
    array = pixel_array(ds, index=number - 1)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(array, ds)
        return (colours >> (8 if colours.dtype == np.uint16 else 0)).astype(np.uint8)
    if array.ndim == 3 and array.dtype != np.uint8:
        return (array >> (ds.BitsStored - 8)).astype(np.uint8)
    return array.astype(np.float32) if array.dtype.itemsize > 2 else array


def _by_gdcm(path: Path) -> np.ndarray:
    """Decode an image of one frame, where pydicom has no decoder: JPEG of 12 bits."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    columns, rows, *_ = image.GetDimensions()
    return np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), np.uint16).reshape(rows, columns)


def is_decodable(path: Path) -> bool:
    """Whether pydicom can decode the first frame of a file."""
    try:
        shown_to_the_viewer(path, 1)
    except CANNOT:
        return False
    return True
