"""Makes a DICOM file of a bare data set, which old programs wrote without preamble or File Meta Information.

The data set's own bytes stay as they are: only what is missing is put before them (PS3.10 §7.1).
"""

from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from ..dicom.extract import value_text
from ..dicom.parsing import parse
from ..dicom.sniff import HEAD_LENGTH, Kind, sniff
from ..dicom.uids import make_uid
from ..library.queries import Located

_PREAMBLE = b"\0" * 128 + b"DICM"
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
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
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(value_text(parsed.value(_SOP_CLASS)))
    meta.MediaStorageSOPInstanceUID = UID(value_text(parsed.value(_SOP_INSTANCE)) or located.instance.SOPInstanceUID)
    meta.TransferSyntaxUID = UID(parsed.syntax)
    meta.ImplementationClassUID = UID(make_uid("negatoscope"))
    written = DicomBytesIO()
    write_file_meta_info(written, meta, enforce_standard=False)
    return _PREAMBLE + written.getvalue()
