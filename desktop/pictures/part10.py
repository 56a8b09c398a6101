"""What stands before a data set in a DICOM file: preamble and File Meta Information (PS3.10 §7.1).

Old programs wrote bare data sets. These bytes stay as they are: only what is missing is put before them.
"""

from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from ..dicom.extract import value_text
from ..dicom.parsing import Parsed, parse
from ..dicom.sniff import HEAD_LENGTH, Kind, sniff
from ..dicom.uids import IMPLEMENTATION_UID
from ..library.queries import Located

_PREAMBLE = b"\0" * 128 + b"DICM"
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_META_OF = {_SOP_CLASS: 0x00020002, _SOP_INSTANCE: 0x00020003}
_META_GROUP = b"\x02\x00"


def find_missing_head(file: BinaryIO, located: Located) -> bytes:
    """Return what a file needs before its bytes; empty if it is a DICOM file.

    Args:
        file: left at its beginning.
        located: the instance in it.

    Raises:
        Unreadable, NotDicom: it cannot be read any more.
    """
    head = file.read(HEAD_LENGTH)
    file.seek(0)
    if sniff(head).kind is Kind.PART10:
        return b""
    if head.startswith(_META_GROUP):
        return _PREAMBLE
    parsed = parse(file, located.file.size)
    file.seek(0)
    return make_head(parsed, located.instance.SOPInstanceUID, parsed.syntax)


def make_head(parsed: Parsed, instance_uid: str, syntax: str) -> bytes:
    """Return preamble and File Meta Information for a data set.

    Args:
        parsed: the data set.
        instance_uid: for one that has none itself.
        syntax: the transfer syntax in which it follows.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(_uid_at(parsed, _SOP_CLASS))
    meta.MediaStorageSOPInstanceUID = UID(_uid_at(parsed, _SOP_INSTANCE) or instance_uid)
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    written = DicomBytesIO()
    write_file_meta_info(written, meta, enforce_standard=False)
    return _PREAMBLE + written.getvalue()


def _uid_at(parsed: Parsed, tag: int) -> str:
    """Return a UID as the data set has it, else as the file's meta do."""
    return value_text(parsed.value(tag)) or parsed.meta.get(_META_OF[tag], "")
