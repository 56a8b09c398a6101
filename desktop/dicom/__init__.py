"""Values in, values out: reads DICOM files, and knows nothing of databases, servers and windows."""
