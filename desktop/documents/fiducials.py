"""Spatial fiducials: marks by which images are brought to one another (PS3.3 §C.21)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .fields import Field, field_table
from .formatting import join_few
from .html import Child, element, join, shorten
from .model import Subject, View
from .page import facts, more, note, section
from .references import list_images

_PART_LIMIT = 50
_MARKS = (
    Field("#", "", "", lambda item: item.text("FiducialIdentifier")),
    Field("Description", "FiducialDescription"),
    Field("Form", "ShapeType", "", lambda item: item.text("ShapeType").lower()),
    Field("Name", "FiducialIdentifierCodeSequence"),
    Field("Points", "NumberOfContourPoints"),
    Field("Place", "", "mm", lambda item: _points(item.numbers("ContourData"), 3)),
    Field("Uncertainty", "ContourUncertaintyRadius", "mm"),
    Field("Place on images", "", "", lambda item: _graphics(item)),
    Field("UID", "FiducialUID", "", lambda item: _uid(item.text("FiducialUID"))),
)


def show_fiducials(subject: Subject) -> View:
    """Show each set of fiducials: marks with their form and place."""
    sets = subject.item.items("FiducialSetSequence")
    parts: list[Child] = []
    for number, one in enumerate(sets[:_PART_LIMIT], 1):
        marks = one.items("FiducialSequence")
        rows: list[tuple[Child, Child]] = []
        if uid := one.text("FrameOfReferenceUID"):
            rows.append(("Frame of reference", _uid(uid)))
        heading = join((f"Fiducials {number}", element("small", f" {len(marks)}")))
        shown = field_table(_MARKS, marks, "fiducials")
        graphics = [graphic for mark in marks for graphic in mark.items("GraphicCoordinatesDataSequence")]
        on = [list_images(graphic, subject.links) for graphic in graphics[:_PART_LIMIT]]
        on.append(more(len(graphics) - _PART_LIMIT, "fiducials with their images"))
        parts.append(section(heading, facts(rows), list_images(one, subject.links), shown, on))
    hidden = more(len(sets) - _PART_LIMIT, "sets")
    body = join((parts or note("The object has no fiducials.", "warning"), hidden))
    return View(body, subject.item.text("ContentDescription") or subject.item.text("ContentLabel"))


def _points(numbers: Sequence[float], size: int) -> str:
    points = [numbers[at : at + size] for at in range(0, len(numbers) - size + 1, size)]
    return join_few([f"({', '.join([f'{number:.2f}' for number in point])})" for point in points], 3)


def _graphics(item: Item) -> str:
    texts = [_points(inner.numbers("GraphicData"), 2) for inner in item.items("GraphicCoordinatesDataSequence")]
    return join_few([text for text in texts if text], 5, "; ")


def _uid(uid: str) -> Markup | None:
    return element("span", shorten(uid, 70), class_="uid") if uid else None
