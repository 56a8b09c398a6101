"""Which images of a series are scrolled as one stack."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from builders import make_instances
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid

from desktop.dicom.records import Instance
from desktop.displaysets.modes import MODES
from desktop.displaysets.registry import make_display_sets
from desktop.displaysets.splitting import RULES, rule_of, split

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def series(modality: str, *groups: dict[str, Any], slices: int = 6) -> list[Instance]:
    """Return images at the same places for each group, whose other values are fields or, if no field, traits."""
    made: list[Instance] = []
    for group in groups:
        fields = {name: value for name, value in group.items() if name in Instance.__slots__}
        traits = tuple((name, value) for name, value in group.items() if name not in Instance.__slots__)
        count = fields.pop("slices", slices)
        for instance in make_instances(count, Modality=modality, traits=traits, **fields):
            number = len(made) + 1
            made.append(replace(instance, SOPInstanceUID=f"1.9.{number}", InstanceNumber=number))
    return made


def parts(instances: Iterable[Instance]) -> list[tuple[str, int]]:
    instances = list(instances)
    return [(part.label, len(part.instances)) for part in split(instances, rule_of(instances))]


@pytest.mark.parametrize(
    ("modality", "groups", "expected"),
    [
        ("MR", [{}], [("", 6)]),
        ("CT", [{"EchoTime": 1.0}, {"EchoTime": 2.0}], [("", 12)]),
        (
            "MR",
            [{"DiffusionBValue": 0.0}, {"DiffusionBValue": 500.0}, {"DiffusionBValue": 1000.0}],
            [("b = 0", 6), ("b = 500", 6), ("b = 1000", 6)],
        ),
        ("MR", [{"0019100c": 0.0}, {"0019100c": 1000.0}], [("b = 0", 6), ("b = 1000", 6)]),
        ("MR", [{"20011003": 0.0}, {"20011003": 800.0}], [("b = 0", 6), ("b = 800", 6)]),
        ("MR", [{"00431039": 0.0}, {"00431039": 700.0}], [("b = 0", 6), ("b = 700", 6)]),
        ("MR", [{}, {"DiffusionBValue": 1000.0}], [("", 6), ("b = 1000", 6)]),
        ("MR", [{"EchoTime": 80.0}, {"EchoTime": 4.92}], [("TE 4.92 ms", 6), ("TE 80 ms", 6)]),
        ("MR", [{"EchoNumbers": 1.0}, {"EchoNumbers": 2.0}], [("echo 1", 6), ("echo 2", 6)]),
        ("MR", [{"InversionTime": 150.0}, {"InversionTime": 800.0}], [("TI 150 ms", 6), ("TI 800 ms", 6)]),
        (
            "MR",
            [{"TemporalPositionIdentifier": 1.0}, {"TemporalPositionIdentifier": 2.0}],
            [("time point 1", 6), ("time point 2", 6)],
        ),
        ("MR", [{"TriggerTime": 0.0}, {"TriggerTime": 40.0}], [("trigger time 0 ms", 6), ("trigger time 40 ms", 6)]),
        (
            "MR",
            [{"ImageType": ("ORIGINAL", "PRIMARY", kind)} for kind in ("M", "P")],
            [("M", 6), ("P", 6)],
        ),
        (
            "MR",
            [{"AcquisitionNumber": 1.0}, {"AcquisitionNumber": 2.0}],
            [("acquisition 1", 6), ("acquisition 2", 6)],
        ),
        (
            "CT",
            [{"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}],
            [("kernel B30f", 6), ("kernel B70f", 6)],
        ),
        ("CT", [{"KVP": 80.0}, {"KVP": 140.0}], [("80 kV", 6), ("140 kV", 6)]),
        (
            "CT",
            [{"NominalPercentageOfCardiacPhase": 30.0}, {"NominalPercentageOfCardiacPhase": 75.0}],
            [("phase 30 %", 6), ("phase 75 %", 6)],
        ),
        ("CT", [{"ContrastBolusAgent": "Iodine"}, {}], [("", 6), ("Iodine", 6)]),
        (
            "PT",
            [{"FrameReferenceTime": 0.0}, {"FrameReferenceTime": 60000.0}],
            [("time 0 ms", 6), ("time 60000 ms", 6)],
        ),
        (
            "CT",
            [{}, {"ImageType": ("ORIGINAL", "PRIMARY", "LOCALIZER"), "ImageOrientationPatient": CORONAL}],
            [("", 6), ("localizer", 6)],
        ),
        (
            "MR",
            [{"ImageOrientationPatient": plane} for plane in (AXIAL, CORONAL, SAGITTAL)],
            [("axial", 6), ("coronal", 6), ("sagittal", 6)],
        ),
        ("MR", [{"ImageOrientationPatient": None}, {}], [("no orientation", 6), ("axial", 6)]),
        ("MR", [{"Rows": 16}, {"Rows": 32}], [("8 x 16", 6), ("8 x 32", 6)]),
        ("CT", [{}, {"SamplesPerPixel": 3}], [("8 x 8", 6), ("8 x 8 colour", 6)]),
        ("US", [{"Rows": 16}, {"Rows": 32}], [("", 12)]),
        (
            "MR",
            [
                {"DiffusionBValue": 0.0},
                *(
                    {"DiffusionBValue": 1000.0, "DiffusionGradientOrientation": direction}
                    for direction in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
                ),
            ],
            [("b = 0", 6), ("b = 1000, direction 1 0 0", 6), ("b = 1000, direction 0 1 0", 6)],
        ),
    ],
)
def test_rules(modality: str, groups: list[dict[str, Any]], expected: list[tuple[str, int]]) -> None:
    assert parts(series(modality, *groups)) == expected


def test_echoes_at_places_of_their_own_are_one_stack() -> None:
    first, second = series("MR", {"EchoTime": 1.0}), series("MR", {"EchoTime": 2.0})
    moved = [
        replace(item, SOPInstanceUID=f"2.{number}", ImagePositionPatient=(0.0, 0.0, 50.0 + number))
        for number, item in enumerate(second)
    ]
    assert parts(first + moved) == [("", 12)]


def test_a_film_of_one_slice_is_one_stack() -> None:
    film = [
        replace(item, ImagePositionPatient=(0.0, 0.0, 0.0), traits=(("TriggerTime", 40.0 * number),))
        for number, item in enumerate(make_instances(25, Modality="MR"))
    ]
    assert parts(film) == [("", 25)]


def test_times_that_differ_from_slice_to_slice_part_nothing() -> None:
    drawn = series("MR", {"AcquisitionNumber": 1.0}, {"AcquisitionNumber": 2.0})
    jittered = [
        replace(item, traits=(*item.traits, ("TriggerTime", 10.0 * number))) for number, item in enumerate(drawn)
    ]
    assert parts(jittered) == [("acquisition 1", 6), ("acquisition 2", 6)]


def test_a_series_that_was_broken_off_is_parted_all_the_same() -> None:
    points = [{"TemporalPositionIdentifier": float(number)} for number in (1, 2, 3)]
    drawn = series("MR", *points)[:-4]
    assert parts(drawn) == [("time point 1", 6), ("time point 2", 6), ("time point 3", 2)]


def test_radial_slices_stay_together() -> None:
    turned = [
        replace(item, ImageOrientationPatient=(1.0 - 0.1 * number, 0.1 * number, 0.0, 0.0, 0.0, -1.0))
        for number, item in enumerate(make_instances(8, Modality="MR"))
    ]
    assert parts(turned) == [("", 8)]


def test_orientations_a_hair_apart_are_one() -> None:
    drawn = [
        replace(item, ImageOrientationPatient=(1.0, 0.025 + 1e-6 * (number % 2), 0.0, 0.0, 1.0, 0.0))
        for number, item in enumerate(make_instances(20, Modality="MR"))
    ]
    assert parts(drawn) == [("", 20)]


def test_slice_location_stands_in_for_a_position() -> None:
    drawn = [
        replace(item, ImagePositionPatient=None, traits=(("SliceLocation", place), ("EchoTime", echo)))
        for item, (place, echo) in zip(
            make_instances(4, Modality="MR"), [(0.0, 1.0), (5.0, 1.0), (0.0, 2.0), (5.0, 2.0)], strict=True
        )
    ]
    assert parts(drawn) == [("TE 1 ms", 2), ("TE 2 ms", 2)]
    lost = [replace(item, traits=item.traits[1:]) for item in drawn]
    assert parts(lost) == [("", 4)], "nobody knows which images share a place"


def test_the_mode_decides() -> None:
    drawn = series(
        "MR",
        {"DiffusionBValue": 0.0, "SOPClassUID": uid.MRImageStorage},
        {"DiffusionBValue": 1000.0, "SOPClassUID": uid.MRImageStorage},
    )
    low, high = make_display_sets(drawn, MODES["viewer"])
    assert [low.label, high.label] == ["Series 0 - MR, b = 0", "Series 0 - MR, b = 1000"]
    assert [low.part, high.part] == ["b = 0", "b = 1000"]
    assert low.isReconstructable
    assert not low.isDynamicVolume
    assert {made.coverage for made in (low, high)} == {"12 of 12 images"}
    (whole,) = make_display_sets(drawn, MODES["dynamic-volume"])
    assert (whole.isDynamicVolume, len(whole.instances), whole.part) == (True, 12, "")


_numbers = st.sampled_from([0.0, 1.0, 2.0, 1000.0])


@st.composite
def any_image(draw: st.DrawFn) -> Instance:
    names = ("EchoTime", "DiffusionBValue", "TriggerTime", "AcquisitionNumber", "SliceLocation", "FrameReferenceTime")
    return Instance(
        "1",
        Modality=draw(st.sampled_from([*RULES, "US"])),
        Rows=draw(st.sampled_from([8, 16])),
        ImagePositionPatient=draw(st.none() | st.tuples(st.just(0.0), st.just(0.0), _numbers)),
        ImageOrientationPatient=draw(st.sampled_from([None, AXIAL, CORONAL])),
        ImageType=draw(st.sampled_from([(), ("ORIGINAL", "PRIMARY", "M"), ("ORIGINAL", "PRIMARY", "LOCALIZER")])),
        traits=tuple(draw(st.dictionaries(st.sampled_from(names), _numbers)).items()),
    )


@given(st.lists(any_image(), min_size=1, max_size=30))
def test_each_image_is_in_exactly_one_part(drawn: list[Instance]) -> None:
    images = [replace(item, SOPInstanceUID=str(number)) for number, item in enumerate(drawn)]
    for rule in (*RULES.values(), rule_of(images)):
        made = split(images, rule)
        assert sorted(int(item.SOPInstanceUID) for part in made for item in part.instances) == list(range(len(images)))
        for part in made:
            order = [int(item.SOPInstanceUID) for item in part.instances]
            assert order == sorted(order)
