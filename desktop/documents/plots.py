"""Draws waveforms as SVG: strips with their labels, on the paper of electrocardiograms or on plain ground."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from .charts import round_ticks
from .html import Child, element, shorten
from .samples import Numbers

_FINE = 20
"""Steps of coordinates in one unit of a drawing."""

PAPER_SPEED, PAPER_GAIN = 25.0, 10.0
"""How electrocardiograms are drawn everywhere: mm for a second, and for a millivolt."""

_PAPER_WIDTH = 250.0
_PIXELS = 4.0
"""Pixels of a screen for a mm of paper."""

_ENDLESS = 1e30
"""What is higher is no value, but damage."""

_MARGIN, _GAP = 16.0, 3.0
"""mm before a strip, for its name and the pulse of calibration; and below it."""
_LOW, _HIGH = 12.0, 60.0
"""mm that a strip may be high, before all are drawn smaller."""

TRACE, FINE_LINE, STRONG_LINE, PAPER = "#f2f5fb", "#2c1a20", "#4d2730", "#120a0d"
_INK, _DIM = "#9fabc4", "#8796bd"


class Strip(NamedTuple):
    """One channel to draw.

    Attributes:
        times: seconds from the left edge.
        values: in units of the channel; NaN where there is none.
        units: such as ``mV``.
    """

    label: str
    times: Numbers
    values: Numbers
    units: str


class _Box(NamedTuple):
    strip: Strip
    x: float
    y: float
    height: float
    middle: float
    """The value that is drawn in the middle."""


def draw_paper(strips: Sequence[Strip], seconds: float, begin: float) -> Markup:
    """Draw an electrocardiogram whose values are in mV, on paper of mm: 25 mm/s, and 10 mm/mV or less, as is written.

    Args:
        seconds: that the strips last.
        begin: the time at the left edge, in seconds of the recording.
    """
    gain = PAPER_GAIN
    while max(map(_range, strips)) * gain > _HIGH:
        gain /= 2
    width = max(10.0, math.ceil(seconds * PAPER_SPEED / 5) * 5.0)
    columns = max(1, min(4, int(_PAPER_WIDTH // (width + _MARGIN)), len(strips)))
    rows = -(-len(strips) // columns)
    boxes, y = [], 2.0
    for row in range(rows):
        members = strips[row::rows]
        height = max(_LOW, max(map(_range, members)) * gain + _GAP)
        for column, strip in enumerate(members):
            boxes.append(_Box(strip, _MARGIN + column * (width + _MARGIN), y, height, _middle(strip)))
        y += height + _GAP
    total = math.ceil((columns * (width + _MARGIN) + 4) / 5) * 5.0, math.ceil((y + 6) / 5) * 5.0
    parts: list[Child] = [
        _rect(0, 0, *total, PAPER),
        _lines(*total, 1.0, FINE_LINE, 0.12),
        _lines(*total, 5.0, STRONG_LINE, 0.2),
        [_calibration(boxes[0], gain)],
        [_trace(box, PAPER_SPEED, gain, 0.28) for box in boxes],
        [_text(box.strip.label, box.x - _MARGIN + 1.5, box.y + box.height / 2 + 1.2, 3.4, "#ffffff") for box in boxes],
    ]
    foot = f"25 mm/s   {gain:g} mm/mV   from {begin:g} s to {begin + seconds:g} s"
    parts.append(_text(foot, _MARGIN, total[1] - 2, 3, _INK))
    return _svg(total, _PIXELS, parts, "Electrocardiogram")


def draw_strips(
    strips: Sequence[Strip], seconds: float, begin: float, *, common: bool = False, overview: bool = False
) -> Markup:
    """Draw strips of which each fills its height, with its own scale written beside it.

    Args:
        strips: of any units.
        seconds, begin: as for :func:`draw_paper`.
        common: strips have one scale, as far as their heights are alike, and may reach into one another.
        overview: strips are low, and their curves dim.
    """
    width, left, gap, height = 1000.0, 132.0, 10.0, 40.0 if overview else 74.0
    span = width - left - 12
    speed = span / seconds if seconds else span
    total = width, len(strips) * (height + gap) + 26
    shared = _share([_range(strip) for strip in strips]) if common else 0.0
    grid: list[Child] = []
    curves: list[Child] = []
    for tick in _time_ticks(begin, seconds):
        x = left + (tick - begin) * speed
        grid += [_line(x, 4, x, total[1] - 20, "#1d2338"), _text(f"{tick:g} s", x, total[1] - 6, 11, _INK, "middle")]
    for number, strip in enumerate(strips):
        y = 4 + number * (height + gap)
        low, high = _limits(strip)
        reach = shared if 0 < high - low <= 3 * shared else high - low
        gain = height / reach if reach > 0 else 0.0
        box = _Box(strip, left, y, height, (low + high) / 2)
        zero = y + height / 2 + box.middle * gain
        if low < 0 < high:
            grid.append(_line(left, zero, left + span, zero, "#263252"))
        curves += _scale(strip, low, high, y, 40.0 if shared else height)
        curves.append(_trace(box, speed, gain, 1.0, _DIM if overview else TRACE))
    if shared:
        grid.append(_text(f"a strip is {shared:.3g} {strips[0].units} high", 8, total[1] - 6, 11, _INK))
    ground = _rect(0, 0, *total, "#0b0e1b")
    return _svg(total, 1.0, (ground, grid, curves), "Waveform")


def _scale(strip: Strip, low: float, high: float, y: float, height: float) -> list[Markup]:
    """Return a strip's name, and its lowest and highest value."""
    name = _text(shorten(strip.label, 18), 8, y + 14, 13, "#ffffff")
    if height < 60:
        return [name, _text(f"{low:.4g} to {high:.4g} {strip.units}", 8, y + 30, 11, _INK)]
    lowest, highest = f"{low:.4g} {strip.units}", f"{high:.4g} {strip.units}"
    return [name, _text(highest, 8, y + 31, 11, _INK), _text(lowest, 8, y + height - 3, 11, _INK)]


def _share(ranges: Sequence[float]) -> float:
    """Return the range that fills a strip, when all have one scale: a little more than that in the middle of all."""
    known = sorted(value for value in ranges if value > 0)
    return known[len(known) // 2] * 1.2 if known else 0.0


def _limits(strip: Strip) -> tuple[float, float]:
    known = strip.values[np.abs(strip.values) < _ENDLESS]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def _range(strip: Strip) -> float:
    low, high = _limits(strip)
    return high - low


def _middle(strip: Strip) -> float:
    low, high = _limits(strip)
    return (low + high) / 2


def _time_ticks(begin: float, seconds: float) -> list[float]:
    if not 0 < seconds < 1e12:
        return []
    ticks = round_ticks(seconds, 10)
    step = ticks[1] if len(ticks) > 1 else seconds
    first = math.ceil(begin / step - 1e-9)
    return [
        round((first + number) * step, 9)
        for number in range(len(ticks) + 1)
        if (first + number) * step <= begin + seconds * 1.0001
    ]


def _trace(box: _Box, speed: float, gain: float, thickness: float, color: str = TRACE) -> Markup:
    """Return the curve of a strip; where values are missing it is broken."""
    strip = box.strip
    values = np.where(np.abs(strip.values) < _ENDLESS, strip.values, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        y = (box.y + box.height / 2 - (values - box.middle) * gain) * _FINE
        x = (box.x + strip.times * speed) * _FINE
    known = np.isfinite(y) & np.isfinite(x) & (np.abs(y) < 1e7) & (np.abs(x) < 1e7)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], known.view(np.int8), [0]))))
    pieces = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        points = np.rint(np.column_stack((x[start:end], y[start:end]))).astype(np.int64)
        moves = np.diff(points, axis=0).ravel().tolist() or [0, 1]
        pieces.append(f"M{points[0, 0]} {points[0, 1]}l{' '.join(map(str, moves))}")
    return element(
        "path",
        d="".join(pieces),
        fill="none",
        stroke=color,
        stroke_width=thickness * _FINE,
        transform=f"scale({1 / _FINE:g})",
    )


def _calibration(box: _Box, gain: float) -> Markup:
    """Return the pulse of 1 mV before the first strip."""
    foot = box.y + box.height / 2 + gain / 2
    path = f"M9 {foot:.2f}h1v{-gain:.2f}h4v{gain:.2f}h1"
    return element("path", d=path, fill="none", stroke=TRACE, stroke_width=0.28)


def _lines(width: float, height: float, step: float, color: str, thickness: float) -> Markup:
    across = "".join([f"M{step * at:g} 0V{height:g}" for at in range(int(width / step) + 1)])
    down = "".join([f"M0 {step * at:g}H{width:g}" for at in range(int(height / step) + 1)])
    return element("path", d=across + down, fill="none", stroke=color, stroke_width=thickness)


def _line(x1: float, y1: float, x2: float, y2: float, color: str) -> Markup:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", stroke=color)


def _rect(x: float, y: float, width: float, height: float, fill: str) -> Markup:
    return element("rect", x=x, y=y, width=f"{width:g}", height=f"{height:g}", fill=fill)


def _text(text: str, x: float, y: float, size: float, fill: str, anchor: str | None = None) -> Markup:
    # The size is an attribute of presentation, so that it is in units of the drawing.
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", fill=fill, font_size=size, text_anchor=anchor)


def _svg(size: tuple[float, float], pixels: float, parts: Sequence[Child], label: str) -> Markup:
    width, height = size
    drawn = element(
        "svg",
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width * pixels:.0f}",
        height=f"{height * pixels:.0f}",
        class_="plot",
        role="img",
        aria_label=label,
    )
    return element("div", drawn, class_="scroll")
