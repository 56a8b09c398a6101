"""Searches: what is found, in which form, and what of a search is not understood."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from builders import ROOT_UID, make_image, save
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from server.asking import Served, make_viewer, serve

from desktop.server import qido

# name → (series: modality and images; what is said of patient and study).
STUDIES: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "jane": (
        {"CT": 3, "SR": 1},
        {"PatientName": "Doe^Jane", "PatientID": "P1", "StudyDate": "20200101", "StudyTime": "101500.25"},
    ),
    "john": (
        {"MR": 2},
        {"PatientName": "Doe^John=山田^太郎", "PatientID": "P2", "StudyDate": "20200615", "StudyTime": "1030"},
    ),
    "unal": (
        {"CT": 1},
        {"PatientName": "MÜLLER^Ünal", "PatientID": "p1", "StudyDate": "20210101", "StudyTime": "080000"},
    ),
    "nobody": ({"US": 1}, {"PatientName": "", "PatientID": "100%_x", "StudyDate": "", "StudyTime": ""}),
    "odd": (
        {"CT": 1, "PT": 2},
        {"PatientName": "O'Brien^[x]", "PatientID": "P*", "StudyDate": "20201231", "StudyTime": "235959"},
    ),
}


def _request(procedure: str, step: str) -> Dataset:
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = procedure, step
    item.RequestedProcedureDescription = "Thorax"
    return item


REQUESTED: dict[str, Any] = {
    "RequestAttributesSequence": [_request("RP1", "SPS1"), _request("RP2", "SPS2")],
    "PerformedProcedureStepStartDate": "20200101",
    "PerformedProcedureStepStartTime": "101600",
    "TimezoneOffsetFromUTC": "+0100",
}
NEWEST_FIRST = ["unal", "odd", "john", "jane", "nobody"]
ALL = set(STUDIES)


def uid_of(name: str) -> str:
    return f"{ROOT_UID}{list(STUDIES).index(name) + 1}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("qido")
    for name, (series, said) in STUDIES.items():
        for number, (modality, count) in enumerate(series.items(), start=1):
            for image in range(1, count + 1):
                dataset = make_image(
                    SpecificCharacterSet="ISO_IR 192",
                    StudyInstanceUID=uid_of(name),
                    SeriesInstanceUID=f"{uid_of(name)}.{number}",
                    SOPInstanceUID=f"{uid_of(name)}.{number}.{image}",
                    Modality=modality,
                    SeriesNumber=number,
                    InstanceNumber=image,
                    StudyDescription=f"Study of {name}",
                    SeriesDescription=f"{modality} of {name}",
                    AccessionNumber=f"A-{name}",
                    BodyPartExamined="HEAD",
                    SeriesDate=said["StudyDate"],
                    SeriesTime=said["StudyTime"],
                    StationName=f"{modality}01",
                    PatientComments=f"Comment on {name}",
                    PatientAge="050Y",
                    **(REQUESTED if name == "jane" else {}),
                    **said,
                )
                dataset.private_block(0x0009, "OWNER", create=True).add_new(0x01, "LO", f"private of {name}")
                save(dataset, folder / "files" / name / f"{number}-{image}")
    with serve(folder / "base", make_viewer(folder / "resources")) as served:
        served.add(folder / "files")
        yield served


def names(found: list[dict[str, Any]]) -> list[str]:
    """Return which studies were found, in their order."""
    known = {uid_of(name): name for name in STUDIES}
    return [known[item["0020000D"]["Value"][0]] for item in found]


def test_all_studies_come_newest_first(library: Served) -> None:
    assert names(library.json("/dicom-web/studies")) == NEWEST_FIRST


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("PatientName=Doe%5EJane", {"jane"}),
        ("PatientName=doe%5ejane", {"jane"}),
        ("PatientName=Doe", set()),
        ("PatientName=Doe*", {"jane", "john"}),
        ("PatientName=*doe*", {"jane", "john"}),
        ("PatientName=*J?ne*", {"jane"}),
        ("PatientName=*J??n*", {"john"}),
        ("PatientName=????????", {"jane", "john"}),
        ("PatientName=*%E5%B1%B1%E7%94%B0*", {"john"}),
        ("PatientName=M%C3%9CLLER%5E%C3%9Cnal", {"unal"}),
        ("PatientName=*LLER*", {"unal"}),
        ("PatientName=O'Brien*", {"odd"}),
        ("PatientName=*[x]*", {"odd"}),
        ("PatientName=*[a-z]*", set()),
        ("PatientName=%25", set()),
        ("PatientName=*%25*", set()),
        ("PatientName=_oe%5EJane", set()),
        ("PatientName=*!*", set()),
        ("PatientName=", ALL),
        ("PatientName=*", ALL),
        ("PatientName=**", ALL),
        ("PatientName=Doe+*", set()),
        ("PatientName=*&PatientID=P1", {"jane"}),
        ("PatientID=P1", {"jane"}),
        ("PatientID=P%2A", {"jane", "john", "odd"}),
        ("PatientID=P?", {"jane", "john", "odd"}),
        ("PatientID=?1", {"jane", "unal"}),
        ("PatientID=100%25_x", {"nobody"}),
        ("PatientID=100%25*", {"nobody"}),
        ("PatientID=%25", set()),
        ("PatientID=[Pp]1*", set()),
        ("PatientID=' OR '1'='1".replace(" ", "%20"), set()),
        ("PatientID=%FF%FE", set()),
        ("PatientID=%ED%A0%80", set()),
        ("00100020=P1", {"jane"}),
        ("00100010=*jane", {"jane"}),
        ("0020000D=" + uid_of("odd"), {"odd"}),
        ("0020000d=" + uid_of("odd"), {"odd"}),
        ("StudyInstanceUID=" + uid_of("odd"), {"odd"}),
        (f"StudyInstanceUID={uid_of('odd')},{uid_of('jane')}", {"odd", "jane"}),
        (f"StudyInstanceUID={uid_of('odd')}%5C{uid_of('jane')}", {"odd", "jane"}),
        (f"StudyInstanceUID={uid_of('odd')}\\{uid_of('jane')}", {"odd", "jane"}),
        (f"StudyInstanceUID={uid_of('odd')},1.2.3", {"odd"}),
        ("StudyInstanceUID=1.2.3", set()),
        ("StudyInstanceUID=" + uid_of("odd") + "1", set()),
        ("StudyDate=20200101", {"jane"}),
        ("StudyDate=20200101-20201231", {"jane", "john", "odd"}),
        ("StudyDate=20200101-20200101", {"jane"}),
        ("StudyDate=-20200615", {"jane", "john"}),
        ("StudyDate=20201231-", {"odd", "unal"}),
        ("StudyDate=20210102-", set()),
        ("StudyDate=20201231-20200101", set()),
        ("StudyDate=-", ALL),
        ("StudyDate=19700101-20301231", ALL - {"nobody"}),
        ("00080020=20200615", {"john"}),
        ("StudyTime=1000-1030", {"jane", "john"}),
        ("StudyTime=1000-101500", {"jane"}),
        ("StudyTime=2359-", {"odd"}),
        ("StudyDate=20200101-20201231&StudyTime=1030-", {"john", "odd"}),
        ("ModalitiesInStudy=CT", {"jane", "unal", "odd"}),
        ("ModalitiesInStudy=CT,MR", {"jane", "unal", "odd", "john"}),
        ("ModalitiesInStudy=PT%5CMR", {"odd", "john"}),
        ("ModalitiesInStudy=SR", {"jane"}),
        ("ModalitiesInStudy=XA", set()),
        ("00080061=US", {"nobody"}),
        ("ModalitiesInStudy=CT&PatientName=O*", {"odd"}),
        ("AccessionNumber=A-jane", {"jane"}),
        ("AccessionNumber=A-*n*", {"jane", "john", "unal", "nobody"}),
        ("StudyDescription=*OF%20J*", {"jane", "john"}),
        ("ReferringPhysicianName=ref*", ALL),
        ("StudyID=S1", ALL),
        ("PatientBirthDate=19700101-19701231", ALL),
        ("PatientSex=F", ALL),
        ("PatientSex=M", set()),
        ("PatientName=m%C3%BCller*", {"unal"}),
        ("PatientName=Doe%5EJohn", {"john"}),
        ("PatientName=%E5%B1%B1%E7%94%B0%5E%E5%A4%AA%E9%83%8E", {"john"}),
        ("fuzzymatching=true&PatientName=JOHN+DOE", {"john"}),
        ("fuzzymatching=true&PatientName=Doe%5Ejo", {"john"}),
        ("fuzzymatching=true&PatientName=muller", {"unal"}),
        ("fuzzymatching=true&PatientName=unal+mul", {"unal"}),
        ("fuzzymatching=true&PatientName=%E5%A4%AA%E9%83%8E", {"john"}),
        ("fuzzymatching=true&PatientName=o'bri", {"odd"}),
        ("fuzzymatching=true&PatientName=*rien*", {"odd"}),
        ("fuzzymatching=true&PatientName=doe+odd", set()),
        ("fuzzymatching=false&PatientName=muller", set()),
        ('emptyvaluematching=true&PatientName=""', {"nobody"}),
        ('emptyvaluematching=true&StudyDate=""', {"nobody"}),
        ('emptyvaluematching=true&ModalitiesInStudy=""', set()),
        ('emptyvaluematching=true&00101030=""', ALL),
        ('emptyvaluematching=true&PatientComments=""', set()),
        ('PatientName=""', set()),
        ("multiplevaluematching=true&PatientID=P1%5CP2", {"jane", "john"}),
        ("PatientID=P1%5CP2", set()),
        ("StudyTime=1030", {"john"}),
        ("StudyTime=10:30", {"john"}),
        ("StudyDate=2020.06.15", {"john"}),
        ("NumberOfStudyRelatedInstances=4", {"jane"}),
        ("SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2", ALL),
        # Of series and instances.
        ("Modality=PT", {"odd"}),
        ("SeriesDescription=us*", {"nobody"}),
        ("Modality=CT&SeriesNumber=2", set()),
        ("SOPInstanceUID=" + uid_of("odd") + ".2.1", {"odd"}),
        ("RequestAttributesSequence.RequestedProcedureID=RP2", {"jane"}),
        ("00400275.00400009=SPS*", {"jane"}),
        ("PerformedProcedureStepStartDate=2020-&PerformedProcedureStepStartTime=1000-1100", {"jane"}),
        # In no column.
        ("PatientComments=Comment*", ALL),
        ("PatientComments=Comment+on+j*", {"jane", "john"}),
        ("StationName=SR01,CT01", set()),
        ("StationName=SR01", {"jane"}),
        ("StationName=CT01&SeriesNumber=2", set()),
        ("SliceThickness=2", ALL),
        ("00091001=private+of+odd", {"odd"}),
        ("RequestAttributesSequence.RequestedProcedureDescription=Thorax", {"jane"}),
        ("TimezoneOffsetFromUTC=%2B0100", {"jane"}),
        ("fuzzymatching=false", ALL),
        ("fuzzymatching=true&PatientName=doe*", {"jane", "john"}),
        ("includefield=all", ALL),
        ("includefield=00081030,00080060&includefield=PatientName&includefield=99999999", ALL),
        ("emptyvaluematching=true", ALL),
        ("IssuerOfPatientID=", ALL),
        ("&&&", ALL),
        ("=&=x", ALL),
    ],
)
def test_studies(library: Served, query: str, expected: set[str]) -> None:
    answer = library.ask(f"/dicom-web/studies?{query}")
    assert answer.status == 200
    assert answer.header("content-type") == "application/dicom+json"
    found = names(answer.json())
    assert found == [name for name in NEWEST_FIRST if name in expected]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=2", NEWEST_FIRST[:2]),
        ("limit=2&offset=1", NEWEST_FIRST[1:3]),
        ("offset=3", NEWEST_FIRST[3:]),
        ("limit=0", []),
        ("limit=100&offset=5", []),
        ("limit=101&offset=0", NEWEST_FIRST),
        ("limit=99999999999999999999&offset=0", NEWEST_FIRST),
        ("offset=99999999999999999999", []),
        ("LIMIT=1", NEWEST_FIRST[:1]),
        ("ModalitiesInStudy=CT&limit=1&offset=1", ["odd"]),
    ],
)
def test_pages(library: Served, query: str, expected: list[str]) -> None:
    assert names(library.json(f"/dicom-web/studies?{query}")) == expected


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", ["", "-1", "abc", "1.5", "+1", "%EF%BC%91", "0x1", "1%20", "9" * 5000, "1,2", "%00"])
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_pages_that_are_no_numbers(library: Served, level: str, name: str, value: str) -> None:
    assert name in library.ask(f"/dicom-web/{level}?{name}={value}").sentence(400)


WORK_LIST = (
    *("0020000D", "00080020", "00080030", "00080050", "00100020", "00100010", "00100030", "00201208"),
    *("00081030", "00080061"),
)
OHIF = "includefield=00081030,00080060,00080090,00100030"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"limit=101&offset=0&fuzzymatching=false&{OHIF}", ALL),
        (f"PatientName=*doe*&limit=101&offset=0&fuzzymatching=false&{OHIF}", {"jane", "john"}),
        (f"00100020=*P1*&limit=101&offset=0&fuzzymatching=false&{OHIF}", {"jane"}),
        (f"AccessionNumber=*odd*&limit=101&offset=0&fuzzymatching=false&{OHIF}", {"odd"}),
        (f"StudyDescription=*of%20j*&limit=101&offset=0&fuzzymatching=false&{OHIF}", {"jane", "john"}),
        (f"ModalitiesInStudy=CT,MR&limit=101&offset=0&fuzzymatching=false&{OHIF}", {"jane", "john", "odd", "unal"}),
        (f"limit=101&offset=0&fuzzymatching=false&{OHIF}&StudyDate=19700101-20200615", {"jane", "john"}),
        (f"limit=101&offset=0&fuzzymatching=false&{OHIF}&StudyDate=20201231-20261120", {"odd", "unal"}),
        (
            f"limit=101&offset=0&fuzzymatching=false&{OHIF}&StudyInstanceUID={uid_of('odd')}%5C{uid_of('john')}",
            {"odd", "john"},
        ),
        # Earlier studies of a patient.
        (f"limit=101&offset=0&fuzzymatching=false&{OHIF}&00100020=P1", {"jane"}),
    ],
)
def test_what_ohif_asks(library: Served, query: str, expected: set[str]) -> None:
    answer = library.ask(f"/dicom-web/studies?{query}", "application/dicom+json")
    assert set(names(answer.json())) == expected
    assert answer.header("warning") is None
    for item in answer.json():
        for tag in [
            "0020000D",
            "00080020",
            "00080030",
            "00080050",
            "00100020",
            "00100010",
            "00100030",
            "00201208",
            "00081030",
            "00080061",
        ]:
            assert "vr" in item[tag]


def test_what_ohif_asks_of_a_study(library: Served) -> None:
    study = uid_of("jane")
    address = f"/dicom-web/studies/{study}/series"
    for query in ("includefield=0008103E,00080021", "includefield=00080021,00080031,0008103E,00200011"):
        found = library.json(f"{address}?{query}")
        assert [item["00080060"]["Value"] for item in found] == [["CT"], ["SR"]]
        for item in found:
            assert item["0020000D"]["Value"] == [study]
            for tag in ["0020000E", "00080060", "00200011", "00080021", "00201209", "0008103E"]:
                assert item[tag]["Value"]
    (one,) = library.json(f"{address}?includefield=00080021,00080031,0008103E,00200011&SeriesInstanceUID={study}.2")
    assert one["0020000E"]["Value"] == [f"{study}.2"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/dicom-web/series", 7),
        ("/dicom-web/series?Modality=CT", 3),
        ("/dicom-web/series?Modality=CT,PT", 4),
        ("/dicom-web/series?00080060=PT", 1),
        ("/dicom-web/series?SeriesNumber=2", 2),
        ("/dicom-web/series?SeriesDescription=*of%20odd", 2),
        ("/dicom-web/series?PatientName=doe*", 3),
        ("/dicom-web/series?ModalitiesInStudy=PT", 2),
        ("/dicom-web/series?SeriesDate=2021-", 1),
        ("/dicom-web/series?BodyPartExamined=HEAD&limit=3&offset=5", 2),
        (f"/dicom-web/series?SeriesInstanceUID={uid_of('odd')}.1,{uid_of('jane')}.2", 2),
        (f"/dicom-web/series?StudyInstanceUID={uid_of('odd')}", 2),
        (f"/dicom-web/studies/{uid_of('odd')}/series", 2),
        (f"/dicom-web/studies/{uid_of('odd')}/series?Modality=CT", 1),
        (f"/dicom-web/studies/{uid_of('odd')}/series?StudyInstanceUID={uid_of('jane')}", 0),
        (f"/dicom-web/studies/{uid_of('odd')}/series?PatientName=doe*", 0),
        ("/dicom-web/instances", 11),
        ("/dicom-web/instances?InstanceNumber=1", 7),
        ("/dicom-web/instances?InstanceNumber=3", 1),
        ("/dicom-web/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.2", 11),
        ("/dicom-web/instances?00080016=1.2.840.10008.5.1.4.1.1.4", 0),
        ("/dicom-web/instances?Modality=PT", 2),
        ("/dicom-web/instances?PatientID=P1&Modality=CT", 3),
        (f"/dicom-web/instances?SOPInstanceUID={uid_of('jane')}.1.2%5C{uid_of('odd')}.2.2", 2),
        (f"/dicom-web/studies/{uid_of('jane')}/instances", 4),
        (f"/dicom-web/studies/{uid_of('jane')}/instances?Modality=SR", 1),
        (f"/dicom-web/studies/{uid_of('jane')}/instances?limit=1&offset=3", 1),
        (f"/dicom-web/studies/{uid_of('jane')}/series/{uid_of('jane')}.1/instances", 3),
        (f"/dicom-web/studies/{uid_of('jane')}/series/{uid_of('jane')}.1/instances?InstanceNumber=2", 1),
        (f"/dicom-web/studies/{uid_of('jane')}/series/{uid_of('jane')}.1/instances?Modality=SR", 0),
    ],
)
def test_series_and_instances(library: Served, path: str, expected: int) -> None:
    answer = library.ask(path)
    assert answer.status == 200
    found = answer.json()
    assert len(found) == expected
    uids = [item.get("00080018", item["0020000E"])["Value"][0] for item in found]
    assert len(set(uids)) == expected
    assert answer.header("warning") is None


@pytest.mark.parametrize(
    ("path", "warned"),
    [
        ("studies?Foo=1", "Foo"),
        ("studies?PatientName=doe*&Foo=1&00400275=x", "Foo, 00400275"),
        ("studies?RequestAttributesSequence=x", "RequestAttributesSequence"),
        ("studies?PixelData=x", "PixelData"),
        ("studies?StudyDate.PatientID=x", "StudyDate.PatientID"),
        ("studies?includefield=Foo,all,PatientID,Bar", "Foo, Bar"),
        ("studies?PatientName'--=1", ""),
        ("studies?a%0d%0aSet-Cookie:%20b=1", ""),
        ("studies?%22%3Cscript%3E=1", ""),
        ("instances?Foo=1", "Foo"),
    ],
)
def test_what_is_not_matched_is_said(library: Served, path: str, warned: str) -> None:
    answer = library.ask(f"/dicom-web/{path}")
    assert answer.status == 200
    assert answer.json()
    warning = answer.header("warning") or ""
    assert warning.startswith("299 negatoscope ")
    assert warned in warning
    assert "<" not in warning
    assert "\r" not in warning
    assert answer.header("set-cookie") is None


@pytest.mark.parametrize("keyword", ["PatientName", "PatientID", "StudyInstanceUID", "ModalitiesInStudy", "StudyDate"])
@pytest.mark.parametrize(
    "value",
    [
        "*" * 40_000,
        "x*" * 30_000,
        "a" * 60_000,
        ",".join(["1.2.3"] * 3000),
        "\\".join(["1.2.3"] * 3000),
        "-".join("1" * 20),
        "%",
        "%zz",
        "%00",
        quote("' UNION SELECT * FROM patients --"),
        quote('"; DROP TABLE studies; --'),
        quote("\udcff", errors="surrogateescape"),
    ],
    ids=lambda value: value[:20],
)
def test_odd_searches_are_answered(library: Served, keyword: str, value: str) -> None:
    answer = library.ask(f"/dicom-web/studies?{keyword}={value}")
    if answer.status == 200:
        assert set(names(answer.json())) in (set(), ALL)
    else:
        answer.sentence(400)
    assert len(library.json("/dicom-web/studies")) == 5


def test_many_attributes_at_once(library: Served) -> None:
    query = "&".join(["PatientName=*doe*"] * 2000)
    answer = library.ask(f"/dicom-web/studies?{query}")
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert set(names(answer.json())) == {"jane", "john"}


LEVELS = {
    "studies": (
        "StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy ReferringPhysicianName "
        "StudyDescription RetrieveURL PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyID "
        "NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"
    ),
    "series": (
        "Modality SeriesDescription RetrieveURL StudyInstanceUID SeriesInstanceUID SeriesNumber "
        "NumberOfSeriesRelatedInstances"
    ),
    "instances": (
        "SOPClassUID SOPInstanceUID InstanceAvailability RetrieveURL StudyInstanceUID SeriesInstanceUID "
        "InstanceNumber NumberOfFrames Rows Columns BitsAllocated"
    ),
}


@pytest.mark.parametrize("level", LEVELS)
def test_each_element_has_its_vr_and_type(gallery: Served, library: Served, level: str) -> None:
    for served in (gallery, library):
        found = served.json(f"/dicom-web/{level}")
        assert found
        for item in found:
            assert list(item) == sorted(item)
            missing = {f"{tag_for_keyword(keyword):08X}" for keyword in LEVELS[level].split()} - item.keys()
            # Where no series says its modality, the viewer takes what is empty for what it is not.
            assert missing <= {"00080061"}
            for tag, element in item.items():
                vr = dictionary_VR(int(tag, 16))
                assert element["vr"] == vr
                assert set(element) <= {"vr", "Value"}
                kind = {"PN": dict, "SQ": dict, "US": int, "IS": int}.get(vr, str)
                assert all(type(value) is kind for value in element.get("Value", ()))
                assert element.get("Value") != []
                assert "" not in element.get("Value", ())


def test_values(library: Served) -> None:
    (jane,) = library.json("/dicom-web/studies?PatientID=P1")
    assert {tag: element.get("Value") for tag, element in jane.items()} == {
        "00080020": ["20200101"],
        "00080030": ["101500.25"],
        "00080050": ["A-jane"],
        "00080056": ["ONLINE"],
        "00080061": ["CT", "SR"],
        "00080090": [{"Alphabetic": "Ref^Erring"}],
        "00080201": ["+0100"],
        "00081030": ["Study of jane"],
        "00081190": [f"{library.origin}/dicom-web/studies/{uid_of('jane')}"],
        "00100010": [{"Alphabetic": "Doe^Jane"}],
        "00100020": ["P1"],
        "00100021": None,
        "00100030": ["19700102"],
        "00100040": ["F"],
        "00101010": ["050Y"],
        "0020000D": [uid_of("jane")],
        "00200010": ["S1"],
        "00201206": [2],
        "00201208": [4],
    }
    (john,) = library.json("/dicom-web/studies?PatientID=P2")
    assert john["00100010"]["Value"] == [{"Alphabetic": "Doe^John", "Ideographic": "山田^太郎"}]
    (nobody,) = library.json("/dicom-web/studies?ModalitiesInStudy=US")
    assert "Value" not in nobody["00100010"]
    assert "Value" not in nobody["00080020"]


def test_numbers_of_related_things_are_right(gallery: Served) -> None:
    for study in gallery.json("/dicom-web/studies"):
        uid = study["0020000D"]["Value"][0]
        series = gallery.json(f"/dicom-web/studies/{uid}/series")
        assert study["00201206"]["Value"] == [len(series)]
        counts = [item["00201209"]["Value"][0] for item in series]
        instances = gallery.json(f"/dicom-web/studies/{uid}/instances")
        assert study["00201208"]["Value"] == [sum(counts)] == [len(instances)]
        for item, count in zip(series, counts, strict=True):
            address = f"/dicom-web/studies/{uid}/series/{item['0020000E']['Value'][0]}"
            assert len(gallery.json(f"{address}/instances")) == count
            assert len(gallery.json(f"{address}/metadata")) == count
        modalities = {value for item in series for value in item["00080060"].get("Value", ())}
        assert study.get("00080061", {}).get("Value", []) == sorted(modalities)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_found_can_be_retrieved_at_its_address(library: Served, host: str) -> None:
    for level, tail in (("studies", "/metadata"), ("series", "/metadata"), ("instances", "")):
        answer = library.ask(f"/dicom-web/{level}?limit=3", headers={"Host": f"{host}:{library.port}"})
        for item in answer.json():
            (url,) = item["00081190"]["Value"]
            assert url.startswith(f"http://{host}:{library.port}/dicom-web/studies/")
            path = url.removeprefix(f"http://{host}:{library.port}")
            assert library.ask(path + tail).status == 200


def test_metadata_of_the_three_levels_agree(gallery: Served) -> None:
    for study in {uids[0] for uids in gallery.places().values()}:
        whole = gallery.json(f"/dicom-web/studies/{study}/metadata")
        parts = []
        for series in gallery.json(f"/dicom-web/studies/{study}/series"):
            address = f"/dicom-web/studies/{study}/series/{series['0020000E']['Value'][0]}"
            of_series = gallery.json(f"{address}/metadata")
            parts += of_series
            for model in of_series:
                uid = model["00080018"]["Value"][0]
                assert gallery.json(f"{address}/instances/{uid}/metadata") == [model]
                assert model["0020000D"]["Value"] == [study]
                assert model["0020000E"]["Value"] == series["0020000E"]["Value"]
        assert parts == whole
        listed = gallery.json(f"/dicom-web/studies/{study}/instances")
        assert [item["00080018"]["Value"] for item in listed] == [model["00080018"]["Value"] for model in whole]
        for item, model in zip(listed, whole, strict=True):
            for tag in ("00080016", "00200013", "00280010", "00280011", "00280100"):
                said, stored = item[tag].get("Value"), model.get(tag, {}).get("Value")
                assert said == stored or not any(stored or [None]) or tag == "00200013"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("application/dicom+json", 200),
        ("application/json", 200),
        ("application/dicom+json, application/json;q=0.5", 200),
        ("text/html, application/*;q=0.2", 200),
        ("text/html", 406),
        ("application/dicom+json;q=0", 406),
    ],
)
def test_metadata_come_as_json(library: Served, accept: str | None, status: int) -> None:
    answer = library.ask(f"/dicom-web/studies/{uid_of('jane')}/metadata", accept)
    if status == 200:
        assert answer.status == 200
        assert answer.header("content-type") == "application/dicom+json"
        assert len(answer.json()) == 4
    else:
        answer.sentence(status)


def test_an_empty_library_finds_nothing(served: Served, tmp_path: Path) -> None:
    for level in LEVELS:
        answer = served.ask(f"/dicom-web/{level}")
        assert (answer.status, answer.json()) == (200, [])


def test_series_with_requests(library: Served) -> None:
    first, _ = library.json(f"/dicom-web/studies/{uid_of('jane')}/series")
    values = {tag: element.get("Value") for tag, element in first.items()}
    assert values["00080201"] == ["+0100"]
    assert values["00400244"] == ["20200101"]
    assert values["00400245"] == ["101600"]
    assert [(item["00400009"]["Value"], item["00401001"]["Value"]) for item in values["00400275"]] == [
        (["SPS1"], ["RP1"]),
        (["SPS2"], ["RP2"]),
    ]
    assert all(len(item) == 2 for item in values["00400275"])
    # The path names the study.
    assert "00100010" not in values
    (john,) = library.json(f"/dicom-web/studies/{uid_of('john')}/series")
    assert not {"00080201", "00400244", "00400245", "00400275"} & set(john)


@pytest.mark.parametrize(
    ("path", "there", "not_there"),
    [
        ("/dicom-web/series?Modality=SR", "PatientName StudyDate ModalitiesInStudy", "SOPClassUID StationName"),
        ("/dicom-web/instances?Modality=SR", "PatientName StudyDate Modality SeriesNumber", "StationName"),
        ("{study}/instances?Modality=SR", "Modality SeriesNumber", "PatientName StudyDate"),
        ("{study}/series/{study_uid}.2/instances", "SOPClassUID", "Modality PatientName"),
        ("{study}/series?includefield=PatientName&Modality=SR", "PatientName", "StudyDate"),
        ("{study}/series?includefield=00080020,StationName&Modality=SR", "StudyDate StationName", "PatientName"),
        ("{study}/instances?includefield=SliceThickness&Modality=SR", "SliceThickness", "PatientAge"),
        ("{study}/instances?Modality=SR&includefield=all", "PixelSpacing PatientName StudyDate StationName", ""),
        ("{study}/series?Modality=SR&includefield=all", "PatientName PatientComments StationName", "PixelSpacing"),
        ("{study}/series?Modality=SR&StationName=SR*", "StationName", "PatientComments"),
        ("/dicom-web/studies?PatientID=P1", "", "SOPClassesInStudy StationName"),
        ("/dicom-web/studies?PatientID=P1&includefield=SOPClassesInStudy", "SOPClassesInStudy", "Modality"),
        ("/dicom-web/studies?PatientID=P1&includefield=Modality,00101030", "", "Modality PatientWeight"),
        ("/dicom-web/studies?PatientID=P1&includefield=PatientComments", "PatientComments", "StationName"),
        ("/dicom-web/studies?PatientID=P1&includefield=all", "PatientComments SOPClassesInStudy", "Modality Rows"),
        ("/dicom-web/studies?PatientComments=*jane", "PatientComments", "Modality"),
        ("/dicom-web/patients?PatientID=P1&includefield=PatientComments", "PatientComments", "PatientAge StudyDate"),
    ],
)
def test_what_is_included(library: Served, path: str, there: str, not_there: str) -> None:
    address = path.format(study=f"/dicom-web/studies/{uid_of('jane')}", study_uid=uid_of("jane"))
    (item,) = library.json(address)
    for keyword in there.split():
        assert item[f"{tag_for_keyword(keyword):08X}"].get("Value"), keyword
    for keyword in not_there.split():
        assert f"{tag_for_keyword(keyword):08X}" not in item, keyword
    assert list(item) == sorted(item)


def test_included_values_are_those_of_the_files(library: Served) -> None:
    series = f"/dicom-web/studies/{uid_of('jane')}/series/{uid_of('jane')}.1"
    stored = library.json(f"{series}/metadata")
    found = library.json(f"{series}/instances?includefield=all")
    for item, model in zip(found, stored, strict=True):
        assert {tag: element for tag, element in model.items() if item.get(tag) != element} == {}
    (one, *_) = library.json(f"{series}/instances?includefield=00091001,RequestAttributesSequence.00321060")
    assert one["00091001"]["Value"] == ["private of jane"]
    assert one["00090010"]["Value"] == ["OWNER"]
    assert [set(item) for item in one["00400275"]["Value"]] == [{"00400009", "00401001", "00321060"}] * 2
    (first, _) = library.json(f"/dicom-web/studies/{uid_of('jane')}/series?includefield=00400275")
    assert first["00400275"] == stored[0]["00400275"]


def test_patients(library: Served) -> None:
    found = library.json("/dicom-web/patients")
    assert [item["00100020"]["Value"] for item in found] == [["100%_x"], ["P1"], ["P2"], ["p1"], ["P*"]]
    (jane,) = library.json("/dicom-web/patients?PatientName=doe*&PatientID=P1")
    assert {tag: element.get("Value") for tag, element in jane.items()} == {
        "00100010": [{"Alphabetic": "Doe^Jane"}],
        "00100020": ["P1"],
        "00100021": None,
        "00100030": ["19700102"],
        "00100040": ["F"],
        "00201200": [1],
        "00201202": [2],
        "00201204": [4],
    }
    assert len(library.json("/dicom-web/patients?ModalitiesInStudy=CT&StudyDate=2021-")) == 1
    assert len(library.json("/dicom-web/patients?fuzzymatching=true&PatientName=john+do")) == 1
    assert len(library.json("/dicom-web/patients?StationName=CT01")) == 3
    assert library.ask("/dicom-web/patients?limit=2").header("warning")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("studies?limit=5", ""),
        ("studies?limit=4", "there is more than these 4: ask for the rest with offset=4"),
        ("studies?limit=2&offset=1", "there is more than these 2: ask for the rest with offset=3"),
        ("studies?limit=2&offset=3", ""),
        ("series?limit=6", "offset=6"),
        ("instances?limit=10&offset=0", "offset=10"),
        ("instances?limit=11", ""),
        ("studies?limit=1&Foo=1", 'not matched by: Foo", 299 negatoscope "there is more'),
    ],
)
def test_that_there_is_more_is_said(library: Served, path: str, said: str) -> None:
    answer = library.ask(f"/dicom-web/{path}")
    assert answer.status == 200
    assert said in (answer.header("warning") or "")
    assert bool(said) is (answer.header("warning") is not None)


@pytest.mark.parametrize("limit", [("MAX_RESULTS", 3), ("_MAX_BYTES", 1000)])
def test_no_answer_grows_without_end(library: Served, monkeypatch: pytest.MonkeyPatch, limit: tuple[str, int]) -> None:
    monkeypatch.setattr(qido, *limit)
    whole, offset = [], 0
    for _ in range(20):
        answer = library.ask(f"/dicom-web/instances?offset={offset}")
        assert answer.json()
        whole += [item["00080018"]["Value"][0] for item in answer.json()]
        offset = len(whole)
        if (warning := answer.header("warning")) is None:
            break
        assert f"offset={offset}" in warning
    assert len(set(whole)) == len(whole) == 11


def test_a_search_that_takes_too_long_is_ended(library: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qido, "_SECONDS", 0.0)
    assert "too long" in library.ask("/dicom-web/studies?PatientComments=*").sentence(503)
    monkeypatch.undo()
    assert len(library.json("/dicom-web/studies?PatientComments=*")) == 5


@pytest.mark.parametrize("level", ["patients", "studies", "series", "instances"])
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("StudyDate=2026-01-31", "StudyDate"),
        ("StudyInstanceUID=1.2*", "StudyInstanceUID"),
        ("SeriesNumber=one", "SeriesNumber"),
        ("fuzzymatching=perhaps", "fuzzymatching"),
        (".".join(["00400275"] * 50) + "=x", "sequences"),
        ("PatientName=%00", "NUL"),
    ],
)
def test_wrong_searches_are_refused(library: Served, level: str, query: str, word: str) -> None:
    assert word in library.ask(f"/dicom-web/{level}?{query}").sentence(400)


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/dicom+json, application/json;q=0.9", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ('multipart/related; type="application/dicom+xml"', None),
        ("text/html", None),
    ],
)
def test_what_is_found_comes_as_json(library: Served, accept: str | None, answered: str | None) -> None:
    answer = library.ask("/dicom-web/studies", accept)
    if answered is None:
        assert "application/dicom+json" in answer.sentence(406)
        assert library.ask("/dicom-web/studies?accept=application/json", accept).status == 200
    else:
        assert answer.header("content-type") == answered
        assert len(answer.json()) == 5
