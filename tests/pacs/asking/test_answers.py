"""What comes back: values in any character set, and an account of what is odd."""

from typing import Any

import pytest
from pacs.asking.scripted import element, encode
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from desktop.pacs.answers import Answer, Gathering, Oddity, Values, read_data_set, read_json, remarks_of
from desktop.pacs.query import Level, Query

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
NAME, CHARSET, ID, COUNT = 0x00100010, 0x00080005, 0x00100020, 0x00201208


@pytest.mark.parametrize(
    ("said", "charset", "value", "expected", "doubtful"),
    [
        (b"ISO_IR 192", "", "Müller".encode(), "Müller", False),
        (b"ISO_IR 100", "", "Müller".encode("latin-1"), "Müller", False),
        (b"ISO_IR 101", "", "Łódź".encode("iso8859-2"), "Łódź", False),
        (b"ISO_IR 144", "", "Жуков".encode("iso8859-5"), "Жуков", False),
        (b"\\ISO 2022 IR 87", "", b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田", False),
        (b"GB18030", "", "王".encode("gb18030"), "王", False),
        # Nothing is said.
        (None, "", b"DOE^JANE", "DOE^JANE", False),
        (None, "", "Müller".encode(), "Müller", True),
        (None, "", "Müller".encode("latin-1"), "Müller", True),
        (None, "ISO_IR 192", "Müller".encode("latin-1"), "Müller", True),
        (None, "ISO_IR 144", "Ж".encode("iso8859-5"), "Ж", False),
        (b"", "ISO_IR 144", "Ж".encode("iso8859-5"), "Ж", False),
        # Something wrong is said.
        (b"ISO_IR 100", "", "Müller".encode(), "Müller", True),
        (b"ISO_IR 192", "", "Müller".encode("latin-1"), "M\ufffdller", True),
        (b"ISO_IR 999", "", "Müller".encode(), "Müller", True),
        (b"ISO-8859-1", "", "Müller".encode("latin-1"), "Müller", False),
    ],
)
def test_letters(said: bytes | None, charset: str, value: bytes, expected: str, doubtful: bool) -> None:
    data = (element(CHARSET, said) if said is not None else b"") + element(NAME, value)
    values = read_data_set(data, IMPLICIT, charset)
    assert (values.texts["PatientName"], values.is_doubtful) == (expected, doubtful)


@pytest.mark.parametrize(
    ("data", "syntax", "keyword", "expected"),
    [
        (element(COUNT, b"12 "), IMPLICIT, "NumberOfStudyRelatedInstances", "12"),
        # As other VRs than the standard's.
        (element(COUNT, b"\x0c\x00", b"US"), EXPLICIT, "NumberOfStudyRelatedInstances", "12"),
        (element(COUNT, b"12", b"LO"), EXPLICIT, "NumberOfStudyRelatedInstances", "12"),
        (element(COUNT, b"12.0", b"DS"), EXPLICIT, "NumberOfStudyRelatedInstances", "12"),
        (element(NAME, b"A=B=C", b"LO"), EXPLICIT, "PatientName", "A=B=C"),
        # In another encoding than was agreed on.
        (element(ID, b"P1", b"LO"), IMPLICIT, "PatientID", "P1"),
        (element(ID, b"P1"), EXPLICIT, "PatientID", "P1"),
        (element(0x00080061, b"CT\\MR "), IMPLICIT, "ModalitiesInStudy", "CT\\MR"),
        (element(0x00091001, b"x", b"LO"), EXPLICIT, "00091001", "x"),
        (element(0x0020000D, b"1.2.3\0"), IMPLICIT, "StudyInstanceUID", "1.2.3"),
    ],
)
def test_values(data: bytes, syntax: str, keyword: str, expected: str) -> None:
    assert read_data_set(data, syntax, "").texts == {keyword: expected}


def test_sequences() -> None:
    inner = Dataset()
    inner.Modality, inner.ScheduledProcedureStepDescription = "CT", "Müller"
    outer = Dataset()
    outer.SpecificCharacterSet = "ISO_IR 100"
    outer.ScheduledProcedureStepSequence = Items([inner, Dataset()])
    for implicit, syntax in ((True, IMPLICIT), (False, EXPLICIT)):
        values = read_data_set(encode(outer, implicit=implicit), syntax, "")
        first, second = values.items["ScheduledProcedureStepSequence"]
        assert first.texts == {"Modality": "CT", "ScheduledProcedureStepDescription": "Müller"}
        assert second.texts == {}


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x00\x20",
        element(ID, b"P1")[:-1],
        element(ID, b"P1") + b"\x10\x00\x20\x00\xff\xff\x00\x00",
        b"<html><body>no</body></html>",
        bytes(range(256)),
    ],
)
def test_what_cannot_be_decoded(data: bytes) -> None:
    for syntax in (IMPLICIT, EXPLICIT):
        with pytest.raises(ValueError, match="damaged"):
            read_data_set(data, syntax, "")


def test_json() -> None:
    values = read_json(
        {
            "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada", "Ideographic": "山田"}]},
            "00080061": {"vr": "CS", "Value": ["CT", None, "MR"]},
            "00201208": {"vr": "IS", "Value": [12.0]},
            "00081030": {"vr": "LO"},
            "00400100": {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
        }
    )
    assert values.texts == {
        "PatientName": "Yamada=山田",
        "ModalitiesInStudy": "CT\\\\MR",
        "NumberOfStudyRelatedInstances": "12",
        "StudyDescription": "",
    }
    assert values.items["ScheduledProcedureStepSequence"][0].texts == {"Modality": "CT"}
    # Archives of old write names as text.
    assert read_json({"00100010": {"vr": "PN", "Value": ["DOE"]}}).texts == {"PatientName": "DOE"}
    assert read_json({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "M\ufffdller"}]}}).is_doubtful


@pytest.mark.parametrize(
    "answer",
    [
        5,
        [],
        None,
        {"name": {}},
        {"00100010": "DOE"},
        {"00100010": {"Value": "DOE"}},
        {"00400100": {"vr": "SQ", "Value": [5]}},
    ],
)
def test_what_is_no_dicom_json(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"^(it|an element)"):
        read_json(answer)


def study(uid: str = "1.2", **more: str) -> Values:
    return Values({"StudyInstanceUID": uid, "PatientName": "DOE", **more})


def test_each_answer_is_listed_or_counted() -> None:
    gathering = Gathering("a", Query(modalities=("CT",), limit=4))
    took = [
        gathering.take(values)
        for values in (
            study(),
            study(),
            study(PatientName="ROE"),
            study(""),
            Values({}),
            Values({"StudyInstanceUID": "", "QueryRetrieveLevel": "STUDY"}),
            None,
            study("1.3", ModalitiesInStudy="MR"),
            Values(study("1.4").texts, is_doubtful=True),
        )
    ]
    assert [answer is not None for answer in took] == [True, False, True, True, False, False, False, False, True]
    assert gathering.odd == {
        Oddity.DUPLICATE: 1,
        Oddity.CONFLICT: 1,
        Oddity.NO_UID: 1,
        Oddity.EMPTY: 2,
        Oddity.UNDECODABLE: 1,
        Oddity.UNWANTED: 1,
        Oddity.DOUBTFUL_TEXT: 1,
    }
    assert gathering.taken == 4
    # It is cut only by what would be listed.
    assert gathering.take(study()) is None
    assert gathering.take(None) is None
    assert not gathering.was_cut
    assert gathering.take(study("1.5")) is None
    assert gathering.was_cut
    assert gathering.taken == 4


def test_each_oddity_is_told() -> None:
    for count in (1, 2000):
        remarks = remarks_of(dict.fromkeys(Oddity, count))
        assert len(remarks) == len(set(remarks)) == len(Oddity)
        assert all(remark.startswith("1 answer " if count == 1 else "2,000 answers ") for remark in remarks)
    assert remarks_of({}) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), (" 12 ", 12), ("", None), ("many", None), ("-1", None), ("1e3", None), ("٣", None)],
)
def test_numbers_of_instances(text: str, expected: int | None) -> None:
    assert Answer("a", Level.STUDY, {"NumberOfStudyRelatedInstances": text}).instances == expected
    assert Answer("a", Level.SERIES, {"NumberOfSeriesRelatedInstances": text}).instances == expected


def test_what_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop.pacs.answers.PATIENCE", 5)
    gathering = Gathering("a", Query())
    for _ in range(6):
        gathering.take(study())
    assert not gathering.was_cut
    gathering.take(None)
    assert gathering.was_cut
