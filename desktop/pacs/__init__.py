"""What speaks with other archives: over DIMSE (PS3.4, PS3.7, PS3.8) and over DICOMweb (PS3.18)."""
