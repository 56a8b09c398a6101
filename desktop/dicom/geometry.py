"""Vectors in the patient's space, in mm (PS3.3 §C.7.6.2.1.1)."""

import math
from array import array

from .records import Vector

ORIENTATION_TOLERANCE = 0.01


def single(vector: Vector) -> Vector:
    """Return a vector in single precision, which is what OHIF reckons with (gl-matrix)."""
    return tuple(array("f", vector))


def normal(orientation: Vector) -> Vector:
    """Return the cross product of the row's and the column's direction cosines, in single precision."""
    a, b, c, d, e, f = single(orientation)
    return single((b * f - c * e, c * d - a * f, a * e - b * d))


def dot(one: Vector, other: Vector) -> float:
    """Return the scalar product."""
    # Not by sum(), which newer Pythons do more exactly than JavaScript.
    (a, b, c), (d, e, f) = one, other
    return a * d + b * e + c * f


def subtract(one: Vector, other: Vector) -> Vector:
    """Return ``one`` less ``other``."""
    (a, b, c), (d, e, f) = one, other
    return a - d, b - e, c - f


def distance(one: Vector, other: Vector) -> float:
    """Return how far two points are apart, to the last digit as JavaScript reckons it from the squares."""
    (a, b, c), (d, e, f) = one, other
    return math.sqrt((a - d) * (a - d) + (b - e) * (b - e) + (c - f) * (c - f))


def same_orientation(one: Vector | None, other: Vector | None) -> bool:
    """Whether two orientations are equal within :data:`ORIENTATION_TOLERANCE` in each cosine."""
    if one is None or other is None:
        return False
    # Mostly they are the same, to the last digit.
    return one == other or is_close(one, other, ORIENTATION_TOLERANCE)


def is_close(one: Vector, other: Vector, tolerance: float) -> bool:
    """Whether no number differs by as much as the tolerance."""
    return all(abs(a - b) < tolerance for a, b in zip(one, other, strict=True))
