"""Negatoscope: reads folders of DICOM files and shows them in OHIF, offline."""

__version__ = "0.1.0"
