"""Reads a DICOMDIR, the table of contents of a medium (PS3.3 Annex F, PS3.10 §8).

What it says is a hint: the files themselves tell what they are and whom they belong to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from ..errors import Unreadable
from . import uids
from .elements import UNDEFINED, Cut, Element, Malformed, Walker
from .extract import value_text
from .parsing import AGAIN, HEADER_LIMIT, Parsed, find_encoding, parse
from .sniff import HEAD_LENGTH, Encoding, sniff

MAX_RECORDS = 1_000_000
"""Records that are read; a full medium has some thousands."""

MAX_COMPONENTS = 16
"""Components of one name. The standard allows 8 (PS3.10 §8.2), but a disk may have deeper folders than a CD."""

_META_LENGTH, _META_SOP_CLASS, _META_TRANSFER_SYNTAX, _SOP_CLASS = 0x00020000, 0x00020002, 0x00020010, 0x00080016
_FILE_SET_ID, _RECORDS = 0x00041130, 0x00041220
_RECORD_TYPE, _FILE_ID, _REFERENCED_INSTANCE = 0x00041430, 0x00041500, 0x00041511
_STUDY_DATE, _STUDY_TIME, _STUDY, _SERIES = 0x00080020, 0x00080030, 0x0020000D, 0x0020000E
_KEPT = frozenset({_RECORD_TYPE, _FILE_ID, _REFERENCED_INSTANCE, _STUDY_DATE, _STUDY_TIME, _STUDY, _SERIES})

_OF_NO_STUDY = frozenset(
    {"PATIENT", "HL7 STRUC DOC", "HANGING PROTOCOL", "PALETTE", "IMPLANT", "IMPLANT ASSY", "IMPLANT GROUP"}
)
"""Types of records that stand above or beside studies (PS3.3 Table F.4-1)."""

_FIRST_READ = 1 << 16
_DATE, _TIME = re.compile(r"\d{8}", re.ASCII), re.compile(r"\d{2,6}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A file that the directory lists.

    Attributes:
        components: of the file's name, folders first, as they stand: they may be empty, or lead anywhere.
        StudyInstanceUID: of the STUDY record above; empty if none stands there. Likewise the other three.
        SOPInstanceUID: Referenced SOP Instance UID in File.
    """

    components: tuple[str, ...]
    StudyInstanceUID: str = ""
    SeriesInstanceUID: str = ""
    StudyDate: str = ""
    StudyTime: str = ""
    SOPInstanceUID: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """What a DICOMDIR lists.

    Attributes:
        entries: one for each record that names a file, in the order in which they stand.
        patients: number of PATIENT records; likewise ``studies`` and ``series``.
        notes: sentences on what could not be read of it.
    """

    entries: tuple[DirectoryEntry, ...]
    patients: int
    studies: int
    series: int
    notes: tuple[str, ...] = ()


class _Above(NamedTuple):
    """What the records above say."""

    StudyInstanceUID: str = ""
    SeriesInstanceUID: str = ""
    StudyDate: str = ""
    StudyTime: str = ""


def is_directory(parsed: Parsed) -> bool:
    """Whether the file is a DICOMDIR: by its class, or by what only a DICOMDIR holds."""
    sop_class = value_text(parsed.value(_SOP_CLASS)) or parsed.meta.get(_META_SOP_CLASS, "")
    return sop_class == uids.MEDIA_STORAGE_DIRECTORY or any(
        element.tag in (_RECORDS, _FILE_SET_ID) and element.end > element.start for element in parsed.elements
    )


def parse_directory(file: BinaryIO, size: int) -> Parsed:
    """Read a file as :func:`parse` does, but take a directory whose records are cut short as far as it goes.

    Its Directory Record Sequence then has ``next`` behind the end of the buffer.

    Args:
        file: open at its beginning.
        size: its bytes.

    Raises:
        NotDicom, Unreadable: as :func:`parse`.
    """
    try:
        return parse(file, size)
    except Unreadable:
        cut = _parse_cut(file, size)
        if cut is None:
            raise
        return cut


def _parse_cut(file: BinaryIO, size: int) -> Parsed | None:
    """Read up to the Directory Record Sequence, and take it as it is; None if none begins near the file's beginning."""
    file.seek(0)
    data = file.read(_FIRST_READ)
    elements: list[Element] = []
    try:
        meta, start = _read_meta(data, sniff(data[:HEAD_LENGTH]).start)
        syntax = meta.get(_META_TRANSFER_SYNTAX, "")
        encoding = find_encoding(syntax, data[start : start + HEAD_LENGTH])
        walker = Walker(data, encoding)
        elements += walker.elements(start, len(data), implicit=encoding.implicit_vr, stop=frozenset({_RECORDS}))
    except (Cut, Malformed):
        return None
    if not elements or elements[-1].tag != _RECORDS:
        return None
    data += file.read(HEADER_LIMIT - len(data))
    records = elements.pop()
    behind = len(data) + 8 if records.length == UNDEFINED else records.start + records.length
    elements.append(records._replace(end=min(behind, len(data)), next=behind))
    return Parsed(meta, syntax, Walker(data, encoding), tuple(elements), None, file, size)


def _read_meta(data: bytes, start: int) -> tuple[dict[int, str], int]:
    """Return File Meta Information as text by tag (PS3.10 §7.1), and the offset of the data set."""
    if data[start : start + 2] != b"\x02\x00":
        return {}, start
    walker = Walker(data, Encoding(implicit_vr=False, little_endian=True))
    for element in walker.elements(start, len(data), implicit=False):
        if element.tag != _META_LENGTH:
            break
        end = element.next + int.from_bytes(data[element.start : element.end], "little")
        meta = walker.elements(element.next, min(end, len(data)), implicit=False)
        return {found.tag: value_text(data[found.start : found.end]) for found in meta}, end
    raise Malformed("the length of File Meta Information is missing")


def read_directory(parsed: Parsed) -> Directory:
    """Return what a DICOMDIR lists; of a damaged one, what is whole.

    Which study and series a file belongs to is told by the order of the records: a record belongs to the STUDY and
    SERIES records that stand last before it. The offsets (0004,1400) and (0004,1420), which should tell it, are never
    followed: they are often wrong after the file was copied or written anew, and may lead in circles. Every record
    that names a file counts, whatever its type.
    """
    records = next((element for element in parsed.elements if element.tag == _RECORDS), None)
    if records is None:
        return Directory((), 0, 0, 0, (f"It is cut short: it ends before its records. {AGAIN}",))
    reader = _Reader(parsed.walker)
    notes = []
    try:
        whole = reader.read(records)
    except Malformed:
        notes.append(f"It is damaged: after {_count(reader.met, 'record')}, the rest cannot be read. {AGAIN}")
    except Cut:
        notes.append(_cut_note(reader.met))
    else:
        if not whole:
            notes.append(f"It has more than {MAX_RECORDS:,} records. Only the first {MAX_RECORDS:,} are read.")
        elif records.next > len(parsed.walker.data):
            notes.append(_cut_note(reader.met))
    if reader.damaged:
        notes.append(f"{_count(reader.damaged, 'damaged record')} left out. {AGAIN}")
    if reader.too_deep:
        notes.append(f"{_count(reader.too_deep, 'file name')} of more than {MAX_COMPONENTS} parts left out.")
    return Directory(tuple(reader.entries), reader.patients, reader.studies, reader.series, tuple(notes))


def _cut_note(met: int) -> str:
    return f"It is cut short: only {_count(met, 'record')} could be read. {AGAIN}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class _Reader:
    """Goes through the records, once."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._above = _Above()
        self.entries: list[DirectoryEntry] = []
        self.met = self.damaged = self.too_deep = 0
        self.patients = self.studies = self.series = 0

    def read(self, records: Element) -> bool:
        """Read all records; False if there are more than :data:`MAX_RECORDS`.

        Raises:
            Cut, Malformed: the sequence is damaged. What stands before that is read.
        """
        implicit = records.implicit
        for start, end in self._walker.items(records.start, records.end, implicit=implicit, depth=1):
            if self.met == MAX_RECORDS:
                return False
            self.met += 1
            try:
                self._take(dict(self._values(start, end, implicit=implicit)))
            except (Cut, Malformed):
                # It may have been the record of another study.
                self._above = _Above()
                self.damaged += 1
        return True

    def _values(self, start: int, end: int, *, implicit: bool) -> Iterator[tuple[int, bytes]]:
        for element in self._walker.elements(start, end, implicit=implicit, depth=1):
            if element.tag in _KEPT:
                yield element.tag, self._walker.data[element.start : element.end]

    def _take(self, record: dict[int, bytes]) -> None:
        def text(tag: int) -> str:
            return value_text(record.get(tag, b""))

        kind = text(_RECORD_TYPE)
        if kind in _OF_NO_STUDY:
            self._above = _Above()
            self.patients += kind == "PATIENT"
        elif kind == "STUDY":
            self._above = _Above(text(_STUDY), "", text(_STUDY_DATE), text(_STUDY_TIME))
            self.studies += 1
        elif kind == "SERIES":
            self._above = self._above._replace(SeriesInstanceUID=text(_SERIES))
            self.series += 1
        file_id = record.get(_FILE_ID, b"").rstrip(b"\0 ")
        if not file_id:
            return
        # Some writers put the whole path into one value.
        file_id = file_id.replace(b"/", b"\\")
        if file_id.count(b"\\") >= MAX_COMPONENTS:
            self.too_deep += 1
            return
        components = tuple(part.rstrip("\0 ") for part in file_id.decode("latin-1").split("\\"))
        self.entries.append(DirectoryEntry(components, *self._above, SOPInstanceUID=text(_REFERENCED_INSTANCE)))


def sort_for_first_view(directory: Directory) -> list[DirectoryEntry]:
    """Return the entries of the newest study first, then all others, both in the order of the directory.

    A study without a date is older than any other.
    """
    if not directory.entries:
        return []
    newest = max(directory.entries, key=_when).StudyInstanceUID
    return sorted(directory.entries, key=lambda entry: entry.StudyInstanceUID != newest)


def _when(entry: DirectoryEntry) -> tuple[str, str]:
    # ACR-NEMA's dates and times have points and colons between their parts.
    date, time = entry.StudyDate.replace(".", ""), entry.StudyTime.replace(":", "")
    return (date if _DATE.fullmatch(date) else "", time if _TIME.fullmatch(time) else "")
