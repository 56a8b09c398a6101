"""Which image stands for a display set."""

from dataclasses import replace
from typing import Any

import pytest
from builders import make_instances
from pydicom import uid

from desktop.displaysets.registry import make_display_sets
from desktop.displaysets.thumbnails import choose_middle


@pytest.mark.parametrize(
    ("count", "fields", "middle"),
    [
        (1, {}, ("1.1", 1)),
        # The highest slice comes first.
        (3, {}, ("1.2", 1)),
        (4, {}, ("1.2", 1)),
        (1, {"NumberOfFrames": 9, "SOPClassUID": uid.UltrasoundMultiFrameImageStorage}, ("1.1", 5)),
        (1, {"NumberOfFrames": 9, "TransferSyntaxUID": "1.2.840.10008.1.2.4.102"}, ("1.1", 1)),
        (1, {"SOPClassUID": uid.RTPlanStorage, "has_pixels": False, "Rows": None}, None),
        (2, {"has_pixels": False}, None),
        (1, {"NumberOfFrames": 9, "traits": (("HeldFrames", 4.0),)}, ("1.1", 3)),
        (1, {"NumberOfFrames": 9, "traits": (("HeldFrames", 0.0),)}, None),
    ],
)
def test_the_middle_image_is_chosen(count: int, fields: dict[str, Any], middle: tuple[str, int] | None) -> None:
    (made, *_) = make_display_sets(make_instances(count, **fields))
    found = choose_middle(made)
    assert (found and (found[0].SOPInstanceUID, found[1])) == middle


def test_of_a_whole_slide_it_is_the_smallest_level() -> None:
    slide = make_instances(3, SOPClassUID=uid.VLWholeSlideMicroscopyImageStorage)
    named = [replace(level, NumberOfFrames=frames) for level, frames in zip(slide, (400, 4, 100), strict=True)]
    (made,) = make_display_sets(named)
    found = choose_middle(made)
    assert found is not None
    assert (found[0].SOPInstanceUID, found[1]) == ("1.2", 3)
