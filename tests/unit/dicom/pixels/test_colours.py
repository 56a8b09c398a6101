"""Colour spaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels import convert_color_space

from desktop.dicom.pixels.colours import grey_colour, lab_to_rgb, ybr_to_rgb


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=50))
def test_ybr_as_pydicom_converts_it(pixels: list[tuple[int, int, int]]) -> None:
    array = np.array([pixels], np.uint8)
    assert np.array_equal(ybr_to_rgb(array, 8), convert_color_space(array, "YBR_FULL", "RGB"))


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_more_bits_give_the_same_colours(pixel: tuple[int, int, int]) -> None:
    array = np.array([[pixel]])
    deep = ybr_to_rgb((array * 16).astype(np.uint16), 12).astype(int)
    assert np.abs(deep / 16 - ybr_to_rgb(array.astype(np.uint8), 8)).max() <= 1


def test_large_pictures_are_converted_piece_by_piece() -> None:
    array = np.full((1500, 1000, 3), (76, 85, 255), np.uint8)
    assert (ybr_to_rgb(array, 8) == (254, 0, 0)).all()


def encoded(lightness: float, a: float, b: float) -> list[float]:
    return [lightness / 100 * 65_535, (a + 128) / 255 * 65_535, (b + 128) / 255 * 65_535]


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((100, 0, 0), (255, 255, 255)),
        ((53.39, 0, 0), (127, 127, 127)),
        # sRGB's primaries under D50.
        ((54.29, 80.80, 69.89), (255, 0, 0)),
        ((87.82, -79.27, 80.99), (0, 255, 0)),
        ((29.57, 68.30, -112.03), (0, 0, 255)),
    ],
)
def test_cielab(lab: tuple[float, float, float], rgb: tuple[int, int, int]) -> None:
    assert lab_to_rgb(encoded(*lab)) == pytest.approx(rgb, abs=1)


@given(st.tuples(*[st.integers(0, 65_535)] * 3))
def test_any_cielab_is_a_colour(values: tuple[int, int, int]) -> None:
    colour = lab_to_rgb(values)
    assert colour is not None
    assert all(0 <= value <= 255 for value in colour)


@pytest.mark.parametrize("values", [[], [1, 2], [1, 2, 3, 4], [-1, 0, 0], [65_536, 0, 0]])
def test_no_colour(values: list[float]) -> None:
    assert lab_to_rgb(values) is None


@pytest.mark.parametrize(("value", "level"), [(0, 0), (65_535, 255), (-5, 0), (1e9, 255), (None, 9), (32_896, 128)])
def test_greys(value: float | None, level: int) -> None:
    assert grey_colour(value, default=9) == (level, level, level)
