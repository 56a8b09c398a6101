"""RT Structure Sets: which regions there are (PS3.3 §C.8.8.5, C.8.8.6, C.8.8.8)."""

from markupsafe import Markup

from ..dicom.items import Item
from .charts import swatch
from .fields import Field, gather, table
from .formatting import format_element
from .html import Child, element, join, shorten
from .model import Subject, View
from .page import facts, note, section
from .rtplan import show_approval, show_links

_SET = (
    Field("Structure set", "StructureSetLabel"),
    Field("Name", "StructureSetName"),
    Field("Drawn on", "StructureSetDate"),
    Field("Description", "StructureSetDescription"),
    Field("Reviewed by", "ReviewerName"),
    Field("Reviewed on", "ReviewDate"),
)
_LINKS = (("Predecessor", "PredecessorStructureSetSequence"), ("Plan", "ReferencedRTPlanSequence"))


def show_structures(subject: Subject) -> View:
    """Show the list of regions with colour, name, type, and how many contours each has."""
    item = subject.item
    regions = item.items("StructureSetROISequence")
    contours = {inner.text("ReferencedROINumber"): inner for inner in item.items("ROIContourSequence")}
    observations: dict[str, list[Item]] = {}
    for inner in item.items("RTROIObservationsSequence"):
        observations.setdefault(inner.text("ReferencedROINumber"), []).append(inner)
    heads = ("#", "Region", "Type", "Contours", "Points", "Forms", "Volume [cm³]", "Drawn", "Observation", "Properties")
    rows = [
        _row(region, contours.get(region.text("ROINumber"), Item({})), observations.get(region.text("ROINumber"), []))
        for region in regions
    ]
    body = join(
        (
            show_approval(item),
            facts(show_links(item, _LINKS, subject.links)),
            section(join(("Regions", element("small", f" {len(regions)}"))), table(heads, rows, "regions"))
            if regions
            else note("The structure set has no regions.", "warning"),
        )
    )
    told = tuple((label, join(value)) for label, value in gather(_SET, item))
    return View(body, item.text("StructureSetLabel") or item.text("StructureSetName"), told)


def _row(region: Item, contour: Item, observations: list[Item]) -> list[Child]:
    drawn = contour.items("ContourSequence")
    points = [int(inner.number("NumberOfContourPoints") or len(inner.values("ContourData")) // 3) for inner in drawn]
    forms = sorted({inner.text("ContourGeometricType").lower().replace("_", " ") for inner in drawn} - {""})
    return [
        region.text("ROINumber"),
        join((read_color(contour), element("strong", shorten(region.text("ROIName")) or "unnamed"))),
        _joined(observations, "RTROIInterpretedType").lower(),
        f"{len(drawn)}",
        f"{sum(points)}" if points else "",
        ", ".join(forms),
        region.text("ROIVolume"),
        " ".join(
            filter(None, (region.text("ROIGenerationAlgorithm").lower(), region.text("ROIGenerationDescription")))
        ),
        _joined(observations, "ROIObservationLabel"),
        "; ".join([text for inner in observations if (text := _properties(inner))]),
    ]


def read_color(contour: Item) -> Markup | None:
    """Return a swatch of ROI Display Color; None if the contour has none."""
    numbers = contour.numbers("ROIDisplayColor")
    if len(numbers) != 3 or not all(0 <= number <= 255 for number in numbers):
        return None
    return swatch("#" + "".join([f"{int(number):02x}" for number in numbers]))


def _joined(items: list[Item], keyword: str) -> str:
    return ", ".join(dict.fromkeys(text for item in items if (text := format_element(item, keyword))))


def _properties(observation: Item) -> str:
    texts = [
        f"{inner.text('ROIPhysicalProperty').lower().replace('_', ' ')} {inner.text('ROIPhysicalPropertyValue')}"
        for inner in observation.items("ROIPhysicalPropertiesSequence")
    ]
    return ", ".join(texts)
