"""Shutters: what of an image is not to be seen (PS3.3 §C.7.6.11, C.7.6.15)."""

from dataclasses import dataclass

import numpy as np

from ..items import Item
from .colours import Colour, grey_colour, lab_to_rgb

_MOST_VERTICES = 10_000
_FARTHEST = 1 << 17
"""Pixels from the image's first one; beyond, edges make no sense."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """What is seen, in rows and columns from 1, the edges included."""

    left: int
    right: int
    upper: int
    lower: int


@dataclass(frozen=True, slots=True)
class Circle:
    """What is seen, in rows and columns from 1; the radius is in columns."""

    row: int
    column: int
    radius: int


@dataclass(frozen=True, slots=True)
class Shutter:
    """What of an image is not to be seen: all that lies outside of any of the shapes, and what the bitmap covers.

    Attributes:
        polygon: (row, column) of each vertex, from 1; empty if there is none.
        overlay_group: of the overlay plane of the presentation state that covers what is not seen.
        level: the P-Value that is shown there, 0 to 65,535; None if it is not said.
        colour: likewise where the picture has colours.
    """

    rectangle: Rectangle | None = None
    circle: Circle | None = None
    polygon: tuple[tuple[int, int], ...] = ()
    overlay_group: int | None = None
    level: float | None = None
    colour: Colour | None = None

    def fill(self, *, in_colours: bool) -> Colour:
        """Return what is shown in place of the image: black if nothing is said."""
        return self.colour if in_colours and self.colour is not None else grey_colour(self.level, default=0)


def read_shutter(item: Item) -> tuple[Shutter | None, tuple[str, ...]]:
    """Return the shutter of a presentation state, and what of it cannot be applied, in sentences."""
    rectangle = circle = group = None
    polygon: tuple[tuple[int, int], ...] = ()
    unapplied = []
    shapes = [shape.upper() for shape in item.texts("ShutterShape")[:4]]
    for shape in shapes:
        if shape == "RECTANGULAR" and (rectangle := _read_rectangle(item)) is not None:
            continue
        if shape == "CIRCULAR" and (circle := _read_circle(item)) is not None:
            continue
        if shape == "POLYGONAL" and (polygon := _read_polygon(item)):
            continue
        if shape == "BITMAP" and (group := item.integer("ShutterOverlayGroup")) is not None:
            continue
        unapplied.append(f"A {shape.lower()[:20]} shutter is not applied: it is not described as it must be.")
    if rectangle is None and circle is None and not polygon and group is None:
        return None, tuple(unapplied)
    shutter = Shutter(
        rectangle,
        circle,
        polygon,
        group,
        item.number("ShutterPresentationValue"),
        lab_to_rgb(item.numbers("ShutterPresentationColorCIELabValue")),
    )
    return shutter, tuple(unapplied)


def shutter_mask(shutter: Shutter, rows: int, columns: int, aspect: float = 1.0) -> np.ndarray:
    """Return where an image is not to be seen, but for the bitmap.

    Args:
        shutter: the shutter.
        rows, columns: of the image.
        aspect: height of a pixel, divided by its width: a circle is one on the screen.
    """
    seen = np.ones((rows, columns), np.bool_)
    row, column = np.arange(1, rows + 1)[:, None], np.arange(1, columns + 1)[None, :]
    if (rectangle := shutter.rectangle) is not None:
        seen &= (row >= rectangle.upper) & (row <= rectangle.lower)
        seen &= (column >= rectangle.left) & (column <= rectangle.right)
    if (circle := shutter.circle) is not None:
        across = ((column - circle.column) / max(circle.radius, 1)) ** 2
        down = ((row - circle.row) * aspect / max(circle.radius, 1)) ** 2
        seen &= across + down <= 1
    if shutter.polygon:
        seen &= _inside(shutter.polygon, rows, columns)
    return ~seen


def _inside(polygon: tuple[tuple[int, int], ...], rows: int, columns: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    image = Image.new("L", (columns, rows), 0)
    ImageDraw.Draw(image).polygon([(column - 1, row - 1) for row, column in polygon], fill=1, outline=1)
    return np.asarray(image).astype(np.bool_)


def _read_rectangle(item: Item) -> Rectangle | None:
    names = ("LeftVerticalEdge", "RightVerticalEdge", "UpperHorizontalEdge", "LowerHorizontalEdge")
    edges = [item.integer(f"Shutter{name}") for name in names]
    left, right, upper, lower = edges
    if left is None or right is None or upper is None or lower is None:
        return None
    return Rectangle(left, right, upper, lower) if left <= right and upper <= lower else None


def _read_circle(item: Item) -> Circle | None:
    center, radius = item.numbers("CenterOfCircularShutter"), item.integer("RadiusOfCircularShutter")
    if len(center) != 2 or radius is None or radius <= 0 or max(map(abs, center)) > _FARTHEST:
        return None
    return Circle(int(center[0]), int(center[1]), radius)


def _read_polygon(item: Item) -> tuple[tuple[int, int], ...]:
    numbers = item.numbers("VerticesOfThePolygonalShutter")
    if not 6 <= len(numbers) <= 2 * _MOST_VERTICES or len(numbers) % 2 or max(map(abs, numbers)) > _FARTHEST:
        return ()
    return tuple((int(row), int(column)) for row, column in zip(numbers[::2], numbers[1::2], strict=True))
