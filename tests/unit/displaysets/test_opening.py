"""In which mode a study opens."""

from dataclasses import replace
from typing import Any

import pytest
from builders import make_instances
from pydicom import uid

from desktop.displaysets.model import DisplaySet
from desktop.displaysets.modes import MODES
from desktop.displaysets.opening import MAMMOGRAPHY, Opening, choose_opening
from desktop.displaysets.registry import make_display_sets

SLIDE: dict[str, Any] = {"SOPClassUID": uid.VLWholeSlideMicroscopyImageStorage, "Modality": "SM"}
ANNOTATION: dict[str, Any] = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.91.1", "Modality": "ANN", "Rows": None}
BREAST: dict[str, Any] = {"SOPClassUID": uid.DigitalMammographyXRayImageStorageForPresentation, "Modality": "MG"}
PET: dict[str, Any] = {"SOPClassUID": uid.PositronEmissionTomographyImageStorage, "Modality": "PT"}


def sets(mode: str, *series: dict[str, Any]) -> list[DisplaySet]:
    made: list[DisplaySet] = []
    for fields in series:
        count = fields.get("count", 3)
        more = {name: value for name, value in fields.items() if name != "count"}
        made += make_display_sets(make_instances(count, **more), MODES[mode])
    return made


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([{}], Opening("viewer", ("viewer", "segmentation"))),
        ([{"count": 1}], Opening()),
        ([], Opening()),
        ([SLIDE], Opening("microscopy", ("microscopy", "viewer"))),
        ([SLIDE, ANNOTATION], Opening("microscopy", ("microscopy", "viewer"))),
        ([SLIDE, {"count": 1}], Opening("viewer", ("viewer", "microscopy"))),
        ([{}, PET], Opening("viewer", ("viewer", "tmtv", "segmentation"))),
        ([{"count": 1}, PET], Opening("viewer", ("viewer", "segmentation"))),
        (
            [{"Modality": "US", "SOPClassUID": uid.UltrasoundImageStorage}],
            Opening("viewer", ("viewer", "usAnnotation")),
        ),
        ([{**BREAST, "count": 4}], Opening(hanging_protocol=MAMMOGRAPHY)),
        ([{**BREAST, "count": 2}], Opening()),
        ([{**BREAST, "NumberOfFrames": 50}], Opening()),
        ([{**BREAST, "count": 4}, {"count": 1}], Opening()),
    ],
)
def test_openings(series: list[dict[str, Any]], expected: Opening) -> None:
    assert choose_opening(sets("viewer", *series), sets("dynamic-volume", *series)) == expected


def test_a_volume_over_time_offers_its_mode() -> None:
    points = [
        item
        for point in (1.0, 2.0)
        for item in make_instances(
            3, Modality="MR", SOPClassUID=uid.MRImageStorage, traits=(("TemporalPositionIdentifier", point),)
        )
    ]
    points = [replace(item, SOPInstanceUID=f"1.{number}") for number, item in enumerate(points)]
    made, whole = (make_display_sets(points, MODES[name]) for name in ("viewer", "dynamic-volume"))
    assert choose_opening(made, whole) == Opening("viewer", ("viewer", "dynamic-volume", "segmentation"))
