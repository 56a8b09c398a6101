"""Which frames a presentation state shows."""

from typing import Any

import pytest
from builders import make_instances
from unit.dicom.pixels.samples import item_of
from unit.dicom.pixels.states import made, references

from desktop.dicom.records import Instance
from desktop.pictures.presented import MOST_FRAMES, choose_presented


def state(*images: Any) -> Any:
    series = made(SeriesInstanceUID="1.2.3", ReferencedImageSequence=[image for (image,) in images])
    return item_of(made(ReferencedSeriesSequence=[series]))


def instances(**fields: Any) -> list[Instance]:
    """Return the instances 1.1, 1.2 and 1.3."""
    return make_instances(3, **fields)


@pytest.mark.parametrize(
    ("images", "fields", "frames", "missing"),
    [
        ([references("1.2"), references("1.1")], {}, [("1.2", 1), ("1.1", 1)], 0),
        ([references("1.2"), references("1.2")], {}, [("1.2", 1)], 0),
        ([references("1.1")], {"NumberOfFrames": 3}, [("1.1", 1), ("1.1", 2), ("1.1", 3)], 0),
        ([references("1.1", 3, 1)], {"NumberOfFrames": 3}, [("1.1", 1), ("1.1", 3)], 0),
        ([references("1.1", 2, 7)], {"NumberOfFrames": 3}, [("1.1", 2)], 1),
        ([references("1.9"), references("1.1")], {}, [("1.1", 1)], 1),
        ([references("1.1")], {"has_pixels": False}, [], 1),
        ([references("1.1")], {"TransferSyntaxUID": "1.2.840.10008.1.2.4.102"}, [], 1),
        ([], {}, [], 0),
    ],
)
def test_what_is_shown(images: list[Any], fields: dict[str, Any], frames: list[tuple[str, int]], missing: int) -> None:
    shown = choose_presented(state(*images), instances(**fields), {})
    assert [(one.instance.SOPInstanceUID, one.reference.frame) for one in shown.frames] == frames
    assert shown.missing == missing


def test_frames_are_bounded_and_those_left_out_are_counted() -> None:
    whole = choose_presented(state(references("1.1"), references("1.2")), instances(NumberOfFrames=2_000_000_000), {})
    assert len(whole.frames) == MOST_FRAMES
    assert whole.missing == 2 * (2_000_000_000 - MOST_FRAMES) + MOST_FRAMES
    assert {one.instance.SOPInstanceUID for one in whole.frames} == {"1.1"}


@pytest.mark.parametrize(("size", "side"), [((64, 64), 512), ((600, 900), 900), ((9000, 10), 2048)])
def test_the_square_holds_the_largest_image(size: tuple[int, int], side: int) -> None:
    rows, columns = size
    assert choose_presented(state(references("1.1")), instances(Rows=rows, Columns=columns), {}).side == side


def test_images_are_found_by_their_own_uids() -> None:
    first, second, third = instances()
    own = {"1.1": "7.1", "1.3": "1.2"}
    shown = choose_presented(
        state(references("7.1"), references("1.2"), references("1.1")), [first, second, third], own
    )
    assert [(one.instance.SOPInstanceUID, one.reference.SOPInstanceUID) for one in shown.frames] == [
        ("1.1", "7.1"),
        # Of two that share a UID, the one that has kept it.
        ("1.2", "1.2"),
    ]
    assert shown.missing == 1


def test_the_stamp_changes_when_a_number_means_another_frame() -> None:
    def stamp(*images: Any, **fields: Any) -> str:
        return choose_presented(state(*images), instances(**fields), {}).stamp

    stamps = [
        stamp(references("1.1"), references("1.2")),
        stamp(references("1.2"), references("1.1")),
        stamp(references("1.2"), references("1.9")),
        stamp(references("1.1"), references("1.2"), Rows=2000),
        stamp(references("1.1", 2), references("1.2"), NumberOfFrames=2),
    ]
    assert len(set(stamps)) == len(stamps)
    assert stamp(references("1.1"), references("1.2"), references("1.9")) == stamps[0]
