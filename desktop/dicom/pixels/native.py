"""Native pixels: plain numbers in little endian (PS3.5 §8.1, PS3.3 §C.7.6.3.1.2)."""

import numpy as np

from .format import NoPixels, PixelFormat


def unpack_native(data: bytes, pixel_format: PixelFormat) -> np.ndarray:
    """Return the containers of one native frame: (rows, columns) or (rows, columns, 3), unsigned or floats.

    Bits beyond Bits Stored are as they are in the file.

    Args:
        data: one frame, as :mod:`desktop.dicom.frames` cuts it; what stands behind it is passed over.
        pixel_format: how it is written.

    Raises:
        NoPixels: the frame is too short.
    """
    rows, columns, samples = pixel_format.Rows, pixel_format.Columns, pixel_format.SamplesPerPixel
    size = (pixel_format.native_bits + 7) // 8
    if len(data) < size:
        raise NoPixels(f"The frame is cut short: {len(data):,} of {size:,} bytes are there.")
    if pixel_format.BitsAllocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8, size), bitorder="little")
        return bits[: rows * columns].reshape(rows, columns)
    if pixel_format.BitsAllocated == 12:
        return _unpack_12(np.frombuffer(data, np.uint8, size), rows * columns).reshape(rows, columns)
    kind = "f" if pixel_format.is_float else "u"
    numbers = np.frombuffer(data[:size], f"<{kind}{pixel_format.bytes_allocated}")
    if pixel_format.is_subsampled:
        return _spread_422(numbers, pixel_format)
    if samples == 1:
        return numbers.reshape(rows, columns)
    if pixel_format.PlanarConfiguration == 1:
        return numbers.reshape(3, rows, columns).transpose(1, 2, 0)
    return numbers.reshape(rows, columns, 3)


def _unpack_12(data: np.ndarray, count: int) -> np.ndarray:
    """Two pixels in three bytes, the lower bits first, as old images have them (PS3.5-1993 §8.1.1)."""
    # Of an odd number, the last pixel has two bytes.
    triples = np.zeros((count + 1) // 2 * 3, np.uint8)
    triples[: len(data)] = data
    first, middle, last = triples.reshape(-1, 3).astype(np.uint16).T
    return np.stack([first | (middle & 0x0F) << 8, middle >> 4 | last << 4], axis=-1).reshape(-1)[:count]


def _spread_422(numbers: np.ndarray, pixel_format: PixelFormat) -> np.ndarray:
    """Give both pixels of each Y1 Y2 CB CR the chrominance that they share."""
    if pixel_format.pixels % 2:
        raise NoPixels("Its colours are stored for pairs of pixels, but the number of its pixels is odd.")
    quads = numbers.reshape(-1, 4)
    spread = np.empty((len(quads), 2, 3), numbers.dtype)
    spread[:, :, 0] = quads[:, :2]
    spread[:, :, 1:] = quads[:, None, 2:]
    return spread.reshape(pixel_format.Rows, pixel_format.Columns, 3)
