"""What tells images of a series, and objects of a class, apart."""

from typing import Any

import pytest

from desktop.dicom.traits import make_traits


def value(*values: Any, vr: str = "DS") -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


def code(number: str, scheme: str, meaning: str = "") -> dict[str, Any]:
    return {"00080100": value(number), "00080102": value(scheme), "00080104": value(meaning)}


def series(uid: str) -> dict[str, Any]:
    return {"0020000E": value(uid, vr="UI")}


def frame_of_reference(count: int, *uids: str) -> dict[str, Any]:
    """Return an item of Referenced Frame of Reference Sequence that names some series."""
    images = value(*[{"00081155": value(uid, vr="UI")} for uid in uids] or [{}], vr="SQ")
    named = [series(f"1.{number + 2}") | {"30060016": images} for number in range(count)]
    return {"30060012": value({"30060014": value(*named, vr="SQ")}, vr="SQ")}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({}, {}),
        ({"00180081": value(80.5)}, {"EchoTime": 80.5}),
        ({"00180081": value("x")}, {}),
        ({"0019100C": value(800, vr="IS")}, {"0019100c": 800}),
        ({"00431039": value(1000000050, 8, 0, 0, vr="IS")}, {"00431039": 50}),
        ({"00181210": value("B30f")}, {"ConvolutionKernel": "B30f"}),
        ({"00181210": value("I30f", "3")}, {"ConvolutionKernel": "I30f\\3"}),
        ({"00189089": value(0.5, 0.5, 0.0, vr="FD")}, {"DiffusionGradientOrientation": (0.5, 0.5, 0.0)}),
        (
            {"00189076": value({"00189089": value(1, 0, 0)}, vr="SQ"), "0019100E": value(0, 0, 1)},
            {"DiffusionGradientOrientation": (1, 0, 0)},
        ),
        ({"0019100E": value(0, 0, 1)}, {"DiffusionGradientOrientation": (0, 0, 1)}),
        (
            {"0040A043": value(code("126000", "DCM", "Imaging Measurement Report"), vr="SQ")},
            {"ConceptName": "126000 DCM", "Label": "Imaging Measurement Report"},
        ),
        ({"00700081": value("Second"), "00700080": value("FIRST")}, {"Label": "Second"}),
        ({"00700081": {"vr": "LO"}, "00700080": value("FIRST")}, {"Label": "FIRST"}),
        ({"00081115": value(series("1.2"), series("1.3"), vr="SQ")}, {"ReferencedSeries": "1.2"}),
        ({"00081115": value({}, vr="SQ")}, {}),
        ({"00081115": {"vr": "SQ"}}, {}),
        ({"30060010": value(frame_of_reference(1), frame_of_reference(2), vr="SQ")}, {"ReferencedSeries": "1.2"}),
        ({"30060010": value(frame_of_reference(1), {}, vr="SQ")}, {}),
        (
            {"30060010": value(frame_of_reference(1, "1.5", "1.6", "1.6"), vr="SQ")},
            {"ReferencedSeries": "1.2", "NeededInstances": "1.5 1.6"},
        ),
        ({"30060010": value({"30060012": value({}, vr="SQ")}, vr="SQ")}, {}),
        ({"30060010": value({}, vr="SQ")}, {}),
        ({"54000100": value({}, {}, {}, vr="SQ")}, {"MultiplexGroups": 3}),
    ],
)
def test_traits(model: dict[str, Any], expected: dict[str, Any]) -> None:
    assert dict(make_traits(model)) == expected
