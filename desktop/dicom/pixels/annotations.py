"""Reads the graphics and texts of a presentation state, and their layers (PS3.3 §C.10.5, C.10.7)."""

from collections.abc import Iterable

from ..items import Item
from .colours import grey_colour, lab_to_rgb
from .marks import Annotation, Graphic, Layer, Style, Text, Units
from .references import read_scope

_MOST_OBJECTS = 2_000
"""Objects of a state that are drawn; what is more is told of."""

_MOST_POINTS = 5_000
_MOST_POINTS_IN_ALL = 25_000
_LONGEST_TEXT = 2_000
_MOST_LETTERS = 20_000
_TOO_MANY = (
    f"Not all annotations are drawn: they are more than {_MOST_OBJECTS:,}, or have more than {_MOST_POINTS_IN_ALL:,} "
    f"points or {_MOST_LETTERS:,} letters."
)

_GRAPHICS = frozenset({"POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE"})
_COMPOUNDS = {
    "MULTILINE": "MULTILINE",
    "INFINITELINE": "INFINITELINE",
    "CUTLINE": "POLYLINE",
    "RANGELINE": "POLYLINE",
    "RULER": "POLYLINE",
    "AXIS": "POLYLINE",
    "CROSSHAIR": "CROSSHAIR",
    "RECTANGLE": "RECTANGLE",
    "ELLIPSE": "BOXED ELLIPSE",
}
"""How compound graphics are drawn: their ticks, gaps and labels are left out."""

_LEAST_POINTS = {"POINT": 1, "CROSSHAIR": 1, "ELLIPSE": 4}
"""Points that a graphic must have; others two."""


def read_layers(item: Item) -> tuple[Layer, ...]:
    """Return the layers of a presentation state, from below."""
    layers = []
    for number, layer in enumerate(item.items("GraphicLayerSequence")[:_MOST_OBJECTS]):
        colour = lab_to_rgb(layer.numbers("GraphicLayerRecommendedDisplayCIELabValue"))
        rgb = layer.numbers("GraphicLayerRecommendedDisplayRGBValue")
        if colour is None and len(rgb) == 3:
            red, green, blue = (grey_colour(value)[0] for value in rgb)
            colour = red, green, blue
        order = layer.integer("GraphicLayerOrder")
        layers.append(
            Layer(
                layer.text("GraphicLayer"),
                number if order is None else order,
                colour or grey_colour(layer.number("GraphicLayerRecommendedDisplayGrayscaleValue")),
            )
        )
    return tuple(sorted(layers, key=lambda layer: layer.order))


class _Budget:
    """How much is still taken in."""

    def __init__(self) -> None:
        self.objects = _MOST_OBJECTS
        self.points = _MOST_POINTS_IN_ALL
        self.letters = _MOST_LETTERS
        self.unapplied: list[str] = []

    def take(self, *, points: int = 0, letters: int = 0) -> bool:
        self.objects -= 1
        self.points -= points
        self.letters -= letters
        return min(self.objects, self.points, self.letters) >= 0

    def refuse(self, sentence: str) -> None:
        if sentence not in self.unapplied:
            self.unapplied.append(sentence)


def read_annotations(item: Item) -> tuple[tuple[Annotation, ...], tuple[str, ...]]:
    """Return the annotations of a presentation state, and what of them cannot be drawn, in sentences."""
    budget = _Budget()
    annotations = []
    for group in item.items("GraphicAnnotationSequence"):
        simple = [*group.items("GraphicObjectSequence"), *group.items("TextObjectSequence")]
        # A compound graphic is described a second time, by simple ones of the same number, for who knows only these.
        known = {inner.integer("CompoundGraphicInstanceID") for inner in simple} - {None}
        graphics = [_read_graphic(graphic, budget) for graphic in group.items("GraphicObjectSequence")]
        graphics += [
            _read_compound(compound, budget)
            for compound in group.items("CompoundGraphicSequence")
            if compound.integer("CompoundGraphicInstanceID") not in known
        ]
        texts = [_read_text(text, budget) for text in group.items("TextObjectSequence")]
        annotations.append(
            Annotation(
                read_scope(group),
                group.text("GraphicLayer"),
                tuple(_present(graphics)),
                tuple(text for text in texts if text is not None),
            )
        )
    return tuple(annotations), tuple(budget.unapplied)


def _present(graphics: Iterable[Graphic | None]) -> Iterable[Graphic]:
    return (graphic for graphic in graphics if graphic is not None)


def _read_graphic(item: Item, budget: _Budget) -> Graphic | None:
    kind = item.text("GraphicType").upper()
    if kind not in _GRAPHICS:
        budget.refuse(f"Graphics of type {kind[:20] or 'unknown'} are not drawn.")
        return None
    return _make_graphic(item, kind, item.text("GraphicAnnotationUnits"), budget)


def _read_compound(item: Item, budget: _Budget) -> Graphic | None:
    said = item.text("CompoundGraphicType").upper()
    if said not in _COMPOUNDS:
        budget.refuse(f"Compound graphics of type {said[:20] or 'unknown'} are not drawn.")
        return None
    budget.refuse(f"Of compound graphics of type {said} only the lines are drawn.")
    return _make_graphic(item, _COMPOUNDS[said], item.text("CompoundGraphicUnits"), budget)


def _make_graphic(item: Item, kind: str, units: str, budget: _Budget) -> Graphic | None:
    # The whole list is not turned into numbers where it is far too long.
    if len(item.values("GraphicData")) > 2 * _MOST_POINTS:
        budget.refuse(f"A graphic of more than {_MOST_POINTS:,} points is not drawn.")
        return None
    numbers = item.numbers("GraphicData")
    points = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    if len(points) < _LEAST_POINTS.get(kind, 2):
        budget.refuse(f"A graphic of type {kind} is not drawn: it has too few points.")
        return None
    if not budget.take(points=len(points)):
        budget.refuse(_TOO_MANY)
        return None
    pivot = item.numbers("RotationPoint")
    return Graphic(
        kind=kind,
        points=points,
        units=_units(units),
        filled=item.text("GraphicFilled").upper() == "Y",
        style=_read_style(item, budget),
        rotation=item.number("RotationAngle") or 0.0,
        pivot=(pivot[0], pivot[1]) if len(pivot) == 2 else None,
    )


def _read_style(item: Item, budget: _Budget) -> Style:
    line, fill, text = (item.item(f"{kind}StyleSequence") for kind in ("Line", "Fill", "Text"))
    if line.text("LineDashingStyle").upper() == "DASHED":
        budget.refuse("Dashed lines are drawn without gaps.")
    if any(line.text("ShadowStyle").upper() not in ("", "OFF") for line in (line, text)):
        budget.refuse("Shadows are drawn as a dark edge.")
    opacity = fill.number("PatternOnOpacity")
    colour = lab_to_rgb(line.numbers("PatternOnColorCIELabValue")) or lab_to_rgb(text.numbers("TextColorCIELabValue"))
    return Style(
        colour=colour,
        thickness=min(max(line.number("LineThickness") or 1.0, 0.5), 20.0),
        opacity=1.0 if opacity is None else min(max(opacity, 0.0), 1.0),
        fill=lab_to_rgb(fill.numbers("PatternOnColorCIELabValue")),
    )


def _read_text(item: Item, budget: _Budget) -> Text | None:
    text = item.text("UnformattedTextValue")
    if not text.strip():
        return None
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + " …"
        budget.refuse(f"A text is cut off behind {_LONGEST_TEXT:,} letters.")
    corners = [item.numbers(f"BoundingBox{corner}HandCorner") for corner in ("TopLeft", "BottomRight")]
    anchor = item.numbers("AnchorPoint")
    box = ((corners[0][0], corners[0][1]), (corners[1][0], corners[1][1])) if [*map(len, corners)] == [2, 2] else None
    if box is None and len(anchor) != 2:
        budget.refuse(f"A text has no place: “{text[:200]}”.")
        return None
    if not budget.take(letters=len(text)):
        budget.refuse(_TOO_MANY)
        return None
    return Text(
        text=text,
        box=box,
        box_units=_units(item.text("BoundingBoxAnnotationUnits")),
        anchor=(anchor[0], anchor[1]) if len(anchor) == 2 else None,
        anchor_units=_units(item.text("AnchorPointAnnotationUnits")),
        anchor_visible=item.text("AnchorPointVisibility").upper() == "Y",
        justification=item.text("BoundingBoxTextHorizontalJustification").upper() or "LEFT",
        style=_read_style(item, budget),
    )


def _units(text: str) -> Units:
    return Units(text.upper()) if text.upper() in Units.__members__ else Units.PIXEL
