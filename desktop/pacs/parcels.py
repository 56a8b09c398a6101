"""What is sent to another node, object by object."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


class NotSendable(Exception):  # noqa: N818 - a finding about an object
    """An object cannot be sent; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One object.

    Attributes:
        syntax: the transfer syntax in which its file is.
        plain: it can also be had in Implicit and Explicit VR Little Endian.
        open: gives its file in a transfer syntax, preamble and File Meta Information before the data set. May raise
            :class:`NotSendable`, before its first piece or later.
    """

    sop_class: str
    sop_instance: str
    syntax: str
    plain: bool
    open: Callable[[str], Iterator[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one object.

    Attributes:
        status: of the node, as of PS3.4 Table B.2-1 or PS3.18 Table 10.5.3-3; 0 for success, None if it did not get it.
        sentence: why it is not there, or what the node warned of; or empty.
        bytes: of its data set.
    """

    sop_instance: str
    is_there: bool
    status: int | None
    sentence: str = ""
    bytes: int = 0


def skip_head(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a file's data set: what stands behind preamble and File Meta Information (PS3.10 §7.1)."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD:
            break
    if len(head) < _HEAD or head[128:132] != b"DICM" or head[132:136] != b"\x02\x00\x00\x00":
        raise NotSendable("Its file has no File Meta Information that can be told from its data set.")
    left = _HEAD + int.from_bytes(head[140:144], "little")
    for piece in _after(head, pieces):
        if left >= len(piece):
            left -= len(piece)
        else:
            yield piece[left:]
            left = 0


def _after(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from pieces


_HEAD = 144
"""Preamble, prefix, and the element that says how long the group is."""
