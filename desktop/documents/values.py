"""The values of content items, as text and as HTML (PS3.3 Table C.17.3-7)."""

from collections.abc import Callable
from functools import lru_cache

from markupsafe import Markup

from ..dicom.items import Code, Item
from ..dicom.text import format_date
from .content import Node
from .formatting import (
    format_code,
    format_date_time,
    format_element,
    format_name,
    format_number,
    format_time,
    format_uid,
    format_units,
    join_few,
)
from .html import Child, clip, element, join, shorten
from .references import Links

_POINTS_SHOWN = 4
"""Points of a region that are shown."""

_GRAPHICS = {
    "POINT": "Point",
    "MULTIPOINT": "Points",
    "POLYLINE": "Polyline",
    "CIRCLE": "Circle",
    "ELLIPSE": "Ellipse",
    "POLYGON": "Polygon",
    "ELLIPSOID": "Ellipsoid",
}


def render_name(node: Node) -> Markup:
    """Return an item's name with its code behind it, to be read when the mouse rests there."""
    return render_code(node.name)


@lru_cache(maxsize=4096)
def render_code(code: Code) -> Markup:
    """Return a term; its code is read when the mouse rests there."""
    known = f"{code.value} ({code.scheme})" if code.value and code.meaning else None
    return element("span", shorten(format_code(code), 400), title=known)


def render_value(node: Node, links: Links) -> Markup:
    """Return an item's value; empty for a container."""
    if node.value_type in _REFERENCES:
        return _instance(node.item, links)
    show = _SHOWN.get(node.value_type)
    return show(node.item) if show else clip(value_text(node))


def value_text(node: Node) -> str:
    """Return an item's value as plain text; empty for a container and for references."""
    make = _TEXTS.get(node.value_type)
    return make(node.item) if make else _other_text(node)


def _other_text(node: Node) -> str:
    if node.value_type in ("", "CONTAINER", *_REFERENCES):
        return ""
    return f"[{shorten(node.value_type)}: see the table of all elements]"


def measured(item: Item) -> tuple[str, str]:
    """Return number and units of a NUM item, as they are stored; a qualifier stands for a number that is not there."""
    return _measured(item, item.item("MeasuredValueSequence"))


def _measured(item: Item, value: Item) -> tuple[str, str]:
    units = format_units(value.code("MeasurementUnitsCodeSequence")) if value.model else ""
    number = format_element(value, "NumericValue")
    if not number and (exact := value.number("FloatingPointValue")) is not None:
        number = format_number(exact)
    qualified = "NumericValueQualifierCodeSequence" in item
    qualifier = format_code(item.code("NumericValueQualifierCodeSequence")) if qualified else ""
    if not number:
        return qualifier or "not measured", ""
    return (f"{number} ({qualifier})" if qualifier else number), units


def _number_text(item: Item) -> str:
    return " ".join(part for part in measured(item) if part)


def _number(item: Item) -> Markup:
    value = item.item("MeasuredValueSequence")
    number, units = _measured(item, value)
    if (stored := value.text("NumericValue")) and not number.startswith(stored):
        return element("span", number, " ", element("span", units, class_="unit"), title=stored)
    return join((clip(number, 200), " ", element("span", units, class_="unit")) if units else clip(number, 200))


def _code(item: Item) -> Markup:
    return render_code(item.code("ConceptCodeSequence"))


def _uid(item: Item) -> Markup:
    uid = item.text("UID")
    name = format_uid(uid)
    return element("span", name, title=uid) if name != uid else element("span", clip(uid, 200), class_="uid")


def _instance(item: Item, links: Links) -> Markup:
    """Show what an IMAGE, WAVEFORM or COMPOSITE item refers to (PS3.3 §C.18.3, C.18.4, C.18.5)."""
    parts: list[Child] = []
    for inner in item.items("ReferencedSOPSequence"):
        link = links.link_item(inner)
        if link is None:
            continue
        parts += [", " if parts else None, link]
        if segments := inner.numbers("ReferencedSegmentNumber"):
            parts.append(f", segment {', '.join(map(format_number, segments))}")
        if channels := inner.numbers("ReferencedWaveformChannels"):
            pairs = zip(channels[::2], channels[1::2], strict=False)
            named = [
                f"group {group:.0f} {f'channel {channel:.0f}' if channel else 'all channels'}"
                for group, channel in pairs
            ]
            parts.append(f", {join_few(named, 8)}")
        for state in inner.items("ReferencedSOPSequence"):
            shown = links.link_item(state)
            parts += [" as shown by ", shown] if shown else []
    return join(parts) if parts else element("span", "no instance named", class_="dim")


def _coordinates_text(item: Item, size: int) -> str:
    """Sum up a region by its form, its number of points and the first of them (PS3.3 §C.18.6)."""
    kind = item.text("GraphicType")
    numbers = item.numbers("GraphicData")
    points = [numbers[at : at + size] for at in range(0, len(numbers) - size + 1, size)]
    shown = ", ".join(f"({', '.join(format_number(round(n, 2)) for n in point)})" for point in points[:_POINTS_SHOWN])
    name = _GRAPHICS.get(kind, shorten(kind) or "Region")
    count = "" if len(points) == 1 else f", {len(points)} points"
    rest = f" and {len(points) - _POINTS_SHOWN} more" if len(points) > _POINTS_SHOWN else ""
    return f"{name}{count}: {shown}{rest}" if points else f"{name} without points"


def _coordinates_3d(item: Item) -> Markup:
    frame = item.text("ReferencedFrameOfReferenceUID")
    text = f"{_coordinates_text(item, 3)} mm"
    return element("span", clip(text), title=f"Frame of reference {frame}" if frame else None)


def _times_text(item: Item) -> str:
    """Sum up a range of time (PS3.3 §C.18.7)."""
    kind = shorten(item.text("TemporalRangeType").capitalize()) or "Time"
    for keyword, unit in (("ReferencedSamplePositions", "samples"), ("ReferencedTimeOffsets", "s")):
        if numbers := item.numbers(keyword):
            shown = join_few(list(map(format_number, numbers)), 8)
            return f"{kind}: {shown} {unit}" if unit == "s" else f"{kind}: {unit} {shown}"
    dates = format_element(item, "ReferencedDateTime")
    return f"{kind}: {dates}" if dates else kind


_TEXTS: dict[str, Callable[[Item], str]] = {
    "TEXT": lambda item: item.text("TextValue"),
    "NUM": _number_text,
    "CODE": lambda item: format_code(item.code("ConceptCodeSequence")),
    "DATE": lambda item: format_date(item.text("Date")),
    "TIME": lambda item: format_time(item.text("Time")),
    "DATETIME": lambda item: format_date_time(item.text("DateTime")),
    "PNAME": lambda item: format_name(item.text("PersonName")),
    "UIDREF": lambda item: format_uid(item.text("UID")),
    "SCOORD": lambda item: _coordinates_text(item, 2),
    "SCOORD3D": lambda item: f"{_coordinates_text(item, 3)} mm",
    "TCOORD": _times_text,
}


_SHOWN: dict[str, Callable[[Item], Markup]] = {
    "NUM": _number,
    "CODE": _code,
    "UIDREF": _uid,
    "SCOORD3D": _coordinates_3d,
}
_REFERENCES = ("IMAGE", "WAVEFORM", "COMPOSITE")


def describe_target(node: Node) -> str:
    """Return a label for an item that another refers to."""
    value = shorten(value_text(node), 60)
    name = shorten(format_code(node.name), 60) or node.value_type.capitalize()
    return f"{name}: {value}" if value else name
