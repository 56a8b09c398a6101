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
    """Makes one set of the levels, the label and the overview of a slide (PS3.3 §A.32.8)."""

    id: str = WHOLE_SLIDE
    sop_class_uids: frozenset[str] = classes("77.1.6")

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rpartition(".")[2]

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return one set, with the instances in the order in which they came."""
        made = make_display_set(self.id, instances)
        return [replace(made, Modality="SM", FrameOfReferenceUID=instances[0].FrameOfReferenceUID)]


SLIDES = WholeSlideHandler()
SLIDE_REPORT = SingleHandler(MICROSCOPY_REPORT, classes("88.34"), is_measurement_report, Modality="SR")
SLIDE_ANNOTATION = SingleHandler(MICROSCOPY_ANNOTATION, classes("91.1"), Modality="ANN")
