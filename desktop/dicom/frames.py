"""Cuts frames out of files as bytes, by their offset, without decoding them (PS3.5 §8.2, Annex A.4).

A native frame is so many bits from the beginning. An encapsulated one is one fragment or several; which ones is said
by the Extended Offset Table, by the Basic Offset Table, or is found by looking at where the fragments begin.
"""

import io
import shutil
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from . import uids
from .fragments import Spans, read_basic_table, scan_fragments, share_out, spans_of_extended_table
from .parsing import parse
from .records import Pixels
from .values import swap_words

FRAME_LIMIT = 1 << 28
"""Bytes of the largest uncompressed frame: a browser does not take larger ones."""

_LARGE_FRAME = 1 << 24
_BLOCK = 1 << 20


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

    spans: Spans


def is_native(pixels: Pixels) -> bool:
    """Whether the pixels are plain numbers, so that frames need no table."""
    return pixels.length is not None


def inflate_file(file: BinaryIO) -> bytes:
    """Return the data set of a deflated file, in which the offsets of its pixels count."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    stream, inflated = parse(file, size).stream, io.BytesIO()
    stream.seek(0)
    shutil.copyfileobj(stream, inflated, _BLOCK)
    return inflated.getvalue()


def read_native_frame(stream: BinaryIO, pixels: Pixels, number: int) -> Frame:
    """Return one native frame as Explicit VR Little Endian.

    Args:
        stream: the file, or the inflated data set of a deflated one.
        pixels: with ``length`` not None.
        number: from 1.

    What lies behind the end of the pixels, or of a file that is cut short, is filled with zeros.

    Raises:
        NoFrame: there is no such frame, or none of it is in the file.
    """
    _check_number(pixels, number)
    size = _frame_size(pixels)
    first_bit = (number - 1) * pixels.frame_bits
    start, shift = divmod(first_bit, 8)
    # Elements may stand behind the pixels: they must not be drawn.
    length = min((shift + pixels.frame_bits + 7) // 8, (pixels.length or 0) - start)
    data = _read_bytes(stream, pixels, start, length) if length > 0 else b""
    if not data:
        raise NoFrame("The file is cut short before this frame.")
    if size > _LARGE_FRAME and len(data) < size // 100:
        # Filled up, a small file would be a frame of gigabytes.
        raise NoFrame("The file holds hardly anything of this frame.")
    if shift or pixels.frame_bits % 8:
        data = _cut_bits(data, shift, pixels.frame_bits)
    return Frame(data[:size].ljust(size, b"\0"), uids.EXPLICIT_VR_LITTLE_ENDIAN)


def _read_bytes(stream: BinaryIO, pixels: Pixels, start: int, length: int) -> bytes:
    """Read pixels. A frame of bytes that were written in big-endian words may begin within one."""
    size = pixels.word_bits // 8 if pixels.big_endian else 1
    first = start // size * size
    stream.seek(pixels.offset + first)
    words = stream.read(-(-(start + length) // size) * size - first)
    return swap_words(words, size)[start - first : start - first + length]


def _cut_bits(data: bytes, shift: int, bits: int) -> bytes:
    """Return ``bits`` bits from ``shift`` on; the first pixel is the lowest bit of the first byte (PS3.5 §8.1.1)."""
    whole = np.frombuffer(data, np.uint8)
    cut = whole >> shift
    if shift:
        cut[:-1] |= whole[1:] << (8 - shift)
    # The file may end within the frame.
    if bits % 8 and len(cut) >= (bits + 7) // 8:
        cut[bits // 8] &= (1 << bits % 8) - 1
    return cut[: (bits + 7) // 8].tobytes()


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
        raise NoFrame(f"The file holds {sum(map(bool, table.spans))} of its {pixels.frames} frames, this one not.")
    parts = []
    end = stream.seek(0, io.SEEK_END)
    for offset, length in table.spans[number - 1]:
        stream.seek(offset)
        # Memory would be taken for all that is asked for, also far behind the end of the file.
        parts.append(stream.read(max(min(length, end - offset), 0)))
    data = b"".join(parts)
    if not data:
        raise NoFrame("The file is cut short before this frame.")
    if pixels.TransferSyntaxUID == uids.DEFLATED_IMAGE_FRAME:
        return Frame(_inflate(data, _frame_size(pixels)), uids.EXPLICIT_VR_LITTLE_ENDIAN)
    return Frame(data, pixels.TransferSyntaxUID)


def _inflate(data: bytes, size: int) -> bytes:
    """Deflated Image Frame Compression: each frame is a native one, deflated (PS3.5 §A.4.13)."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size).ljust(size, b"\0")
    except zlib.error as error:
        raise NoFrame("The frame's deflated data are damaged.") from error


def _frame_size(pixels: Pixels) -> int:
    """Return the bytes of one native frame."""
    if not pixels.frame_bits:
        raise NoFrame("The file does not say how large its frames are.")
    size = (pixels.frame_bits + 7) // 8
    if size > FRAME_LIMIT:
        raise NoFrame("Its frames are too large to be shown.")
    return size


def _check_number(pixels: Pixels, number: int) -> None:
    if pixels.offset < 0:
        raise NoFrame("The file holds no pixels.")
    if not 1 <= number <= pixels.frames:
        raise NoFrame(f"There is no frame {number}: the image has {pixels.frames}.")


def make_frame_table(stream: BinaryIO, pixels: Pixels) -> FrameTable:
    """Find out where the frames of an encapsulated image lie.

    Offset tables are believed only where a fragment does begin at each of their offsets.
    """
    if pixels.offset < 0:
        return FrameTable(())
    basic, first = read_basic_table(stream, pixels.offset, pixels.frames)
    size = 8 * pixels.frames
    if len(pixels.extended_offsets) == len(pixels.extended_lengths) == size:
        offsets, lengths = (
            struct.unpack(f"<{pixels.frames}Q", table) for table in (pixels.extended_offsets, pixels.extended_lengths)
        )
        spans = spans_of_extended_table(stream, first, offsets, lengths)
        if spans is not None:
            return FrameTable(spans)
    fragments = scan_fragments(stream, first)
    return FrameTable(share_out(stream, fragments, first, basic, pixels.frames, pixels.TransferSyntaxUID))
