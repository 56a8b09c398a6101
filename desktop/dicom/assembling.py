"""Makes a PS3.10 file of metadata in the DICOM JSON Model and of values that came apart from it (PS3.18 Annex F)."""

import json
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate_buffer
from pydicom.filewriter import dcmwrite
from pydicom.tag import BaseTag
from pydicom.uid import UID

from . import uids

_SYNTAXES = {
    "image/jpeg": "1.2.840.10008.1.2.4.50",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/dicom-rle": uids.RLE_LOSSLESS,
    "video/mpeg2": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
}
"""Transfer syntax of compressed values that do not name theirs (PS3.18 Table 8.7.3-4 and 8.7.3-5)."""

_OF_TYPE = {
    "image/jpeg": tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70)),
    "image/jls": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "image/jp2": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    "image/jpx": ("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"),
    "image/jphc": tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)),
    "video/mpeg2": ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101"),
    "video/mp4": tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(102, 109)),
}
"""Transfer syntaxes of a media type (as above)."""

_BUFFERED = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})
"""Value representations whose values pydicom writes from an open file."""

_PIXELS, _SYNTAX, _CHARACTER_SET = "7FE00010", "00020010", "00080005"
_OCTETS = "application/octet-stream"
_WITHIN_LIMIT = 1 << 26
"""Bytes of one value within a sequence: those are held in memory."""

_quiet = threading.Lock()


class NoInstance(ValueError):  # noqa: N818 - said of what came
    """What came makes no instance. The sentence says why, and names no value: it may be a patient's."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A value that came apart from the metadata, or one frame of it.

    Attributes:
        media_type: such as ``application/octet-stream`` or ``image/jpeg``.
        transfer_syntax: as the part's Content-Type names it; or empty.
    """

    path: Path
    media_type: str
    transfer_syntax: str = ""


_NO_MODEL = "Its metadata are no data set in the DICOM JSON Model."
_BAD_VALUES = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(NotImplementedError, RecursionError),
)
"""What pydicom raises over values that are none."""

Find = Callable[[str], Sequence[Bulk]]
"""Returns what came for a BulkDataURI, in order; nothing if nothing did."""


def write_instance(model: Mapping[str, Any], find: Find, target: BinaryIO) -> None:
    """Write one instance.

    Raises:
        NoInstance: the metadata are no data set, or a value is missing.
    """
    with ExitStack() as files, _quiet, warnings.catch_warnings():
        # They would name values, which may be patients'.
        warnings.simplefilter("ignore")
        try:
            dcmwrite(target, _make(model, find, files), enforce_file_format=True)
        except NoInstance:
            raise
        except OSError as error:
            if error.errno is not None:
                raise
            # pydicom says so of a number that its value representation has no room for.
            raise NoInstance(_NO_MODEL) from error
        except _BAD_VALUES as error:
            raise NoInstance(_NO_MODEL) from error


def _make(model: Mapping[str, Any], find: Find, files: ExitStack) -> Dataset:
    apart, plain = {}, {}
    for tag, element in model.items():
        if not isinstance(element, Mapping) or "vr" not in element:
            raise NoInstance(_NO_MODEL)
        if "BulkDataURI" in element:
            apart[tag] = element
        elif not tag.startswith("0002"):
            plain[tag] = element
    if not json.dumps(plain, ensure_ascii=False).isascii():
        # JSON is in UTF-8, whatever the file was that it was made of (PS3.18 §F.2).
        plain[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    dataset = Dataset.from_json(dict(plain), lambda uri: _read(_found(find, uri)))
    syntax = _first(model, _SYNTAX)
    for tag, element in apart.items():
        bulk = _found(find, element["BulkDataURI"])
        if tag == _PIXELS:
            syntax = bulk[0].transfer_syntax or _choose_syntax(bulk[0].media_type, syntax)
        dataset[BaseTag(int(tag, 16))] = _element(tag, str(element["vr"]), bulk, syntax, files)
    dataset.file_meta = FileMetaDataset()
    # What is not compressed came in little-endian order, with value representations.
    is_native = not syntax or syntax in uids.NATIVE_SYNTAXES
    dataset.file_meta.TransferSyntaxUID = UID(uids.EXPLICIT_VR_LITTLE_ENDIAN if is_native else syntax)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not uids.is_uid(str(dataset.get(keyword, ""))):
            raise NoInstance(f"Its metadata have no {keyword}.")
    return dataset


def _choose_syntax(media_type: str, said: str) -> str:
    """Return the transfer syntax of pixels whose part does not name it.

    Args:
        said: in the metadata; it counts where it is one of the media type's.
    """
    if media_type == _OCTETS:
        return ""
    return said if said in _OF_TYPE.get(media_type, ()) else _SYNTAXES.get(media_type, said)


def _element(tag: str, vr: str, bulk: Sequence[Bulk], syntax: str, files: ExitStack) -> DataElement | RawDataElement:
    number = BaseTag(int(tag, 16))
    if tag == _PIXELS and syntax and syntax not in uids.NATIVE_SYNTAXES:
        opened: Any = [files.enter_context(one.path.open("rb")) for one in bulk]
        element = DataElement(number, "OB", encapsulate_buffer(opened))
        element.is_undefined_length = True
        return element
    if vr in _BUFFERED and len(bulk) == 1 and bulk[0].path.stat().st_size % 2 == 0:
        return DataElement(number, vr, files.enter_context(bulk[0].path.open("rb")))
    value = _read(bulk)
    value += b"\0" * (len(value) % 2)
    return RawDataElement(number, vr, len(value), value, 0, False, True)


def _found(find: Find, uri: Any) -> Sequence[Bulk]:
    bulk = find(uri) if isinstance(uri, str) else ()
    if not bulk:
        raise NoInstance("Its metadata refer to a value that did not come with them.")
    return bulk


def _read(bulk: Sequence[Bulk]) -> bytes:
    if sum(one.path.stat().st_size for one in bulk) > _WITHIN_LIMIT:
        raise NoInstance("One of its values is too large to be sent in this form.")
    return b"".join(one.path.read_bytes() for one in bulk)


def _first(model: Mapping[str, Any], tag: str) -> str:
    values = model.get(tag, {}).get("Value") or [""]
    return str(values[0])
