"""Which kind of page an object gets."""

from ..dicom.items import Item

_ROOT = "1.2.840.10008.5.1.4.1.1."

_CLASSES = {
    "report": "88.1 88.2 88.3 88.4 88.11 88.22 88.33 88.34 88.35 88.40 88.70 88.71 88.72 88.74 88.75 88.77",
    "cad": "88.50 88.65 88.69",
    "dose": "88.67 88.68 88.73 88.76",
    "key-objects": "88.59",
    "rt-plan": "481.5 481.8",
    "rt-record": "481.4 481.6 481.7 481.9",
    "rt-structures": "481.3",
    "rt-dose": "481.2",
    "structured": (
        "481.10 481.11 481.12 481.13 481.14 481.15 481.16 481.17 481.18 481.19 481.20 481.21 481.22 481.25 "
        "11.1 11.2 11.3 11.4 11.5 11.6 11.7 11.8 11.9 11.10 11.11 11.12 66.6 68.1 68.2 77.1.5.3 "
        "78.1 78.2 78.3 78.4 78.5 78.6 78.7 78.8 79.1 80.1 90.1 91.1 200.2 200.8"
    ),
    "registration": "66.1 66.3",
    "fiducials": "66.2",
    "real-world-values": "67",
    "waveform": ("9.1 9.1.1 9.1.2 9.1.3 9.1.4 9.2.1 9.3.1 9.4.1 9.4.2 9.5.1 9.6.1 9.6.2 9.7.1 9.7.2 9.7.3 9.7.4 9.8.1"),
    "cda": "104.2",
    "text": "104.5",
    "surface": "104.3 104.4 66.5",
}
KINDS = {_ROOT + part: kind for kind, parts in _CLASSES.items() for part in parts.split()}
"""SOP class → kind. Classes that are not here get ``tags``, the table of all elements."""

_TITLES = {
    "111036": "cad",  # Mammography CAD Report
    "112000": "cad",  # Chest CAD Report
    "112220": "cad",  # Colon CAD Report
    "113701": "dose",  # X-Ray Radiation Dose Report
    "113500": "dose",  # Radiopharmaceutical Radiation Dose Report
}
"""Code of the root's Concept Name → kind: such reports are also stored as other classes of SR."""


def choose_kind(item: Item) -> str:
    """Return the kind of an object's page, by its SOP class and what its report is called."""
    kind = KINDS.get(item.text("SOPClassUID"), "")
    if kind == "report" or (not kind and item.text("ValueType") == "CONTAINER"):
        title = item.code("ConceptNameCodeSequence")
        return _TITLES.get(title.value, "report") if title.scheme == "DCM" else "report"
    if not kind and "WaveformSequence" in item:
        return "waveform"
    return kind or "tags"
