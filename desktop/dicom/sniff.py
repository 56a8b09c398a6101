"""Tells from the first bytes what a file is. Names and extensions are never asked."""

import struct
from dataclasses import dataclass
from enum import StrEnum

HEAD_LENGTH = 512
"""Bytes of a file's beginning that are enough to tell."""

_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_VRS = _LONG_VRS | frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())

_UNDEFINED = 0xFFFFFFFF

_FIRST_GROUPS = frozenset({0x0002, 0x0004, 0x0008})
"""Groups that a data set without preamble begins with."""

_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"NRRD", "an NRRD volume"),
    (b"SQLite format 3", "a database"),
    (b"<?xml", "an XML text"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
)


class Kind(StrEnum):
    """What a file's first bytes say it is."""

    PART10 = "part10"
    """Preamble and prefix as of PS3.10 §7.1."""
    BARE = "bare"
    """A data set, or file meta information, without preamble."""
    ARCHIVE = "archive"
    """A ZIP archive, in which there may be DICOM files."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set's elements are written (PS3.5 §7.1, §7.3)."""

    implicit_vr: bool
    little_endian: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What :func:`sniff` found.

    Attributes:
        kind: what it is.
        start: offset in bytes of the first data element.
        what: for what is no DICOM file, in words: "a text", "a PDF document".
    """

    kind: Kind
    start: int = 0
    what: str = ""


def sniff(head: bytes) -> Finding:
    """Say what a file is by its first :data:`HEAD_LENGTH` bytes (fewer, if it is shorter)."""
    if not head:
        return Finding(Kind.OTHER, what="empty (0 bytes)")
    # A data set without preamble may hold these letters at this place by chance.
    prefixed = head[128:132] == b"DICM"
    if prefixed and (guess_encoding(head[132:]) is not None or guess_encoding(head) is None):
        return Finding(Kind.PART10, start=132)
    if guess_encoding(head) is not None:
        return Finding(Kind.BARE)
    if head.startswith(_ARCHIVES):
        return Finding(Kind.ARCHIVE, what="a ZIP archive")
    return Finding(Kind.OTHER, what=_describe(head))


def guess_encoding(head: bytes) -> Encoding | None:
    """Tell how the data set that begins ``head`` is written; None if none seems to begin there.

    Two elements must fit one after another (if the first one's end lies within ``head``), with the second one's tag
    above the first one's. One alone would let too many other files pass.
    """
    for encoding in (Encoding(False, True), Encoding(True, True), Encoding(False, False)):
        if _fits(head, encoding):
            return encoding
    return None


def _fits(head: bytes, encoding: Encoding) -> bool:
    first = _element(head, 0, encoding)
    if first is None or first[0] >> 16 not in _FIRST_GROUPS:
        return False
    tag, end = first
    if end + 8 > len(head):
        return end <= 1 << 16 and len(head) >= 64
    second = _element(head, end, encoding)
    return second is not None and second[0] > tag


def _element(head: bytes, at: int, encoding: Encoding) -> tuple[int, int] | None:
    """Return tag and end offset of the element at ``at``; None if no plausible element is there."""
    if len(head) < at + 12:
        return None
    order = "<" if encoding.little_endian else ">"
    group, element = struct.unpack_from(order + "HH", head, at)
    vr = head[at + 4 : at + 6]
    if encoding.implicit_vr:
        (length,) = struct.unpack_from(order + "L", head, at + 4)
        start = at + 8
        if vr in _VRS or 1 << 20 < length != _UNDEFINED:
            return None
    elif vr in _LONG_VRS:
        (length,) = struct.unpack_from(order + "L", head, at + 8)
        start = at + 12
        if head[at + 6 : at + 8] != b"\0\0":
            return None
    elif vr in _VRS:
        (length,) = struct.unpack_from(order + "H", head, at + 6)
        start = at + 8
    else:
        return None
    if length == _UNDEFINED:
        length = 0
    return group << 16 | element, start + length


def _describe(head: bytes) -> str:
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    if not any(head):
        return "nothing but zeros"
    sample = head.decode("utf-8", "replace").rstrip("\N{REPLACEMENT CHARACTER}")
    if sample and all(letter.isprintable() or letter in "\t\r\n\f" for letter in sample):
        return "a text"
    return "something else than DICOM"
