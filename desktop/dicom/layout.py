"""What the first bytes of some files have in common, with gaps for the elements whose values differ."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from . import uids
from .elements import UNDEFINED, Element, Walker
from .parsing import FIRST_READ, Parsed
from .sniff import Encoding

_META_START = 132
_META_HEAD = b"DICM\2\0\0\0UL\4\0"
"""Prefix, and the head of File Meta Information Group Length, with which the files begin."""

_TRANSFER_SYNTAX = 0x00020010
_PIXEL_GROUP = 0x7FE0
_EXPLICIT = Encoding(implicit_vr=False, little_endian=True)


class _Place(NamedTuple):
    """An element, and where its head begins."""

    begin: int
    element: Element


class Match(NamedTuple):
    """A file that fits.

    Attributes:
        elements: those that may differ, and those that are wanted besides, in the order of the file.
        pixels: the element that holds the pixels.
    """

    elements: tuple[Element, ...]
    pixels: Element


class _Gap(NamedTuple):
    """An element that may differ.

    Attributes:
        width: bytes of its length, which stands before the value; 0 if it must be walked over.
        length: that it must have; None for any.
    """

    tag: int
    vr: str
    implicit: bool
    width: int
    length: int | None


class _Run(NamedTuple):
    """Bytes in common, up to the length of an element that may differ.

    Attributes:
        wanted: elements within; their offsets count from the beginning of the bytes.
    """

    common: bytes
    wanted: tuple[Element, ...]
    gap: _Gap


def is_usual(parsed: Parsed) -> bool:
    """Whether a file is of the kind that is compared.

    That is one in little endian, with a preamble and pixels, whose header is no longer than what is read at once.
    """
    pixels = parsed.pixels
    return (
        pixels is not None
        and pixels.start <= FIRST_READ
        and parsed.walker.encoding.little_endian
        and parsed.meta.get(_TRANSFER_SYNTAX) != uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        and parsed.walker.data[_META_START - 4 : _META_START + 8] == _META_HEAD
    )


def _lay_out(parsed: Parsed) -> list[_Place] | None:
    """Return all elements before the pixels, those of File Meta Information too; None if they cannot be compared."""
    data, places = parsed.walker.data, []
    at = _META_START
    for element in Walker(data, _EXPLICIT).elements(at, len(data), implicit=False):
        if element.tag >> 16 != 2:
            break
        places.append(_Place(at, element))
        at = element.next
    for element in parsed.elements:
        places.append(_Place(at, element))
        at = element.next
    tags = {place.element.tag for place in places}
    # One that is there twice, and tables of where the frames are, are for the usual way.
    return None if len(tags) < len(places) or any(tag >> 16 == _PIXEL_GROUP for tag in tags) else places


def find_differences(one: Parsed, other: Parsed) -> set[int] | None:
    """Return the tags of the elements that differ in their values; None if the files differ in anything else."""
    places, others = _lay_out(one), _lay_out(other)
    if places is None or others is None or [*map(_kind, places)] != [*map(_kind, others)]:
        return None
    return {
        place.element.tag
        for place, another in zip(places, others, strict=True)
        if one.walker.data[place.begin : place.element.next] != other.walker.data[another.begin : another.element.next]
    }


def _kind(place: _Place) -> tuple[int, str, bool, int]:
    begin, element = place
    return element.tag, element.vr, element.implicit, element.start - begin


@dataclass(frozen=True, slots=True)
class Layout:
    """What files have in common.

    Attributes:
        runs: from the beginning, each up to a gap.
        end: bytes in common behind the last gap, up to the pixels.
        wanted: elements within those; their offsets count from there.
        pixels: the element that holds the pixels, at any place.
    """

    encoding: Encoding
    runs: tuple[_Run, ...]
    end: bytes
    wanted: tuple[Element, ...]
    pixels: Element

    def match(self, head: bytes) -> Match | None:
        """Return what differs in a file, given its first bytes; None if something else does.

        Raises:
            Cut, Malformed: a sequence that may differ is damaged.
        """
        at = 0
        found: list[Element] = []
        for common, wanted, gap in self.runs:
            if not head.startswith(common, at):
                return None
            found += [_move(element, at) for element in wanted]
            at += len(common)
            element = _read(head, at, gap) if gap.width else self._walk(head, at, gap)
            if element is None or gap.length not in (None, element.length):
                return None
            found.append(element)
            at = element.next
        if not head.startswith(self.end, at):
            return None
        found += [_move(element, at) for element in self.wanted]
        return Match(tuple(found), _move(self.pixels, at + len(self.end) - self.pixels.start))

    def _walk(self, head: bytes, at: int, gap: _Gap) -> Element | None:
        elements = Walker(head, self.encoding).elements(at, len(head), implicit=self.encoding.implicit_vr)
        element = next(elements, None)
        fits = element is not None and (element.tag, element.vr, element.implicit) == (gap.tag, gap.vr, gap.implicit)
        return element if fits else None


def _read(head: bytes, at: int, gap: _Gap) -> Element | None:
    start = at + gap.width
    length = int.from_bytes(head[at:start], "little")
    end = start + length
    # So no length is undefined.
    if end > len(head):
        return None
    return Element(gap.tag, gap.vr, start, end, length, end, gap.implicit)


def _move(element: Element, by: int) -> Element:
    tag, vr, start, end, length, behind, implicit = element
    return Element(tag, vr, start + by, end + by, length, behind + by, implicit)


def make_layout(parsed: Parsed, gaps: Collection[int], wanted: Collection[int]) -> Layout:
    """Return the layout of a file and those that are like it.

    Args:
        parsed: a usual file.
        gaps: tags of the elements that may differ.
        wanted: tags of other elements that are to be told of too.
    """
    places = _lay_out(parsed)
    assert places is not None
    assert parsed.pixels is not None
    data, encoding = parsed.walker.data, parsed.walker.encoding
    runs: list[_Run] = []
    kept: list[Element] = []
    at = 0
    for begin, element in places:
        if element.tag in gaps:
            width = _width(begin, element, encoding)
            # By the first element it is told how the data set is written.
            length = element.length if element is parsed.elements[0] else None
            gap = _Gap(element.tag, element.vr, element.implicit, width, length)
            runs.append(_Run(data[at : element.start - width if width else begin], tuple(kept), gap))
            kept.clear()
            at = element.next
        elif element.tag in wanted:
            kept.append(_move(element, -at))
    return Layout(encoding, tuple(runs), data[at : parsed.pixels.start], tuple(kept), parsed.pixels)


def _width(begin: int, element: Element, encoding: Encoding) -> int:
    """Return the bytes of an element's length; 0 if its bytes must be looked at to know how it is read."""
    explicit = element.tag >> 16 == 2 or not encoding.implicit_vr
    if element.length == UNDEFINED or (explicit and (element.implicit or element.vr == "UN")):
        return 0
    return 2 if explicit and element.start - begin == 8 else 4
