"""Structured reports: measurements go to OHIF, which draws them; texts, tables and lists are pages."""

from ...dicom.records import Instance
from ..model import View
from .ohif import REPORT, REPORT_3D, classes
from .single import SingleHandler, own

_IMAGING_MEASUREMENT_REPORT = "126000"


def is_measurement_report(instance: Instance) -> bool:
    """Whether its root is TID 1500, which OHIF reads (PS3.16)."""
    concept = instance.trait("ConceptName")
    return isinstance(concept, str) and concept.split(" ")[0] == _IMAGING_MEASUREMENT_REPORT


MEASUREMENTS_3D = SingleHandler(REPORT_3D, classes("88.34"), is_measurement_report, Modality="SR")
MEASUREMENTS = SingleHandler(REPORT, classes("88.11 88.22 88.33 88.34"), is_measurement_report, Modality="SR")
KEY_OBJECTS = SingleHandler(own("key-objects"), classes("88.59"), view=View.DOCUMENT)
TEXT = SingleHandler(
    own("report"),
    classes(
        "88.11 88.22 88.33 88.34 88.35 88.40 88.50 88.65 88.67 88.68 88.69 88.70 88.71 88.72 88.73 88.74 88.75 88.76"
    )
    | classes("88.77 88.1 88.2 88.3 88.4 79.1 78.8"),
    view=View.DOCUMENT,
)
