"""Whole slides: all levels of a slide are one set; what was measured on them belongs to the microscopy mode."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...dicom.records import Instance
from ..model import DisplaySet, make_display_set
from .ohif import MICROSCOPY_ANNOTATION, MICROSCOPY_REPORT, WHOLE_SLIDE, classes
from .reports import is_measurement_report
from .single import SingleHandler


@dataclass(frozen=True, slots=True)
class WholeSlideHandler:
    """Makes one set of the levels, the label and the overview of a slide (PS3.3 §A.32.8).

    A viewer takes two images of one size for a fault. So where a series has more than one pyramid, each has a set.
    """

    id: str = WHOLE_SLIDE
    sop_class_uids: frozenset[str] = classes("77.1.6")

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rpartition(".")[2]

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return a set for each pyramid, with the instances in the order in which they came."""
        pyramids = part_pyramids(instances)
        labels = [f"pyramid {number}" if len(pyramids) > 1 else "" for number in range(1, len(pyramids) + 1)]
        return [
            replace(
                make_display_set(self.id, pyramid, label),
                Modality="SM",
                FrameOfReferenceUID=pyramid[0].FrameOfReferenceUID,
            )
            for pyramid, label in zip(pyramids, labels, strict=True)
        ]


def part_pyramids(instances: Sequence[Instance]) -> list[list[Instance]]:
    """Part the images of a series into pyramids: by what they say, and so that none has two levels of one size."""
    told: dict[object, list[Instance]] = {}
    for instance in instances:
        told.setdefault(instance.trait("PyramidUID"), []).append(instance)
    # Labels and overviews belong to no pyramid: they go with the first one.
    others = told.pop(None, []) if len(told) > 1 else []
    pyramids = [list(group) for group in told.values()]
    if others:
        pyramids[0] += others
    return [part for pyramid in pyramids for part in _without_twins(pyramid)]


def _without_twins(instances: Sequence[Instance]) -> list[list[Instance]]:
    parts: list[list[Instance]] = []
    seen: list[set[object]] = []
    for instance in instances:
        # Parts of one level, and images of several colours, have one size by right.
        flavor = instance.ImageType[2] if len(instance.ImageType) > 2 else ""
        key = (flavor, *(instance.trait(name) for name in ("TotalPixelMatrix", "OpticalPath", "ConcatenationUID")))
        is_part = instance.trait("ConcatenationUID") is not None or instance.trait("TotalPixelMatrix") is None
        place = 0 if is_part else next((n for n, keys in enumerate(seen) if key not in keys), len(seen))
        if place == len(seen):
            parts.append([])
            seen.append(set())
        seen[place].add(key)
        parts[place].append(instance)
    return parts


SLIDES = WholeSlideHandler()
SLIDE_REPORT = SingleHandler(MICROSCOPY_REPORT, classes("88.34"), is_measurement_report, Modality="SR")
SLIDE_ANNOTATION = SingleHandler(MICROSCOPY_ANNOTATION, classes("91.1"), Modality="ANN")
