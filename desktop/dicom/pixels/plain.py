"""Compressed frames as the plain numbers of an image in a native transfer syntax (PS3.5 §8.2, A.1, A.2).

Each stored value stays what it is. What is otherwise in the data set of such an image is said by :func:`plain_changes`,
without looking at a frame; a frame that does not fit into what it says is refused.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ..items import Item
from .decoding import decode_containers, decode_frame
from .format import NoPixels, PixelFormat
from .overlays import embedded_positions
from .stored import Containers, to_stored

_PHOTOMETRIC_INTERPRETATION, _PLANAR_CONFIGURATION, _HIGH_BIT = 0x00280004, 0x00280006, 0x00280102


def plain_changes(pixel_format: PixelFormat, *, keeps_unused: bool) -> Mapping[int, tuple[str, bytes]]:
    """Return what is otherwise in the data set: tag → VR and value in little endian.

    Args:
        pixel_format: of the compressed image.
        keeps_unused: bits beyond Bits Stored hold overlays.
    """
    if pixel_format.SamplesPerPixel > 1:
        # Colours are decoded to RGB, pixel by pixel.
        colours = {_PHOTOMETRIC_INTERPRETATION: ("CS", b"RGB "), _PLANAR_CONFIGURATION: ("US", b"\0\0")}
    else:
        colours = {}
    lowest = pixel_format.BitsStored - 1
    if keeps_unused or pixel_format.HighBit == lowest:
        return colours
    return {**colours, _HIGH_BIT: ("US", struct.pack("<H", lowest))}


def keeps_unused(item: Item, pixel_format: PixelFormat) -> bool:
    """Whether bits beyond Bits Stored hold overlays, so that they are to be kept."""
    return next(embedded_positions(item, pixel_format), None) is not None


def plain_bits(pixel_format: PixelFormat) -> int:
    """Return the bits of one frame."""
    return pixel_format.pixels * pixel_format.SamplesPerPixel * pixel_format.BitsAllocated


def make_plain(data: bytes, pixel_format: PixelFormat, *, keeps_unused: bool) -> bytes:
    """Return one frame decoded, in little endian; of one bit a pixel packed, the last byte filled up with zeros.

    Args:
        data: the frame as it is stored.
        pixel_format: how the image is written.
        keeps_unused: as of :func:`plain_changes`.

    Raises:
        NoPixels: it is damaged, or holds other values than the data set can.
    """
    if keeps_unused and pixel_format.SamplesPerPixel == 1:
        array = _with_unused(decode_containers(data, pixel_format), pixel_format)
    else:
        array = _checked(decode_frame(data, pixel_format), pixel_format)
    if pixel_format.BitsAllocated == 1:
        return np.packbits(array.astype(np.uint8).reshape(-1), bitorder="little").tobytes()
    return array.astype(pixel_format.dtype.newbyteorder("<"), copy=False).tobytes()


def join_bits(frames: Iterable[bytes], bits: int) -> Iterator[bytes]:
    """Yield frames of so many bits as they stand one after another: the next begins in the last one's last byte."""
    rest = np.empty(0, np.uint8)
    for frame in frames:
        unpacked = np.unpackbits(np.frombuffer(frame, np.uint8), count=bits, bitorder="little")
        whole = np.concatenate([rest, unpacked])
        end = whole.size // 8 * 8
        rest = whole[end:]
        yield np.packbits(whole[:end], bitorder="little").tobytes()
    if rest.size:
        yield np.packbits(rest, bitorder="little").tobytes()


def _with_unused(containers: Containers, pixel_format: PixelFormat) -> np.ndarray:
    array, codestream = containers.array, containers.codestream
    if codestream is not None and codestream.precision <= pixel_format.HighBit:
        # An encoder that has put the values to the right: the overlays are lost, and the data set would be wrong.
        return _checked(to_stored(containers, pixel_format), pixel_format)
    if array.dtype.itemsize > pixel_format.bytes_allocated:
        raise NoPixels("Its frames are deeper than the file says.")
    return array.astype(f"u{pixel_format.bytes_allocated}").view(pixel_format.dtype)


def _checked(array: np.ndarray, pixel_format: PixelFormat) -> np.ndarray:
    bits = pixel_format.BitsStored
    if array.dtype.itemsize == pixel_format.bytes_allocated and bits == 8 * array.dtype.itemsize:
        return array
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if pixel_format.is_signed else (0, (1 << bits) - 1)
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        raise NoPixels("Its frames hold larger numbers than the file says.")
    return array
