"""Edits of a file's bytes, and the damages of bytes whatever they mean.

A new damage is written below, and listed in :data:`RAW`.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple


class Edit(NamedTuple):
    """Bytes to put in the place of others."""

    start: int
    end: int
    data: bytes


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Make the edits; of those that overlap, the one that begins first counts."""
    pieces: list[bytes] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start >= at:
            pieces += (data[at : edit.start], edit.data)
            at = edit.end
    return b"".join((*pieces, data[at:]))


def flip_bits(random: Random, data: bytes) -> list[Edit]:
    """1 to 100 bits."""
    spots = {_spot(random, data) for _ in range(random.choice((1, 2, 5, 20, 100)))}
    return [Edit(at, at + 1, bytes([data[at] ^ 1 << random.randrange(8)])) for at in spots if at < len(data)]


def cut(random: Random, data: bytes) -> list[Edit]:
    """Everything behind a place."""
    return [Edit(_spot(random, data), len(data), b"")]


def cut_out(random: Random, data: bytes) -> list[Edit]:
    """Some bytes that are missing."""
    at = _spot(random, data)
    return [Edit(at, min(at + random.choice((1, 2, 4, 8, 512, 4096)), len(data)), b"")]


def insert_bytes(random: Random, data: bytes) -> list[Edit]:
    """Some bytes too many."""
    at, count = _spot(random, data), random.choice((1, 2, 4, 8, 64, 4096))
    return [Edit(at, at, random.choice((random.randbytes(count), b"\0" * count, b"\xff" * count)))]


def copy_block(random: Random, data: bytes) -> list[Edit]:
    """A block that stands over another one, or between."""
    size = random.choice((4, 16, 128, 512, 4096, 65536))
    source, at = _spot(random, data), _spot(random, data)
    block = data[source : source + size]
    return [Edit(at, random.choice((at, min(at + len(block), len(data)))), block)]


def lose_block(random: Random, data: bytes) -> list[Edit]:
    """A block of a disc that could not be read."""
    size = random.choice((512, 2048, 4096))
    at = _spot(random, data) // size * size
    end = min(at + size, len(data))
    return [Edit(at, end, random.choice((b"\0", b"\xff", b"\xf6")) * (end - at))]


def _spot(random: Random, data: bytes) -> int:
    # Most damages of the first bytes make a file that is no DICOM file at all.
    first = min(random.choice((0, 400, 400, 400)), len(data))
    return random.randrange(first, max(first, min(random.choice((1024, 8192, 1 << 30)), len(data))) + 1)


Raw = Callable[[Random, bytes], list[Edit]]

RAW: tuple[Raw, ...] = (
    flip_bits,
    cut,
    cut_out,
    insert_bytes,
    copy_block,
    lose_block,
)
