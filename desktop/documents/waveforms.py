"""Waveforms: electrocardiograms, pressures, electroencephalograms, sound … (PS3.3 §A.34)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .annotations import show_findings, show_marks
from .fields import Field, fact_list, table
from .html import Child, audio, element, join, shorten
from .model import Subject, View
from .page import fold, more, note, section, view_link
from .plots import Strip, draw_paper, draw_strips
from .samples import Channel, Group, Numbers, read_group, thin_samples
from .sound import make_wav

GROUP_LIMIT = 20
STRIP_LIMIT = 64
"""Channels of one group that are drawn."""

_COLUMNS = 2000
_MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "V": 1e3, "nV": 1e-6}
_ECG = "1.2.840.10008.5.1.4.1.1.9.1."
_SOUND = "1.2.840.10008.5.1.4.1.1.9.4."
_ENCEPHALOGRAMS = {f"1.2.840.10008.5.1.4.1.1.9.7.{part}" for part in (1, 4)}
_PAGE = 10.0
"""Seconds of a page; a slow signal has more."""

_PAGE_SAMPLES = 2000
_WHOLE = 15.0
"""Seconds that are shown at once, without pages."""

_FACTS = (
    Field("Recorded", "AcquisitionDateTime"),
    Field("Electrodes", "AcquisitionContextSequence/ConceptCodeSequence"),
    Field("Age", "PatientAge"),
    Field("Height", "PatientSize", "m"),
    Field("Weight", "PatientWeight", "kg"),
    Field("Confirmed by", "NameOfPhysiciansReadingStudy"),
    Field("Operator", "OperatorsName"),
)


def show_waveform(subject: Subject) -> View:
    """Show what was read out of the curves, then all curves in physical units."""
    item = subject.item
    found = item.items("WaveformSequence")
    groups: list[Group | None] = []
    parts: list[Child] = []
    for number, inner in enumerate(found[:GROUP_LIMIT], 1):
        group, words = _read(subject, inner)
        groups.append(group)
        parts.append(words if group is None else _show_group(subject, group, number, len(found)))
    body = join(
        (
            fact_list(_FACTS, item),
            show_findings(item),
            parts or note("The object has no waveforms.", "warning"),
            more(len(found) - GROUP_LIMIT, "multiplex groups"),
            show_marks(item, groups),
        )
    )
    return View(body)


def _read(subject: Subject, item: Item) -> tuple[Group | None, Markup | None]:
    data, padding = subject.binary(item, "WaveformData"), subject.binary(item, "WaveformPaddingValue")
    if data is None:
        return None, note("The samples of these waveforms could not be read from the file.", "bad")
    group = read_group(item, data, padding or b"")
    if group is None or not len(group.samples):
        return None, note("These waveforms have no samples, or of a form that is not known.", "bad")
    return group, None


def _show_group(subject: Subject, group: Group, number: int, count: int) -> Markup:
    name = group.label or ("Waveforms" if count == 1 else f"Waveforms {number}")
    rate = f"{group.frequency:g} Hz" if group.frequency else "sampling frequency not told"
    total = group.samples.shape[1]
    told = f"{total} {'channel' if total == 1 else 'channels'}, {rate}, {_duration(group)}"
    return section(
        join((shorten(name), element("small", f" {told}"))),
        note(f"{group.missing:,} samples of each channel are missing: the file is cut short.", "bad")
        if group.missing
        else None,
        note("The file does not say what stored values mean; they are shown as they are.", "warning")
        if not _is_sound(subject) and not all(channel.calibrated for channel in group.channels)
        else None,
        _play(subject, group),
        _draw(subject, group),
        more(total - min(total, STRIP_LIMIT), "channels", "Another program must draw them."),
        _list_channels(group.channels),
    )


def _duration(group: Group) -> str:
    if not group.frequency:
        return f"{len(group.samples):,} samples"
    seconds = group.seconds
    if seconds < 120:
        return f"{seconds:.4g} s"
    return f"{int(seconds // 3600)} h {int(seconds // 60) % 60} min" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _is_sound(subject: Subject) -> bool:
    return subject.item.text("SOPClassUID").startswith(_SOUND)


def _play(subject: Subject, group: Group) -> Markup | None:
    if not _is_sound(subject):
        return None
    wav = make_wav(group)
    return (
        audio(wav) if wav else note("The sound is too long to be played here, or its sampling frequency is not told.")
    )


def _draw(subject: Subject, group: Group) -> list[Markup]:
    """Return the curves: all at once, or an overview of all and one page of it."""
    # Without a sampling frequency, a second is a sample.
    frequency = group.frequency or 1.0
    seconds = len(group.samples) / frequency
    if seconds <= _WHOLE or _is_sound(subject):
        return [_plot(subject, group, 0, len(group.samples))]
    page = max(_PAGE, _PAGE_SAMPLES / frequency)
    if seconds <= page:
        return [_plot(subject, group, 0, len(group.samples))]
    start = min(subject.start, max(0.0, seconds - page / 2))
    first = int(start * frequency)
    last = min(len(group.samples), first + int(page * frequency))
    words = f"{start:g} s to {last / frequency:g} s of {seconds:g} s"
    links: list[Child] = []
    if start > 0:
        links += [view_link("\u25c2 Before", f"waveform:{max(0.0, start - page):g}"), " \N{MIDDLE DOT} "]
    if last < len(group.samples):
        links.append(view_link("After \u25b8", f"waveform:{start + page:g}"))
    overview = draw_strips(_strips(group, 0, len(group.samples), 1000), seconds, group.offset, overview=True)
    return [
        element("p", words, "  ", *links),
        _plot(subject, group, first, last),
        element(
            "figure",
            element("figcaption", "The whole recording; each column holds lowest and highest values"),
            overview,
        ),
    ]


def _plot(subject: Subject, group: Group, first: int, last: int) -> Markup:
    frequency = group.frequency or 1.0
    strips = _strips(group, first, last, _COLUMNS)
    seconds, begin = (last - first) / frequency, group.offset + first / frequency
    electric = all(strip.units in _MILLIVOLTS for strip in strips)
    if subject.item.text("SOPClassUID").startswith(_ECG) and electric and group.frequency and seconds <= 60:
        scaled = [strip._replace(values=strip.values * _MILLIVOLTS[strip.units], units="mV") for strip in strips]
        return draw_paper(scaled, seconds, begin)
    return draw_strips(strips, seconds, begin, common=subject.item.text("SOPClassUID") in _ENCEPHALOGRAMS)


def _strips(group: Group, first: int, last: int, columns: int) -> list[Strip]:
    strips = []
    frequency = group.frequency or 1.0
    for number, channel in enumerate(group.channels[:STRIP_LIMIT]):
        positions, values = thin_samples(group.samples[first:last, number], group.padding, columns)
        times: Numbers = positions / frequency + channel.skew
        strips.append(Strip(channel.label, times, channel.physical(values), channel.units))
    return strips


def _list_channels(channels: Sequence[Channel]) -> Markup | None:
    """Return how the channels were scaled and filtered, folded."""
    rows: list[list[Child]] = [
        [
            str(number),
            channel.label,
            f"{channel.scale:.6g} {channel.units}" if channel.calibrated else "",
            f"{channel.baseline:.6g} {channel.units}" if channel.baseline else "",
            f"{channel.skew:.6g}" if channel.skew else "",
            channel.filters,
        ]
        for number, channel in enumerate(channels, 1)
    ]
    heads = ("#", "Channel", "A step is", "Baseline", "Skew [s]", "Filter")
    return fold("Channels", table(heads, rows, "channels"))
