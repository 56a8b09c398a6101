"""What is said of a surface beside its viewer."""

from ..errors import NegatoscopeError, Unreadable
from .charts import swatch
from .fields import Field, fact_list, table
from .html import Child, element, join
from .model import Subject, View
from .page import note, section
from .surfaces import Mesh, Surface, read_mesh

_MODEL = (
    Field("Description", "DocumentTitle"),
    Field("Use", "ModelUsageCodeSequence"),
    Field("Changed", "ModelModification"),
    Field("Mirrored", "ModelMirroring"),
    Field("Units", "MeasurementUnitsCodeSequence"),
    Field("Content", "ContentDescription"),
    Field("Made by", "ContentCreatorName"),
)


def show_surface(subject: Subject) -> View:
    """Show what the model is for, how large it is, and of which surfaces it consists."""
    item = subject.item
    about = fact_list(_MODEL, item)
    try:
        mesh = read_mesh(item, subject.read_bulk)
    except Unreadable as error:
        return View(join((about, note(f"The surface can't be shown. {error.sentence}", "bad"))))
    except (LookupError, OSError, NegatoscopeError):
        return View(join((about, note("The surface could not be read from the file.", "bad"))))
    return View(join((about, _show_size(mesh), _list_surfaces(mesh))), mesh.name)


def _show_size(mesh: Mesh) -> Child:
    low, high = mesh.bounds
    size = " \N{MULTIPLICATION SIGN} ".join(f"{b - a:.1f}" for a, b in zip(low, high, strict=True))
    boxes = ((f"{size} {mesh.units or '(units not told)'}", "Size"), (f"{mesh.triangles:,}", "Triangles"))
    return element(
        "div",
        [
            element("div", element("div", value, class_="value"), element("div", label, class_="label"))
            for value, label in boxes
        ],
        class_="big",
    )


def _list_surfaces(mesh: Mesh) -> Child:
    if len(mesh.surfaces) < 2:
        return None
    rows: list[list[Child]] = [_row(number, surface) for number, surface in enumerate(mesh.surfaces, 1)]
    return section("Surfaces", table(("#", "Surface", "Triangles", "Opacity"), rows, "surfaces"))


def _row(number: int, surface: Surface) -> list[Child]:
    color = "#" + "".join(f"{round(part * 255):02x}" for part in surface.color)
    return [
        str(number),
        join((swatch(color), surface.name)),
        f"{len(surface.positions)}",
        f"{surface.opacity:g}",
    ]
