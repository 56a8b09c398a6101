"""Writes multipart/related, and reads what a client accepts (PS3.18 §8.7; RFC 2387, RFC 9110 §12.5.1)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an answer.

    Attributes:
        location: the address of what it is, if the answer is not about that alone.
    """

    content_type: str
    body: bytes
    location: str = ""


def write_multipart(parts: Sequence[Part], media_type: str) -> tuple[bytes, bytes]:
    """Return the content type and the body.

    Args:
        parts: at least one.
        media_type: of the parts, for the content type's ``type``.
    """
    boundary = make_boundary()
    lines = [
        line
        for part in parts
        for line in (part_head(boundary, part.content_type, len(part.body), part.location), part.body, PART_END)
    ]
    return multipart_type(media_type, boundary), b"".join([*lines, multipart_end(boundary)])


def make_boundary() -> str:
    """Return letters that no part holds."""
    return secrets.token_hex(16)


def multipart_type(media_type: str, boundary: str) -> bytes:
    """Return the content type of parts of a media type."""
    return f'multipart/related; type="{media_type}"; boundary={boundary}'.encode()


def part_head(boundary: str, content_type: str, length: int, location: str = "") -> bytes:
    """Return what stands before a part of so many bytes; behind it stands :data:`PART_END`."""
    where = f"Content-Location: {location}\r\n" if location else ""
    return f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{where}\r\n".encode()


PART_END = b"\r\n"


def multipart_end(boundary: str) -> bytes:
    """Return what stands behind the last part."""
    return f"--{boundary}--\r\n".encode()


FOR_VIEWER = "x-for-viewer"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One media range of an Accept header.

    Attributes:
        media_type: lower-case, such as ``multipart/related`` or ``*/*``.
        part_type: the ``type`` parameter, lower-case.
        transfer_syntax: the ``transfer-syntax`` parameter.
        for_viewer: the client is OHIF. It wants a byte for each pixel of one bit, where the standard has them packed
            (PS3.18 §8.7.3.5.2), and nothing that it would show wrongly. A parameter of our own.
    """

    media_type: str
    part_type: str = ""
    transfer_syntax: str = ""
    for_viewer: bool = False
    quality: float = 1.0


@lru_cache(maxsize=256)
def read_accept(header: str) -> tuple[Accepted, ...]:
    """Return what a client accepts, best first; everything if the header is empty."""
    ranges = [_read_range(text) for text in _split(header, ",") if text.strip()]
    ranges.sort(key=lambda item: -item.quality)
    return tuple(item for item in ranges if item.quality > 0) or (() if ranges else (Accepted("*/*"),))


def choose(accepted: Sequence[Accepted], media_type: str, parts: int = 1) -> str | None:
    """Choose how to answer.

    Args:
        accepted: as of :func:`read_accept`.
        media_type: of the parts, such as ``application/octet-stream``.
        parts: their number; several go in multipart only.

    Returns:
        ``multipart``, ``single``, or None if the client accepts neither. What is left open is answered in multipart,
        as the standard has it.
    """
    ranges = (media_type, f"{media_type.partition('/')[0]}/*")
    for item in accepted:
        if item.media_type in ("multipart/related", "multipart/*") and item.part_type in ("", "*/*", *ranges):
            return "multipart"
        if item.media_type == "*/*":
            return "multipart"
        if item.media_type in ranges and parts == 1:
            return "single"
    return None


def _read_range(text: str) -> Accepted:
    media_type, *parameters = _split(text, ";")
    values = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        values[name.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(values.get("q", "1"))
    except ValueError:
        quality = 1.0
    return Accepted(
        media_type.strip().lower(),
        values.get("type", "").lower(),
        values.get("transfer-syntax", ""),
        values.get(FOR_VIEWER) == "1",
        quality,
    )


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator does not stand between quotes."""
    parts, start, quoted = [], 0, False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == separator and not quoted:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
