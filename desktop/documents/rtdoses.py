"""RT Dose: what the numbers mean, and dose-volume histograms (PS3.3 §C.8.8.3, C.8.8.4)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..dicom.items import Item
from .charts import COLORS, Curve, draw_chart, swatch
from .fields import Field, fact_list, table
from .formatting import format_number
from .html import Child, element, join, shorten
from .model import Subject, View
from .page import facts, more, section
from .rtplan import show_links

HISTOGRAM_LIMIT = 60

_DOSE = (
    Field("Type", "DoseType"),
    Field("Units", "DoseUnits"),
    Field("Summed over", "DoseSummationType"),
    Field("Spatial transform", "SpatialTransformOfDose"),
    Field("Comment", "DoseComment"),
    Field("Planes", "NumberOfFrames"),
    Field("Rows", "Rows"),
    Field("Columns", "Columns"),
    Field("Pixel spacing", "PixelSpacing", "mm"),
    Field("Grid scaling", "DoseGridScaling"),
    Field("Heterogeneity", "TissueHeterogeneityCorrection"),
    Field("Normalised at", "NormalizationPoint", "mm"),
    Field("Histograms normalised at", "DVHNormalizationPoint", "mm"),
    Field("Histograms normalised to", "DVHNormalizationDoseValue"),
)
_LINKS = (
    ("Plan", "ReferencedRTPlanSequence"),
    ("Structure set", "ReferencedStructureSetSequence"),
    ("Treatment record", "ReferencedTreatmentRecordSequence"),
)


class Histogram(NamedTuple):
    """A dose-volume histogram.

    Attributes:
        kind: ``CUMULATIVE``, ``DIFFERENTIAL`` or ``NATURAL``.
        points: dose, in ``dose_units``, and volume, in ``volume_units``.
    """

    item: Item
    kind: str
    dose_units: str
    volume_units: str
    points: tuple[tuple[float, float], ...]


def show_rt_dose(subject: Subject) -> View:
    """Show what kind of dose it is, and the histograms that come with it."""
    item = subject.item
    histograms = [read_histogram(inner) for inner in item.items("DVHSequence")]
    body = join(
        (fact_list(_DOSE, item), facts(show_links(item, _LINKS, subject.links)), _show_histograms(histograms, item))
    )
    return View(body)


def read_histogram(item: Item) -> Histogram:
    """Return a histogram whose bins are added up along the dose (PS3.3 §C.8.8.4.2)."""
    numbers, scaling = item.numbers("DVHData"), item.number("DVHDoseScaling") or 1.0
    dose, points = 0.0, []
    for width, volume in zip(numbers[::2], numbers[1::2], strict=False):
        points.append((dose, volume))
        dose += width * scaling
    return Histogram(
        item,
        item.text("DVHType"),
        item.text("DoseUnits"),
        item.text("DVHVolumeUnits"),
        tuple(points),
    )


def _show_histograms(histograms: Sequence[Histogram], item: Item) -> Markup | None:
    if not histograms:
        return None
    names = dict(_structure_names(item))
    shown = list(enumerate(histograms[:HISTOGRAM_LIMIT]))
    charts: list[Child] = []
    groups: dict[tuple[str, str, str], list[tuple[int, Histogram]]] = {}
    for at, histogram in shown:
        groups.setdefault((histogram.kind, histogram.dose_units, histogram.volume_units), []).append((at, histogram))
    for (kind, dose_units, volume_units), members in groups.items():
        curves, label = [], shorten(f"Volume [{volume_units}]")
        for at, histogram in members:
            points = histogram.points
            whole = points[0][1] if points else 0.0
            if kind == "CUMULATIVE" and volume_units != "PERCENT" and whole > 0:
                label = "Volume [% of the structure's own]"
                points = tuple((dose, volume / whole * 100) for dose, volume in points)
            curves.append(Curve(points, COLORS[at % len(COLORS)]))
        chart = draw_chart(curves, shorten(f"Dose [{dose_units}]"), label)
        if chart:
            words = f"{shorten(kind.capitalize())} histogram"
            charts.append(element("figure", element("figcaption", words), element("div", chart, class_="scroll")))
    heads = ("Structure", "Type", "Minimum", "Mean", "Maximum", "Dose in", "Volume", "Volume in", "Bins")
    rows = [_row(at, histogram, names) for at, histogram in shown]
    hidden = more(len(histograms) - len(shown), "histograms")
    return section("Dose-volume histograms", charts, table(heads, rows, "histograms"), hidden)


def _row(at: int, histogram: Histogram, names: dict[str, str]) -> list[Child]:
    item = histogram.item
    whole = histogram.points[0][1] if histogram.points and histogram.kind == "CUMULATIVE" else None
    structures = [_structure(inner, names) for inner in item.items("DVHReferencedROISequence")]
    return [
        join((swatch(COLORS[at % len(COLORS)]), ", ".join(structures) or "unnamed")),
        histogram.kind.lower(),
        _rounded(item.number("DVHMinimumDose")),
        _rounded(item.number("DVHMeanDose")),
        _rounded(item.number("DVHMaximumDose")),
        histogram.dose_units,
        _rounded(whole),
        histogram.volume_units.lower(),
        str(len(histogram.points)),
    ]


def _structure(item: Item, names: dict[str, str]) -> str:
    number = item.text("ReferencedROINumber")
    name = names.get(number) or f"ROI {number}"
    return f"without {name}" if item.text("DVHROIContributionType") == "EXCLUDED" else name


def _structure_names(item: Item) -> Iterator[tuple[str, str]]:
    """Yield number and name of structures, which few dose objects have in themselves."""
    for inner in item.items("StructureSetROISequence"):
        if name := inner.text("ROIName"):
            yield inner.text("ROINumber"), shorten(name)


def _rounded(number: float | None) -> str:
    return "" if number is None else format_number(round(number, 4))
