"""Walks over the data elements of a data set that lies in memory (PS3.5 §7).

Values are not looked at, so this is quick: what an element holds is told by offsets into the buffer. Deviations that
are met in the field are followed as pydicom does: an element in implicit VR within explicit ones (no VR stands where
one should), and UN of undefined length, which is a sequence in implicit VR (PS3.5 §6.2.2).
"""

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from . import dictionary
from .sniff import Encoding

UNDEFINED = 0xFFFFFFFF
MAX_DEPTH = 64
"""Sequences within sequences; deeper ones are an attack."""

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_NAMES = {vr: vr.decode() for vr in _LONG | _SHORT}


class Element(NamedTuple):
    """One data element, by its place.

    Attributes:
        tag: group and element as one number.
        vr: as written, or of the dictionary; ``UN`` if nobody knows.
        start: offset of the value.
        end: offset behind the value, without delimiters. For a value of undefined length that was not walked (the
            pixels), equal to ``start``.
        length: as written: bytes, or :data:`UNDEFINED`.
        next: offset of the next element.
        implicit: its sequence's items are in implicit VR.
    """

    tag: int
    vr: str
    start: int
    end: int
    length: int
    next: int
    implicit: bool


class Cut(Exception):  # noqa: N818 - a fact about the buffer
    """The data end before the element does.

    Attributes:
        need: offset up to which bytes would be needed, at least.
        tag: the element.
    """

    def __init__(self, need: int, tag: int) -> None:
        super().__init__(need, tag)
        self.need = need
        self.tag = tag


class Malformed(Exception):  # noqa: N818
    """No data elements can be made out here."""


class Walker:
    """Walks over data sets of one encoding, in one buffer."""

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        self.data = data
        self.encoding = encoding
        self.order = "<" if encoding.little_endian else ">"
        self._explicit = Struct(self.order + "HH2sH").unpack_from
        self._implicit = Struct(self.order + "HHL").unpack_from
        self._long = Struct(self.order + "L").unpack_from
        self._item = Struct(self.order + "HH").pack(_ITEM >> 16, _ITEM & 0xFFFF)
        # Where sequences of undefined length end: else each level of a nest would walk over all deeper ones again.
        self._ends: dict[int, int] = {}

    def elements(
        self, at: int, end: int, *, implicit: bool, stop: frozenset[int] = frozenset(), depth: int = 0
    ) -> Iterator[Element]:
        """Yield the elements from ``at`` until ``end`` or an item's end, or up to one whose tag is in ``stop``.

        That last one is yielded too, but not walked over.

        Raises:
            Cut: an element begins before ``end`` and ends after it.
            Malformed: sequences are nested too deeply, or what should be an item is none.
        """
        data = self.data
        while at + 8 <= end:
            tag, vr, start, length, inner = self._read(at, end, implicit=implicit)
            if tag == _ITEM_END:
                return
            if tag in stop:
                yield Element(tag, vr, start, start, length, at, inner)
                return
            if length != UNDEFINED:
                behind = start + length
                if behind > end:
                    raise Cut(behind, tag)
                yield Element(tag, vr, start, behind, length, behind, inner)
                at = behind
                continue
            if vr == "SQ" or data[start : start + 4] == self._item:
                if vr not in ("SQ", "UN"):
                    behind = self._skip_fragments(start, end, tag)
                else:
                    vr, behind = "SQ", self._skip_sequence(start, end, tag, implicit=inner, depth=depth + 1)
            else:
                behind = self._find_delimiter(start, end, tag)
            yield Element(tag, vr, start, behind - 8, length, behind, inner)
            at = behind

    def items(self, at: int, end: int, *, implicit: bool, depth: int) -> Iterator[tuple[int, int]]:
        """Yield where the items of a sequence begin and end, without their own tags and delimiters."""
        for start, inner_end, _ in self._items(at, end, _ITEM, implicit=implicit, depth=depth):
            yield start, inner_end

    def _read(self, at: int, end: int, *, implicit: bool) -> tuple[int, str, int, int, bool]:
        """Return tag, VR, offset of the value, its length, and whether a sequence's items are in implicit VR."""
        if not implicit:
            group, number, code, length = self._explicit(self.data, at)
            if code in _SHORT:
                return group << 16 | number, _NAMES[code], at + 8, length, False
            tag = group << 16 | number
            if code in _LONG:
                if at + 12 > end:
                    raise Cut(at + 12, tag)
                (length,) = self._long(self.data, at + 8)
                return tag, _NAMES[code], at + 12, length, code == b"UN" and not self._holds_explicit(at + 12)
            if code.isalpha() and code.isupper() and code.isascii():
                return tag, "UN", at + 8, length, False
        group, number, length = self._implicit(self.data, at)
        tag = group << 16 | number
        return tag, dictionary_vr(tag), at + 8, length, True

    def _holds_explicit(self, at: int) -> bool:
        """Whether a sequence in UN is in explicit VR. It must not be (PS3.5 §6.2.2), but some writers leave it so."""
        head = self.data[at : at + 14]
        return head[:4] == self._item and head[12:14] in _NAMES

    def _skip_sequence(self, start: int, end: int, tag: int, *, implicit: bool, depth: int) -> int:
        if start not in self._ends:
            at = start
            for _, _, behind in self._items(start, end, tag, implicit=implicit, depth=depth):
                at = behind
            if at + 8 > end:
                raise Cut(at + 8, tag)
            self._ends[start] = at + 8
        return self._ends[start]

    def _items(self, at: int, end: int, tag: int, *, implicit: bool, depth: int) -> Iterator[tuple[int, int, int]]:
        if depth > MAX_DEPTH:
            raise Malformed("sequences are nested too deeply")
        while at + 8 <= end:
            group, number, length = self._implicit(self.data, at)
            found, start = group << 16 | number, at + 8
            if found == _SEQUENCE_END:
                return
            if found != _ITEM:
                raise Malformed("a sequence holds something that is no item")
            if length != UNDEFINED:
                if start + length > end:
                    raise Cut(start + length, tag)
                at = start + length
                yield start, at, at
                continue
            inner = start
            for element in self.elements(start, end, implicit=implicit, depth=depth):
                inner = element.next
            if inner + 8 > end:
                raise Cut(inner + 8, tag)
            at = inner + 8
            yield start, inner, at

    def _skip_fragments(self, at: int, end: int, tag: int) -> int:
        while at + 8 <= end:
            group, number, length = self._implicit(self.data, at)
            if group << 16 | number != _ITEM:
                return at + 8
            at += 8 + length
        raise Cut(at + 8, tag)

    def _find_delimiter(self, at: int, end: int, tag: int) -> int:
        delimiter = b"\xfe\xff\xdd\xe0" if self.order == "<" else b"\xff\xfe\xe0\xdd"
        found = self.data.find(delimiter, at, end)
        if found < 0:
            raise Cut(end + 1, tag)
        return found + 8


@lru_cache(maxsize=1 << 16)
def dictionary_vr(tag: int) -> str:
    """Return the VR that the standard gives a tag, possibly a choice such as ``US or SS``; ``UN`` if none."""
    if tag & 0xFFFF == 0:
        return "UL"
    return dictionary.vr_of(tag) or "UN"
