"""Overlay planes: graphics and regions of one bit for each pixel, in groups 6000 to 60FE (PS3.3 §C.9.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..items import Item, ReadBulk
from .format import PixelFormat
from .stored import Containers

_FIRST_GROUP, _LAST_GROUP = 0x6000, 0x60FE
_ROWS, _COLUMNS, _FRAMES, _DESCRIPTION = "0010", "0011", "0015", "0022"
_ORIGIN, _FRAME_ORIGIN, _BITS_ALLOCATED, _BIT_POSITION = "0050", "0051", "0100", "0102"
_LABEL, _DATA = "1500", "3000"
_FARTHEST = 1 << 17
"""Pixels that an overlay may lie beside the image; origins are 16-bit numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """An overlay plane of one frame.

    Attributes:
        group: such as 0x6000.
        top, left: rows and columns from the image's first pixel to the plane's; may be negative.
        bits: (rows, columns), whether the plane is set there.
    """

    group: int
    top: int
    left: int
    bits: np.ndarray
    label: str = ""


class Overlays(NamedTuple):
    """The overlay planes of one frame.

    Attributes:
        planes: in the order of their groups.
        notes: why others cannot be shown, in sentences.
    """

    planes: tuple[Overlay, ...]
    notes: tuple[str, ...]


def read_overlays(item: Item, frame_number: int, read_bulk: ReadBulk) -> Overlays:
    """Return the overlay planes of a frame that stand in elements of their own.

    Args:
        item: an image or a presentation state.
        frame_number: from 1.
        read_bulk: reads their data.
    """
    planes, notes = [], []
    for group in overlay_groups(item):
        if f"{group:04X}{_DATA}" not in item:
            continue
        try:
            plane = _read_plane(item, group, frame_number, read_bulk)
        except _Broken as broken:
            notes.append(f"The overlay of group {group:04X} is not shown: {broken}.")
            continue
        if plane is not None:
            planes.append(plane)
    return Overlays(tuple(planes), tuple(notes))


def embedded_overlays(item: Item, containers: Containers, pixel_format: PixelFormat) -> tuple[Overlay, ...]:
    """Return the overlay planes that stand in bits of the pixels that no value uses, as old images have them.

    Args:
        item: the image.
        containers: a frame, as :func:`~desktop.dicom.pixels.decoding.decode_containers` returns it.
        pixel_format: how the image is written.
    """
    array = containers.array
    if array.ndim != 2 or pixel_format.is_float:
        return ()
    return tuple(
        Overlay(group, 0, 0, (array >> position & 1).astype(np.bool_), item.text(f"{group:04X}{_LABEL}"))
        for group, position in embedded_positions(item, pixel_format)
        if 0 <= position < 8 * array.dtype.itemsize
    )


def embedded_positions(item: Item, pixel_format: PixelFormat) -> Iterator[tuple[int, int]]:
    """Go through the groups of overlay planes that stand in bits of the pixels, each with the number of its bit."""
    for group in overlay_groups(item):
        position = item.integer(f"{group:04X}{_BIT_POSITION}") or 0
        in_use = pixel_format.HighBit - pixel_format.BitsStored < position <= pixel_format.HighBit
        has_data = f"{group:04X}{_DATA}" in item or (item.integer(f"{group:04X}{_BITS_ALLOCATED}") or 1) == 1
        if not has_data and not in_use:
            yield group, position


def overlay_groups(item: Item) -> Iterator[int]:
    """Go through the groups of overlay planes that a data set has anything of."""
    groups = sorted({tag[:4] for tag in item.model if tag.startswith("60")})
    for group in groups:
        try:
            number = int(group, 16)
        except ValueError:
            continue
        if _FIRST_GROUP <= number <= _LAST_GROUP and number % 2 == 0:
            yield number


def overlay_mask(overlay: Overlay, rows: int, columns: int) -> np.ndarray:
    """Return where an image of so many rows and columns is covered; what lies beside it is cut off."""
    mask = np.zeros((rows, columns), np.bool_)
    height, width = overlay.bits.shape
    top, left = max(0, overlay.top), max(0, overlay.left)
    bottom, right = min(rows, overlay.top + height), min(columns, overlay.left + width)
    if top < bottom and left < right:
        mask[top:bottom, left:right] = overlay.bits[
            top - overlay.top : bottom - overlay.top, left - overlay.left : right - overlay.left
        ]
    return mask


def burn_in(picture: np.ndarray, overlays: Iterable[Overlay], level: int = 255) -> np.ndarray:
    """Return a picture with overlays drawn in a grey, 0 to 255; the picture itself is left as it is."""
    drawn = picture.copy()
    for overlay in overlays:
        drawn[overlay_mask(overlay, *picture.shape[:2])] = level
    return drawn


class _Broken(Exception):  # noqa: N818 - said of a file
    """A plane makes no sense."""


def _read_plane(item: Item, group: int, frame_number: int, read_bulk: ReadBulk) -> Overlay | None:
    """Return the plane for a frame; None if there is none for it."""
    prefix = f"{group:04X}"
    rows, columns = (item.integer(prefix + element) or 0 for element in (_ROWS, _COLUMNS))
    if rows <= 0 or columns <= 0:
        raise _Broken("it does not say how large it is")
    origin = item.numbers(prefix + _ORIGIN) or [1, 1]
    if len(origin) != 2 or max(map(abs, origin)) > _FARTHEST:
        raise _Broken("it does not say where it lies")
    number = _frame_of_overlay(item, prefix, frame_number)
    if number is None:
        return None
    first_bit, count = number * rows * columns, rows * columns
    data = item.binary(prefix + _DATA, read_bulk)
    if len(data) * 8 < first_bit + count:
        raise _Broken("its data are cut short")
    start, shift = divmod(first_bit, 8)
    packed = np.frombuffer(data, np.uint8, (shift + count + 7) // 8, start)
    bits = np.unpackbits(packed, bitorder="little")[shift : shift + count].reshape(rows, columns)
    return Overlay(group, int(origin[0]) - 1, int(origin[1]) - 1, bits.astype(np.bool_), item.text(prefix + _LABEL))


def _frame_of_overlay(item: Item, prefix: str, frame_number: int) -> int | None:
    """Return which frame of an overlay, from 0, goes with a frame of the image (PS3.3 §C.9.3)."""
    if prefix + _FRAMES not in item:
        return 0
    number = frame_number - (item.integer(prefix + _FRAME_ORIGIN) or 1)
    return number if 0 <= number < (item.integer(prefix + _FRAMES) or 1) else None
