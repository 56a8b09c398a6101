"""What area of an image is displayed, and how it is turned (PS3.3 §C.10.4, C.10.6)."""

from dataclasses import dataclass

import numpy as np

from ..items import Item
from .encode import resize
from .references import Scope, read_scope

_LEAST_SIDE = 512
"""Pixels of the longer side of a picture, below which it is made larger, so that texts can be read."""

_MOST_PIXELS = 1 << 25
_FARTHEST = 1 << 20

Point = tuple[float, float]
"""Column and row."""


@dataclass(frozen=True, slots=True)
class Area:
    """An area that is to be displayed.

    Attributes:
        left, top, right, bottom: columns and rows from 1, the last ones included; may lie outside of the image.
        mode: SCALE TO FIT, TRUE SIZE or MAGNIFY.
        aspect: height of a pixel, divided by its width, as it is to be displayed; None if it is not said.
    """

    scope: Scope
    left: int
    top: int
    right: int
    bottom: int
    mode: str = "SCALE TO FIT"
    aspect: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """How pixels of an image become those of a picture: cut out, turned clockwise, mirrored, scaled.

    Attributes:
        left, top: columns and rows before the area, from 0; may be negative.
        width, height: of the area, in pixels of the image.
        rotation: 0, 90, 180 or 270 degrees, clockwise.
        across, down: pixels of the picture for each pixel of the turned area.
    """

    left: int
    top: int
    width: int
    height: int
    rotation: int = 0
    flip: bool = False
    across: float = 1.0
    down: float = 1.0

    @property
    def turned(self) -> tuple[int, int]:
        """Width and height of the turned area, in pixels of the image."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        width, height = self.turned
        return max(1, round(width * self.across)), max(1, round(height * self.down))

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """Return the picture of an image's pixels, (rows, columns, …); black outside of the image."""
        rows, columns = picture.shape[:2]
        cut = np.zeros((self.height, self.width, *picture.shape[2:]), picture.dtype)
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(rows, self.top + self.height), min(columns, self.left + self.width)
        if top < bottom and left < right:
            cut[top - self.top : bottom - self.top, left - self.left : right - self.left] = picture[
                top:bottom, left:right
            ]
        turned = np.rot90(cut, -self.rotation // 90)
        return resize(np.fliplr(turned) if self.flip else turned, self.size)

    def place(self, point: Point) -> Point:
        """Return where a point of the image lies in the picture; the image's first pixel lies from 0\\0 to 1\\1."""
        across, down = point[0] - self.left, point[1] - self.top
        if self.rotation == 90:
            across, down = self.height - down, across
        elif self.rotation == 180:
            across, down = self.width - across, self.height - down
        elif self.rotation == 270:
            across, down = down, self.width - across
        if self.flip:
            across = self.turned[0] - across
        return across * self.across, down * self.down

    def place_fraction(self, point: Point) -> Point:
        """Return where a point lies that is said in fractions of the displayed area."""
        width, height = self.size
        return point[0] * width, point[1] * height


def read_areas(item: Item) -> tuple[Area, ...]:
    """Return the areas that a presentation state displays; those that make no sense are left out."""
    areas = []
    for selection in item.items("DisplayedAreaSelectionSequence"):
        one, other = (selection.numbers(f"DisplayedArea{corner}HandCorner") for corner in ("TopLeft", "BottomRight"))
        if len(one) != 2 or len(other) != 2 or max(map(abs, (*one, *other))) > _FARTHEST:
            continue
        # The corners are those of the turned image, so the first may be at the bottom or right of the image.
        (left, right), (top, bottom) = (sorted(map(int, pair)) for pair in zip(one, other, strict=True))
        mode = selection.text("PresentationSizeMode").upper() or "SCALE TO FIT"
        areas.append(Area(read_scope(selection), left, top, right, bottom, mode, _read_aspect(selection)))
    return tuple(areas)


def _read_aspect(item: Item) -> float | None:
    for keyword in ("PresentationPixelSpacing", "PresentationPixelAspectRatio"):
        numbers = item.numbers(keyword)
        if len(numbers) == 2 and min(numbers) > 0 and 1 / 20 <= numbers[0] / numbers[1] <= 20:
            return numbers[0] / numbers[1]
    return None


def make_view(
    rows: int, columns: int, area: Area | None, rotation: int, *, flip: bool, aspect: float
) -> tuple[View, bool]:
    """Return how an image becomes a picture with square pixels, whose longer side has at least 512.

    Args:
        rows, columns: of the image.
        area: to be displayed; None for all of it.
        rotation, flip: how it is turned, then mirrored.
        aspect: height of the image's pixels, divided by their width.

    Returns:
        The view, and whether the area is honoured: not if it holds nothing of the image, or is far too large.
    """
    left, top, width, height = 0, 0, columns, rows
    honoured = True
    if area is not None:
        size = (area.right - area.left + 1, area.bottom - area.top + 1)
        meets = area.left <= columns and area.top <= rows and area.right >= 1 and area.bottom >= 1
        if meets and size[0] * size[1] <= max(_MOST_PIXELS, 2 * rows * columns):
            left, top, (width, height) = area.left - 1, area.top - 1, size
        else:
            honoured = False
    if rotation in (90, 270):
        aspect = 1 / aspect
    turned = (height, width) if rotation in (90, 270) else (width, height)
    across, down = 1 / min(aspect, 1), max(aspect, 1)
    factor: float = -(-_LEAST_SIDE // max(1, round(max(turned[0] * across, turned[1] * down))))
    factor = min(factor, (_MOST_PIXELS / (turned[0] * across * turned[1] * down)) ** 0.5) if factor <= 1 else factor
    view = View(left, top, width, height, rotation, flip, across * factor, down * factor)
    return view, honoured
