"""Ids of OHIF's own handlers, and the SOP classes that they take (PS3.4 §B.5)."""

ROOT = "1.2.840.10008.5.1.4.1.1."

STACK = "@ohif/extension-default.sopClassHandlerModule.stack"
CHART = "@ohif/extension-default.sopClassHandlerModule.chart"
VIDEO = "@ohif/extension-dicom-video.sopClassHandlerModule.dicom-video"
ECG = "@ohif/extension-cornerstone.sopClassHandlerModule.DicomEcgSopClassHandler"
WHOLE_SLIDE = "@ohif/extension-cornerstone.sopClassHandlerModule.DicomMicroscopySopClassHandler"
SEGMENTATION = "@ohif/extension-cornerstone-dicom-seg.sopClassHandlerModule.dicom-seg"
PARAMETRIC_MAP = "@ohif/extension-cornerstone-dicom-pmap.sopClassHandlerModule.dicom-pmap"
STRUCTURE_SET = "@ohif/extension-cornerstone-dicom-rt.sopClassHandlerModule.dicom-rt"
REPORT = "@ohif/extension-cornerstone-dicom-sr.sopClassHandlerModule.dicom-sr"
REPORT_3D = "@ohif/extension-cornerstone-dicom-sr.sopClassHandlerModule.dicom-sr-3d"
PDF = "@ohif/extension-dicom-pdf.sopClassHandlerModule.dicom-pdf"
MICROSCOPY_REPORT = "@ohif/extension-dicom-microscopy.sopClassHandlerModule.DicomMicroscopySRSopClassHandler"
MICROSCOPY_ANNOTATION = "@ohif/extension-dicom-microscopy.sopClassHandlerModule.DicomMicroscopyANNSopClassHandler"


def classes(parts: str) -> frozenset[str]:
    """Return storage classes by the ends of their UIDs: ``"2 128"`` for CT and PET images."""
    return frozenset(ROOT + part for part in parts.split())
