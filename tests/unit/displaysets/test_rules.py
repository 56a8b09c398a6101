"""OHIF's rules for stacks, against what OHIF 3.13.2's own functions said of the same stacks.

``ohif_stacks.json`` holds random stacks (regular and not, oblique, with slices that are missing, doubled, shifted or
of another orientation) with what ``isDisplaySetReconstructable``, ``getDisplaySetMessages`` and ``ImageSet.sort``
answered: two of each combination of answers.
"""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import make_context, make_instances
from hypothesis import given
from hypothesis import strategies as st

from desktop.dicom.records import Instance
from desktop.displaysets.dynamic import split_time_points
from desktop.displaysets.handlers.stack import StackHandler
from desktop.displaysets.model import DisplaySet, Message, MessageCode
from desktop.displaysets.modes import MODES, Mode
from desktop.displaysets.registry import make_display_sets, sort_display_sets
from desktop.displaysets.rules import sort_by_number

WHOLE = MODES["dynamic-volume"]
"""A mode that leaves series whole, as OHIF does."""

GOLDEN = json.loads((Path(__file__).parent / "ohif_stacks.json").read_text(encoding="utf-8"))


def stack_of(said: dict[str, Any]) -> list[Instance]:
    instances = []
    for uid, number, position, orientation, *more in said["instances"]:
        fields: dict[str, Any] = {
            "Rows": 2,
            "SamplesPerPixel": 1,
            "ImageType": ["ORIGINAL"],
            **(more[0] if more else {}),
        }
        instances.append(
            Instance(
                SOPInstanceUID=uid,
                SOPClassUID="1.2.840.10008.5.1.4.1.1.4",
                Modality=said["modality"],
                InstanceNumber=number,
                Rows=fields["Rows"],
                Columns=2,
                SamplesPerPixel=fields["SamplesPerPixel"],
                ImageType=tuple(fields["ImageType"]),
                ImagePositionPatient=None if position is None else tuple(position),
                ImageOrientationPatient=None if orientation is None else tuple(GOLDEN["orientations"][orientation]),
            )
        )
    return instances


@pytest.mark.parametrize("said", GOLDEN["stacks"], ids=lambda said: "+".join(said["messages"]) or "good")
def test_stacks_are_judged_as_ohif_judges_them(said: dict[str, Any]) -> None:
    instances = stack_of(said)
    for _ in range(3):
        (made,) = StackHandler(splits=False).get_display_sets_from_series(instances)
        assert made.isReconstructable is said["possible"]
        assert [message.code.name for message in made.messages] == said["messages"]
        assert [instance.SOPInstanceUID for instance in made.instances] == said["order"]
        assert made.averageSpacingBetweenFrames == pytest.approx(said["spacing"] or None)
        # The order in which they come makes no difference.
        random.Random(1).shuffle(instances)


def test_the_golden_stacks_are_of_all_kinds() -> None:
    codes = {code for said in GOLDEN["stacks"] for code in said["messages"]}
    assert codes == {
        "NO_POSITION_INFORMATION",
        "NOT_RECONSTRUCTABLE",
        "MISSING_FRAMES",
        "IRREGULAR_SPACING",
        "INCONSISTENT_DIMENSIONS",
        "INCONSISTENT_COMPONENTS",
        "INCONSISTENT_ORIENTATIONS",
        "INCONSISTENT_POSITION_INFORMATION",
    }
    assert sum(said["possible"] for said in GOLDEN["stacks"]) > 5


EXTREMES = st.sampled_from([0.0, -0.0, 1.0, 1e-310, -1e-310, 1e38, 3.5e38, 1e154, 1e200, -1e308, 1.7e308]) | st.floats(
    allow_nan=False, allow_infinity=False
)


@given(
    positions=st.lists(st.none() | st.tuples(EXTREMES, EXTREMES, EXTREMES), min_size=1, max_size=6),
    orientation=st.none() | st.tuples(*[EXTREMES] * 6),
    modality=st.sampled_from(["CT", "NM", "US"]),
)
def test_no_geometry_makes_it_fail(
    positions: list[tuple[float, ...] | None], orientation: tuple[float, ...] | None, modality: str
) -> None:
    instances = [
        Instance(
            SOPInstanceUID=f"1.{number}",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            Modality=modality,
            Rows=1,
            Columns=1,
            ImagePositionPatient=position,
            ImageOrientationPatient=orientation,
        )
        for number, position in enumerate(positions)
    ]
    (made,) = make_display_sets(instances, WHOLE)
    assert {instance.SOPInstanceUID for instance in made.instances} == {one.SOPInstanceUID for one in instances}
    assert made.numImageFrames == len(instances)


@pytest.mark.parametrize(
    ("values", "sets"),
    [
        # Two places, two images each; what tells them apart must be the same at each place.
        ([[1, 2], [1, 2]], 2),
        ([[2, 1], [1, 2]], 2),
        ([[1, 2], [1, 3]], 1),
        ([[1, 1], [2, 2]], 1),
        ([[1, 2], [1]], 1),
    ],
)
def test_time_points_are_the_same_at_each_place(values: list[list[float]], sets: int) -> None:
    instances = [
        Instance(f"1.{place}.{value}.{number}", ImagePositionPatient=(0.0, 0.0, place), traits=(("EchoTime", value),))
        for place, at_place in enumerate(values)
        for number, value in enumerate(at_place)
    ]
    points = split_time_points(instances)
    assert len(points) == sets
    assert sorted(one.SOPInstanceUID for point in points for one in point) == sorted(
        one.SOPInstanceUID for one in instances
    )
    if sets > 1:
        assert [{dict(one.traits)["EchoTime"] for one in point} for point in points] == [{1}, {2}]


def test_halves_are_rounded_up_as_javascript_rounds() -> None:
    # One gap of exactly two and a half times the average: to OHIF, three steps less a sixth.
    places, instances = [0.0, 2.5], make_instances(10)
    while len(places) < 10:
        places.append(places[-1] + 0.8125)
    placed = [
        replace(one, ImagePositionPatient=(0.0, 0.0, place)) for one, place in zip(instances, places, strict=True)
    ]
    (made,) = make_display_sets(placed, WHOLE)
    assert [message.code for message in made.messages] == [
        MessageCode.INCONSISTENT_POSITION_INFORMATION,
        MessageCode.MISSING_FRAMES,
    ]
    assert made.isReconstructable


def test_numbers_then_uids_order_instances() -> None:
    instances = [
        Instance(uid, InstanceNumber=number)
        for uid, number in (("1.3", 2), ("1.2", None), ("1.10", 0), ("1.1", 10), ("1.0", -1), ("1.9", 2))
    ]
    ordered = [instance.SOPInstanceUID for instance in sort_by_number(instances)]
    # As texts: 1.10 is before 1.2. What has no number counts as 0.
    assert ordered == ["1.0", "1.10", "1.2", "1.3", "1.9", "1.1"]


def test_messages_in_json() -> None:
    assert Message(MessageCode.MISSING_FRAMES).to_json() == {"id": 7, "name": "MISSING_FRAMES", "args": {}}
    unsupported = Message(MessageCode.UNSUPPORTED_SOP_CLASS_UID, (("sopClassUid", "1.2"),))
    assert unsupported.to_json() == {
        "id": 14,
        "name": "UNSUPPORTED_SOP_CLASS_UID",
        "args": {"sopClassUid": "1.2"},
    }


def test_display_sets_in_json() -> None:
    (made,) = make_display_sets(make_instances(3, context=make_context(SeriesDescription="Axial", SeriesNumber=4)))
    said = json.loads(json.dumps(made.to_json()))
    assert said["instances"] == ["1.3", "1.2", "1.1"]
    assert (said["label"], said["SeriesNumber"], said["numImageFrames"]) == ("Axial", 4, 3)
    assert (said["isReconstructable"], said["isMultiFrame"], said["unsupported"]) == (True, False, False)
    assert said["averageSpacingBetweenFrames"] == 2
    assert said["messages"] == []


# The order of the study browser


def made_set(
    uid: str,
    number: int = 1,
    *,
    modality: str = "CT",
    date: str = "20260101",
    time: str = "10",
    mode: Mode = WHOLE,
    **fields: Any,
) -> DisplaySet:
    context = make_context(SeriesInstanceUID=uid, SeriesNumber=number, SeriesDate=date, SeriesTime=time)
    (made,) = make_display_sets(make_instances(1, Modality=modality, context=context, **fields), mode)
    return made


UNSUPPORTED: dict[str, Any] = {"mode": Mode("test", "Test", ())}


@pytest.mark.parametrize(
    "ordered",
    [
        pytest.param([made_set("1.1", 0), made_set("1.1", -2), made_set("1.1", 1)], id="0 before all other numbers"),
        pytest.param([made_set("1.1", 2), made_set("1.1", 10)], id="numbers are no texts"),
        pytest.param([made_set("1.9", time="09"), made_set("1.1", time="10")], id="time before UID"),
        pytest.param([made_set("1.9"), made_set("1.1", date="", time="")], id="no date comes last"),
        pytest.param([made_set("1.10"), made_set("1.9")], id="UIDs are texts"),
        pytest.param([made_set("1.1", **UNSUPPORTED), made_set("1.1")], id="unsupported first of a series"),
        pytest.param(
            [made_set("1.1", InstanceNumber=1), made_set("1.1", InstanceNumber=2)], id="instance numbers last of all"
        ),
        pytest.param(
            [made_set("1.1", 9), made_set("1.1", 1, modality="SR", **UNSUPPORTED)], id="reports behind images"
        ),
        pytest.param(
            [
                made_set("1.1", 9, modality="SEG", date="20260102", **UNSUPPORTED),
                made_set("1.1", 1, modality="SR", date="20260101", **UNSUPPORTED),
            ],
            id="the newest report first",
        ),
        pytest.param([made_set("1.1", modality="OT"), made_set("1.1", modality="KO", **UNSUPPORTED)], id="key objects"),
    ],
)
def test_the_order_of_the_study_browser(ordered: list[DisplaySet]) -> None:
    assert sort_display_sets(ordered) == ordered
    assert sort_display_sets(reversed(ordered)) == ordered


def test_a_volume_is_placed_by_its_lowest_number_not_by_its_first_image() -> None:
    (volume,) = make_display_sets(make_instances(5))
    assert volume.instances[0].InstanceNumber == 5
    other = make_instances(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", SOPInstanceUID="1.9", InstanceNumber=3)
    (single,) = make_display_sets(other)
    assert sort_display_sets([single, volume]) == [volume, single]
