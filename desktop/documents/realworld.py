"""Real World Value Mapping: what stored values mean (PS3.3 §C.7.6.16.2.11)."""

from markupsafe import Markup

from ..dicom.items import Item
from .charts import Curve, draw_chart
from .fields import table
from .formatting import format_element, format_units
from .html import Child, element, join
from .model import Subject, View
from .page import more, note, section
from .references import list_images
from .values import render_code

_GROUP_LIMIT, _CURVES = 100, 10


def show_mappings(subject: Subject) -> View:
    """Show for each group of images by what their values are mapped, and to which units."""
    groups = subject.item.items("ReferencedImageRealWorldValueMappingSequence")
    parts: list[Child] = []
    for number, group in enumerate(groups[:_GROUP_LIMIT], 1):
        mappings = group.items("RealWorldValueMappingSequence")
        parts.append(section(f"Mapping {number}", list_images(group, subject.links), show_mapping_table(mappings)))
    hidden = more(len(groups) - len(parts), "mappings")
    title = subject.item.text("ContentLabel") or subject.item.text("ContentDescription")
    return View(join((parts or note("The object maps no values.", "warning"), hidden)), title)


def show_mapping_table(mappings: list[Item]) -> Markup:
    """Return a table of mappings, and the curves of those that are look-up tables."""
    heads = ("Label", "Explanation", "Stored values", "Mapped by", "Units", "Quantity")
    rows = [_row(mapping) for mapping in mappings]
    tabled = [mapping for mapping in mappings if "RealWorldValueLUTData" in mapping]
    curves = [_show_curve(mapping) for mapping in tabled[:_CURVES]]
    hidden = more(len(tabled) - _CURVES, "curves")
    return join((table(heads, rows, "mappings"), curves, hidden))


def _row(mapping: Item) -> list[Child]:
    low = format_element(mapping, "DoubleFloatRealWorldValueFirstValueMapped") or format_element(
        mapping, "RealWorldValueFirstValueMapped"
    )
    high = format_element(mapping, "DoubleFloatRealWorldValueLastValueMapped") or format_element(
        mapping, "RealWorldValueLastValueMapped"
    )
    units = mapping.code("MeasurementUnitsCodeSequence")
    return [
        mapping.text("LUTLabel"),
        mapping.text("LUTExplanation"),
        f"{low} to {high}" if low or high else "",
        describe_mapping(mapping),
        element("span", format_units(units) or render_code(units)),
        join(
            [
                join(
                    (
                        render_code(inner.code("ConceptNameCodeSequence")),
                        ": ",
                        render_code(inner.code("ConceptCodeSequence")),
                    )
                )
                for inner in mapping.items("QuantityDefinitionSequence")
            ],
            "; ",
        ),
    ]


def describe_mapping(mapping: Item) -> str:
    """Return by what values are mapped: ``value = stored times 2, less 1024``, or the number of entries of a table."""
    slope, intercept = mapping.number("RealWorldValueSlope"), mapping.number("RealWorldValueIntercept")
    entries = mapping.values("RealWorldValueLUTData")
    if slope is not None:
        offset = format_element(mapping, "RealWorldValueIntercept")
        sign = "\N{MINUS SIGN}" if intercept is not None and intercept < 0 else "+"
        rest = f" {sign} {offset.lstrip('-')}" if intercept else ""
        return f"value = stored \N{MULTIPLICATION SIGN} {format_element(mapping, 'RealWorldValueSlope')}{rest}"
    return f"look-up table of {len(entries):,} entries" if entries else "nothing: neither slope nor table"


def _show_curve(mapping: Item) -> Markup | None:
    entries = mapping.numbers("RealWorldValueLUTData")
    if len(entries) < 2:
        return None
    curve = Curve([(float(at), value) for at, value in enumerate(entries)], "#5acce6")
    chart = draw_chart([curve], "Entry", "Value")
    return element("figure", chart) if chart and min(entries) >= 0 else None
