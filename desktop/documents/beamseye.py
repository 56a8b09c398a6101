"""The opening of jaws and leaves as the beam sees it (PS3.3 §C.8.8.14.5)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .html import element

_LEAF_LIMIT = 400
_FIELD = 200.0
"""Half the width of what is drawn at most, mm in the plane of the isocentre."""

Box = tuple[float, float, float, float]


def draw_aperture(beam: Item, points: Sequence[Item]) -> Markup | None:
    """Draw the opening at the first control point; None if there are no leaves or jaws."""
    if not points:
        return None
    jaws = [-_FIELD, -_FIELD, _FIELD, _FIELD]
    openings: list[Box] = []
    edges: list[float] = []
    for device in points[0].items("BeamLimitingDevicePositionSequence"):
        kind, positions = device.text("RTBeamLimitingDeviceType"), device.numbers("LeafJawPositions")
        if len(positions) == 2 and kind[-1:] in ("X", "Y"):
            axis = 0 if kind.endswith("X") else 1
            jaws[axis], jaws[axis + 2] = positions
            edges += positions
        elif kind in ("MLCX", "MLCY") and len(positions) > 2:
            openings += _leaves(kind, positions, _boundaries(beam, kind))
    if not edges and not openings:
        return None
    seen = _clip(jaws, (-_FIELD, -_FIELD, _FIELD, _FIELD))
    boxes = [_clip(box, seen) for box in openings] if openings else [seen]
    opened = [box for box in boxes if box[2] > box[0] and box[3] > box[1]]
    shapes = [_rect(box, "#dfe8ff") for box in opened]
    reach = min(_FIELD, max([40.0, *map(abs, edges), *(abs(edge) for box in opened for edge in box)])) * 1.1
    frame = _rect(seen, "none", "#ffcf5c")
    cross = [
        element("line", x1=-reach, x2=reach, y1=0, y2=0, stroke="#5acce6", stroke_width=0.6),
        element("line", y1=-reach, y2=reach, x1=0, x2=0, stroke="#5acce6", stroke_width=0.6),
    ]
    ground = element("rect", x=-reach, y=-reach, width=2 * reach, height=2 * reach, fill="#0d1020")
    drawn = element(
        "svg",
        *(ground, shapes, cross, frame),
        viewBox=f"{-reach:.1f} {-reach:.1f} {2 * reach:.1f} {2 * reach:.1f}",
        width=260,
        height=260,
        role="img",
        aria_label="Opening of jaws and leaves",
    )
    words = f"Opening at the first control point, as the beam sees it; {2 * reach:.0f} mm wide at the isocentre"
    return element("figure", element("figcaption", words), drawn)


def _boundaries(beam: Item, kind: str) -> list[float]:
    for device in beam.items("BeamLimitingDeviceSequence"):
        if device.text("RTBeamLimitingDeviceType") == kind:
            return device.numbers("LeafPositionBoundaries")
    return []


def _leaves(kind: str, positions: list[float], boundaries: list[float]) -> list[Box]:
    count = len(positions) // 2
    if count > _LEAF_LIMIT or len(boundaries) != count + 1:
        return []
    boxes = []
    for number in range(count):
        near, far = positions[number], positions[number + count]
        low, high = boundaries[number], boundaries[number + 1]
        boxes.append((near, low, far, high) if kind == "MLCX" else (low, near, high, far))
    return boxes


def _clip(box: Sequence[float], by: Sequence[float]) -> Box:
    return max(box[0], by[0]), max(box[1], by[1]), min(box[2], by[2]), min(box[3], by[3])


def _rect(box: Box, fill: str, stroke: str | None = None) -> Markup:
    left, bottom, right, top = box
    # SVG counts downwards.
    return element(
        "rect",
        x=f"{left:.2f}",
        y=f"{-top:.2f}",
        width=f"{max(0.0, right - left):.2f}",
        height=f"{max(0.0, top - bottom):.2f}",
        fill=fill,
        stroke=stroke,
        stroke_width=None if stroke is None else 1,
    )
