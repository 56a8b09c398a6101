"""What a data set that comes over the network needs before it to be a file (PS3.10 §7.1)."""

import struct

from ..dicom.uids import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION

_PREAMBLE = bytes(128) + b"DICM"
_SHORT = struct.Struct("<HH2sH")
_VERSION = struct.pack("<HH2s2xI", 2, 1, b"OB", 2) + b"\0\1"


def make_head(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """Return preamble, prefix and File Meta Information.

    It does not say who sent the object: the same object is to be the same file, whoever sends it.

    Args:
        syntax: the transfer syntax of the data set.
    """
    group = (
        _VERSION
        + _element(2, b"UI", sop_class, b"\0")
        + _element(3, b"UI", sop_instance, b"\0")
        + _element(0x10, b"UI", syntax, b"\0")
        + _element(0x12, b"UI", IMPLEMENTATION_UID, b"\0")
        + _element(0x13, b"SH", IMPLEMENTATION_VERSION, b" ")
    )
    return _PREAMBLE + _SHORT.pack(2, 0, b"UL", 4) + struct.pack("<I", len(group)) + group


def _element(number: int, vr: bytes, text: str, pad: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    value += pad * (len(value) % 2)
    return _SHORT.pack(2, number, vr, len(value)) + value
