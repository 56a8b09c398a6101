"""Displayed areas and turns: pixels and points go the same way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dicom.pixels.samples import item_of
from unit.dicom.pixels.states import area, made, references

from desktop.dicom.pixels.references import Reference, Scope
from desktop.dicom.pixels.views import Area, View, make_view, read_areas

# An image whose pixels can be told apart, with an odd number of columns.
IMAGE = np.arange(1, 16, dtype=np.uint8).reshape(3, 5)


@pytest.mark.parametrize(
    ("rotation", "flip", "expected"),
    [
        (0, False, [[1, 2, 3], [4, 5, 6]]),
        (90, False, [[4, 1], [5, 2], [6, 3]]),
        (180, False, [[6, 5, 4], [3, 2, 1]]),
        (270, False, [[3, 6], [2, 5], [1, 4]]),
        (0, True, [[3, 2, 1], [6, 5, 4]]),
        # First it is turned clockwise, then left and right change places (PS3.3 §C.10.6).
        (90, True, [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_turns(rotation: int, flip: bool, expected: list[list[int]]) -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert View(0, 0, 3, 2, rotation, flip).cut(image).tolist() == expected


@given(st.data())
def test_points_go_where_pixels_go(data: st.DataObject) -> None:
    view = View(
        left=data.draw(st.integers(-3, 4)),
        top=data.draw(st.integers(-3, 2)),
        width=data.draw(st.integers(1, 9)),
        height=data.draw(st.integers(1, 9)),
        rotation=data.draw(st.sampled_from([0, 90, 180, 270])),
        flip=data.draw(st.booleans()),
        across=data.draw(st.integers(1, 4)),
        down=data.draw(st.integers(1, 4)),
    )
    picture = view.cut(IMAGE)
    assert picture.shape[1::-1] == view.size
    for row in range(view.top, view.top + view.height):
        for column in range(view.left, view.left + view.width):
            # The middle of the pixel.
            across, down = view.place((column + 0.5, row + 0.5))
            inside = 0 <= row < IMAGE.shape[0] and 0 <= column < IMAGE.shape[1]
            assert picture[int(down), int(across)] == (IMAGE[row, column] if inside else 0)


@given(st.sampled_from([0, 90, 180, 270]), st.booleans())
def test_fractions_are_of_the_displayed_area_as_it_is_turned(rotation: int, flip: bool) -> None:
    view = View(1, 0, 3, 2, rotation, flip, 10, 10)
    assert view.place_fraction((0, 0)) == (0, 0)
    assert view.place_fraction((1, 1)) == view.size


def read(**attributes: Any) -> tuple[Area, ...]:
    return read_areas(item_of(made(DisplayedAreaSelectionSequence=[area(1, 1, 5, 3, **attributes)])))


def test_reading() -> None:
    assert read() == (Area(Scope(), 1, 1, 5, 3, "SCALE TO FIT", 1.0),)
    (found,) = read(
        PresentationSizeMode="TRUE SIZE", PresentationPixelSpacing=[0.2, 0.1], PresentationPixelAspectRatio=[1, 1]
    )
    assert (found.mode, found.aspect) == ("TRUE SIZE", 2)
    (found,) = read(ReferencedImageSequence=references("1.2", 3))
    assert found.scope.covers(Reference("1.2", 3))
    assert not found.scope.covers(Reference("1.2", 2))


def test_corners_of_a_turned_image() -> None:
    """The first corner is the top left one after turning: it may be anywhere in the image."""
    (found,) = read(DisplayedAreaTopLeftHandCorner=[1, 3], DisplayedAreaBottomRightHandCorner=[5, 1])
    assert (found.left, found.top, found.right, found.bottom) == (1, 1, 5, 3)


@pytest.mark.parametrize("corner", [[1], [1, 2, 3], [-2_000_000_000, 1]])
def test_areas_that_make_no_sense(corner: list[int]) -> None:
    assert read(DisplayedAreaTopLeftHandCorner=corner) == ()


@pytest.mark.parametrize(
    ("rows", "columns", "aspect", "rotation", "size"),
    [
        (512, 512, 1, 0, (512, 512)),
        (511, 100, 1, 0, (200, 1022)),
        (64, 64, 1, 0, (512, 512)),
        (100, 200, 1, 0, (600, 300)),
        (2000, 1000, 1, 90, (2000, 1000)),
        (600, 600, 2, 0, (600, 1200)),
        (600, 600, 2, 90, (1200, 600)),
        (600, 600, 0.5, 0, (1200, 600)),
        (1, 1, 1, 0, (512, 512)),
    ],
)
def test_pictures_have_square_pixels_and_a_longer_side_of_at_least_512(
    rows: int, columns: int, aspect: float, rotation: int, size: tuple[int, int]
) -> None:
    view, honoured = make_view(rows, columns, None, rotation, flip=False, aspect=aspect)
    assert view.size == size
    assert honoured


@pytest.mark.parametrize(
    ("corners", "honoured"),
    [
        ((1, 1, 10, 10), True),
        ((-100, -100, 300, 300), True),
        ((201, 1, 300, 10), False),
        ((-10, -10, 0, 0), False),
        ((-1_000_000, -1_000_000, 1_000_000, 1_000_000), False),
    ],
)
def test_areas_of_an_image(corners: tuple[int, int, int, int], honoured: bool) -> None:
    view, said = make_view(100, 200, Area(Scope(), *corners), 0, flip=False, aspect=1)
    assert said == honoured
    if honoured:
        left, top, right, bottom = corners
        assert (view.left, view.top, view.width, view.height) == (left - 1, top - 1, right - left + 1, bottom - top + 1)
    else:
        assert (view.left, view.top, view.width, view.height) == (0, 0, 200, 100)


def test_pictures_have_an_end() -> None:
    view, _ = make_view(8000, 9000, None, 0, flip=False, aspect=20)
    assert view.size[0] * view.size[1] <= (1 << 25) + 10_000
