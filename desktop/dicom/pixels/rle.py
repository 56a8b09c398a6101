"""RLE Lossless, the standard's own compression (PS3.5 Annex G)."""

import struct
from itertools import pairwise

import numpy as np

from .format import NoPixels, PixelFormat
from .native import unpack_native

_HEADER = 64
_DAMAGED = "The frame's compressed data are damaged."


def decode_rle(data: bytes, pixel_format: PixelFormat) -> np.ndarray:
    """Return the frame's containers: (samples, rows, columns), unsigned, as wide as Bits Allocated.

    Raises:
        NoPixels: the frame is damaged.
    """
    if pixel_format.BitsAllocated == 1:
        # Pixels of one bit are packed before they are compressed.
        (segment,) = _segments(data, 1)
        return unpack_native(_expand(segment, (pixel_format.pixels + 7) // 8), pixel_format)[None]
    pixels, width = pixel_format.pixels, pixel_format.bytes_allocated
    planes = np.empty((pixel_format.SamplesPerPixel, pixels, width), np.uint8)
    segments = _segments(data, pixel_format.SamplesPerPixel * width)
    for number, segment in enumerate(segments):
        sample, byte = divmod(number, width)
        # The most significant byte comes first.
        planes[sample, :, width - 1 - byte] = np.frombuffer(_expand(segment, pixels), np.uint8)
    shape = (pixel_format.SamplesPerPixel, pixel_format.Rows, pixel_format.Columns)
    return planes.view(f"<u{width}").reshape(shape)


def _segments(data: bytes, expected: int) -> list[bytes]:
    if len(data) < _HEADER:
        raise NoPixels(_DAMAGED)
    count, *offsets = struct.unpack("<16L", data[:_HEADER])
    if count != expected:
        raise NoPixels(f"The frame is compressed in {count} parts, where {expected} are due.")
    starts = [*offsets[:count], len(data)]
    if starts[0] < _HEADER or any(end <= start for start, end in pairwise(starts)):
        raise NoPixels(_DAMAGED)
    return [data[start:end] for start, end in pairwise(starts)]


def _expand(segment: bytes, size: int) -> bytes:
    """Undo the runs of one segment. It may end with a byte of padding, and with runs that nobody needs."""
    parts = []
    found = at = 0
    while found < size:
        if at + 1 >= len(segment):
            raise NoPixels(_DAMAGED)
        head = segment[at]
        if head < 128:
            part = segment[at + 1 : at + 2 + head]
            if len(part) <= head:
                raise NoPixels(_DAMAGED)
            at += 2 + head
        elif head > 128:
            part = segment[at + 1 : at + 2] * (257 - head)
            at += 2
        else:
            at += 1
            continue
        parts.append(part)
        found += len(part)
    return b"".join(parts)[:size]
