"""Palettes: colours for stored values (PS3.3 §C.7.6.3.1.5, C.7.6.3.1.6, C.7.9)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..items import Item, ReadBulk
from .luts import entry_count, first_value, read_entries, read_words, to_places

_CHANNELS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_MOST_SEGMENTS = 1 << 17
"""Segments that are looked at: a table has at most 65,536 entries, but segments may be empty."""


class BadPalette(ValueError):  # noqa: N818 - said of a file
    """A palette is damaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Colours for stored values.

    Attributes:
        first: the stored value that the first colour stands for. Those below it get the first colour, those behind the
            last get the last one.
        colours: (entries, 3), 8 bits, red, green and blue.
    """

    first: int
    colours: np.ndarray

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Return the colours of stored values: one dimension more, of three."""
        colours: np.ndarray = self.colours[to_places(stored, self.first, len(self.colours))]
        return colours


def read_palette(item: Item, read_bulk: ReadBulk, *, signed: bool) -> Palette | None:
    """Return the palette of a data set; None if it has none, or a damaged one.

    Args:
        item: the data set.
        read_bulk: reads the data of its tables.
        signed: stored values may be negative.
    """
    tables = []
    firsts = []
    depths = []
    for channel in _CHANNELS:
        described = item.numbers(f"{channel}PaletteColorLookupTableDescriptor")
        if len(described) != 3:
            return None
        entries, bits = entry_count(described[0]), int(described[2])
        firsts.append(first_value(described[1], signed=signed))
        table = read_entries(item, f"{channel}PaletteColorLookupTableData", read_bulk, entries)
        if table is None:
            data = read_words(item, f"Segmented{channel}PaletteColorLookupTableData", read_bulk)
            try:
                table = expand_segments(data, entries, wide=bits > 8)
            except BadPalette:
                return None
        tables.append(table)
        depths.append(bits)
    length = max(map(len, tables))
    filled = [np.pad(table, (0, length - len(table)), "edge") for table in tables]
    return Palette(firsts[0], _to_bytes(np.stack(filled, axis=-1), max(depths)))


def _to_bytes(colours: np.ndarray, bits: int) -> np.ndarray:
    """Return colours of 8 bits.

    Of words, the upper byte counts. But some writers say 16 bits and fill the lower byte only, others say 8 bits and
    fill the upper one.
    """
    if colours.dtype == np.uint8 or colours.max() < 256:
        return colours.astype(np.uint8)
    # 10 or 12 bits are not allowed, but the range of the entries is clear then.
    shift = bits - 8 if 8 < bits < 16 and colours.max() < 1 << bits else 8
    return (colours >> shift).astype(np.uint8)


class _Segment(NamedTuple):
    opcode: int
    length: int
    start: int
    behind: int


def expand_segments(data: bytes, entries: int, *, wide: bool) -> np.ndarray:
    """Return the entries that segmented data stand for (PS3.3 §C.7.9.2).

    Args:
        data: in little endian.
        entries: that there are at most; what is more is cut off, what is less is filled with the last one.
        wide: opcodes, lengths and entries have 16 bits, else 8.

    Raises:
        BadPalette: a segment is of no known kind, or cut short, or refers to what is none.
    """
    numbers = np.frombuffer(data[: len(data) // 2 * 2] if wide else data, "<u2" if wide else np.uint8)
    table: list[np.ndarray] = []
    found = 0
    for opcode, values, length in _walk(numbers, wide=wide):
        if opcode == _LINEAR:
            if not table:
                raise BadPalette("The first segment is linear.")
            before = float(table[-1][-1])
            steps = np.arange(1, length + 1) / length
            values = np.floor(before + (float(values[0]) - before) * steps + 0.5).astype(np.int64)
        table.append(values[: entries - found].astype(np.int64))
        found += len(table[-1])
        if found >= entries:
            break
    if not found:
        raise BadPalette("There are no entries.")
    whole = np.concatenate(table)
    return np.pad(whole, (0, entries - found), "edge").astype(np.uint16 if wide else np.uint8)


def _walk(numbers: np.ndarray, *, wide: bool) -> Iterator[tuple[int, np.ndarray, int]]:
    """Go through the segments that hold entries, those that are referred to in place of the reference."""
    budget = _MOST_SEGMENTS
    at = 0
    # Where to go on, and how many segments are left there, after those that are referred to.
    returns: list[tuple[int, int]] = []
    left = -1
    while True:
        while left == 0:
            at, left = returns.pop()
        # A byte of padding may stand behind the last segment.
        if at + 2 > len(numbers):
            if returns:
                raise BadPalette("A segment refers beyond the end.")
            return
        budget -= 1
        if not budget:
            raise BadPalette("There are too many segments.")
        segment = _read_segment(numbers, at, wide=wide)
        left -= 1
        if segment.opcode == _INDIRECT:
            if returns:
                raise BadPalette("A segment that is referred to refers to others.")
            returns.append((segment.behind, left))
            at, left = _target(numbers, segment, wide=wide), segment.length
            continue
        at = segment.behind
        if segment.length:
            yield segment.opcode, numbers[segment.start : segment.behind], segment.length


def _read_segment(numbers: np.ndarray, at: int, *, wide: bool) -> _Segment:
    opcode, length = int(numbers[at]), int(numbers[at + 1])
    start = at + 2
    size = {_DISCRETE: length, _LINEAR: 1, _INDIRECT: 2 if wide else 4}.get(opcode)
    if size is None or start + size > len(numbers):
        raise BadPalette("A segment is of no known kind, or cut short.")
    return _Segment(opcode, length, start, start + size)


def _target(numbers: np.ndarray, segment: _Segment, *, wide: bool) -> int:
    """Return where a segment refers to: it says the bytes from the beginning, the lower half first."""
    size = 16 if wide else 8
    parts = numbers[segment.start : segment.behind]
    offset = sum(int(part) << size * number for number, part in enumerate(parts))
    place, rest = divmod(offset, 2) if wide else (offset, 0)
    if rest or place + 2 > len(numbers):
        raise BadPalette("A segment refers to nothing.")
    return place
