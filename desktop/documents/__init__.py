"""DICOM objects that OHIF has no viewer for, as pages of HTML: values in, text out."""
