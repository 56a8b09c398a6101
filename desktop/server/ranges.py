"""Parts of files, as players ask for them (RFC 9110 §14)."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.types import Send

from .answers import NO_STORE, Headers, send_text

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 1 << 20


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


async def send_part(send: Send, path: Path, content_type: bytes, header: str) -> None:
    """Send the part of a file that a Range header asks for. It is read in pieces, from the page cache mostly."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        part = find_part(header, size)
        if part is None:
            await send_text(send, 416, "There are no such bytes.", ((b"content-range", b"bytes */%d" % size),))
            return
        whole = part == Part(0, size)
        headers: Headers = (
            (b"content-type", content_type),
            (b"content-length", b"%d" % (part.end - part.start)),
            (b"accept-ranges", b"bytes"),
            NO_STORE,
        )
        if not whole:
            headers = (*headers, (b"content-range", b"bytes %d-%d/%d" % (part.start, part.end - 1, size)))
        await send({"type": "http.response.start", "status": 200 if whole else 206, "headers": [*headers]})
        file.seek(part.start)
        left = part.end - part.start
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
