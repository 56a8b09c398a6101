"""Annotations of waveforms: what was found, measured and marked (PS3.3 §C.10.10)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .fields import table
from .formatting import format_code, format_date_time, format_element, format_number, format_units, join_few
from .html import Child, clip, element, join
from .page import facts, more, section
from .samples import Group

FACT_LIMIT = 200
"""Measurements of the whole recording that are shown."""


def show_findings(item: Item) -> Markup | None:
    """Show what is said of the whole recording: sentences first, then measurements."""
    whole = [inner for inner in item.items("WaveformAnnotationSequence") if not _is_placed(inner)]
    texts = [
        inner.text("UnformattedTextValue")
        for inner in whole
        if not inner.number("NumericValue") and not inner.code("ConceptNameCodeSequence")
    ]
    sentences = [element("div", clip(text)) for text in texts if text]
    named: list[tuple[Child, Child]] = [
        (format_code(inner.code("ConceptNameCodeSequence")) or "Value", _value(inner))
        for inner in whole
        if inner.number("NumericValue") is not None or inner.code("ConceptNameCodeSequence")
    ]
    if not sentences and not named:
        return None
    return section(
        "Interpretation",
        element("div", sentences, class_="finding") if sentences else None,
        facts(named[:FACT_LIMIT]),
        more(len(named) - FACT_LIMIT, "measurements"),
    )


def show_marks(item: Item, groups: Sequence[Group | None]) -> Markup | None:
    """Show what is marked at a place of the recording, with channel and time."""
    marks = [inner for inner in item.items("WaveformAnnotationSequence") if _is_placed(inner)]
    rows = [
        [
            _time(inner, groups),
            _channels(inner, groups),
            format_code(inner.code("ConceptNameCodeSequence")),
            _value(inner),
            inner.text("AnnotationGroupNumber"),
        ]
        for inner in marks
    ]
    made = table(("At", "Channel", "Mark", "Value", "Group"), rows, "annotations")
    return section(join(("Marks", element("small", f" {len(marks)}"))), made) if made else None


def _is_placed(item: Item) -> bool:
    return "TemporalRangeType" in item or any(
        item.values(keyword) for keyword in ("ReferencedSamplePositions", "ReferencedTimeOffsets", "ReferencedDateTime")
    )


def _value(item: Item) -> str:
    number = format_element(item, "NumericValue")
    units = format_units(item.code("MeasurementUnitsCodeSequence"))
    parts = (
        f"{number} {units}".strip() if number else "",
        format_code(item.code("ConceptCodeSequence")),
        item.text("UnformattedTextValue"),
    )
    return " ".join(filter(None, parts))


def _pairs(item: Item) -> list[tuple[int, int]]:
    """Return multiplex group and channel, from 1; channel 0 is all of them."""
    numbers = [int(number) for number in item.numbers("ReferencedWaveformChannels")]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _channels(item: Item, groups: Sequence[Group | None]) -> str:
    names = []
    for group, channel in _pairs(item):
        found = groups[group - 1] if 1 <= group <= len(groups) else None
        if channel == 0:
            names.append(f"all of {found.label or group}" if found else f"group {group}")
        elif found and channel <= len(found.channels):
            names.append(found.channels[channel - 1].label)
        else:
            names.append(f"{group}/{channel}")
    return join_few(names, 12)


def _time(item: Item, groups: Sequence[Group | None]) -> str:
    """Return when an annotation is: offsets are in s from the beginning, positions count samples of a group from 1."""
    if offsets := item.numbers("ReferencedTimeOffsets"):
        return _times(offsets)
    if positions := item.numbers("ReferencedSamplePositions"):
        number = _pairs(item)[0][0] if _pairs(item) else 1
        group = groups[number - 1] if 1 <= number <= len(groups) else None
        if group is None or not group.frequency:
            return "sample " + join_few(list(map(format_number, positions)), 8)
        return _times([group.offset + (position - 1) / group.frequency for position in positions])
    return join_few(list(map(format_date_time, item.texts("ReferencedDateTime"))), 8)


def _times(seconds: Sequence[float]) -> str:
    return join_few([f"{second:.3f}" for second in seconds], 8, " \u2013 ") + " s"
