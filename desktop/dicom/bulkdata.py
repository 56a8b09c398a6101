"""Finds one binary value in a file by its place, for metadata that only refer to it (PS3.18 §10.4.1.1.5)."""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ..errors import NegatoscopeError
from .elements import MAX_DEPTH, Cut, Element, Malformed, Walker
from .encoding import WORDS
from .parsing import parse
from .values import swap_words

_PLACE = re.compile(rf"[0-9A-Fa-f]{{8}}(/[0-9]{{1,6}}/[0-9A-Fa-f]{{8}}){{0,{MAX_DEPTH}}}")


class NoBulkData(LookupError):  # noqa: N818 - said of a file
    """There is no such value."""


def read_bulk_data(file: BinaryIO, size: int, place: str) -> bytes:
    """Return the value's bytes, in little endian whatever the file is: nobody is told how it is written.

    Args:
        file: open at its beginning.
        size: its bytes.
        place: such as ``00291010`` or ``00081140/0/00091001``: tags, and item numbers from 0.

    Raises:
        NoBulkData: nothing is there, or the place is none.
    """
    if not _PLACE.fullmatch(place):
        raise NoBulkData("That is no place of an element.")
    steps = place.split("/")
    try:
        parsed = parse(file, size)
        element = _find(parsed.elements, steps[0])
        for depth, (number, tag) in enumerate(zip(steps[1::2], steps[2::2], strict=True), start=1):
            element = _find(_item(parsed.walker, element, int(number), depth), tag)
    except (NegatoscopeError, Cut, Malformed) as error:
        raise NoBulkData("The file is damaged.") from error
    value = parsed.walker.data[element.start : element.end]
    return value if parsed.walker.order == "<" else swap_words(value, WORDS.get(element.vr, 1))


def _find(elements: Iterable[Element], tag: str) -> Element:
    found = None
    for element in elements:
        if element.tag == int(tag, 16):
            # Of an element that is repeated, the metadata tell the last one.
            found = element
    if found is None:
        raise NoBulkData("There is no such element.")
    return found


def _item(walker: Walker, element: Element, number: int, depth: int) -> Iterator[Element]:
    items = walker.items(element.start, element.end, implicit=element.implicit, depth=depth)
    for count, (start, end) in enumerate(items):
        if count == number:
            return walker.elements(start, end, implicit=element.implicit, depth=depth)
    raise NoBulkData("There is no such item.")
