"""How searches are read, and how answers are cut to what is wanted: as functions, without a server."""

import json
from typing import Any

import pytest

from desktop.dicom.levels import Level
from desktop.dicom.metadata import pack
from desktop.library.matching import Criterion
from desktop.server.found import Wanted, cut, make_elements
from desktop.server.qido import choose_type
from desktop.server.searches import BadSearch, Search, attribute_of, read_path, read_search

REQUESTS = "RequestAttributesSequence"


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("PatientName", "PatientName"),
        ("00100010", "PatientName"),
        ("0020000d", "StudyInstanceUID"),
        ("RequestAttributesSequence.RequestedProcedureID", f"{REQUESTS}.RequestedProcedureID"),
        ("00400275.00401001", f"{REQUESTS}.RequestedProcedureID"),
        ("00400275.ScheduledProtocolCodeSequence.00080100", f"{REQUESTS}.ScheduledProtocolCodeSequence.CodeValue"),
        ("00091001", "00091001"),
        ("00091001.00091002", "00091001.00091002"),
        ("patientname", None),
        ("Foo", None),
        ("0010001", None),
        ("001000100", None),
        ("0010001G", None),
        ("", None),
        (".", None),
        ("PatientName.", None),
        (".PatientName", None),
        ("PatientName.PatientID", None),
        ("RequestAttributesSequence.Foo", None),
    ],
)
def test_names_of_attributes(name: str, attribute: str | None) -> None:
    path = read_path(name)
    assert (None if path is None else attribute_of(path)) == attribute


@pytest.mark.parametrize(
    ("query", "criteria"),
    [
        ("", ()),
        ("PatientName=", ()),
        ("PatientName=***", ()),
        ("RequestAttributesSequence=", ()),
        ("PatientName=doe*", (Criterion("PatientName", ("doe*",)),)),
        ("PatientName=doe&fuzzymatching=true", (Criterion("PatientName", ("doe",), fuzzy=True),)),
        ("fuzzymatching=TRUE&PatientID=doe", (Criterion("PatientID", ("doe",)),)),
        ("PatientName=a&PatientName=b", (Criterion("PatientName", ("a",)), Criterion("PatientName", ("b",)))),
        ("StudyDate=20260101", (Criterion("StudyDate", ("20260101",)),)),
        ("StudyDate=20260101-", (Criterion("StudyDate", low="20260101"),)),
        ("StudyDate=-2026.01.31", (Criterion("StudyDate", high="2026.01.31"),)),
        ("StudyDate=2025-2026", (Criterion("StudyDate", low="2025", high="2026"),)),
        ("StudyDate=-", ()),
        ("StudyTime=10:30-1145", (Criterion("StudyTime", low="10:30", high="1145"),)),
        (
            "AcquisitionDateTime=20260101120000-0500-20260102",
            (Criterion("AcquisitionDateTime", low="20260101120000-0500", high="20260102"),),
        ),
        ("AcquisitionDateTime=20260101120000-0500", (Criterion("AcquisitionDateTime", ("20260101120000-0500",)),)),
        ("AcquisitionDateTime=-2026", (Criterion("AcquisitionDateTime", high="2026"),)),
        ("StudyInstanceUID=1.2,1.3%5C1.4,", (Criterion("StudyInstanceUID", ("1.2", "1.3", "1.4")),)),
        ("Modality=CT,MR%5CPT", (Criterion("Modality", ("CT", "MR", "PT")),)),
        ("PatientID=a,b%5Cc", (Criterion("PatientID", ("a,b\\c",)),)),
        ("PatientID=a,b%5Cc&multiplevaluematching=true", (Criterion("PatientID", ("a,b", "c")),)),
        ('PatientID=""', (Criterion("PatientID", ('""',)),)),
        ('PatientID=""&emptyvaluematching=true', (Criterion("PatientID", empty=True),)),
        ("PatientID=&emptyvaluematching=true", ()),
        ("SeriesNumber=7", (Criterion("SeriesNumber", ("7",)),)),
        ("00400275.00401001=RP*", (Criterion(f"{REQUESTS}.RequestedProcedureID", ("RP*",)),)),
        ("StationName=CT01", (Criterion("StationName", ("CT01",)),)),
    ],
)
def test_what_is_matched(query: str, criteria: tuple[Criterion, ...]) -> None:
    search = read_search(query)
    assert search.criteria == criteria
    assert search.unknown == ()


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("StudyDate=2026-01-31", "StudyDate"),
        ("StudyDate=yesterday", "StudyDate"),
        ("StudyDate=2026", "StudyDate"),
        ("StudyDate=20260101-20260131-", "StudyDate"),
        ("StudyTime=noon", "StudyTime"),
        ("AcquisitionDateTime=2026-01-31", "AcquisitionDateTime"),
        ("StudyInstanceUID=1.2*", "StudyInstanceUID"),
        ("StudyInstanceUID=' OR 1=1", "StudyInstanceUID"),
        ("StudyInstanceUID=,", "StudyInstanceUID"),
        ("SeriesNumber=1 OR 1", "SeriesNumber"),
        ("SeriesNumber=*1", "SeriesNumber"),
        ("SliceThickness=thin", "SliceThickness"),
        ("PatientName=%00", "NUL"),
        ("fuzzymatching=maybe", "fuzzymatching"),
        ("emptyvaluematching=", "emptyvaluematching"),
        ("limit=ten", "limit"),
        ("&".join(["PatientName=a"] * 1001), "1000"),
        ("PatientName=" + "a" * 1025, "1024"),
        ("StudyInstanceUID=" + ",".join(["1.2"] * 501), "500"),
        ("&".join(["StudyInstanceUID=" + ",".join(["1.2"] * 100)] * 6), "500"),
        ("includefield=" + ",".join(["PatientName"] * 1001), "1000"),
        (".".join(["00400275"] * 9) + "=x", "sequences"),
        ("includefield=" + ".".join(["00400275"] * 90), "sequences"),
    ],
)
def test_what_is_wrong_is_told(query: str, word: str) -> None:
    with pytest.raises(BadSearch, match=word) as told:
        read_search(query)
    assert str(told.value).endswith(".")


def test_how_is_searched() -> None:
    assert read_search("limit=5&offset=7&accept=application/json") == Search((), 5, 7, accept="application/json")
    assert read_search("limit=99999999999999999999").limit == 1 << 31
    search = read_search("includefield=PatientAge, 00081010,all&includefield=Foo&Rows=8&Bar=1&PixelData=x")
    assert search.include == {("00101010",), ("00081010",), ("00280010",)}
    assert search.everything
    assert search.unknown == ("Foo", "Bar", "PixelData")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", b"application/dicom+json"),
        ("*/*", b"application/dicom+json"),
        ("application/json", b"application/json"),
        ("application/json, application/dicom+json", b"application/json"),
        ("application/json;q=0.5, application/dicom+json", b"application/dicom+json"),
        ('multipart/related; type="application/dicom+xml", application/dicom+json;q=0.1', b"application/dicom+json"),
        ('multipart/related; type="application/dicom+xml"', None),
        ("application/dicom+json;q=0", None),
        ("text/html", None),
    ],
)
def test_media_types(accept: str, media_type: bytes | None) -> None:
    assert choose_type(accept) == media_type


# What is wanted of a data set


def packed(**elements: Any) -> bytes:
    return pack(json.dumps(elements))


def text(value: str) -> dict[str, Any]:
    return {"vr": "LO", "Value": [value]}


STORED = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe"}]},
    "00104000": text("comment"),
    "00101010": {"vr": "AS"},
    "00081010": text("CT01"),
    "00080008": text("ORIGINAL"),
    "00090010": text("OWNER"),
    "00091001": text("private"),
    "00400275": {"vr": "SQ", "Value": [{"00401001": text("RP1"), "00400009": text("S"), "00321060": text("Thorax")}]},
}


@pytest.mark.parametrize(
    ("level", "query", "tags"),
    [
        (Level.STUDY, "includefield=PatientComments", {"00104000"}),
        (Level.STUDY, "includefield=StationName,ImageType", set()),
        (Level.SERIES, "includefield=StationName,ImageType,PatientComments", {"00081010", "00104000"}),
        (Level.INSTANCE, "includefield=StationName,ImageType", {"00081010", "00080008"}),
        (Level.INSTANCE, "includefield=00091001", {"00090010", "00091001"}),
        (Level.INSTANCE, "StationName=CT*", {"00081010"}),
        (Level.STUDY, "StationName=CT*", set()),
        (Level.STUDY, "includefield=PatientAge", {"00101010"}),
        (Level.STUDY, "includefield=all", {"00100010", "00104000", "00101010"}),
        (Level.INSTANCE, "includefield=all", set(STORED)),
        (Level.INSTANCE, "includefield=00120010", set()),
    ],
)
def test_only_what_is_of_a_level_is_given(level: Level, query: str, tags: set[str]) -> None:
    elements: dict[str, Any] = {}
    Wanted(read_search(query), level).add_stored(elements, [packed(**STORED)])
    assert set(elements) == tags


def test_the_first_that_says_something_is_taken() -> None:
    elements = make_elements({"PatientAge": "", "PatientID": "P1"})
    pieces = [packed(**STORED), packed(**{"00101010": {"vr": "AS", "Value": ["050Y"]}, "00104000": text("other")})]
    wanted = Wanted(read_search("includefield=PatientAge,PatientComments,PatientID,PatientWeight"), Level.STUDY)
    wanted.add_stored(elements, pieces)
    assert elements["00104000"] == text("comment")
    assert elements["00100020"]["Value"] == ["P1"]
    assert "00101030" not in elements


def test_nothing_is_read_that_is_not_wanted() -> None:
    def pieces() -> Any:
        raise AssertionError
        yield b""

    wanted = Wanted(
        read_search("includefield=PatientID&RequestAttributesSequence.RequestedProcedureID=x"), Level.SERIES
    )
    wanted.add_stored(make_elements({"PatientID": ""}), pieces())


@pytest.mark.parametrize(
    ("query", "given"),
    [
        (f"includefield={REQUESTS}", {"00401001", "00400009", "00321060"}),
        (f"includefield={REQUESTS}.00321060", {"00401001", "00400009", "00321060"}),
        (f"includefield={REQUESTS}.CodeValue", {"00401001", "00400009"}),
    ],
)
def test_parts_of_sequences(query: str, given: set[str]) -> None:
    elements: dict[str, Any] = {}
    Wanted(read_search(query), Level.SERIES).add_stored(elements, [packed(**STORED)])
    (item,) = elements["00400275"]["Value"]
    assert set(item) == given


def test_cut() -> None:
    inner = {"vr": "SQ", "Value": [{"00080100": text("A"), "00080102": text("B")}, {}]}
    outer = {"vr": "SQ", "Value": [{"00081140": inner, "00080100": text("C")}]}
    assert cut(outer, [()]) == outer
    assert cut(outer, [("00080100",)])["Value"] == [{"00080100": text("C")}]
    assert cut(outer, [("00081140", "00080100")])["Value"] == [
        {"00081140": {"vr": "SQ", "Value": [{"00080100": text("A")}, {}]}}
    ]
    assert cut(outer, [("00081140",), ("00081140", "00080100")])["Value"] == [{"00081140": inner}]
    assert cut(text("no sequence"), [("00080100",)]) == {"vr": "LO"}
