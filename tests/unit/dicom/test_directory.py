"""Reading a DICOMDIR: which files it lists, and of which study. pydicom is the judge."""

import io
import struct
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import BasicTextSRStorage
from unit.helpers import (
    UNDEFINED,
    element,
    files_below,
    implicit_element,
    item,
    part10,
    sequence_end,
    small_image,
)

from desktop.dicom import directory as module
from desktop.dicom.directory import (
    Directory,
    DirectoryEntry,
    is_directory,
    parse_directory,
    read_directory,
    sort_for_first_view,
)
from desktop.dicom.parsing import parse
from desktop.errors import NotDicom, Unreadable

Write = Callable[[int, str, bytes], bytes]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # pydicom's FileSet makes a folder where Python keeps temporary files.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def read(data: bytes) -> Directory:
    parsed = parse_directory(io.BytesIO(data), len(data))
    assert is_directory(parsed)
    return read_directory(parsed)


def explicit(tag: int, vr: str, value: bytes) -> bytes:
    return element(tag, vr, value + b" " * (len(value) % 2))


def implicit(tag: int, vr: str, value: bytes) -> bytes:
    return implicit_element(tag, value + b" " * (len(value) % 2))


def record(
    kind: str,
    file_id: bytes | None = None,
    *,
    write: Write = explicit,
    undefined: bool = False,
    offset: int = 0,
    **values: str,
) -> bytes:
    """Write one record."""
    tags = {"instance": 0x00041511, "date": 0x00080020, "time": 0x00080030, "study": 0x0020000D, "series": 0x0020000E}
    parts = [
        write(0x00041400, "UL", struct.pack("<L", offset)),
        write(0x00041410, "US", b"\xff\xff"),
        write(0x00041420, "UL", struct.pack("<L", offset)),
        write(0x00041430, "CS", kind.encode()),
    ]
    if file_id is not None:
        parts.append(write(0x00041500, "CS", file_id))
    parts += [write(tag, "UI", values[name].encode()) for name, tag in tags.items() if name in values]
    return item(b"".join(parts), undefined=undefined)


def dicomdir(*records: bytes, write: Write = explicit, undefined: bool = False, length: int | None = None) -> bytes:
    """Write a DICOMDIR with these records."""
    body = b"".join(records) + (sequence_end() if undefined else b"")
    length = UNDEFINED if undefined else length
    if write is implicit:
        sequence, syntax = implicit_element(0x00041220, body, length=length), "1.2.840.10008.1.2"
    else:
        sequence, syntax = element(0x00041220, "SQ", body, length=length), "1.2.840.10008.1.2.1"
    head = write(0x00041130, "CS", b"DISC") + write(0x00041200, "UL", b"\0\0\0\0") + write(0x00041212, "US", b"\0\0")
    return part10(head + sequence, syntax, meta=explicit(0x00020002, "UI", b"1.2.840.10008.1.3.10"))


def judge(path: Path) -> list[tuple[tuple[str, ...], str]]:
    """Return names and instances of all files that pydicom finds listed."""
    with warnings.catch_warnings(action="ignore"):
        found = []
        for one in dcmread(path).DirectoryRecordSequence:
            name = one.get("ReferencedFileID")
            if name:
                parts = (name,) if isinstance(name, str) else tuple(name)
                found.append((parts, str(one.get("ReferencedSOPInstanceUIDInFile", ""))))
        return found


def check(path: Path) -> int:
    """Compare with pydicom, and return the number of files listed."""
    found = read(path.read_bytes())
    assert [(entry.components, entry.SOPInstanceUID) for entry in found.entries] == judge(path), path
    with warnings.catch_warnings(action="ignore"):
        kinds = [one.DirectoryRecordType for one in dcmread(path).DirectoryRecordSequence]
    assert (found.patients, found.studies, found.series) == tuple(map(kinds.count, ("PATIENT", "STUDY", "SERIES")))
    assert found.notes == ()
    return len(found.entries)


def above(path: Path) -> dict[tuple[str, ...], tuple[str, str, str, str]]:
    """Return by name what pydicom's FileSet, which goes by the offsets, says of each file's study and series."""
    with warnings.catch_warnings(action="ignore"):
        fileset = FileSet(dcmread(path))
        fileset._stage["t"].cleanup()
        return {
            tuple(one.ReferencedFileID): (one.StudyInstanceUID, one.SeriesInstanceUID, one.StudyDate, one.StudyTime)
            for one in fileset
        }


def studies(found: Directory) -> dict[tuple[str, ...], tuple[str, str, str, str]]:
    return {
        entry.components: (entry.StudyInstanceUID, entry.SeriesInstanceUID, entry.StudyDate, entry.StudyTime)
        for entry in found.entries
    }


# Real ones


def directories(folder: Path) -> list[Path]:
    """Return all below a folder but one, whose last record is longer than the file: pydicom takes what there is."""
    return [path for path in files_below(folder) if path.name.startswith("DICOMDIR") and path.name != NO_OFFSET]


NO_OFFSET = "DICOMDIR-nooffset"


def test_a_last_record_that_is_longer_than_the_file_is_told(pydicom_files: Path) -> None:
    folder = pydicom_files / "dicomdirtests"
    found = read((folder / NO_OFFSET).read_bytes())
    assert found.entries == read((folder / "DICOMDIR").read_bytes()).entries[:-1]
    assert found.notes == ("It is cut short: only 51 records could be read. Copy it again from its source.",)


def test_the_files_listed_are_those_that_pydicom_finds(pydicom_files: Path) -> None:
    paths = directories(pydicom_files)
    counts = {path.relative_to(pydicom_files / "dicomdirtests").as_posix(): check(path) for path in paths}
    assert counts.pop("DICOMDIR-empty.dcm") == 0
    assert counts.pop("TINY_ALPHA/DICOMDIR") == 50
    kinds = ("", "-bigEnd", "-implicit", "-nopatient", "-reordered")
    assert counts == {f"DICOMDIR{kind}": 31 for kind in kinds}


def test_the_files_listed_in_the_corpus_are_those_that_pydicom_finds(corpus: Path) -> None:
    assert sum(map(check, directories(corpus))) > 100


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-implicit", "TINY_ALPHA/DICOMDIR"])
def test_the_studies_are_those_that_the_offsets_tell(name: str, pydicom_files: Path) -> None:
    path = pydicom_files / "dicomdirtests" / name
    assert studies(read(path.read_bytes())) == above(path)


def test_the_encoding_and_its_offsets_change_nothing(pydicom_files: Path) -> None:
    folder = pydicom_files / "dicomdirtests"
    little, big = (read((folder / name).read_bytes()) for name in ("DICOMDIR", "DICOMDIR-bigEnd"))
    assert little == big


def test_records_in_another_order_belong_to_no_wrong_study(pydicom_files: Path) -> None:
    path = pydicom_files / "dicomdirtests" / "DICOMDIR-reordered"
    found, said = studies(read(path.read_bytes())), above(path)
    assert found[("77654033", "CR1", "6154")] == ("", "", "", "")
    for name, (study, series, *_) in found.items():
        assert study in ("", said[name][0])
        assert series in ("", said[name][1])


def write_fileset(folder: Path) -> None:
    """Write three studies of three images each, and a report of the second one."""
    fileset = FileSet()
    for number, date in enumerate(("20240101", "20260101", "20250101")):
        study = f"{ROOT_UID}{number}"
        for index in range(3):
            fileset.add(
                make_image(
                    PatientID=f"P{number}",
                    StudyInstanceUID=study,
                    StudyDate=date,
                    SeriesInstanceUID=f"{study}.{index // 2}",
                    InstanceNumber=index,
                )
            )
    report = make_image(SOPClassUID=BasicTextSRStorage, Modality="SR", PixelData=b"", PatientID="P1")
    report.StudyInstanceUID, report.SeriesInstanceUID = f"{ROOT_UID}1", f"{ROOT_UID}1.9"
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.ContentDate, report.ContentTime = "20260101", "120000"
    report.StudyDate = "20260101"
    report.ConceptNameCodeSequence = [Dataset()]
    code = report.ConceptNameCodeSequence[0]
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "DCM", "Report"
    fileset.add(report)
    fileset.write(folder)
    fileset._stage["t"].cleanup()


def test_a_directory_that_pydicom_writes(tmp_path: Path) -> None:
    write_fileset(tmp_path)
    path = tmp_path / "DICOMDIR"
    assert check(path) == 10
    found = read(path.read_bytes())
    assert studies(found) == above(path)
    assert (found.patients, found.studies, found.series) == (3, 3, 7)
    for entry in found.entries:
        assert dcmread(tmp_path.joinpath(*entry.components)).SOPInstanceUID == entry.SOPInstanceUID
    first = sort_for_first_view(found)
    assert [entry.StudyDate for entry in first] == ["20260101"] * 4 + ["20240101"] * 3 + ["20250101"] * 3


# What is a directory

CT = b"1.2.840.10008.5.1.4.1.1.2\0"


def test_directories_are_told_from_images(pydicom_files: Path) -> None:
    checked = 0
    for path in files_below(pydicom_files):
        data = path.read_bytes()
        try:
            parsed = parse(io.BytesIO(data), len(data))
        except (NotDicom, Unreadable):
            continue
        assert is_directory(parsed) == path.name.startswith("DICOMDIR"), path
        checked += 1
    assert checked > 150


@pytest.mark.parametrize(
    ("data", "meta", "expected"),
    [
        (b"", b"1.2.840.10008.1.3.10", True),
        (element(0x00080016, "UI", b"1.2.840.10008.1.3.10"), CT, True),
        (explicit(0x00041130, "CS", b"DISC"), CT, True),
        (element(0x00041130, "CS", b"") + element(0x00041220, "SQ", b""), CT, False),
        (element(0x00041220, "SQ", item(b"")), CT, True),
        (element(0x00080016, "UI", CT), b"1.2.840.10008.1.3.10", False),
    ],
)
def test_a_directory_is_known_by_what_it_holds(data: bytes, meta: bytes, expected: bool) -> None:
    data = part10(data + explicit(0x00100010, "PN", b"Doe^Jane"), meta=element(0x00020002, "UI", meta))
    assert is_directory(parse(io.BytesIO(data), len(data))) is expected


# Records


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("write", [explicit, implicit])
def test_all_forms_of_sequences_are_read(write: Write, undefined: bool) -> None:
    found = read(
        dicomdir(
            record("PATIENT", write=write, undefined=undefined),
            record("STUDY", write=write, undefined=undefined, study="1.2", date="20260102", time="101500"),
            record("SERIES", write=write, undefined=undefined, series="1.2.3"),
            record("IMAGE", b"IMAGES\\IM1", write=write, undefined=undefined, instance="1.2.3.4"),
            write=write,
            undefined=undefined,
        )
    )
    entry = DirectoryEntry(("IMAGES", "IM1"), "1.2", "1.2.3", "20260102", "101500", "1.2.3.4")
    assert found == Directory((entry,), patients=1, studies=1, series=1)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([record("SERIES", series="3")], ("1", "3", "2026")),
        ([record("STUDY", study="2", date="2025"), record("SERIES", series="3")], ("2", "3", "2025")),
        ([record("STUDY", study="2", date="2025")], ("2", "", "2025")),
        ([record("STUDY")], ("", "", "")),
        ([record("SERIES")], ("1", "", "2026")),
        ([record("IMAGE", b"A")], ("1", "1.1", "2026")),
        ([record("PRIVATE", study="9", series="9", date="9")], ("1", "1.1", "2026")),
        ([record("PATIENT")], ("", "", "")),
        ([record("PATIENT"), record("SERIES", series="3")], ("", "3", "")),
        ([record("HANGING PROTOCOL", b"A")], ("", "", "")),
        ([record("HL7 STRUC DOC", b"A")], ("", "", "")),
    ],
)
def test_a_file_belongs_to_the_records_that_stand_last_before_it(
    records: list[bytes], expected: tuple[str, str, str]
) -> None:
    found = read(
        dicomdir(
            record("PATIENT"),
            record("STUDY", study="1", date="2026"),
            record("SERIES", series="1.1"),
            *records,
            record("IMAGE", b"LAST"),
        )
    )
    last = found.entries[-1]
    assert (last.StudyInstanceUID, last.SeriesInstanceUID, last.StudyDate) == expected
    assert last.components == ("LAST",)


@pytest.mark.parametrize("kind", ["IMAGE", "SR DOCUMENT", "PRESENTATION", "PRIVATE", "STUDY", "PALETTE", "", "NEW ONE"])
def test_a_record_of_any_type_may_name_a_file(kind: str) -> None:
    assert [entry.components for entry in read(dicomdir(record(kind, b"A\\B"))).entries] == [("A", "B")]


@pytest.mark.parametrize(
    ("file_id", "expected"),
    [
        (b"IM1", ("IM1",)),
        (b"A\\B\\IM1 ", ("A", "B", "IM1")),
        (b"A \\B\0\\IM1\0", ("A", "B", "IM1")),
        (b"DICOM/S1/IM1", ("DICOM", "S1", "IM1")),
        (b"DICOM/S1\\IM1", ("DICOM", "S1", "IM1")),
        (b" A\\B", (" A", "B")),
        (b"\\A\\B", ("", "A", "B")),
        (b"/A/B", ("", "A", "B")),
        (b"A\\\\B", ("A", "", "B")),
        (b"..\\..\\A", ("..", "..", "A")),
        (b"C:\\A", ("C:", "A")),
        (b"A\0B\\\xff\xfe\n", ("A\0B", "ÿþ\n")),
        (b"x" * 10_000, ("x" * 10_000,)),
        (b"\\".join([b"x"] * 16), ("x",) * 16),
    ],
)
def test_names_are_given_as_they_stand(file_id: bytes, expected: tuple[str, ...]) -> None:
    (entry,) = read(dicomdir(record("IMAGE", file_id))).entries
    assert entry.components == expected


@pytest.mark.parametrize("file_id", [None, b"", b"  ", b"\0\0"])
def test_a_record_without_a_name_lists_no_file(file_id: bytes | None) -> None:
    found = read(dicomdir(record("IMAGE", file_id), record("IMAGE", b"A")))
    assert [entry.components for entry in found.entries] == [("A",)]
    assert found.notes == ()


def test_offsets_in_a_circle_are_not_followed() -> None:
    circle = [record("IMAGE", b"A", offset=300), record("IMAGE", b"B", offset=0xFFFFFFFF)]
    straight = [record("IMAGE", b"A"), record("IMAGE", b"B")]
    assert read(dicomdir(*circle)) == read(dicomdir(*straight))


# Bounds and damage


def test_many_records_are_read() -> None:
    pattern = record("IMAGE", b"IM######", undefined=True)
    data = dicomdir(*(pattern.replace(b"######", b"%06d" % number) for number in range(200_000)), undefined=True)
    found = read(data)
    assert len(found.entries) == 200_000
    assert found.entries[-1].components == ("IM199999",)
    assert found.notes == ()


def test_too_many_records_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 3)
    records = [record("IMAGE", b"IM%d" % number) for number in range(4)]
    assert read(dicomdir(*records[:3])).notes == ()
    found = read(dicomdir(*records))
    assert [entry.components for entry in found.entries] == [("IM0",), ("IM1",), ("IM2",)]
    assert found.notes == ("It has more than 3 records. Only the first 3 are read.",)


def test_a_name_of_too_many_parts_is_told() -> None:
    found = read(dicomdir(record("IMAGE", b"/".join([b"x"] * 17)), record("IMAGE", b"A")))
    assert [entry.components for entry in found.entries] == [("A",)]
    assert found.notes == ("1 file name of more than 16 parts left out.",)


WHOLE = (
    record("PATIENT"),
    record("STUDY", study="1.2", date="20260102"),
    record("SERIES", series="1.2.3"),
    *(record("IMAGE", b"IM%d" % number, instance=f"1.2.3.{number}") for number in range(4)),
)
UNDEFINED_WHOLE = (
    record("PATIENT", undefined=True),
    record("STUDY", study="1.2", date="20260102", undefined=True),
    record("SERIES", series="1.2.3", undefined=True),
    *(record("IMAGE", b"IM%d" % number, instance=f"1.2.3.{number}", undefined=True) for number in range(4)),
)


@pytest.mark.parametrize(
    "data",
    [
        dicomdir(*WHOLE),
        dicomdir(*UNDEFINED_WHOLE),
        dicomdir(*WHOLE, undefined=True),
        dicomdir(*UNDEFINED_WHOLE, undefined=True),
    ],
    ids=["defined", "undefined items", "undefined sequence", "undefined"],
)
def test_a_directory_cut_anywhere_gives_what_is_whole_and_says_so(data: bytes) -> None:
    whole = read(data)
    assert len(whole.entries) == 4
    assert whole.notes == ()
    records = data.index(b"\x04\x00\x20\x12") + 12
    counts = []
    for end in range(records, len(data)):
        found = read(data[:end])
        assert found.entries == whole.entries[: len(found.entries)]
        (note,) = found.notes
        assert note.startswith("It is cut short: only ")
        counts.append(len(found.entries))
    assert counts == sorted(counts)
    assert set(counts) >= {0, 1, 2, 3}
    for end in range(records):
        try:
            found = read_directory(parse_directory(io.BytesIO(data[:end]), end))
        except (NotDicom, Unreadable):
            continue
        assert found.entries == ()
        assert found.notes[0].startswith("It is cut short")


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit"])
def test_a_real_directory_cut_at_many_places(name: str, pydicom_files: Path) -> None:
    data = (pydicom_files / "dicomdirtests" / name).read_bytes()
    whole = read(data).entries
    for end in range(400, len(data), 97):
        found = read(data[:end])
        assert found.entries == whole[: len(found.entries)]
        assert found.notes[0].startswith("It is cut short")
    assert len(found.entries) >= 30


def test_a_cut_directory_without_meta(pydicom_files: Path) -> None:
    data = (pydicom_files / "dicomdirtests" / "DICOMDIR").read_bytes()
    (length,) = struct.unpack_from("<L", data, 140)
    found = read(data[144 + length : -1000])
    assert 20 < len(found.entries) < 31


def test_a_cut_directory_that_is_large() -> None:
    records = [record("IMAGE", b"IM%06d" % number) for number in range(5_000)]
    data = dicomdir(*records)
    assert len(data) > 1 << 17
    assert len(read(data[:-1]).entries) == 4_999
    data = dicomdir(*records, undefined=True)
    assert len(read(data[:-9]).entries) == 4_999
    assert len(read(data[:-8]).entries) == 5_000


FIRST = b"\x04\x00\x30\x11"


def test_another_file_that_is_cut_stays_refused() -> None:
    data = small_image()[:300]
    with pytest.raises(Unreadable, match="cut short"):
        parse_directory(io.BytesIO(data), len(data))
    with pytest.raises(NotDicom, match="a text"):
        parse_directory(io.BytesIO(b"Dear colleague"), 14)
    # The meta does not say where it ends.
    whole = dicomdir(*WHOLE)
    data = b"\0" * 128 + b"DICM" + element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0") + whole[whole.index(FIRST) : -1]
    with pytest.raises(Unreadable, match="cut short"):
        parse_directory(io.BytesIO(data), len(data))


def test_after_a_damaged_record_no_file_is_taken_for_one_of_another_study() -> None:
    damaged = item(explicit(0x00041430, "CS", b"STUDY") + element(0x00041500, "CS", b"X", length=1000))
    series = record("SERIES", series="2.1")
    found = read(dicomdir(*WHOLE, damaged, series, record("IMAGE", b"A"), record("STUDY", study="3"), WHOLE[-1]))
    assert [entry.StudyInstanceUID for entry in found.entries] == ["1.2"] * 4 + ["", "3"]
    assert found.notes == ("1 damaged record left out. Copy it again from its source.",)


def test_what_is_no_record_ends_the_reading() -> None:
    found = read(dicomdir(*WHOLE, b"\x01\x02\x03\x04" * 10, *WHOLE))
    assert len(found.entries) == 4
    assert found.notes == ("It is damaged: after 7 records, the rest cannot be read. Copy it again from its source.",)
    found = read(dicomdir(*WHOLE, b"\x01\x02\x03\x04" * 10, *WHOLE, undefined=True))
    assert len(found.entries) == 4
    assert "It is damaged: after 7 records" in found.notes[0]


def test_a_record_longer_than_the_sequence_is_told() -> None:
    head = b"".join(WHOLE)
    data = dicomdir(*WHOLE, record("IMAGE", b"LAST"), length=len(head) + 10)
    parsed = parse_directory(io.BytesIO(data), len(data))
    found = read_directory(parsed)
    assert len(found.entries) == 4
    assert found.notes == ("It is cut short: only 7 records could be read. Copy it again from its source.",)


BASE = dicomdir(*UNDEFINED_WHOLE, undefined=True)


@given(st.lists(st.tuples(st.integers(132, len(BASE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(BASE)))
@example([], len(BASE))
def test_any_damage_is_read_or_refused(changes: list[tuple[int, int]], end: int) -> None:
    data = bytearray(BASE)
    for at, value in changes:
        data[at] = value
    try:
        parsed = parse_directory(io.BytesIO(bytes(data[:end])), end)
    except (NotDicom, Unreadable):
        return
    found = read_directory(parsed)
    assert len(found.entries) <= 7
    assert all(entry.components for entry in found.entries)


# The first view


def entries(*studies_and_dates: tuple[str, str, str]) -> Directory:
    return Directory(
        tuple(
            DirectoryEntry((f"IM{number}",), StudyInstanceUID=study, StudyDate=date, StudyTime=time)
            for number, (study, date, time) in enumerate(studies_and_dates)
        ),
        *(0, 0, 0),
    )


A, B = ("1.1", "20250101", "090000"), ("1.2", "20260101", "080000")


@pytest.mark.parametrize(
    ("listed", "order"),
    [
        ((), []),
        ((A,), [0]),
        ((A, B), [1, 0]),
        ((B, A), [0, 1]),
        ((A, B, A, B, A), [1, 3, 0, 2, 4]),
        ((A, ("1.3", "", "")), [0, 1]),
        ((("1.3", "", ""), A), [1, 0]),
        ((("1.3", "", ""), ("1.4", "", "")), [0, 1]),
        ((B, ("1.3", "20260101", "0801")), [1, 0]),
        ((B, ("1.3", "20260101", "080000.5")), [1, 0]),
        ((B, ("1.3", "20260101", "")), [0, 1]),
        ((B, ("1.3", "2026.01.02", "")), [1, 0]),
        ((B, ("1.3", "20260101", "08:01:00")), [1, 0]),
        ((A, ("1.3", "unknown", ""), ("1.4", "\uff12\uff10\uff12\uff17\uff10\uff11\uff10\uff11", "")), [0, 1, 2]),
        ((A, B, ("1.2", "", "")), [1, 2, 0]),
        ((B, ("1.3", *B[1:])), [0, 1]),
    ],
)
def test_the_newest_study_comes_first(listed: tuple[tuple[str, str, str], ...], order: list[int]) -> None:
    found = sort_for_first_view(entries(*listed))
    assert [entry.components for entry in found] == [(f"IM{number}",) for number in order]
