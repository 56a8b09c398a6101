"""The libraries that decompress frames: GDCM, OpenJPEG, Pillow.

pydicom's own calls of them are not used: they refuse JPEG of 12 bits, which GDCM decodes rightly, warn by Python's
global filters, and hand GDCM depths at which it ends the whole process. Each function takes a frame whose codestream
was read, and returns its containers, unsigned, (rows, columns) or (rows, columns, samples) with colours as they are
compressed; what the frame holds is decoded, whatever the data set says.
"""

import io
import logging
import struct

import numpy as np

from .codestream import Codestream, Kind, jpeg_segments
from .format import NoPixels

_log = logging.getLogger(__name__)

_DAMAGED = "The frame's compressed data are damaged."
_GDCM_SYNTAXES = {
    Kind.JPEG: "1.2.840.10008.1.2.4.51",
    Kind.JPEG_LOSSLESS: "1.2.840.10008.1.2.4.57",
    Kind.JPEG_LS: "1.2.840.10008.1.2.4.81",
    Kind.JPEG_2000: "1.2.840.10008.1.2.4.91",
}
_GDCM_LIMIT = 1 << 26
"""Bytes of the largest frame that GDCM decompresses: what it returns stands in memory up to eight times."""

_FRAME_OF_JPEG_LS = 0xF7
_NEEDED = frozenset({*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDD})
"""Markers of frames, tables, restart intervals and scans."""


class Unable(Exception):  # noqa: N818 - the next library is asked
    """The library is not there, or does not know this kind of frame."""


def decode_by_gdcm(data: bytes, codestream: Codestream) -> np.ndarray:
    """Decode by GDCM: all kinds but High-Throughput JPEG 2000.

    Raises:
        Unable: GDCM is not there, or does not know this kind.
        NoPixels: the frame is damaged.
    """
    if codestream.kind not in _GDCM_SYNTAXES or codestream.is_unusual:
        raise Unable
    if codestream.Rows * codestream.Columns * codestream.samples * _container(codestream) > _GDCM_LIMIT:
        raise NoPixels("Its images are too large to be decompressed.")
    try:
        import gdcm  # type: ignore[import-untyped]
    except ImportError as error:
        raise Unable from error
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    if codestream.kind is Kind.JPEG_LS:
        data = with_thresholds(data, codestream)
    elif codestream.kind in (Kind.JPEG, Kind.JPEG_LOSSLESS):
        data = without_remarks(data)
    width = _container(codestream)
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((codestream.Columns, codestream.Rows, 1))
    image.SetDataElement(element)
    # Colours are left as they are in the frame.
    spaces = gdcm.PhotometricInterpretation
    image.SetPhotometricInterpretation(spaces(spaces.MONOCHROME2 if codestream.samples == 1 else spaces.RGB))
    if codestream.samples > 1:
        image.SetPlanarConfiguration(0)
    syntax = gdcm.TransferSyntax.GetTSType(_GDCM_SYNTAXES[codestream.kind])
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    # All bits are said to be in use, of whatever depth the frame is: of unused ones GDCM makes a C++ exception that
    # nobody catches.
    bits = 8 * width
    image.SetPixelFormat(gdcm.PixelFormat(codestream.samples, bits, bits, bits - 1, 0))
    text = image.GetBuffer()
    if text is None:
        raise NoPixels(_DAMAGED)
    # GDCM returns bytes as text.
    return _shape(text.encode("utf-8", "surrogateescape"), width, codestream)


def decode_by_openjpeg(data: bytes, codestream: Codestream) -> np.ndarray:
    """Decode JPEG 2000 by OpenJPEG, which undoes the transformation of colours.

    Raises:
        Unable: it is not there, or this is no JPEG 2000.
        NoPixels: the frame is damaged.
    """
    if codestream.kind not in (Kind.JPEG_2000, Kind.HIGH_THROUGHPUT):
        raise Unable
    try:
        from openjpeg.utils import decode_pixel_data
    except ImportError as error:
        raise Unable from error
    # It logs what the caller is told by the exception.
    logging.getLogger("openjpeg").setLevel(logging.CRITICAL)
    try:
        decoded = decode_pixel_data(data, version=2)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise NoPixels(_DAMAGED) from error
    return _shape(bytes(decoded), _container(codestream), codestream)


def decode_by_pillow(data: bytes, codestream: Codestream) -> np.ndarray:
    """Decode JPEG of 8 bits by Pillow. It draws damaged frames too, so it is asked only where GDCM cannot be.

    Raises:
        Unable: it cannot decode this kind.
        NoPixels: the frame is damaged.
    """
    if codestream.kind is not Kind.JPEG or codestream.precision != 8 or codestream.samples not in (1, 3):
        raise Unable
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if codestream.samples == 3 and codestream.colours != "RGB":
                # Pillow takes such colours for YBR, and is told to leave them as they are.
                image.draft("YCbCr", image.size)
            return _shape(image.tobytes(), 1, codestream)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise NoPixels(_DAMAGED) from error


def without_remarks(data: bytes) -> bytes:
    """Return a JPEG frame whose header holds nothing but what its decoding needs.

    GDCM ends the whole process when anything there is odd, such as an unknown version of JFIF; what these segments say
    of colours has been read.
    """
    parts = [data[:2]]
    end = len(data)
    for segment in jpeg_segments(data):
        if segment.marker in _NEEDED:
            parts.append(struct.pack(">BBH", 0xFF, segment.marker, segment.end - segment.start + 2))
            parts.append(data[segment.start : segment.end])
        end = segment.end
    return b"".join([*parts, data[end:]])


def with_thresholds(data: bytes, codestream: Codestream) -> bytes:
    """Return a JPEG-LS frame of less than 8 bits that names its thresholds.

    Where a frame does not, they follow from its depth (ISO/IEC 14495-1 §C.2.4.1.1), but GDCM reckons them wrongly
    below 8 bits.
    """
    if codestream.precision >= 8 or codestream.has_presets:
        return data
    largest, near = (1 << codestream.precision) - 1, codestream.lossy_error
    factor = 256 // (largest + 1)

    def clamp(value: int, least: int) -> int:
        return least if value > largest or value < least else value

    first = clamp(max(2, 3 // factor + 3 * near), near + 1)
    second = clamp(max(3, 7 // factor + 5 * near), first)
    third = clamp(max(4, 21 // factor + 7 * near), second)
    presets = struct.pack(">BBHBHHHHH", 0xFF, 0xF8, 13, 1, largest, first, second, third, 64)
    end = next(segment.end for segment in jpeg_segments(data) if segment.marker == _FRAME_OF_JPEG_LS)
    return data[:end] + presets + data[end:]


def _container(codestream: Codestream) -> int:
    """Return the bytes in which decoders put a sample."""
    return 1 if codestream.precision <= 8 else 2 if codestream.precision <= 16 else 4


def _shape(data: bytes, width: int, codestream: Codestream) -> np.ndarray:
    shape = (codestream.Rows, codestream.Columns, codestream.samples)
    if len(data) != codestream.Rows * codestream.Columns * codestream.samples * width:
        raise NoPixels(_DAMAGED)
    array = np.frombuffer(data, f"<u{width}").reshape(shape)
    return array[:, :, 0] if codestream.samples == 1 else array
