"""Shutters: what is not to be seen."""

from typing import Any

import numpy as np
import pytest
from unit.dicom.pixels.samples import item_of
from unit.dicom.pixels.states import made

from desktop.dicom.pixels.shutters import Circle, Rectangle, Shutter, read_shutter, shutter_mask

RECTANGLE = {
    "ShutterLeftVerticalEdge": 2,
    "ShutterRightVerticalEdge": 4,
    "ShutterUpperHorizontalEdge": 2,
    "ShutterLowerHorizontalEdge": 3,
}


def read(**attributes: Any) -> tuple[Shutter | None, tuple[str, ...]]:
    return read_shutter(item_of(made(**attributes)))


def seen(shutter: Shutter, rows: int = 4, columns: int = 5, aspect: float = 1) -> list[str]:
    mask = shutter_mask(shutter, rows, columns, aspect)
    return ["".join("." if hidden else "#" for hidden in row) for row in mask]


def test_a_rectangle_is_seen_with_its_edges() -> None:
    shutter, unapplied = read(ShutterShape="RECTANGULAR", **RECTANGLE)
    assert shutter == Shutter(Rectangle(2, 4, 2, 3))
    assert unapplied == ()
    assert seen(shutter) == [".....", ".###.", ".###.", "....."]


def test_edges_may_lie_outside() -> None:
    assert seen(Shutter(Rectangle(-5, 900, 0, 2))) == ["#####", "#####", ".....", "....."]


def test_a_circle() -> None:
    shutter, _ = read(ShutterShape="CIRCULAR", CenterOfCircularShutter=[3, 4], RadiusOfCircularShutter=2)
    assert shutter == Shutter(circle=Circle(3, 4, 2))
    assert seen(shutter, 5, 7) == ["...#...", "..###..", ".#####.", "..###..", "...#..."]
    assert seen(shutter, 5, 7, aspect=2) == [".......", "...#...", ".#####.", "...#...", "......."]


def test_a_polygon() -> None:
    shutter, _ = read(ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=[1, 1, 1, 4, 4, 1])
    assert shutter is not None
    assert seen(shutter) == ["####.", "###..", "##...", "#...."]


def test_all_shapes_count() -> None:
    shutter, _ = read(
        ShutterShape=["RECTANGULAR", "POLYGONAL"], VerticesOfThePolygonalShutter=[1, 1, 1, 4, 4, 1], **RECTANGLE
    )
    assert shutter is not None
    assert seen(shutter) == [".....", ".##..", ".#...", "....."]


@pytest.mark.parametrize(
    ("attributes", "in_colours", "expected"),
    [
        ({}, False, (0, 0, 0)),
        ({"ShutterPresentationValue": 65_535}, False, (255, 255, 255)),
        ({"ShutterPresentationValue": 32_896}, True, (128, 128, 128)),
        ({"ShutterPresentationColorCIELabValue": [65_535, 32_896, 32_896]}, True, (255, 255, 255)),
        (
            {"ShutterPresentationValue": 0, "ShutterPresentationColorCIELabValue": [35_580, 53_662, 50_858]},
            True,
            (255, 0, 0),
        ),
        (
            {"ShutterPresentationValue": 0, "ShutterPresentationColorCIELabValue": [35_580, 53_662, 50_858]},
            False,
            (0, 0, 0),
        ),
    ],
)
def test_what_is_shown_instead(attributes: dict[str, Any], in_colours: bool, expected: tuple[int, ...]) -> None:
    shutter, _ = read(ShutterShape="RECTANGULAR", **RECTANGLE, **attributes)
    assert shutter is not None
    assert shutter.fill(in_colours=in_colours) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    "attributes",
    [
        {"ShutterShape": "RECTANGULAR"},
        {"ShutterShape": "RECTANGULAR", **RECTANGLE, "ShutterLeftVerticalEdge": 5},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [3, 4], "RadiusOfCircularShutter": 0},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [3, 999_999_999], "RadiusOfCircularShutter": 4},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 2, 3, 4]},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1] * 100_000},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 1, 999_999_999, 4, 1]},
        {"ShutterShape": "BITMAP"},
        {"ShutterShape": "STARLIKE"},
    ],
)
def test_shutters_that_make_no_sense_hide_nothing_and_are_named(attributes: dict[str, Any]) -> None:
    shutter, unapplied = read(**attributes)
    assert shutter is None
    assert len(unapplied) == 1
    assert attributes["ShutterShape"].lower() in unapplied[0]


def test_no_shutter() -> None:
    assert read() == (None, ())


def test_a_large_mask_is_small_work() -> None:
    polygon = tuple((row % 3000, row * 7 % 3000) for row in range(10_000))
    mask = shutter_mask(Shutter(Rectangle(1, 2999, 1, 2999), Circle(1500, 1500, 1400), polygon), 3000, 3000)
    assert mask.shape == (3000, 3000)
    assert mask.dtype == np.bool_
