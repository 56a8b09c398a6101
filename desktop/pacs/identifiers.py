"""The data sets that say what is searched for or fetched (PS3.4 §C.4.1.1.3, §C.4.2.1.4, §C.4.3.1.3)."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from pydicom import config
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence as Items

from ..dicom import dictionary
from ..dicom.text import parse_charset
from ..dicom.uids import IMPLICIT_VR_LITTLE_ENDIAN
from .query import QueryError

Keys = Mapping[str, "str | Keys"]
"""The elements of an identifier, by keyword; those of a sequence's one item are a mapping again."""


def encode_identifier(keys: Keys, charset: str, syntax: str) -> bytes:
    """Return an identifier as it is sent.

    Args:
        charset: Specific Character Set; empty for none.
        syntax: Implicit or Explicit VR Little Endian.

    Raises:
        QueryError: a value has letters that are not in the character set.
    """
    written = BytesIO()
    buffer = DicomIO(written)
    buffer.is_little_endian = True
    buffer.is_implicit_VR = syntax == IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(buffer, make_identifier(keys, charset))
    return written.getvalue()


def make_identifier(keys: Keys, charset: str) -> Dataset:
    """Return the identifier of a C-FIND, in a character set.

    Raises:
        QueryError: a value has letters that are not in it.
    """
    terms = parse_charset(charset) if charset else ()
    identifier = _make_item(keys, terms)
    if terms:
        identifier.SpecificCharacterSet = list(terms)
    return identifier


def _make_item(keys: Keys, charset: Sequence[str]) -> Dataset:
    item = Dataset()
    for keyword, value in keys.items():
        tag = int(dictionary.tag_of(keyword), 16)
        if isinstance(value, str):
            _check_charset(value, charset)
            # Wild cards and ranges are no values of their VR.
            item.add(DataElement(tag, dictionary.vr_of(tag) or "UN", value, validation_mode=config.IGNORE))
        else:
            item.add(DataElement(tag, "SQ", Items([_make_item(value, charset)])))
    return item


def _check_charset(value: str, charset: Sequence[str]) -> None:
    if value.isascii():
        return
    encodings = convert_encodings(list(charset)) if charset else []
    for letter in value:
        if not any(_has(encoding, letter) for encoding in encodings):
            raise QueryError(
                f"The letter {letter} is not in the character set of this node ({', '.join(charset) or 'none'}). "
                "Search with ? in its place."
            )


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
