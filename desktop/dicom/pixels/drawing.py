"""Draws graphics and texts of a presentation state over a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import curves
from .colours import Colour
from .lettering import block_size, clean, fit, wrap, write
from .marks import Graphic, Text, Units
from .views import Point, View

if TYPE_CHECKING:
    from PIL.Image import Image

_FAR = 20
"""How many times its size a picture may be exceeded by a shape; one that lies further away is a slip."""

_SMOOTH = 500
"""Points of a line up to which its corners are rounded, which takes time."""

_LEAST_FONT, _USUAL_FONT = 1 / 42, 1 / 32
"""Letters, in parts of the picture's longer side."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture that is drawn upon.

    Attributes:
        image: in RGB; changed in place.
        view: how points of the image lie in it.
        matrix_offset: columns and rows of the total pixel matrix before the image.
    """

    image: "Image"
    view: View
    matrix_offset: Point = (0.0, 0.0)

    @property
    def longer(self) -> int:
        """Pixels of the longer side."""
        return max(self.image.size)

    def place(self, point: Point, units: Units) -> Point:
        """Return where a point lies in the picture."""
        if units is Units.DISPLAY:
            return self.view.place_fraction(point)
        if units is Units.MATRIX:
            point = point[0] - self.matrix_offset[0], point[1] - self.matrix_offset[1]
        return self.view.place(point)


def draw_graphic(canvas: Canvas, graphic: Graphic, layer_colour: Colour) -> str | None:
    """Draw a graphic; return why it is not drawn, in a sentence, or None."""
    points = [canvas.place(point, graphic.units) for point in _shape(graphic)]
    if not all(abs(number) <= _FAR * canvas.longer for point in points for number in point):
        return f"A graphic of type {graphic.kind} is not drawn: it lies far outside of the image."
    strokes = _strokes(graphic.kind, points, canvas.longer)
    colour = graphic.style.colour or layer_colour
    if graphic.filled and graphic.kind not in ("POINT", "MULTILINE", "INFINITELINE", "CROSSHAIR"):
        _fill(canvas, strokes[0], graphic.style.fill or colour, graphic.style.opacity)
    width = max(1, round(graphic.style.thickness * canvas.longer / 512))
    _stroke(canvas, strokes, colour, width)
    return None


def _shape(graphic: Graphic) -> Sequence[Point]:
    """Return a graphic's points where it lies in the image: those with corners at right angles may be turned there."""
    points = graphic.points
    if graphic.kind == "RECTANGLE":
        points = tuple(curves.rectangle(points[0], points[1]))
    elif graphic.kind == "BOXED ELLIPSE":
        points = tuple(curves.ellipse_in(points[0], points[1]))
    if not graphic.rotation:
        return points
    pivot = points[0] if graphic.pivot is None else graphic.pivot
    return [curves.turned(point, pivot, graphic.rotation) for point in points]


def _strokes(kind: str, points: Sequence[Point], longer: int) -> list[list[Point]]:
    """Return the lines that a pen draws."""
    if kind == "POINT":
        return [stroke for point in points for stroke in curves.cross(point, longer / 85)]
    if kind == "CROSSHAIR":
        return curves.cross(points[0], longer)
    if kind == "INTERPOLATED":
        return [curves.curve_through(points)]
    if kind == "CIRCLE":
        return [curves.circle(points[0], points[1])]
    if kind == "ELLIPSE":
        return [curves.ellipse(points)]
    if kind == "INFINITELINE":
        return [curves.extended(points[0], points[1], 2 * longer)]
    if kind == "MULTILINE":
        return [list(pair) for pair in zip(points[::2], points[1::2], strict=False)]
    return [list(points)]


def _stroke(canvas: Canvas, strokes: Sequence[Sequence[Point]], colour: Colour, width: int) -> None:
    """Draw lines with an edge, so that they can be seen on anything."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(canvas.image)
    edge = (0, 0, 0) if sum(colour) > 200 else (255, 255, 255)
    for drawn, thickness in ((edge, width + 2), (colour, width)):
        for stroke in strokes:
            draw.line(list(stroke), fill=drawn, width=thickness, joint="curve" if len(stroke) < _SMOOTH else None)


def _fill(canvas: Canvas, outline: Sequence[Point], colour: Colour, opacity: float) -> None:
    from PIL import Image, ImageDraw

    if opacity >= 1:
        ImageDraw.Draw(canvas.image).polygon(list(outline), fill=colour)
        return
    mask = Image.new("L", canvas.image.size, 0)
    ImageDraw.Draw(mask).polygon(list(outline), fill=round(255 * opacity))
    canvas.image.paste(colour, mask=mask)


def draw_text(canvas: Canvas, text: Text, layer_colour: Colour) -> str | None:
    """Draw a text; return what of it cannot be seen, in a sentence, or None."""
    letters, incomplete = clean(text.text)
    least, usual = (max(11, round(canvas.longer * part)) for part in (_LEAST_FONT, _USUAL_FONT))
    anchor = None if text.anchor is None else canvas.place(text.anchor, text.anchor_units)
    if text.box is not None:
        one, other = (canvas.place(corner, text.box_units) for corner in text.box)
        left, right = sorted((one[0], other[0]))
        top, bottom = sorted((one[1], other[1]))
        lines, size = fit(letters, min(right - left, canvas.image.width), bottom - top, least)
    else:
        assert anchor is not None
        size = usual
        lines = wrap(letters, canvas.image.width * 0.6, size)
        left, top = anchor[0] + size * 0.6, anchor[1] - size * 0.6
        right = bottom = -math.inf
    width, height = block_size(lines, size)
    if not all(map(math.isfinite, (left, top, width))) or max(abs(left), abs(top)) > _FAR * canvas.longer:
        return f"A text lies far outside of the image: “{text.text[:200]}”."
    width, box_bottom = max(width, right - left), max(bottom, top + height)
    # What does not fit is moved into the picture, as far as it can be.
    left = max(2.0, min(left, canvas.image.width - width - 2))
    top = max(2.0, min(top, canvas.image.height - height - 2))
    colour = text.style.colour or layer_colour
    if anchor is not None and text.anchor_visible:
        _draw_anchor(canvas, anchor, (left, top, left + width, max(box_bottom, top + height)), colour)
    from PIL import ImageDraw

    write(ImageDraw.Draw(canvas.image), (left, top), lines, size, text.justification, width, colour)
    if height > canvas.image.height or width > canvas.image.width:
        return f"A text does not fit into the picture: “{text.text[:200]}”."
    return f"A text has letters that cannot be drawn as they are: “{text.text[:200]}”." if incomplete else None


def _draw_anchor(canvas: Canvas, anchor: Point, box: tuple[float, float, float, float], colour: Colour) -> None:
    """Draw a line from a box to what it belongs to, with a small mark there."""
    left, top, right, bottom = box
    near = min(max(anchor[0], left), right), min(max(anchor[1], top), bottom)
    if max(abs(anchor[0]), abs(anchor[1])) > _FAR * canvas.longer:
        return
    size = canvas.longer / 170
    marks = [curves.circle(anchor, (anchor[0] + size, anchor[1]))]
    if near != anchor:
        marks.append([near, anchor])
    _stroke(canvas, marks, colour, max(1, round(canvas.longer / 512)))
