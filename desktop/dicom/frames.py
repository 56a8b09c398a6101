"""Cuts frames out of files as bytes, by their offset, without decoding them (PS3.5 §8.2, Annex A.4).

A native frame is so many bits from the beginning. An encapsulated one is one fragment or several; which ones is said
by the Extended Offset Table, by the Basic Offset Table, or is found by looking at where the fragments begin.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from . import uids
from .fragments import ITEM, Span, read_item, scan_fragments
from .header import parse
from .metadata import swap_words
from .records import Pixels

_START_OF_JPEG = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
"""What a JPEG, JPEG-LS or JPEG 2000 stream begins with."""


class NoFrame(LookupError):  # noqa: N818 - said of a file, not a fault of the program
    """The frame that was asked for is not there. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's bytes, and the transfer syntax in which they stand."""

    data: bytes
    TransferSyntaxUID: str


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Where each frame of an encapsulated image lies.

    Attributes:
        spans: for each frame the (offset, length) of its fragments in the stream, in order.
    """

    spans: tuple[tuple[Span, ...], ...]


def is_native(pixels: Pixels) -> bool:
    """Whether the pixels are plain numbers, so that frames need no table."""
    return pixels.length is not None


def inflate_file(file: BinaryIO) -> bytes:
    """Return the data set of a deflated file, in which the offsets of its pixels count."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return parse(file, size).walker.data


def read_native_frame(stream: BinaryIO, pixels: Pixels, number: int) -> Frame:
    """Return one native frame as Explicit VR Little Endian.

    Args:
        stream: the file, or the inflated data set of a deflated one.
        pixels: with ``length`` not None.
        number: from 1.

    What lies behind the end of a file that is cut short is filled with zeros.

    Raises:
        NoFrame: there is no such frame, or none of it is in the file.
    """
    _check_number(pixels, number)
    if not pixels.frame_bits:
        raise NoFrame("The file does not say how large its frames are.")
    first_bit = (number - 1) * pixels.frame_bits
    start, shift = divmod(first_bit, 8)
    size = (pixels.frame_bits + 7) // 8
    stop = (shift + pixels.frame_bits + 7) // 8
    if pixels.big_endian and pixels.word_bits > 8:
        data = _read_words(stream, pixels, start, stop)
    else:
        stream.seek(pixels.offset + start)
        data = stream.read(stop)
    if not data:
        raise NoFrame("The file is cut short before this frame.")
    if shift:
        data = _shift_bits(data, shift, pixels.frame_bits)
    return Frame(data[:size].ljust(size, b"\0"), uids.EXPLICIT_VR_LITTLE_ENDIAN)


def _read_words(stream: BinaryIO, pixels: Pixels, start: int, length: int) -> bytes:
    """Read big-endian words; a frame of bytes that were written in words may begin within one."""
    size = pixels.word_bits // 8
    first = start // size * size
    end = -(-(start + length) // size) * size
    stream.seek(pixels.offset + first)
    return swap_words(stream.read(end - first), size)[start - first : start - first + length]


def _shift_bits(data: bytes, shift: int, bits: int) -> bytes:
    """Return the bits from ``shift`` on; the first pixel is the lowest bit of the first byte (PS3.5 §8.1.1)."""
    number = int.from_bytes(data, "little") >> shift & (1 << bits) - 1
    return number.to_bytes((bits + 7) // 8, "little")


def unpack_bits(frame: Frame, pixels: Pixels) -> Frame:
    """Return a native frame of one bit a pixel with one byte a pixel, 0 or 1, as browsers need it."""
    bits = np.unpackbits(np.frombuffer(frame.data, np.uint8), bitorder="little")
    return Frame(bits[: pixels.frame_bits].tobytes(), frame.TransferSyntaxUID)


def read_encapsulated_frame(stream: BinaryIO, pixels: Pixels, table: FrameTable, number: int) -> Frame:
    """Return one encapsulated frame as it is stored, its fragments joined.

    Raises:
        NoFrame: there is no such frame, or none of it is in the file.
    """
    _check_number(pixels, number)
    if number > len(table.spans) or not table.spans[number - 1]:
        raise NoFrame(f"The file holds {len(table.spans)} of its {pixels.frames} frames.")
    parts = []
    for offset, length in table.spans[number - 1]:
        stream.seek(offset)
        parts.append(stream.read(length))
    data = b"".join(parts)
    if not data:
        raise NoFrame("The file is cut short before this frame.")
    if pixels.TransferSyntaxUID == uids.DEFLATED_IMAGE_FRAME:
        return Frame(_inflate(data, (pixels.frame_bits + 7) // 8), uids.EXPLICIT_VR_LITTLE_ENDIAN)
    return Frame(data, pixels.TransferSyntaxUID)


def _inflate(data: bytes, size: int) -> bytes:
    """Deflated Image Frame Compression: each frame is a native one, deflated (PS3.5 §A.4.13)."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size).ljust(size, b"\0")
    except zlib.error as error:
        raise NoFrame("The frame's deflated data are damaged.") from error


def _check_number(pixels: Pixels, number: int) -> None:
    if pixels.offset < 0:
        raise NoFrame("The file holds no pixels.")
    if not 1 <= number <= pixels.frames:
        raise NoFrame(f"There is no frame {number}: the image has {pixels.frames}.")


def make_frame_table(stream: BinaryIO, pixels: Pixels) -> FrameTable:
    """Find out where the frames of an encapsulated image lie.

    Offset tables are believed only where a fragment does begin at each of their offsets.
    """
    basic, first = _read_basic_table(stream, pixels.offset)
    extended = _extended_spans(stream, pixels, first)
    if extended is not None:
        return FrameTable(extended)
    fragments = scan_fragments(stream, first)
    return FrameTable(_group(stream, fragments, basic, first, pixels.frames))


def _read_basic_table(stream: BinaryIO, offset: int) -> tuple[tuple[int, ...], int]:
    """Return the Basic Offset Table's values and the offset of the first fragment's item (PS3.5 §A.4)."""
    stream.seek(offset)
    tag, length = read_item(stream)
    if tag != ITEM:
        return (), offset
    value = stream.read(length)
    whole = len(value) // 4
    return struct.unpack_from(f"<{whole}L", value), offset + 8 + length


def _extended_spans(stream: BinaryIO, pixels: Pixels, first: int) -> tuple[tuple[Span, ...], ...] | None:
    """Extended Offset Table: one fragment for each frame (PS3.3 §C.7.6.3.1.8)."""
    count = pixels.frames
    if len(pixels.extended_offsets) != 8 * count or len(pixels.extended_lengths) != 8 * count:
        return None
    offsets = struct.unpack(f"<{count}Q", pixels.extended_offsets)
    lengths = struct.unpack(f"<{count}Q", pixels.extended_lengths)
    for offset in (offsets[0], offsets[-1]):
        stream.seek(first + offset)
        if read_item(stream)[0] != ITEM:
            return None
    return tuple(((first + offset + 8, length),) for offset, length in zip(offsets, lengths, strict=True))


def _group(
    stream: BinaryIO, fragments: list[Span], basic: tuple[int, ...], first: int, frames: int
) -> tuple[tuple[Span, ...], ...]:
    """Share out the fragments among the frames."""
    if frames == 1:
        return (tuple(fragments),)
    starts = [offset - 8 - first for offset, _ in fragments]
    if len(basic) == frames and list(basic) == sorted(set(basic)) and set(basic) <= set(starts):
        return _split(fragments, [starts.index(offset) for offset in basic])
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    begins = [number for number, (offset, _) in enumerate(fragments) if _starts_image(stream, offset)]
    if len(begins) == frames and begins[0] == 0:
        return _split(fragments, begins)
    # Nothing tells the frames apart for certain: show none rather than a wrong one, unless all are whole.
    if len(fragments) < frames:
        return tuple((fragment,) for fragment in fragments)
    return ()


def _split(fragments: list[Span], begins: list[int]) -> tuple[tuple[Span, ...], ...]:
    ends = [*begins[1:], len(fragments)]
    return tuple(tuple(fragments[begin:end]) for begin, end in zip(begins, ends, strict=True))


def _starts_image(stream: BinaryIO, offset: int) -> bool:
    stream.seek(offset)
    head = stream.read(8)
    return head.startswith(_START_OF_JPEG)
