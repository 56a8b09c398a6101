"""Registrations: how places in one frame of reference lie in another (PS3.3 §C.20.2, C.20.3)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .formatting import format_element, format_number, join_few
from .html import Child, element, join, shorten
from .model import Subject, View
from .page import facts, more, note, section
from .references import Links, list_images

_PART_LIMIT = 50
_KINDS = {
    "RIGID": "rigid",
    "RIGID_SCALE": "rigid, with scaling",
    "AFFINE": "affine",
}


def show_registration(subject: Subject) -> View:
    """Show each registered part: its images, and its matrices or grids."""
    item = subject.item
    own = item.text("FrameOfReferenceUID")
    rigid = item.items("RegistrationSequence")
    deformable = item.items("DeformableRegistrationSequence")
    parts = [
        *[_show_rigid(number, inner, own, subject.links) for number, inner in enumerate(rigid[:_PART_LIMIT], 1)],
        *[_show_deformable(number, inner, subject.links) for number, inner in enumerate(deformable[:_PART_LIMIT], 1)],
    ]
    hidden = len(rigid) + len(deformable) - len(parts)
    body = join(
        (
            facts([("Registered to the frame of reference", _uid(own))] if own else []),
            parts or note("The object registers nothing.", "warning"),
            more(hidden, "registrations"),
        )
    )
    return View(body, _title(item))


def _title(item: Item) -> str:
    return item.text("ContentDescription") or item.text("ContentLabel")


def _show_rigid(number: int, item: Item, own: str, links: Links) -> Markup:
    frame = item.text("FrameOfReferenceUID")
    matrices: list[Child] = []
    how: list[str] = []
    for step in item.items("MatrixRegistrationSequence"):
        how += [code for inner in step.items("RegistrationTypeCodeSequence") if (code := _code(inner))]
        found = step.items("MatrixSequence")
        matrices += [_show_matrix(matrix) for matrix in found[:_PART_LIMIT]]
        matrices.append(more(len(found) - _PART_LIMIT, "matrices"))
    rows: list[tuple[Child, Child]] = [
        ("Frame of reference", join((_uid(frame), " (the common one)" if frame and frame == own else None)))
    ]
    if how:
        rows.append(("Found by", join_few(how, 10)))
    return section(f"Images {number}", facts(rows), list_images(item, links), matrices)


def _show_deformable(number: int, item: Item, links: Links) -> Markup:
    grid = item.item("DeformableRegistrationGridSequence")
    rows: list[tuple[Child, Child]] = [("Source frame of reference", _uid(item.text("SourceFrameOfReferenceUID")))]
    sizes = grid.numbers("GridDimensions")
    if sizes:
        rows.append(("Grid", " \N{MULTIPLICATION SIGN} ".join(map(format_number, sizes)) + " vectors"))
    for label, keyword in (
        ("Grid spacing [mm]", "GridResolution"),
        ("Grid begins at [mm]", "ImagePositionPatient"),
        ("Grid's directions", "ImageOrientationPatient"),
    ):
        if text := format_element(grid, keyword):
            rows.append((label, text))
    if how := [code for inner in item.items("RegistrationTypeCodeSequence") if (code := _code(inner))]:
        rows.append(("Found by", join_few(how, 10)))
    if text := item.text("DeformableRegistrationSequenceComment") or item.text("RegistrationComment"):
        rows.append(("Comment", shorten(text, 400)))
    matrices: list[Child] = []
    for label, keyword in (
        ("Before the deformation", "PreDeformationMatrixRegistrationSequence"),
        ("After the deformation", "PostDeformationMatrixRegistrationSequence"),
    ):
        # The standard allows one (PS3.3 §C.20.3.1.3).
        if found := item.items(keyword):
            matrices += [element("h3", label), _show_matrix(found[0]), more(len(found) - 1, "matrices")]
    return section(f"Images {number}", facts(rows), list_images(item, links), matrices)


def _code(item: Item) -> str:
    return item.text("CodeMeaning") or item.text("CodeValue")


def _uid(uid: str) -> Markup | None:
    return element("span", shorten(uid, 70), class_="uid") if uid else None


def _show_matrix(item: Item) -> Markup:
    """Show a matrix of four rows, whose last row is 0 0 0 1 (PS3.3 §C.20.2.1.1)."""
    kind = item.text("FrameOfReferenceTransformationMatrixType")
    numbers = item.numbers("FrameOfReferenceTransformationMatrix")
    words = f"Matrix, {_KINDS.get(kind, shorten(kind) or 'of a kind that is not told')}"
    if len(numbers) != 16:
        return note(f"{words}: it has {len(numbers)} numbers instead of 16.", "bad")
    rows = [
        element("tr", [element("td", f"{number:.6g}", class_="number") for number in numbers[at : at + 4]])
        for at in range(0, 16, 4)
    ]
    moved = ", ".join([f"{number:.2f}" for number in numbers[3:12:4]])
    told = element("p", f"Moves by ({moved}) mm{_turned(numbers)}.", class_="dim")
    return element("div", element("table", element("caption", words), element("tbody", rows)), told, class_="scroll")


def _turned(numbers: Sequence[float]) -> str:
    if [round(numbers[at], 6) for at in (0, 1, 2, 4, 5, 6, 8, 9, 10)] == [1, 0, 0, 0, 1, 0, 0, 0, 1]:
        return ", does not turn"
    return ""
