"""Reads files for tests, and says what is in them."""

import io
import json
import struct
from pathlib import Path
from typing import Any

from builders import make_image
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from desktop.dicom.header import read_header
from desktop.dicom.metadata import unpack
from desktop.dicom.records import FileRef, Header


def file_ref(path: Path) -> FileRef:
    """Return a file as the walk would meet it."""
    status = path.stat()
    return FileRef(str(path), status.st_size, status.st_mtime_ns)


def header_of(path: Path) -> Header:
    """Read a file's header."""
    return read_header(file_ref(path))


def header_of_bytes(data: bytes, folder: Path) -> Header:
    """Read the header of a file with these bytes."""
    path = folder / "file"
    path.write_bytes(data)
    return header_of(path)


def model_of(header: Header) -> dict[str, Any]:
    """Return the DICOM JSON Model that is stored of a file."""
    return json.loads(unpack(header.dicom_json))


def plain_of(header: Header) -> dict[str, Any]:
    """Return OHIF's plain form that is stored of a file."""
    return json.loads(unpack(header.ohif_json))


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


LONG_VRS = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])


def element(tag: int, vr: str, value: bytes, *, order: str = "<", length: int | None = None) -> bytes:
    """Write one element in explicit VR; ``length`` is written instead of the true one if it is given."""
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    size = len(value) if length is None else length
    return head + (struct.pack(order + "HL", 0, size) if vr in LONG_VRS else struct.pack(order + "H", size)) + value


def implicit_element(tag: int, value: bytes, *, length: int | None = None) -> bytes:
    """Write one element in implicit VR."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def item(value: bytes, *, order: str = "<", undefined: bool = False) -> bytes:
    """Write one item of a sequence, or a fragment."""
    head = struct.pack(order + "HHL", 0xFFFE, 0xE000, UNDEFINED if undefined else len(value))
    return head + value + (struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0) if undefined else b"")


def sequence_end(order: str = "<") -> bytes:
    """Write a sequence's delimiter."""
    return struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0)


def part10(dataset: bytes, syntax: str = "1.2.840.10008.1.2.1", *, meta: bytes = b"") -> bytes:
    """Put preamble, prefix and file meta information before a data set."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    group = element(0x00020001, "OB", b"\0\1") + element(0x00020010, "UI", uid) + meta
    return b"\0" * 128 + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(group))) + group + dataset


NAME, PATIENT_ID = "Zyxwvut^Qponml", "PATIENT-4711"


def small_image() -> bytes:
    """Return a file that has of everything a little."""
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    dataset = make_image(
        SOPInstanceUID="1.2.3",
        PatientName=NAME,
        PatientID=PATIENT_ID,
        ReferencedImageSequence=[inner],
        Rows=2,
        Columns=2,
    )
    dataset["ReferencedImageSequence"].is_undefined_length = True
    block = dataset.private_block(0x0019, "SOMEBODY", create=True)
    block.add_new(1, "OB", b"\1\2\3\4")
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
