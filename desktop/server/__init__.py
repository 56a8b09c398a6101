"""The local server: OHIF's files, DICOM-JSON and DICOMweb, on 127.0.0.1, for whoever has the token."""
