"""Graphics as lines: curves, circles and ellipses by the points that a pen goes through."""

import math
from collections.abc import Sequence

from .views import Point

_STEPS = 12
"""Lines in place of each part of a curve."""

_MOST_STEPS = 4_000
"""Lines in place of a whole curve: of one with many points, each part has less."""

_ROUND_STEPS = 120
"""Lines in place of a circle."""


def curve_through(points: Sequence[Point]) -> list[Point]:
    """Return a smooth curve through points (Catmull-Rom); it is closed if the last is the first."""
    if len(points) < 3:
        return list(points)
    closed = points[0] == points[-1]
    around = [points[-2], *points, points[1]] if closed else [points[0], *points, points[-1]]
    steps = max(1, min(_STEPS, _MOST_STEPS // len(points)))
    curve = [points[0]]
    for before, start, end, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        curve += [_between(before, start, end, after, step / steps) for step in range(1, steps + 1)]
    return curve


def _between(before: Point, start: Point, end: Point, after: Point, part: float) -> Point:
    def one(a: float, b: float, c: float, d: float) -> float:
        return 0.5 * (
            2 * b + (c - a) * part + (2 * a - 5 * b + 4 * c - d) * part**2 + (3 * b - a - 3 * c + d) * part**3
        )

    return one(before[0], start[0], end[0], after[0]), one(before[1], start[1], end[1], after[1])


def circle(center: Point, perimeter: Point) -> list[Point]:
    """Return a closed circle through a point."""
    radius = math.dist(center, perimeter)
    return _round(center, (radius, 0), (0, radius))


def ellipse(ends: Sequence[Point]) -> list[Point]:
    """Return a closed ellipse, given both ends of one axis and both of the other."""
    one, other, third, fourth = ends[:4]
    center = (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
    major = (other[0] - one[0]) / 2, (other[1] - one[1]) / 2
    minor = (fourth[0] - third[0]) / 2, (fourth[1] - third[1]) / 2
    return _round(center, major, minor)


def ellipse_in(corner: Point, opposite: Point) -> list[Point]:
    """Return a closed ellipse that fits into a rectangle."""
    center = (corner[0] + opposite[0]) / 2, (corner[1] + opposite[1]) / 2
    return _round(center, ((opposite[0] - corner[0]) / 2, 0), (0, (opposite[1] - corner[1]) / 2))


def _round(center: Point, across: Point, down: Point) -> list[Point]:
    angles = [2 * math.pi * step / _ROUND_STEPS for step in range(_ROUND_STEPS + 1)]
    return [
        (
            center[0] + across[0] * math.cos(angle) + down[0] * math.sin(angle),
            center[1] + across[1] * math.cos(angle) + down[1] * math.sin(angle),
        )
        for angle in angles
    ]


def cross(center: Point, arm: float) -> list[list[Point]]:
    """Return two lines that cross."""
    across, down = center
    return [[(across - arm, down), (across + arm, down)], [(across, down - arm), (across, down + arm)]]


def rectangle(corner: Point, opposite: Point) -> list[Point]:
    """Return a closed rectangle."""
    return [corner, (opposite[0], corner[1]), opposite, (corner[0], opposite[1]), corner]


def extended(start: Point, end: Point, length: float) -> list[Point]:
    """Return a line that goes on beyond both points, by ``length``."""
    whole = math.dist(start, end)
    if not whole:
        return [start, end]
    across, down = (end[0] - start[0]) / whole * length, (end[1] - start[1]) / whole * length
    return [(start[0] - across, start[1] - down), (end[0] + across, end[1] + down)]


def turned(point: Point, pivot: Point, degrees: float) -> Point:
    """Return a point turned counterclockwise, as it is seen, about another."""
    angle = math.radians(degrees % 360)
    across, down = point[0] - pivot[0], point[1] - pivot[1]
    return (
        pivot[0] + across * math.cos(angle) + down * math.sin(angle),
        pivot[1] - across * math.sin(angle) + down * math.cos(angle),
    )
