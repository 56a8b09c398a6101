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
    return sum(a * b for a, b in zip(one, other, strict=True))


def subtract(one: Vector, other: Vector) -> Vector:
    """Return ``one`` less ``other``."""
    return tuple(a - b for a, b in zip(one, other, strict=True))


def distance(one: Vector, other: Vector) -> float:
    """Return how far two points are apart, to the last digit as JavaScript reckons it from the squares."""
    return math.sqrt(sum((a - b) * (a - b) for a, b in zip(one, other, strict=True)))


def same_orientation(one: Vector | None, other: Vector | None) -> bool:
    """Whether two orientations are equal within :data:`ORIENTATION_TOLERANCE` in each cosine."""
    if one is None or other is None:
        return False
    return all(abs(a - b) < ORIENTATION_TOLERANCE for a, b in zip(one, other, strict=True))
