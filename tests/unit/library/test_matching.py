"""Whether values fit criteria: in columns, and in stored metadata. Both must say the same."""

import itertools
import json
import sqlite3
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, save
from pydicom.dataset import Dataset
from unit.library.conftest import Library

from desktop.dicom.dictionary import tag_of
from desktop.dicom.items import Item
from desktop.dicom.levels import Level
from desktop.library.conditions import COLUMNS, find_column
from desktop.library.finding import TooSlow, find_patients, first_pieces, sop_classes, time_limit
from desktop.library.matching import Criterion, Kind, fits, fits_all, kind_of, write_criteria
from desktop.library.queries import find_instances, find_series, find_studies


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ("StudyInstanceUID", Kind.UID),
        ("PatientName", Kind.NAME),
        ("StudyDate", Kind.DATE),
        ("StudyTime", Kind.TIME),
        ("AcquisitionDateTime", Kind.MOMENT),
        ("SeriesNumber", Kind.NUMBER),
        ("SliceThickness", Kind.NUMBER),
        ("SmallestImagePixelValue", Kind.NUMBER),
        ("StationName", Kind.TEXT),
        ("Modality", Kind.TEXT),
        ("RequestAttributesSequence", Kind.NONE),
        ("RequestAttributesSequence.RequestedProcedureID", Kind.TEXT),
        ("PixelData", Kind.NONE),
        ("00091001", Kind.TEXT),
        ("no attribute", Kind.TEXT),
    ],
)
def test_kinds(attribute: str, kind: Kind) -> None:
    assert kind_of(attribute) is kind


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


STORED = Item(
    {
        "00080008": element("CS", "ORIGINAL", "PRIMARY", None, "AXIAL"),
        "0008002A": element("DT", "20260102103000.5+0100"),
        "00080050": element("SH"),
        "00081010": element("SH", "CT01"),
        "00081070": element(
            "PN", {"Alphabetic": "Op^Erator"}, {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}
        ),
        "00080022": element("DA", "2026.01.02"),
        "00080032": element("TM", "10:30"),
        "00180050": element("DS", 1.5),
        "00181151": element("IS", 7),
        "00091001": element("LO", "private"),
        "00400275": element(
            "SQ",
            {"00401001": element("SH", "RP1"), "00400008": element("SQ", {"00080100": element("SH", "A")})},
            {"00401001": element("SH", "RP2")},
            {},
        ),
    }
)


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (Criterion("StationName", ("CT01",)), True),
        (Criterion("StationName", ("ct01",)), False),
        (Criterion("StationName", ("CT*",)), True),
        (Criterion("StationName", ("C?0?",)), True),
        (Criterion("StationName", ("CT", "MR")), False),
        (Criterion("StationName", ("MR", "CT01")), True),
        (Criterion("StationName", ("[C]T01",)), False),
        (Criterion("ImageType", ("AXIAL",)), True),
        (Criterion("ImageType", ("PRIM*",)), True),
        (Criterion("ImageType", ("",)), False),
        (Criterion("OperatorsName", ("op^erator",)), True),
        (Criterion("OperatorsName", ("Op",)), False),
        (Criterion("OperatorsName", ("山田*",)), True),
        (Criterion("OperatorsName", ("Yamada^Tarou",)), True),
        (Criterion("OperatorsName", ("tarou yam",)), False),
        (Criterion("OperatorsName", ("tarou yam",), fuzzy=True), True),
        (Criterion("OperatorsName", ("太郎",), fuzzy=True), True),
        (Criterion("OperatorsName", ("op yamada",), fuzzy=True), False),
        (Criterion("OperatorsName", ("^",), fuzzy=True), False),
        (Criterion("SliceThickness", ("1.5",)), True),
        (Criterion("SliceThickness", ("1.50",)), True),
        (Criterion("SliceThickness", ("1",)), False),
        (Criterion("SliceThickness", ("x",)), False),
        (Criterion("XRayTubeCurrent", ("007",)), True),
        (Criterion("XRayTubeCurrent", ("7.0",)), True),
        (Criterion("AcquisitionDate", ("20260102",)), True),
        (Criterion("AcquisitionDate", low="20260101", high="20260102"), True),
        (Criterion("AcquisitionDate", low="2026"), True),
        (Criterion("AcquisitionDate", high="20260101"), False),
        (Criterion("AcquisitionTime", ("1030",)), True),
        (Criterion("AcquisitionTime", ("103045",)), True),
        (Criterion("AcquisitionTime", ("1031",)), False),
        (Criterion("AcquisitionTime", low="103015", high="1100"), True),
        (Criterion("AcquisitionTime", high="1030"), True),
        (Criterion("AcquisitionTime", high="1029"), False),
        (Criterion("AcquisitionDateTime", ("20260102",)), True),
        (Criterion("AcquisitionDateTime", ("20260102093000.5+0000",)), True),
        (Criterion("AcquisitionDateTime", ("20260102103000.5+0000",)), False),
        (Criterion("AcquisitionDateTime", ("202601021030*",)), True),
        (Criterion("AcquisitionDateTime", low="20260102", high="20260102"), True),
        (Criterion("AcquisitionDateTime", low="202601021031"), False),
        (Criterion("AcquisitionDateTime", low="202601020931+0000"), False),
        (Criterion("AcquisitionDateTime", high="202601020930+0000"), True),
        (Criterion("AcquisitionDateTime", low="nonsense"), False),
        (Criterion("AcquisitionDateTime", ("00000101000000+0000",)), False),
        (Criterion("00091001", ("priv*",)), True),
        (Criterion("RequestAttributesSequence.RequestedProcedureID", ("RP2",)), True),
        (Criterion("RequestAttributesSequence.RequestedProcedureID", ("RP3",)), False),
        (Criterion("00400275.00400008.00080100", ("A",)), True),
        (Criterion("00400275.00400008.00080100", empty=True), False),
        (Criterion("00400275.00400008.00080102", empty=True), True),
        (Criterion("AccessionNumber", empty=True), True),
        (Criterion("StudyID", empty=True), True),
        (Criterion("StationName", empty=True), False),
        (Criterion("StationName.CodeValue", ("CT01",)), False),
    ],
)
def test_fits(criterion: Criterion, expected: bool) -> None:
    assert fits(criterion, STORED) is expected


def test_wild_cards_without_end_take_no_time() -> None:
    started = time.process_time()
    for pattern in ("*a" * 500, "?*" * 500 + "b", "*" * 1000 + "b"):
        item = Item({"00104000": element("LT", "a" * 20_000), "00081070": element("PN", {"Alphabetic": "a" * 2000})})
        assert not fits(Criterion("PatientComments", (pattern + "!",)), item)
        assert not fits(Criterion("OperatorsName", (pattern + "!",)), item)
    assert time.process_time() - started < 10


# In columns and in stored metadata


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Images of which each differs from the others in some ways."""
    folder = tmp_path_factory.mktemp("images")
    library = Library()
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP1", "SPS1"
    second = Dataset()
    second.RequestedProcedureID = "RP2"
    changes: list[dict[str, Any]] = [
        {"PatientName": "Doe^Jane^^", "StudyDate": "2020.05.01", "StudyTime": "10:30", "Modality": "MR"},
        {"PatientName": "Doe^John=山田^太郎=やまだ^たろう", "StudyDate": "20200501", "StudyTime": "103015.25"},
        {
            "PatientName": "MÜLLER^Ünal",
            "StudyDate": "20200502",
            "StudyTime": "1030",
        },
        {"ReferringPhysicianName": "a^b=c^d"},
        {"PatientName": "", "StudyDate": "", "StudyTime": "", "PatientID": "", "AccessionNumber": "", "StudyID": ""},
        {"PatientName": "O'Brien^[x]%_!", "StudyDate": "2020", "SeriesNumber": None, "InstanceNumber": 12},
        {"StudyDescription": "Übersicht *", "SeriesDescription": "axial", "StudyID": "a?c", "PatientSex": ""},
        {"RequestAttributesSequence": [request, second], "PerformedProcedureStepStartDate": "20200501"},
        {"RequestAttributesSequence": [second], "PerformedProcedureStepStartTime": "1015", "Manufacturer": "Example"},
        {"RequestAttributesSequence": [Dataset()], "ProtocolName": "Routine", "BodyPartExamined": "", "Rows": 4},
    ]
    for number, change in enumerate(changes, start=1):
        uids = {
            "StudyInstanceUID": f"1.{number}",
            "SeriesInstanceUID": f"1.{number}.1",
            "SOPInstanceUID": f"1.{number}.1.1",
        }
        with warnings.catch_warnings():
            # Old files write dates and times in another way.
            warnings.filterwarnings("ignore", message="Invalid value for VR")
            dataset = make_image(**{"SpecificCharacterSet": "ISO_IR 192", **uids, **change})
            path = save(dataset, folder / str(number))
        library.add_files(path)
    yield library
    library.db.close()


PATTERNS = {
    Kind.UID: [("1.1",), ("1.1.1.1", "1.3", "1.4.1"), ("1.*",), ("1.2.840.10008.5.1.4.1.1.2",), (ROOT_UID + "1.2",)],
    Kind.NAME: [
        *(
            ("doe*",),
            ("DOE^JANE",),
            ("Doe^John",),
            ("*müller*",),
            ("müller^ünal",),
            ("山田^太郎",),
            ("=山田*",),
            ("*=*",),
        ),
        *(("^",), ("?oe^j?n?",), ("c^d",), ("A^B",), ("*[x]%_!",), ("jane doe",), ("ünal",), ("x", "doe^jane")),
    ],
    Kind.DATE: [("20200501",), ("2020.05.01",), ("2020*",), ("2020",), ("20200502", "20200501")],
    Kind.TIME: [("1030",), ("103015",), ("10:30",), ("103015.25",), ("10*",), ("11",), ("101500",)],
    Kind.NUMBER: [("1",), ("01",), ("12",), ("8", "4"), ("16",), ("x",), ("1e0",)],
    Kind.TEXT: [
        *(("CT",), ("C*",), ("ct",), ("MR", "CT"), ("a?c",), ("A?C",), ("*",), ("RP1",), ("RP*",), ("SPS1", "RP2")),
        *(("übersicht*",), ("ÜBERSICHT ?",), ("AXIAL",), ("Example",), ("P1",), ("P[1]",), ("**",)),
    ],
}
ENDS = {
    Kind.DATE: ["", "2020", "20200501", "2020.05.01", "20200502", "2021"],
    Kind.TIME: ["", "10", "1030", "10:30", "103015", "103016.5", "11"],
}


def criteria_of(attribute: str) -> Iterator[Criterion]:
    kind = kind_of(attribute)
    for patterns in PATTERNS[kind]:
        yield Criterion(attribute, patterns)
        yield Criterion(attribute, patterns, fuzzy=True)
    for low, high in itertools.product(ENDS.get(kind, ()), repeat=2):
        if low or high:
            yield Criterion(attribute, low=low, high=high)
    yield Criterion(attribute, empty=True)


COMPUTED = {
    *("ModalitiesInStudy", "SOPClassesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    "NumberOfSeriesRelatedInstances",
}


@pytest.mark.parametrize(
    "attribute", [name for columns in COLUMNS.values() for name in columns if name not in COMPUTED]
)
def test_columns_and_stored_metadata_say_the_same(images: Library, attribute: str) -> None:
    pieces = images.rows("SELECT instances.uid, dicom_json FROM metadata JOIN instances ON instances.id = instance")
    answers = set()
    for criterion in criteria_of(attribute):
        written = write_criteria([criterion])
        stored = {uid for uid, piece in pieces if isinstance(piece, bytes) and fits_all(piece, written)}
        found = {entry.instance.SOPInstanceUID for entry in find_instances(images.db, None, None, (criterion,))}
        assert found == stored, criterion
        answers.add(frozenset(found))
        studies = {entry.study.StudyInstanceUID for entry in find_studies(images.db, (criterion,))}
        assert studies == {uid.removesuffix(".1.1") for uid in found if isinstance(uid, str)}, criterion
    assert len(answers) > 1


JANE_DOES = {f"1.{number}" for number in (1, 2, 4, 7, 8, 9, 10)}


@pytest.mark.parametrize(
    ("criteria", "studies"),
    [
        ([Criterion("ModalitiesInStudy", ("MR",))], {"1.1"}),
        ([Criterion("Modality", ("MR",))], {"1.1"}),
        ([Criterion("SOPClassesInStudy", ("1.2.840.10008.5.1.4.1.1.2",))], {f"1.{n}" for n in range(1, 11)}),
        ([Criterion("NumberOfStudyRelatedInstances", ("1",))], {f"1.{n}" for n in range(1, 11)}),
        ([Criterion("NumberOfStudyRelatedSeries", ("2",))], set()),
        ([Criterion("RequestAttributesSequence.RequestedProcedureID", ("RP2",))], {"1.8", "1.9"}),
        ([Criterion("Rows", ("4",)), Criterion("ProtocolName", ("Rout*",))], {"1.10"}),
        ([Criterion("Rows", ("4",)), Criterion("Manufacturer", ("Example",))], set()),
        # Not in columns.
        ([Criterion("SliceThickness", ("2",)), Criterion("Modality", ("MR",))], {"1.1"}),
        ([Criterion("SliceThickness", ("3",))], set()),
        ([Criterion("PatientName", ("doe*",)), Criterion("WindowWidth", ("400",))], JANE_DOES),
        ([Criterion("StationName", empty=True), Criterion("Rows", ("4",))], {"1.10"}),
        ([Criterion("StationName", ("x",)), Criterion("SliceThickness", ("2",))], set()),
    ],
)
def test_what_stands_below_is_matched(images: Library, criteria: list[Criterion], studies: set[str]) -> None:
    assert {entry.study.StudyInstanceUID for entry in find_studies(images.db, criteria)} == studies
    assert {entry.study_uid for entry in find_series(images.db, None, criteria)} == studies
    assert {entry.instance.StudyInstanceUID for entry in find_instances(images.db, None, None, criteria)} == studies
    patients = {entry.patient for entry in find_studies(images.db, criteria)}
    assert {entry.patient for entry in find_patients(images.db, criteria)} == patients


def test_patients_come_by_name_with_what_is_theirs(library: Library, tmp_path: Path) -> None:
    for number, (name, study, series) in enumerate(
        [
            ("b", "1.1", "1.1.1"),
            ("A", "1.2", "1.2.1"),
            ("b", "1.3", "1.3.1"),
            ("b", "1.3", "1.3.2"),
            ("b", "1.3", "1.3.2"),
        ]
    ):
        uids = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": f"2.{number}"}
        library.add_files(save(make_image(PatientName=name, **uids), tmp_path / str(number)))
    found = find_patients(library.db)
    assert [(entry.patient.PatientName, entry.studies, entry.series, entry.instances) for entry in found] == [
        ("A", 1, 1, 1),
        ("b", 2, 3, 4),
    ]
    assert find_patients(library.db, limit=1, offset=1) == found[1:]
    assert find_patients(library.db, (Criterion("StudyInstanceUID", ("1.1",)),)) == found[1:]
    assert len(list(first_pieces(library.db, Level.PATIENT, found[1].number))) == 3
    assert len(list(first_pieces(library.db, Level.STUDY, "1.3"))) == 2
    assert len(list(first_pieces(library.db, Level.SERIES, "1.3.2"))) == 1
    assert len(list(first_pieces(library.db, Level.INSTANCE, "2.4"))) == 1
    assert list(first_pieces(library.db, Level.STUDY, "1.4")) == []
    assert sop_classes(library.db, "1.3") == ["1.2.840.10008.5.1.4.1.1.2"]


def test_a_search_that_takes_too_long_is_ended(library: Library) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TooSlow, match="Name a study or a patient as well"), time_limit(library.db, 0.05):
        library.db.execute(endless).fetchone()
    with time_limit(library.db, 0) as check:
        time.sleep(0.01)
        with pytest.raises(TooSlow):
            check()
    assert library.db.execute("SELECT count(*) FROM studies").fetchone()[0] == 0


def test_each_column_is_one_of_its_table(library: Library) -> None:
    for level, columns in COLUMNS.items():
        for attribute in columns:
            found = find_column(attribute)
            assert found is not None
            assert found[0] is level
            assert all(len(tag_of(part)) == 8 for part in attribute.split("."))
    assert find_column("StationName") is None


def test_criteria_can_be_written_and_read() -> None:
    assert json.loads(write_criteria([Criterion("Rows", ("1",), fuzzy=True)])) == [["Rows", ["1"], "", "", True, False]]


def test_damaged_metadata_are_not_taken_for_such_that_do_not_fit(library: Library, tmp_path: Path) -> None:
    library.add_files(save(make_image(), tmp_path / "a"))
    library.db.execute("UPDATE metadata SET dicom_json = x'00'")
    with pytest.raises(sqlite3.OperationalError):
        find_studies(library.db, (Criterion("StationName", ("x",)),))
