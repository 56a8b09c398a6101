"""Writes elements in the way of the file that they are for, and finds places for them."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

from .building import write_element
from .edits import Edit
from .sources import Source

Structural = Callable[[Random, Source], list[Edit]]
"""A damage of what stands at a known place of a file; no edits if it does not fit to this file."""

ROOM = 2_000_000
"""Bytes that a damage may add."""


def write(source: Source, tag: int, vr: str, value: bytes) -> bytes:
    """Write an element in the encoding of a file."""
    return write_element(tag, vr, value, order=source.order, implicit=source.implicit)


def insertion(random: Random, source: Source, data: bytes) -> Edit:
    """Put ``data`` between two elements of the top level."""
    tops = sorted(place.at for place in source.places if place.top)
    between = [other for one, other in pairwise(tops) if other > one]
    at = random.choice(between) if between else len(source.data)
    return Edit(at, at, data)
