"""Line charts as SVG: axes with round numbers, one curve a colour."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .html import Child, element

COLORS = (
    *("#5acce6", "#ffcf5c", "#86d9a8", "#ff9d94", "#b7a5ff", "#ff8fd0", "#8ab4ff", "#d9e27a"),
    *("#4fd6b8", "#ffb07a", "#c9d4ea", "#e78bff"),
)
_WIDTH, _HEIGHT = 720, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 10, 38
_POINTS = 800
"""Points of one curve that are drawn."""


class Curve(NamedTuple):
    """A curve: its points by x, and a colour such as ``#5acce6``."""

    points: Sequence[tuple[float, float]]
    color: str


def draw_chart(curves: Sequence[Curve], x_label: str, y_label: str) -> Markup | None:
    """Draw curves from 0 on; None if there is nothing to draw."""
    points = [point for curve in curves for point in curve.points]
    right, top = max((x for x, _ in points), default=0.0), max((y for _, y in points), default=0.0)
    if not (0 < right < 1e30 and 0 < top < 1e30):
        return None
    x_ticks, y_ticks = round_ticks(right), round_ticks(top)
    right, top = max(right, x_ticks[-1]), max(top, y_ticks[-1])
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + x / right * width, _TOP + height - y / top * height

    grid: list[Child] = []
    for tick in x_ticks:
        x, y = at(tick, 0)
        grid.append(element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=_TOP, y2=f"{y:.1f}", stroke="#1d2338"))
        grid.append(_label(f"{tick:g}", x, y + 14, "middle"))
    for tick in y_ticks:
        x, y = at(0, tick)
        grid.append(element("line", x1=f"{x:.1f}", x2=_WIDTH - _RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", stroke="#1d2338"))
        grid.append(_label(f"{tick:g}", x - 6, y + 4, "end"))
    names = (
        _label(x_label, _LEFT + width / 2, _HEIGHT - 6, "middle"),
        _label(y_label, 0, 0, "middle", f"translate(11 {_TOP + height / 2:.0f}) rotate(-90)"),
    )
    lines = [_line([at(x, y) for x, y in thin(curve.points)], curve.color) for curve in curves]
    return element(
        "svg",
        *(grid, names, lines),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
        class_="plot",
        role="img",
        aria_label=f"{y_label} by {x_label}",
    )


def round_ticks(end: float, about: int = 6) -> list[float]:
    """Return round numbers from 0 up to ``end`` or a little below: ``[0, 20, 40]``."""
    rough = end / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999) * power
    return [step * number for number in range(int(end / step + 1e-9) + 1)]


def thin(points: Sequence[tuple[float, float]], limit: int = _POINTS) -> Sequence[tuple[float, float]]:
    """Return every n-th point, and the last one."""
    step = -(-len(points) // limit)
    return points if step <= 1 else [*points[::step], points[-1]]


def swatch(color: str) -> Markup:
    """Return a small square of a colour."""
    square = element("rect", width=12, height=12, fill=color)
    return element("svg", square, class_="swatch", viewBox="0 0 12 12", role="img", aria_label=color)


def _line(points: Sequence[tuple[float, float]], color: str) -> Markup:
    text = " ".join([f"{x:.1f},{y:.1f}" for x, y in points])
    return element("polyline", points=text, fill="none", stroke=color, stroke_width=1.6)


def _label(text: str, x: float, y: float, anchor: str, transform: str | None = None) -> Markup:
    return element(
        "text", text, x=f"{x:.1f}", y=f"{y:.1f}", fill="#9fabc4", text_anchor=anchor, class_="tick", transform=transform
    )
