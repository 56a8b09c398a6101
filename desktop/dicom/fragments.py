"""Finds the fragments of encapsulated pixels, without decoding them, and shares them out among the frames (PS3.5 §A.4).

A frame is never put together of fragments that may belong to another one: where nothing tells for certain, it is
missing.
"""

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from . import uids

ITEM, SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD

FRAGMENTS_LIMIT = 1_000_000
"""Fragments that are followed; more are an attack."""

Span = tuple[int, int]
"""Offset and length, in bytes."""

Spans = tuple[tuple[Span, ...], ...]
"""For each frame, where its fragments are; none if the frame is missing."""

_START_OF_IMAGE = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
"""What a JPEG, JPEG-LS or JPEG 2000 stream begins with."""

_ONE_FRAGMENT = frozenset({uids.RLE_LOSSLESS, uids.DEFLATED_IMAGE_FRAME})
"""Transfer syntaxes in which each frame is one fragment (PS3.5 §A.4.2)."""


class Fragments(NamedTuple):
    """What was found.

    Attributes:
        spans: where each fragment's value lies.
        ended: the delimiter was met; else the file is cut short.
    """

    spans: list[Span]
    ended: bool


def read_item(stream: BinaryIO) -> Span:
    """Return tag and length of the item that begins here; zeros at the end of the file."""
    head = stream.read(8)
    if len(head) < 8:
        return 0, 0
    group, element, length = struct.unpack("<HHL", head)
    return group << 16 | element, length


def scan_fragments(stream: BinaryIO, at: int) -> Fragments:
    """Find the fragments, from the item at ``at`` to the delimiter or the end of the file."""
    spans: list[Span] = []
    while len(spans) < FRAGMENTS_LIMIT:
        stream.seek(at)
        tag, length = read_item(stream)
        if tag != ITEM:
            return Fragments(spans, tag == SEQUENCE_END)
        spans.append((at + 8, length))
        at += 8 + length
    return Fragments(spans, ended=False)


def read_basic_table(stream: BinaryIO, at: int, frames: int) -> tuple[tuple[int, ...], int]:
    """Return the Basic Offset Table's values and the offset of the first fragment's item (PS3.5 §A.4).

    The values are empty if the table has not one for each frame, or is missing: some writers leave it out.
    """
    stream.seek(at)
    tag, length = read_item(stream)
    if tag != ITEM or _read_head(stream, at + 8).startswith(_START_OF_IMAGE):
        return (), at
    if length != 4 * frames:
        return (), at + 8 + length
    stream.seek(at + 8)
    table = stream.read(length).ljust(length, b"\0")
    return struct.unpack(f"<{frames}L", table), at + 8 + length


def spans_of_extended_table(
    stream: BinaryIO, first: int, offsets: Sequence[int], lengths: Sequence[int]
) -> Spans | None:
    """Return the frames by the Extended Offset Table: one fragment each (PS3.3 §C.7.6.3.1.8). None if it is wrong.

    Args:
        first: offset of the first fragment's item, from which the table counts.
        lengths: of the frames, without padding.
    """
    # Frames that follow one another without a gap, and the last one where it should be: this needs no walk.
    ends = [offset + 8 + length + length % 2 for offset, length in zip(offsets, lengths, strict=True)]
    if offsets[0] == 0 and list(offsets[1:]) == ends[:-1] and ends[-1] < 1 << 62:
        stream.seek(first + offsets[-1])
        right = read_item(stream) == (ITEM, lengths[-1] + lengths[-1] % 2)
    else:
        found = {offset - 8 - first: length for offset, length in scan_fragments(stream, first).spans}
        padded = [found.get(offset, -1) - length for offset, length in zip(offsets, lengths, strict=True)]
        right = len(set(offsets)) == len(offsets) and set(padded) <= {0, 1}
    if not right:
        return None
    return tuple(((first + offset + 8, length),) for offset, length in zip(offsets, lengths, strict=True))


def share_out(
    stream: BinaryIO, fragments: Fragments, first: int, basic: Sequence[int], frames: int, syntax: str
) -> Spans:
    """Share out the fragments among the frames.

    Args:
        first: offset of the first fragment's item, from which the table counts.
        basic: the Basic Offset Table, believed only where a fragment begins at each of its offsets.
        frames: number of frames.
        syntax: Transfer Syntax UID.
    """
    spans = fragments.spans
    if frames == 1:
        return (tuple(spans),)
    begins = _begins_by_table([offset - 8 - first for offset, _ in spans], basic, frames, ended=fragments.ended)
    if begins is None and (syntax in _ONE_FRAGMENT or (fragments.ended and len(spans) == frames)):
        begins = list(range(len(spans)))
    if begins is None:
        heads = [_read_head(stream, offset) for offset, _ in spans]
        if not fragments.ended and any(start.startswith(heads[-1]) for start in _START_OF_IMAGE if heads):
            # The file ends before it says whether this is the next image or a part of the last one.
            heads.pop()
            spans = spans[:-1]
        begins = [number for number, head in enumerate(heads) if head.startswith(_START_OF_IMAGE)]
    if not begins or begins[0] != 0 or len(begins) > frames:
        return ((),) * frames
    return _split(spans, begins) + ((),) * (frames - len(begins))


def _begins_by_table(starts: Sequence[int], basic: Sequence[int], frames: int, *, ended: bool) -> list[int] | None:
    """Return the number of each frame's first fragment by the Basic Offset Table; None if it is wrong or empty."""
    if len(basic) != frames or basic[0] != 0 or any(one >= other for one, other in pairwise(basic)):
        return None
    # In a file that is cut short, the last frames are beyond its end.
    there = [offset for offset in basic if ended or (starts and offset <= starts[-1])]
    numbers = {start: number for number, start in enumerate(starts)}
    return [numbers[offset] for offset in there] if numbers.keys() >= set(there) else None


def _split(spans: Sequence[Span], begins: Sequence[int]) -> Spans:
    ends = [*begins[1:], len(spans)]
    return tuple(tuple(spans[begin:end]) for begin, end in zip(begins, ends, strict=True))


def _read_head(stream: BinaryIO, offset: int) -> bytes:
    stream.seek(offset)
    return stream.read(16)
