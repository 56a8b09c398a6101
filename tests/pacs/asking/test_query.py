"""What is typed, and what is searched for."""

from datetime import date
from typing import Any

import pytest

from desktop.pacs.dates import parse_dates
from desktop.pacs.identifiers import make_identifier
from desktop.pacs.query import (
    Level,
    Query,
    QueryError,
    Root,
    identifier_keys,
    is_wanted,
    matching_keys,
    qido_request,
    to_name_pattern,
    to_text_pattern,
)
from desktop.pacs.worklist import WorklistQuery, worklist_keys

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  ", ""),
        ("2026-01-31", "20260131"),
        ("20260131", "20260131"),
        ("2026-02", "20260201-20260228"),
        ("202602", "20260201-20260228"),
        ("2024-02", "20240201-20240229"),
        ("2026", "20260101-20261231"),
        ("2026-01-05..2026-02-06", "20260105-20260206"),
        ("2025..2026-02", "20250101-20260228"),
        ("20260105-20260206", "20260105-20260206"),
        ("2026-01-05-2026-02-06", "20260105-20260206"),
        ("20260105-", "20260105-"),
        ("-20260105", "-20260105"),
        ("2026-01-05..", "20260105-"),
        ("..2026", "-20261231"),
        ("today", "20260331"),
        ("Today", "20260331"),
        ("yesterday", "20260330"),
        ("yesterday..today", "20260330-20260331"),
        ("-0d", "20260331-20260331"),
        ("-7d", "20260324-20260331"),
        ("-2w", "20260317-20260331"),
        ("-1m", "20260228-20260331"),
        ("-13m", "20250228-20260331"),
        ("-3m", "20251231-20260331"),
        ("-1y", "20250331-20260331"),
        ("0900-01-01..", "09000101-"),
    ],
)
def test_dates(text: str, expected: str) -> None:
    assert parse_dates(text, TODAY) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-",
        "..",
        "2026-13",
        "2026-02-30",
        "26",
        "20260230",
        "2026..2025",
        "-9999y",
        "-99999d",
        "7d",
        "٢٠٢٦",
        "2026*",
        "-7x",
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no date\. Write it as 2026-01-31"):
        parse_dates(text, TODAY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("doe", "doe*"),
        (" doe ", "doe*"),
        ("DOE^JO", "DOE^JO*"),
        ("DOE^JO*", "DOE^JO*"),
        ("*JOHN", "*JOHN"),
        ("D?E", "D?E"),
        ("Doe, John", "Doe^John*"),
        ("Doe,  John Adam", "Doe^John^Adam*"),
        ("van der Berg", "van der Berg*"),
        ("山田^太郎", "山田^太郎*"),
        ('"DOE^JOHN"', "DOE^JOHN"),
        ('""', '""*'),
    ],
)
def test_names(text: str, expected: str) -> None:
    assert to_name_pattern(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("brain", "*brain*"), ("b*n", "b*n"), ('"brain"', "brain")])
def test_descriptions(text: str, expected: str) -> None:
    assert to_text_pattern(text) == expected


ALL = Query(
    name="doe",
    patient_id=" P1 ",
    accession="A1",
    dates="-1d",
    modalities=("ct",),
    description="brain",
    referring="ref",
    study_uid="1.2",
)


def test_a_study_is_searched_for_by_all_of_these() -> None:
    expected = {
        "PatientName": "doe*",
        "PatientID": "P1",
        "AccessionNumber": "A1",
        "StudyDate": "20260330-20260331",
        "ModalitiesInStudy": "CT",
        "StudyDescription": "*brain*",
        "ReferringPhysicianName": "ref*",
        "StudyInstanceUID": "1.2",
    }
    assert matching_keys(ALL, TODAY) == expected
    identifier = identifier_keys(ALL, Root.STUDY, TODAY)
    assert identifier.items() >= expected.items()
    assert identifier["QueryRetrieveLevel"] == "STUDY"
    assert identifier["NumberOfStudyRelatedInstances"] == identifier["PatientBirthDate"] == ""
    path, parameters = qido_request(ALL, TODAY)
    assert path == "studies"
    assert parameters[:8] == list(expected.items())
    assert ("includefield", "StudyDescription") in parameters


def test_what_stands_above_is_named_by_its_uid() -> None:
    series = Query(Level.SERIES, patient_id="P1", study_uid="1.2", modalities=("MR",), description="t1")
    assert matching_keys(series, TODAY).items() >= {"Modality": "MR", "SeriesDescription": "*t1*"}.items()
    # In the study root, a series is not searched for by its patient (PS3.4 §C.6.2.1).
    assert "PatientID" not in identifier_keys(series, Root.STUDY, TODAY)
    assert identifier_keys(series, Root.PATIENT, TODAY)["PatientID"] == "P1"
    path, parameters = qido_request(series, TODAY)
    assert path == "studies/1.2/series"
    assert "PatientID" not in dict(parameters)
    image = Query(Level.IMAGE, study_uid="1.2", series_uid="1.3", instance_uid="1.4")
    assert (
        identifier_keys(image, Root.STUDY, TODAY).items()
        >= {
            "QueryRetrieveLevel": "IMAGE",
            "StudyInstanceUID": "1.2",
            "SeriesInstanceUID": "1.3",
            "SOPInstanceUID": "1.4",
        }.items()
    )
    path, parameters = qido_request(image, TODAY)
    assert path == "studies/1.2/series/1.3/instances"
    assert parameters[0] == ("SOPInstanceUID", "1.4")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"level": Level.SERIES}, "series needs the UID of the study"),
        ({"level": Level.IMAGE, "study_uid": "1.2"}, "images needs the UID of the series"),
        (
            {"level": Level.SERIES, "study_uid": "1.2", "name": "doe"},
            "Series are not searched for by the patient's name",
        ),
        ({"level": Level.PATIENT, "dates": "today"}, "Patients are not searched for by the date"),
        ({"level": Level.IMAGE, "study_uid": "1", "series_uid": "1", "modalities": ("CT",)}, "Images are not searched"),
        ({"study_uid": "../x"}, "no UID"),
        ({"study_uid": "1.2*"}, "no UID"),
        ({"limit": 0}, "limit"),
    ],
)
def test_a_query_that_makes_no_sense(query: dict[str, Any], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        Query(**query)


@pytest.mark.parametrize("text", ["a\\b", "a\nb", "a" * 65, "a\x1b$B"])
def test_texts_that_cannot_be_searched_for(text: str) -> None:
    for query in (Query(name=text), Query(patient_id=text), Query(description=text), Query(accession=text)):
        with pytest.raises(QueryError, match="What is searched for"):
            matching_keys(query, TODAY)
    with pytest.raises(QueryError, match="What is searched for"):
        WorklistQuery(name=text)


def test_there_are_no_patients_in_dicomweb() -> None:
    with pytest.raises(QueryError, match="Search for studies"):
        qido_request(Query(Level.PATIENT, name="doe"), TODAY)


@pytest.mark.parametrize(
    ("wanted", "told", "expected"),
    [
        ((), "CT", True),
        (("CT",), "", True),
        (("CT",), "CT", True),
        (("ct",), "MR\\CT ", True),
        (("CT",), "MR", False),
        (("CT", "MR"), "MR", True),
        (("CT", "MR"), "US\\SR", False),
    ],
)
def test_modalities_are_looked_at_again(wanted: tuple[str, ...], told: str, expected: bool) -> None:
    assert is_wanted(Query(modalities=wanted), {"ModalitiesInStudy": told}) is expected
    # Several cannot be searched for (PS3.4 §C.2.2.2).
    assert ("ModalitiesInStudy" in matching_keys(Query(modalities=wanted), TODAY)) is (len(wanted) == 1)


def test_an_identifier_is_in_the_nodes_character_set() -> None:
    identifier = make_identifier(
        {"PatientName": "Müller*", "StudyDate": "20260101-", "StudyInstanceUID": ""}, "ISO_IR 192"
    )
    assert identifier.SpecificCharacterSet == "ISO_IR 192"
    assert identifier.StudyDate == "20260101-"
    assert "SpecificCharacterSet" not in make_identifier({"PatientName": "Doe*"}, "")
    several = make_identifier({"PatientName": "Yamada=山田"}, "\\ISO 2022 IR 87")
    assert list(several.SpecificCharacterSet) == ["ISO_IR 6", "ISO 2022 IR 87"]
    for charset in ("", "ISO_IR 100"):
        with pytest.raises(QueryError, match="The letter 山 is not in the character set"):
            make_identifier({"PatientName": "山田*"}, charset)


def test_a_worklist_is_searched_by_the_steps_of_its_sequence() -> None:
    query = WorklistQuery(name="doe", patient_id="P1", accession="A1", dates="today", modality="ct", station="CT1")
    keys = worklist_keys(query, TODAY)
    assert keys.items() >= {"PatientName": "doe*", "PatientID": "P1", "AccessionNumber": "A1"}.items()
    step = keys["ScheduledProcedureStepSequence"]
    assert isinstance(step, dict)
    assert (
        step.items()
        >= {
            "ScheduledProcedureStepStartDate": "20260331",
            "Modality": "CT",
            "ScheduledStationAETitle": "CT1",
            "ScheduledProcedureStepStartTime": "",
        }.items()
    )
    item = make_identifier(keys, "ISO_IR 192").ScheduledProcedureStepSequence[0]
    assert item.Modality == "CT"
    with pytest.raises(QueryError, match="is no date"):
        worklist_keys(WorklistQuery(dates="soon"), TODAY)
