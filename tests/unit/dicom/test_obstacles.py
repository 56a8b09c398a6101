from dataclasses import replace

import pytest
from builders import make_instances

from desktop.dicom.obstacles import FRAME_LIMIT, find_obstacle
from desktop.dicom.records import Pixels

NATIVE = Pixels("1.2.840.10008.1.2.1", offset=100, length=128, frame_bits=1024)
JPEG = Pixels("1.2.840.10008.1.2.4.50", offset=100, length=None)


@pytest.mark.parametrize(
    ("fields", "pixels", "words"),
    [
        ({}, NATIVE, None),
        ({"BitsAllocated": 16}, NATIVE, None),
        ({"BitsAllocated": 8, "SamplesPerPixel": 3}, NATIVE, None),
        ({"BitsAllocated": 8, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}, JPEG, None),
        (
            {"BitsAllocated": 8, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"},
            NATIVE,
            "YBR_FULL_422",
        ),
        ({"BitsAllocated": 16, "SamplesPerPixel": 3}, NATIVE, "16 bits"),
        ({"BitsAllocated": 32, "SamplesPerPixel": 3}, JPEG, "32 bits"),
        ({}, replace(JPEG, TransferSyntaxUID="1.2.840.10008.1.2.4.110"), "compression"),
        ({}, replace(JPEG, TransferSyntaxUID="1.2.840.10008.1.2.8.1"), None),
        ({"BitsAllocated": 16, "SamplesPerPixel": 3}, Pixels("1.2.840.10008.1.2.1"), None),
        ({}, replace(NATIVE, frame_bits=8 * FRAME_LIMIT), None),
        ({}, replace(NATIVE, frame_bits=8 * FRAME_LIMIT + 8), "too large"),
        ({}, replace(JPEG, frame_bits=8 * FRAME_LIMIT + 8), None),
        ({"BitsAllocated": 1}, replace(NATIVE, frame_bits=FRAME_LIMIT), None),
        ({"BitsAllocated": 1}, replace(NATIVE, frame_bits=FRAME_LIMIT + 1), "too large"),
    ],
)
def test_what_cannot_be_shown(fields: dict[str, object], pixels: Pixels, words: str | None):
    obstacle = find_obstacle(make_instances(1, **fields)[0], pixels)
    assert obstacle is None if words is None else words in str(obstacle)
