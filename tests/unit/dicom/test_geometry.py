"""Vectors in the patient's space."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.dicom.geometry import distance, dot, normal, same_orientation, subtract

NUMBERS = st.floats(-1e6, 1e6, width=32)
VECTORS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
ORIENTATIONS = st.tuples(*[st.floats(-1, 1, width=32)] * 6)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 1)),
        ((0, 1, 0, 0, 0, -1), (-1, 0, 0)),
        ((1, 0, 0, 0, 0, -1), (0, 1, 0)),
        ((0, 1, 0, 1, 0, 0), (0, 0, -1)),
    ],
)
def test_normals_of_the_planes(orientation: tuple[float, ...], expected: tuple[float, ...]) -> None:
    assert normal(orientation) == expected


@given(ORIENTATIONS)
def test_normal_is_the_cross_product(orientation: tuple[float, ...]) -> None:
    assert normal(orientation) == pytest.approx(tuple(np.cross(orientation[:3], orientation[3:])), abs=1e-6)


@given(VECTORS, VECTORS)
def test_the_rest_is_what_numpy_says(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    assert subtract(one, other) == tuple(np.subtract(one, other))
    assert dot(one, other) == pytest.approx(float(np.dot(one, other)), rel=1e-9, abs=1e-3)
    assert distance(one, other) == pytest.approx(float(np.linalg.norm(np.subtract(one, other))))
    assert distance(one, other) == distance(other, one)


AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (AXIAL, True),
        ((0.9901, 0.0099, -0.0099, 0.0099, 0.9901, -0.0099), True),
        ((1.0, 0.01, 0.0, 0.0, 1.0, 0.0), False),
        ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0101), False),
        ((0.0, 1.0, 0.0, 0.0, 0.0, -1.0), False),
        ((math.nan, 0.0, 0.0, 0.0, 1.0, 0.0), False),
        (None, False),
    ],
)
def test_orientations_are_the_same_within_a_hundredth(other: tuple[float, ...] | None, same: bool) -> None:
    assert same_orientation(AXIAL, other) is same
    assert same_orientation(other, AXIAL) is same


def test_absent_orientations_are_not_the_same() -> None:
    assert same_orientation(None, None) is False
