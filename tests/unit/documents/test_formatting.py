"""Dates, times, numbers and codes as they are read."""

import math

import pytest
from unit.documents.pages import code, dataset, item_of

from desktop.dicom.items import Code, Item
from desktop.documents.formatting import (
    format_code,
    format_date_time,
    format_element,
    format_number,
    format_single,
    format_time,
    format_uid,
    format_units,
    shorten_number,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("184746", "18:47:46"),
        ("1847", "18:47"),
        ("18", "18"),
        ("184746.123456", "18:47:46"),
        ("18:47:46", "18:47:46"),
        ("x", "x"),
        ("", ""),
    ],
)
def test_times(value: str, text: str) -> None:
    assert format_time(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("20010213184746", "2001-02-13 18:47:46"),
        ("20010213184746.5+0100", "2001-02-13 18:47:46 +0100"),
        ("200102", "2001-02"),
        ("2001", "2001"),
        ("2001021318-0500", "2001-02-13 18 -0500"),
        ("soon", "soon"),
        ("", ""),
    ],
)
def test_dates_with_times(value: str, text: str) -> None:
    assert format_date_time(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.1, "0.1"), (-2.5, "-2.5"), (1e20, "1e+20"), (1.5e-07, "1.5e-07"), (math.inf, "inf"), (0.0, "0")],
)
def test_numbers(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (937.04929309397, "937.049"),
        (12.5, "12.5"),
        (123456789.0, "123456789"),
        (123456.789012, "123456.789"),
        (7.08677e-10, "7.09e-10"),
        (-119.07385253906, "-119.074"),
        (0.333333333333, "0.333333"),
    ],
)
def test_numbers_as_one_reads_them(value: float, text: str) -> None:
    assert shorten_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.10000000149011612, "0.1"), (69.47269439697266, "69.472694"), (16777217.0, "16777217"), (1e39, "1e+39")],
)
def test_numbers_of_single_precision(value: float, text: str) -> None:
    assert format_single(value) == text


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (Code("mm", "UCUM", "millimeter"), "mm"),
        (Code("1", "UCUM", "no units"), ""),
        (Code("[hnsf'U]", "UCUM", "Hounsfield unit"), "Hounsfield unit"),
        (Code("{ratio}", "UCUM", "ratio"), "ratio"),
        (Code("[x]", "UCUM"), "[x]"),
        (Code("cm", "99X", "Centimetre"), "Centimetre"),
        (Code(), ""),
    ],
)
def test_units(units: Code, text: str) -> None:
    assert format_units(units) == text


def test_codes_and_uids() -> None:
    assert format_code(Code("1", "S", "Lung")) == "Lung"
    assert format_code(Code("1", "S")) == "1 (S)"
    assert format_code(Code()) == ""
    assert format_uid("1.2.840.10008.5.1.4.1.1.88.33") == "Comprehensive SR"
    assert format_uid("1.2.840.10008.5.1.4.1.1.1.1") == "Digital X-Ray Image - For Presentation"
    assert (format_uid("1.2.3"), format_uid("<b>"), format_uid("")) == ("1.2.3", "<b>", "")


def test_elements_are_read_by_their_vr() -> None:
    item = item_of(
        dataset(
            PatientName="Doe^Jane",
            PatientBirthDate="19700102",
            ImagePositionPatient=[1, 2.5, -3],
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            ConceptNameCodeSequence=code("1", "S", "Lung"),
            StudyTime="101530",
        )
    )
    keywords = (
        "PatientName",
        "PatientBirthDate",
        "ImagePositionPatient",
        "SOPClassUID",
        "ConceptNameCodeSequence",
        "StudyTime",
        "StudyID",
    )
    assert [format_element(item, keyword) for keyword in keywords] == [
        *("Doe, Jane", "1970-01-02", "1, 2.5, -3", "CT Image", "Lung", "10:15:30", ""),
    ]
    assert (
        format_element(Item({"00100010": {"vr": "??", "Value": [True, None, {"a": 1}, "x", [1]]}}), "PatientName")
        == "x, [1]"
    )
