"""Look-up tables, and the transformation of stored values to those of the modality (PS3.3 §C.11.1)."""

from dataclasses import dataclass

import numpy as np

from ..items import Item, ReadBulk
from .groups import find_group
from .windows import Window

_MOST_ENTRIES = 1 << 16
_WHERE_LUTS_ARE_NOT_FOR_DISPLAY = frozenset({"XA", "XRF", "RF"})


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A look-up table.

    Attributes:
        first: the value that the first entry stands for. Those below it get the first entry, those behind the last
            get the last one.
        values: the entries, unsigned, at least one.
        bits: of an entry.
    """

    first: int
    values: np.ndarray
    bits: int

    @property
    def largest(self) -> int:
        """The end of the range of its entries."""
        return (1 << self.bits) - 1

    def apply(self, numbers: np.ndarray) -> np.ndarray:
        """Return the entries for ``numbers``, of any shape; NaN gets the first."""
        entries: np.ndarray = self.values[to_places(numbers, self.first, len(self.values))]
        return entries

    def fraction(self, numbers: np.ndarray) -> np.ndarray:
        """Return the entries as fractions of their range, from 0 to 1."""
        return self.apply(numbers) / self.largest


def to_places(numbers: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return the places of numbers of any kind in a table of ``count`` entries that begins with ``first``."""
    if numbers.dtype.kind == "f":
        numbers = np.floor(np.nan_to_num(numbers, nan=first) + 0.5)
    elif numbers.dtype == np.uint64:
        numbers = np.minimum(numbers, np.uint64(1 << 62)).astype(np.int64)
    else:
        numbers = numbers.astype(np.int64, copy=False)
    places: np.ndarray = (np.clip(numbers, first, first + count - 1) - first).astype(np.intp)
    return places


Voi = Window | Lut
"""What makes values of interest of those of the modality (PS3.3 §C.11.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Modality:
    """Makes values of the modality, such as Hounsfield units, of stored ones: by a table, or linearly."""

    slope: float = 1.0
    intercept: float = 0.0
    lut: Lut | None = None

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return self.lut is None and self.slope == 1 and self.intercept == 0

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Return the values of the modality, in double precision."""
        if self.lut is not None:
            return self.lut.apply(stored).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            return stored.astype(np.float64) * self.slope + self.intercept


def read_lut(item: Item, read_bulk: ReadBulk, *, signed: bool) -> Lut | None:
    """Return the table of an item that has LUT Descriptor and LUT Data (PS3.3 §C.11.1.1); None if it has none.

    Args:
        item: of Modality LUT Sequence, VOI LUT Sequence or Presentation LUT Sequence.
        read_bulk: reads its data.
        signed: the values that are looked up may be negative.

    A table that has fewer entries than it says is taken as it is.
    """
    described = item.numbers("LUTDescriptor")
    if len(described) != 3:
        return None
    entries, first = entry_count(described[0]), first_value(described[1], signed=signed)
    bits = int(described[2])
    values = read_entries(item, "LUTData", read_bulk, entries)
    if values is None:
        return None
    needed = int(values.max()).bit_length()
    # Some say 8 or 10 bits of entries that are larger.
    return Lut(first, values, bits if max(1, needed) <= bits <= 16 else max(8, needed))


def entry_count(number: float) -> int:
    """Return the number of entries that a descriptor's first value means: 0 is 65,536 (PS3.3 §C.11.1.1)."""
    return int(number) % _MOST_ENTRIES or _MOST_ENTRIES


def first_value(number: float, *, signed: bool) -> int:
    """Return the first value that a descriptor's second value means, whether it was read as US or as SS."""
    value = int(number) % _MOST_ENTRIES
    return value - _MOST_ENTRIES if value >= _MOST_ENTRIES // 2 and (signed or number < 0) else value


def read_entries(item: Item, keyword: str, read_bulk: ReadBulk, entries: int) -> np.ndarray | None:
    """Return the data of a table as numbers of 8 or 16 bits; None if there are none.

    They stand in words of 16 bits; those of 8 bits by themselves, or two in a word (PS3.3 §C.7.6.3.1.6). Which it is
    is told by their length, since descriptors lie.
    """
    data = read_words(item, keyword, read_bulk)
    if len(data) >= 2 * entries:
        return np.frombuffer(data, "<u2", entries)
    if entries <= len(data) <= entries + 1:
        return np.frombuffer(data, np.uint8, entries)
    # Cut short.
    return np.frombuffer(data, "<u2", len(data) // 2) if len(data) >= 2 else None


def read_words(item: Item, keyword: str, read_bulk: ReadBulk) -> bytes:
    """Return a value of words, whose VR may be OW, US or SS, as bytes in little endian."""
    if values := item.values(keyword):
        numbers = [value for value in values if isinstance(value, int)]
        return np.array([number & 0xFFFF for number in numbers], "<u2").tobytes()
    return item.binary(keyword, read_bulk)


def read_modality(item: Item, read_bulk: ReadBulk, *, signed: bool) -> Modality | None:
    """Return the transformation that an item describes; None if it describes none.

    Args:
        item: a data set, an item of Pixel Value Transformation Sequence, or a presentation state.
        read_bulk: reads the data of its table.
        signed: stored values may be negative.
    """
    for table in item.items("ModalityLUTSequence"):
        if (lut := read_lut(table, read_bulk, signed=signed)) is not None:
            return Modality(lut=lut)
    slope, intercept = item.number("RescaleSlope"), item.number("RescaleIntercept")
    if slope is None and intercept is None:
        return None
    # A slope of 0 would make all pixels equal.
    return Modality(slope or 1.0, intercept or 0.0)


def find_modality(item: Item, frame_number: int, read_bulk: ReadBulk, *, signed: bool) -> Modality:
    """Return the transformation of one frame of an image: the identity if it has none.

    The table of an X-ray image that is logarithmic, or made for display, is for reckoning only (PS3.3 §C.8.7.1.1.2).
    """
    group = find_group(item, frame_number, "PixelValueTransformationSequence")
    if group is not None and (found := read_modality(group, read_bulk, signed=signed)) is not None:
        return found
    found = read_modality(item, read_bulk, signed=signed)
    for_reckoning = item.text("Modality") in _WHERE_LUTS_ARE_NOT_FOR_DISPLAY and item.text(
        "PixelIntensityRelationship"
    ) in ("LOG", "DISP")
    return Modality() if found is None or (found.lut is not None and for_reckoning) else found


def read_voi(item: Item, read_bulk: ReadBulk, *, signed: bool) -> Voi | None:
    """Return the first window of an item that makes sense, else its first table; None if it has neither.

    Windows go first, as they do in the viewer, so that both show the same picture.

    Args:
        item: a data set, an item of Frame VOI LUT Sequence or of Softcopy VOI LUT Sequence.
        read_bulk: reads the data of its table.
        signed: values of the modality may be negative.
    """
    if (window := read_window(item)) is not None:
        return window
    for table in item.items("VOILUTSequence"):
        if (lut := read_lut(table, read_bulk, signed=signed)) is not None:
            return lut
    return None


def read_window(item: Item) -> Window | None:
    """Return the first window that makes sense; None if there is none."""
    function = item.text("VOILUTFunction").upper() or "LINEAR"
    centers, widths = (_each_number(item, keyword) for keyword in ("WindowCenter", "WindowWidth"))
    for center, width in zip(centers, widths, strict=False):
        if center is not None and width is not None and width > 0:
            return Window(center, width, function)
    return None


def _each_number(item: Item, keyword: str) -> list[float | None]:
    tag = "00281050" if keyword == "WindowCenter" else "00281051"
    return [Item({tag: {"Value": [value]}}).number(keyword) for value in item.values(keyword)]


def find_voi(item: Item, frame_number: int, read_bulk: ReadBulk, *, signed: bool) -> Voi | None:
    """Return what makes values of interest of one frame of an image; None if it does not say."""
    group = find_group(item, frame_number, "FrameVOILUTSequence")
    if group is not None and (found := read_voi(group, read_bulk, signed=signed)) is not None:
        return found
    return read_voi(item, read_bulk, signed=signed)
