"""Windows: the standard's formulas, word for word, and windows found by what is in a frame."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.dicom.pixels.windows import Window, find_window, sample, window_between


def linear(x: float, c: float, w: float) -> float:
    """PS3.3 §C.11.2.1.2.1, for an output from 0 to 1."""
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    if x > c - 0.5 + (w - 1) / 2:
        return 1.0
    return (x - (c - 0.5)) / (w - 1) + 0.5


def sigmoid(x: float, c: float, w: float) -> float:
    """PS3.3 §C.11.2.1.3.1."""
    return 1 / (1 + math.exp(-4 * (x - c) / w))


def linear_exact(x: float, c: float, w: float) -> float:
    """PS3.3 §C.11.2.1.3.2."""
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 1.0
    return (x - c) / w + 0.5


values = st.floats(-1e5, 1e5) | st.integers(-70_000, 70_000).map(float)


@given(values, values, st.floats(1, 1e5) | st.integers(1, 9).map(float))
def test_linear(x: float, c: float, w: float) -> None:
    assert Window(c, w).fraction(np.array([x]))[0] == pytest.approx(linear(x, c, w), abs=1e-6)
    assert Window(c, w, "ANYTHING").fraction(np.array([x]))[0] == Window(c, w).fraction(np.array([x]))[0]


@given(values, values, st.floats(1e-3, 1e5))
def test_linear_exact(x: float, c: float, w: float) -> None:
    assert Window(c, w, "LINEAR_EXACT").fraction(np.array([x]))[0] == pytest.approx(linear_exact(x, c, w), abs=1e-6)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(200, 1e5))
def test_sigmoid(x: float, c: float, w: float) -> None:
    assert Window(c, w, "SIGMOID").fraction(np.array([x]))[0] == pytest.approx(sigmoid(x, c, w), abs=1e-9)


@pytest.mark.parametrize(
    ("window", "levels"),
    [
        # The standard's example: center 2048 and width 4096 leave 12 bits as they are.
        (Window(2048, 4096), {0: 0, 4095: 1, 2047.5: 0.5}),
        (Window(2048, 1), {2047: 0, 2047.5: 0, 2048: 1}),
        (Window(0, 100), {-50: 0, 49: 1, -51: 0, 50: 1}),
        (Window(0.5, 0.5), {0.25: 0, 0.75: 1, 0.5: 0.5}),
        (Window(0, 1e-300), {-1: 0, 1: 1, 0: 0.5}),
        (Window(0, 1, "SIGMOID"), {-1e308: 0, 1e308: 1, 0: 0.5}),
    ],
)
def test_some_values(window: Window, levels: dict[float, float]) -> None:
    for value, level in levels.items():
        assert window.fraction(np.array([value]))[0] == pytest.approx(level)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("width", [1e-320, 0.5, 1, 2, 1e308])
def test_what_is_no_number_stays_none_and_infinities_are_ends(function: str, width: float) -> None:
    found = Window(0, width, function).fraction(np.array([np.nan, -np.inf, np.inf]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [0, 1]


def test_a_window_lies_between_percentiles() -> None:
    window = find_window(np.arange(1000))
    assert window.function == "LINEAR_EXACT"
    assert window.center - window.width / 2 == pytest.approx(4.995)
    assert window.center + window.width / 2 == pytest.approx(994.005)


@pytest.mark.parametrize("background", [-1000, 0, 5000])
def test_background_does_not_count(background: int) -> None:
    """Nine tenths of the frame are air, or what was cut away."""
    window = find_window(np.concatenate([np.full(9000, background), np.arange(1000)]))
    low, high = window.center - window.width / 2, window.center + window.width / 2
    assert high == pytest.approx(994, abs=2)
    assert low == (pytest.approx(background) if background < 0 else pytest.approx(5, abs=2 if background else 6))


@pytest.mark.parametrize(("value", "level"), [(0, 0), (7, 1), (-7, 0), (1e308, 1)])
def test_a_frame_of_one_value(value: float, level: float) -> None:
    numbers = np.full(9, value, np.float64)
    assert find_window(numbers).fraction(numbers).tolist() == [level] * 9


@pytest.mark.parametrize("numbers", [[], [math.nan], [math.inf, -math.inf], [-1.7e308, 1.7e308], [0, 5e-324]])
def test_odd_frames_have_a_window_too(numbers: list[float]) -> None:
    window = find_window(np.array(numbers, np.float64))
    assert window.width > 0
    assert math.isfinite(window.center)
    assert math.isfinite(window.width)


@given(st.lists(st.floats(allow_nan=True) | st.integers(-9, 9).map(float), max_size=30))
def test_any_frame_has_a_window(numbers: list[float]) -> None:
    window = find_window(np.array(numbers, np.float64))
    assert window.width > 0
    assert math.isfinite(window.center + window.width)


def test_all_but_two_values_within() -> None:
    assert window_between(-3, 5) == Window(1, 8, "LINEAR_EXACT")


def test_a_sample_has_pixels_of_all_columns() -> None:
    frame = np.tile(np.arange(2048), (4096, 1))
    taken = sample(frame)
    assert taken.size < 2_000_000
    assert len(np.unique(taken)) == 2048
    assert sample(frame[:10]).size == 20480
