"""Finds the fragments of encapsulated pixels, without reading them (PS3.5 §A.4)."""

import struct
from typing import BinaryIO

ITEM, SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD

Span = tuple[int, int]
"""Offset and length, in bytes."""


def read_item(stream: BinaryIO) -> Span:
    """Return tag and length of the item that begins here; at the end of the file, a sequence's delimiter."""
    head = stream.read(8)
    if len(head) < 8:
        return SEQUENCE_END, 0
    group, element, length = struct.unpack("<HHL", head)
    return group << 16 | element, length


def scan_fragments(stream: BinaryIO, at: int) -> list[Span]:
    """Return where each fragment's value lies, from the item at ``at`` to the delimiter or the end of the file."""
    fragments: list[Span] = []
    while True:
        stream.seek(at)
        tag, length = read_item(stream)
        if tag != ITEM:
            return fragments
        fragments.append((at + 8, length))
        at += 8 + length
