"""Graphics, texts and layers that lie over an image (PS3.3 §C.10.5, C.10.7)."""

from dataclasses import dataclass, field
from enum import Enum

from .colours import Colour
from .references import Scope
from .views import Point


class Units(Enum):
    """In what coordinates are."""

    PIXEL = "PIXEL"
    """Columns and rows of the image, from 0."""
    DISPLAY = "DISPLAY"
    """Fractions of the displayed area."""
    MATRIX = "MATRIX"
    """Columns and rows of the total pixel matrix, of which the image is a tile, from 0."""


@dataclass(frozen=True, slots=True)
class Style:
    """How an object is drawn.

    Attributes:
        colour: None: that of its layer.
        thickness: of lines, in points.
        opacity: of its inside, 0 to 1.
        fill: colour of its inside; None: that of its lines.
    """

    colour: Colour | None = None
    thickness: float = 1.0
    opacity: float = 1.0
    fill: Colour | None = None


@dataclass(frozen=True, slots=True)
class Graphic:
    """A shape.

    Attributes:
        kind: POINT, POLYLINE, INTERPOLATED, CIRCLE (center, a point on it), ELLIPSE (ends of both axes), or of compound
            graphics MULTILINE (pairs of ends), INFINITELINE, CROSSHAIR (center), RECTANGLE and BOXED ELLIPSE (two
            corners).
        rotation: degrees, counterclockwise about ``pivot``.
    """

    kind: str
    points: tuple[Point, ...]
    units: Units = Units.PIXEL
    filled: bool = False
    style: Style = field(default_factory=Style)
    rotation: float = 0.0
    pivot: Point | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text, in a box or beside an anchor.

    Attributes:
        box: two corners; None if there is none.
        anchor: what it belongs to; None if there is none.
        anchor_visible: a line is drawn from the box to it.
        justification: LEFT, CENTER or RIGHT.
    """

    text: str
    box: tuple[Point, Point] | None = None
    box_units: Units = Units.PIXEL
    anchor: Point | None = None
    anchor_units: Units = Units.PIXEL
    anchor_visible: bool = False
    justification: str = "LEFT"
    style: Style = field(default_factory=Style)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of annotations; those of a higher order are drawn over the others."""

    name: str
    order: int = 0
    colour: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Annotation:
    """Graphics and texts of one layer."""

    scope: Scope
    layer: str
    graphics: tuple[Graphic, ...] = ()
    texts: tuple[Text, ...] = ()
