"""OHIF's rules for stacks. The viewer's tests compare the outcome with OHIF itself."""

from dataclasses import replace

import pytest
from builders import make_context, make_instances, numbers
from pydicom import uid

from desktop.dicom.records import Instance
from desktop.displaysets.handlers.stack import IMAGE_CLASSES, SOP_CLASSES, StackHandler, make_stack
from desktop.displaysets.model import DisplaySet, MessageCode
from desktop.displaysets.modes import MODES
from desktop.displaysets.registry import make_display_sets

WHOLE = MODES["dynamic-volume"]
"""A mode that leaves series whole, as OHIF does."""


def make(instances: list[Instance]) -> list[DisplaySet]:
    return make_display_sets(instances, WHOLE)


def codes(display_set: DisplaySet) -> list[str]:
    return [message.code.name for message in display_set.messages]


def place(instance: Instance, x: float, y: float, z: float) -> Instance:
    return replace(instance, ImagePositionPatient=(x, y, z))


def test_the_classes_are_those_of_ohif():
    assert uid.CTImageStorage in IMAGE_CLASSES
    assert uid.RTDoseStorage in SOP_CLASSES - IMAGE_CLASSES
    assert uid.CornealTopographyMapStorage in SOP_CLASSES - IMAGE_CLASSES
    assert uid.SegmentationStorage not in SOP_CLASSES
    assert uid.VLWholeSlideMicroscopyImageStorage not in SOP_CLASSES
    assert len(SOP_CLASSES) == 50
    assert all(uid.UID(item).name != item for item in SOP_CLASSES), "each is one of the standard's"


def test_a_regular_stack_is_a_volume_from_the_head_down():
    (made,) = make(make_instances(5))
    assert numbers(made.instances) == [5, 4, 3, 2, 1]
    assert (made.isReconstructable, made.numImageFrames, made.averageSpacingBetweenFrames) == (True, 5, 2.0)
    assert codes(made) == []


def test_the_order_of_the_input_does_not_matter():
    instances = make_instances(7)
    (one,), (two,) = make(instances), make(instances[::-1])
    assert one == two


def test_one_image_is_no_volume():
    (made,) = make(make_instances(1))
    assert not made.isReconstructable
    assert codes(made) == ["NOT_RECONSTRUCTABLE"]


def test_two_images_are_a_volume_whatever_their_distance():
    (made,) = make(make_instances(2))
    assert made.isReconstructable
    assert made.averageSpacingBetweenFrames is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Rows": 9}, ["INCONSISTENT_DIMENSIONS", "NOT_RECONSTRUCTABLE"]),
        ({"Columns": None}, ["INCONSISTENT_DIMENSIONS", "NOT_RECONSTRUCTABLE"]),
        ({"SamplesPerPixel": 3}, ["INCONSISTENT_COMPONENTS", "NOT_RECONSTRUCTABLE"]),
        (
            {"ImageOrientationPatient": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)},
            ["INCONSISTENT_ORIENTATIONS", "NOT_RECONSTRUCTABLE"],
        ),
        ({"ImageOrientationPatient": (1.0, 0.005, 0.0, 0.0, 1.0, 0.0)}, []),
    ],
)
def test_one_image_that_differs(changes: dict[str, object], expected: list[str]):
    instances = make_instances(5)
    instances[1] = replace(instances[1], **changes)
    (made,) = make(instances)
    assert codes(made) == expected
    assert made.isReconstructable is (expected == [])
    if expected:
        assert numbers(made.instances) == [1, 2, 3, 4, 5], "what is no volume is sorted by number"


def test_a_missing_slice_is_told_and_is_still_a_volume():
    instances = [item for item in make_instances(12) if item.InstanceNumber != 6]
    (made,) = make(instances)
    assert made.isReconstructable
    assert codes(made) == ["MISSING_FRAMES"]


def test_irregular_distances():
    instances = make_instances(6)
    instances[3] = place(instances[3], 0, 0, 8.9)
    (made,) = make(instances)
    assert not made.isReconstructable
    assert "IRREGULAR_SPACING" in codes(made)
    assert codes(made)[-1] == "NOT_RECONSTRUCTABLE"


def test_images_of_one_place():
    (made,) = make(make_instances(3, ImagePositionPatient=(0.0, 0.0, 0.0)))
    assert not made.isReconstructable
    assert "IRREGULAR_SPACING" in codes(made)


def test_images_without_a_place():
    (made,) = make(make_instances(3, ImagePositionPatient=None, ImageOrientationPatient=None))
    assert not made.isReconstructable
    assert codes(made)[0] == "NO_POSITION_INFORMATION"
    assert numbers(made.instances) == [1, 2, 3]


def test_other_modalities_are_not_told_off():
    (made,) = make(make_instances(3, Modality="US", ImagePositionPatient=None, ImageOrientationPatient=None))
    assert codes(made) == []


def test_a_localiser_is_not_told_off():
    (made,) = make(make_instances(1, ImageType=("ORIGINAL", "PRIMARY", "LOCALIZER")))
    assert codes(made) == []


@pytest.mark.parametrize("modality", ["CR", "DX", "MG"])
def test_each_projection_is_a_set_of_its_own(modality: str):
    made = make(make_instances(3, Modality=modality, SOPClassUID=uid.DigitalXRayImageStorageForPresentation))
    assert [numbers(item.instances) for item in made] == [[1], [2], [3]]
    assert [item.instanceNumber for item in made] == [1, 2, 3]


def test_a_multiframe_image_is_a_set_of_its_own():
    instances = make_instances(4)
    instances[3] = replace(instances[3], NumberOfFrames=9)
    multi, stack = make(instances)
    assert (multi.numImageFrames, multi.isMultiFrame, numbers(multi.instances)) == (9, True, [4])
    assert numbers(stack.instances) == [3, 2, 1]


@pytest.mark.parametrize("frames", [None, 0, 1])
def test_one_frame_is_not_many(frames: int | None):
    (made,) = make(make_instances(3, NumberOfFrames=frames))
    assert not made.isMultiFrame


@pytest.mark.parametrize(
    ("fields", "volume", "expected"),
    [
        ({}, False, [4, 5, 6, 3]),
        ({"has_pixel_measures": True}, False, [5, 6, 3]),
        ({"has_pixel_measures": True, "has_orientation": True}, False, [6, 3]),
        ({"has_pixel_measures": True, "has_orientation": True, "has_position": True}, True, []),
    ],
)
def test_a_multiframe_volume(fields: dict[str, bool], volume: bool, expected: list[int]):
    (made,) = make(make_instances(1, NumberOfFrames=5, **fields))
    assert made.isReconstructable is volume
    assert [int(message.code) for message in made.messages] == expected


@pytest.mark.parametrize(
    ("kind", "volume"),
    [("RECON TOMO", True), ("RECON GATED TOMO", True), ("TOMO", False), ("WHOLE BODY", False)],
)
def test_nuclear_medicine(kind: str, volume: bool):
    (made,) = make(
        make_instances(
            1,
            Modality="NM",
            SOPClassUID=uid.NuclearMedicineImageStorage,
            NumberOfFrames=5,
            ImageType=("ORIGINAL", "PRIMARY", kind),
            has_pixel_measures=True,
            has_orientation=True,
            has_position=True,
        )
    )
    assert made.isReconstructable is volume


@pytest.mark.parametrize(
    "tag",
    [
        "TemporalPositionIdentifier",
        "DiffusionBValue",
        "TriggerTime",
        "EchoTime",
        "20011003",
        "0019100c",
        "00431039",
    ],
)
def test_a_dynamic_volume(tag: str):
    instances = [
        replace(item, SOPInstanceUID=f"{item.SOPInstanceUID}.{point}", traits=((tag, float(point)),))
        for point in (1, 2, 3)
        for item in make_instances(4, Modality="MR", SOPClassUID=uid.MRImageStorage)
    ]
    (made,) = make(instances)
    assert made.isDynamicVolume
    assert made.isReconstructable, "its first time point is a volume"
    assert made.numImageFrames == 12
    assert codes(made) == []


def test_frame_reference_time_counts_for_pet_alone():
    def instances(modality: str) -> list[Instance]:
        return [
            replace(item, SOPInstanceUID=f"{item.SOPInstanceUID}.{point}", traits=(("FrameReferenceTime", point),))
            for point in (0.0, 10.0)
            for item in make_instances(3, Modality=modality)
        ]

    assert make(instances("PT"))[0].isDynamicVolume
    assert not make(instances("CT"))[0].isDynamicVolume


def test_places_with_unlike_numbers_of_images_are_no_dynamic_volume():
    instances = make_instances(3)
    more = [replace(item, SOPInstanceUID="9", traits=(("EchoTime", 2.0),)) for item in instances[:1]]
    (made,) = make(instances + more)
    assert not made.isDynamicVolume


def test_what_has_neither_class_nor_rows_is_no_image():
    dose = make_instances(1, SOPClassUID=uid.RTDoseStorage, Rows=None)
    assert StackHandler().get_display_sets_from_series(dose) == []
    assert len(StackHandler().get_display_sets_from_series([replace(dose[0], Rows=3)])) == 1
    assert len(make(make_instances(1, SOPClassUID="", Rows=3))) == 1


def test_the_uid_says_what_is_in_the_set():
    instances = make_instances(4)
    uids = {make_stack(part).displaySetInstanceUID for part in (instances, instances[:3], instances[1:])}
    assert len(uids) == 3


def test_labels():
    named = make(make_instances(1, context=make_context(SeriesDescription="Axial", SeriesNumber=4)))
    assert named[0].label == "Axial"
    assert make(make_instances(1, context=make_context(SeriesNumber=4)))[0].label == "Series 4 - CT"


def test_codes_are_those_of_ohif():
    assert [int(code) for code in MessageCode if code < 100] == list(range(1, 16))
