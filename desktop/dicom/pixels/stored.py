"""From the containers that hold pixels to stored values with the right sign (PS3.5 §8.1.1)."""

from dataclasses import dataclass

import numpy as np

from .codestream import Codestream, Kind
from .format import PixelFormat

_OWN_DEPTH = frozenset({Kind.JPEG, Kind.JPEG_LS, Kind.JPEG_2000, Kind.HIGH_THROUGHPUT})
"""Codestreams whose depth is believed more than Bits Stored: their unused bits are zeros or copies of the sign."""


@dataclass(frozen=True, slots=True)
class Containers:
    """A decoded frame before its bits are sorted out.

    Attributes:
        array: (rows, columns) or (rows, columns, 3), unsigned integers or floats.
        codestream: what the frame said of itself; None if it was native or RLE.
    """

    array: np.ndarray
    codestream: Codestream | None = None


def to_stored(containers: Containers, pixel_format: PixelFormat) -> np.ndarray:
    """Return the stored values.

    Bits that hold no part of a value are cut off, those above them are filled with the sign. Of JPEG 2000 and JPEG-LS
    frames that are deeper or shallower than Bits Stored says, the frame's own depth counts. The numbers are as wide as
    Bits Allocated, or as deep frames need.
    """
    array, codestream = containers.array, containers.codestream
    if pixel_format.is_float:
        return array
    width = max(array.dtype.itemsize, pixel_format.bytes_allocated)
    array = array.astype(f"u{width}", copy=False)
    if codestream is not None and codestream.kind in _OWN_DEPTH:
        bits = _own_bits(array, codestream, pixel_format)
        return _fit(array, 0, bits, signed=pixel_format.is_signed)
    shift = pixel_format.HighBit + 1 - pixel_format.BitsStored
    if codestream is not None and codestream.precision <= pixel_format.HighBit:
        # An encoder that has put the values to the right itself.
        shift = 0
    return _fit(array, shift, pixel_format.BitsStored, signed=pixel_format.is_signed)


def _own_bits(array: np.ndarray, codestream: Codestream, pixel_format: PixelFormat) -> int:
    """Return the bits that hold a value.

    JPEG 2000 has a sign that the data set may contradict, the others have none. Negative numbers in 12 bits, for
    instance, that were compressed as 16 bits without a sign, have their sign in bit 11; if bits above it are used too,
    it is in bit 15.
    """
    precision = codestream.precision
    if not pixel_format.is_signed or codestream.is_signed or precision <= pixel_format.BitsStored:
        return precision
    stored = pixel_format.BitsStored
    return stored if not (array >> stored).any() else precision


def _fit(array: np.ndarray, shift: int, bits: int, *, signed: bool) -> np.ndarray:
    """Cut ``bits`` bits from ``shift`` on out of each container."""
    width = 8 * array.dtype.itemsize
    if not signed:
        if shift:
            array = array >> shift
        return array if shift + bits >= width else array & ((1 << bits) - 1)
    numbers = array.view(f"i{array.dtype.itemsize}") if array.flags.c_contiguous else array.astype(f"i{width // 8}")
    if shift + bits < width:
        numbers = numbers << (width - shift - bits)
    return numbers if bits >= width else numbers >> (width - bits)
