"""What lies over images: segmentations, parametric maps, structure sets. OHIF needs to be told over which."""

from ...dicom.records import Instance
from .ohif import PARAMETRIC_MAP, SEGMENTATION, STRUCTURE_SET, classes
from .single import SingleHandler


def names_its_images(instance: Instance) -> bool:
    """Whether it refers to the series that it belongs to, and that is here; OHIF shows nothing without, or breaks."""
    return instance.trait("ReferencedSeries") is not None


def _is_map(instance: Instance) -> bool:
    """Of 64 bits, OHIF lays none over images; the element that holds them tells, not Bits Allocated."""
    return names_its_images(instance) and (instance.number("FloatBits") or instance.BitsAllocated) != 64


SEGMENTS = SingleHandler(SEGMENTATION, classes("66.4 66.7"), names_its_images, Modality="SEG")
MAP = SingleHandler(PARAMETRIC_MAP, classes("30"), _is_map, Modality="PMAP", is_volume=True)
STRUCTURES = SingleHandler(STRUCTURE_SET, classes("481.3"), names_its_images, Modality="RTSTRUCT")
