"""Parts of what is sent, as players and those who go on with a broken transfer ask for them (RFC 9110 §14)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .answers import Headers
from .endpoints import Answer, Stream, refuse

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 1 << 20
_AT_ONCE = 1 << 22
_RANGES: Headers = ((b"accept-ranges", b"bytes"),)


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a whole.

    Attributes:
        end: the first byte behind it.
    """

    start: int
    end: int


def find_part(header: str, size: int) -> Part | None:
    """Return the bytes that a Range header asks for; the whole if there is none, or of several parts.

    None: it asks for what is not there.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.group(0) == "bytes=-":
        return Part(0, size)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return Part(size - length, size) if length else None
    start, end = int(first), min(int(last) + 1, size) if last else size
    return Part(start, end) if start < end else None


ReadPart = Callable[[int, int], Iterator[bytes]]
"""Yields the bytes from a first one to before a last one."""


def answer_part(header: str, size: int, content_type: bytes, read: ReadPart, *, whole: bool = False) -> Answer | Stream:
    """Return the part of something that a Range header asks for.

    Args:
        header: of the request; empty for all of it.
        size: of the whole, in bytes.
        content_type: of the whole.
        read: reads it.
        whole: nobody can ask for a part of it.
    """
    part = find_part(header, size)
    if part is None:
        return refuse(416, "There are no such bytes.", ((b"content-range", b"bytes */%d" % size),))
    status, headers = 200, () if whole else _RANGES
    if part != Part(0, size):
        status, headers = 206, (*_RANGES, (b"content-range", b"bytes %d-%d/%d" % (part.start, part.end - 1, size)))
    pieces, length = read(part.start, part.end), part.end - part.start
    if length <= _AT_ONCE:
        return Answer(status, content_type, b"".join(pieces), headers)
    return Stream(status, content_type, pieces, length, headers)


def read_file(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from ``start`` to before ``end``, in pieces."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(end - start, _CHUNK))):
            start += len(piece)
            yield piece
