"""Writes a file's elements anew in little endian, in explicit or implicit VR (PS3.5 §7, Annex A.1, A.2).

Values stay byte for byte what they are, also where they break the rules; only words of big-endian files change their
order. pydicom is the judge of the outcome.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from .elements import UNDEFINED, Cut, Element, Malformed, Walker
from .encoding import PIXEL_REPRESENTATION, WORDS, read_creator, reserved_block, settle_vr
from .fragments import read_basic_table, scan_fragments
from .parsing import PIXEL_TAGS, Parsed
from .records import Pixels
from .values import swap_words

_LONG = frozenset("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # noqa: SIM905
_SHORT_LIMIT = 0xFFFF
"""Bytes of a value whose VR has a length of 16 bits."""

_ITEM = b"\xfe\xff\x00\xe0"
_LAST_TAG = 0xFFFCFFFF
_TAIL_LIMIT = 1 << 26
"""Bytes behind the pixels that are looked at."""

Changes = Mapping[int, tuple[str, bytes] | None]
"""Tag → VR and value in little endian, or None for what goes: where the new file is otherwise."""


def rewrite(parsed: Parsed, changes: Changes, *, implicit: bool) -> bytes:
    """Return a file's elements before its pixels, without File Meta Information.

    Args:
        parsed: the file.
        changes: of elements of the top level.
        implicit: in implicit VR; else in explicit VR.

    Raises:
        Cut, Malformed: a sequence is damaged.
    """
    writer = _Writer(parsed.walker, implicit=implicit)
    return writer.write_dataset(parsed.elements, changes, signed=False, depth=0)


def rewrite_tail(stream: BinaryIO, pixels: Pixels, walker: Walker, *, implicit: bool) -> bytes:
    """Return the elements behind the pixels. Where bytes there are no elements that may follow, they are passed over.

    Args:
        stream: the file, or the inflated data set.
        pixels: where the pixels are.
        walker: that has read what is before them.
        implicit: as of :func:`rewrite`.
    """
    stream.seek(_end_of(stream, pixels))
    behind = Walker(stream.read(_TAIL_LIMIT), walker.encoding)
    found: list[Element] = []
    last = max(PIXEL_TAGS)
    try:
        for element in behind.elements(0, len(behind.data), implicit=walker.encoding.implicit_vr):
            if not last < element.tag <= _LAST_TAG:
                break
            found.append(element)
            last = element.tag
        return _Writer(behind, implicit=implicit).write_dataset(found, {}, signed=False, depth=0)
    except (Cut, Malformed):
        return _Writer(behind, implicit=implicit).write_dataset(
            [element for element in found if element.vr != "SQ"], {}, signed=False, depth=0
        )


def write_head(tag: int, vr: str, length: int, *, implicit: bool) -> bytes:
    """Return what stands before a value."""
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return struct.pack("<HHL", group, number, length)
    if vr in _LONG:
        return struct.pack("<HH2sHL", group, number, vr.encode(), 0, length)
    return struct.pack("<HH2sH", group, number, vr.encode(), length)


def _end_of(stream: BinaryIO, pixels: Pixels) -> int:
    if pixels.length is not None:
        return pixels.offset + pixels.length
    _, first = read_basic_table(stream, pixels.offset, pixels.frames)
    spans = scan_fragments(stream, first).spans
    # The delimiter of the sequence follows.
    return (sum(spans[-1]) if spans else first) + 8


class _Writer:
    def __init__(self, walker: Walker, *, implicit: bool) -> None:
        self._walker = walker
        self._data = walker.data
        self._little = walker.order == "<"
        self._implicit = implicit

    def write_dataset(self, elements: Iterable[Element], changes: Changes, *, signed: bool, depth: int) -> bytes:
        """``signed`` is of the data set around this one; it may have its own."""
        written: dict[int, list[bytes]] = {}
        creators: dict[int, str] = {}
        for element in elements:
            tag = element.tag
            # Lengths of groups are retired, and would be wrong.
            if tag & 0xFFFF == 0 or tag in changes:
                continue
            if (block := reserved_block(tag)) is not None:
                creators[block] = read_creator(self._data, element)
            vr = element.vr
            if self._walker.encoding.implicit_vr or element.implicit:
                vr = settle_vr(tag, vr, creators.get(tag & 0xFFFFFF00), signed=signed)
            written.setdefault(tag, []).append(self._write(element, vr, signed=signed, depth=depth))
            if tag == PIXEL_REPRESENTATION:
                signed = any(self._data[element.start : element.end])
        for tag, change in changes.items():
            if change is not None:
                vr, value = change
                written[tag] = [write_head(tag, vr, len(value), implicit=self._implicit) + value]
        return b"".join([part for _, parts in sorted(written.items()) for part in parts])

    def _write(self, element: Element, vr: str, *, signed: bool, depth: int) -> bytes:
        if vr == "SQ":
            value = self._write_items(element, signed=signed, depth=depth + 1)
        elif element.length == UNDEFINED:
            # Fragments, which stand in icons too.
            value = self._data[element.start : element.end + 8]
            return write_head(element.tag, vr, UNDEFINED, implicit=self._implicit) + value
        else:
            value = self._data[element.start : element.end]
            if not self._little:
                value = swap_words(value, WORDS.get(vr, 1))
        if len(value) > _SHORT_LIMIT and vr not in _LONG:
            vr = "UN"
        return write_head(element.tag, vr, len(value), implicit=self._implicit) + value

    def _write_items(self, element: Element, *, signed: bool, depth: int) -> bytes:
        walker, implicit = self._walker, element.implicit
        parts: list[bytes] = []
        for start, end in walker.items(element.start, element.end, implicit=implicit, depth=depth):
            inner: Sequence[Element] = list(walker.elements(start, end, implicit=implicit, depth=depth))
            body = self.write_dataset(inner, {}, signed=signed, depth=depth)
            parts.append(_ITEM + struct.pack("<L", len(body)) + body)
        return b"".join(parts)
