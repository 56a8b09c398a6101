"""Reports of computer-aided detection."""

import pytest
from unit.documents.pages import make
from unit.documents.trees import coded, container, dcm, mammography_cad, report, text

from desktop.documents.cad import mark_outcome


def test_findings_stand_in_a_table() -> None:
    document, page = make(mammography_cad())
    assert document.kind == "cad"
    assert document.title == "Mammography CAD Report"
    for words in (
        "Findings 2",
        "1 Mammography breast density Left breast cranio-caudal CT Image 85 % 3 % to be shown (500.0, 600.0)",
        "2 Calcification Cluster Left breast cranio-caudal CT Image 40.5 % 3 % optional (120.2, 80.0)",
        "Calcifications: 7 count Finder 2.1",
    ):
        assert words in page.text, words


def test_the_outcome_comes_first_and_a_failure_is_marked() -> None:
    _, page = make(mammography_cad())
    assert "Summary All algorithms succeeded; with findings Summary of Detections Partially Succeeded" in page.text
    assert page.text.index("Partially Succeeded") < page.text.index("Findings 2")
    assert "Detection Calcification Cluster succeeded Finder Detection Mass failed Finder" in page.text
    assert page.all("span", class_="chip bad")


def test_images_are_found_by_way_of_the_library() -> None:
    document, page = make(mammography_cad())
    (reference,) = document.references
    assert (reference.SOPInstanceUID, reference.SeriesInstanceUID) == ("1.2.9.1", "1.2.3.9")
    assert len(page.all("a", class_="reference")) == 3, "one for each finding, and one in the whole report"


def test_the_whole_report_stands_below() -> None:
    _, page = make(mammography_cad())
    assert page.text.index("Detection Mass failed") < page.text.index("The whole report")


def test_a_report_without_findings_says_so() -> None:
    summary = coded(dcm("111017", "Summary"), dcm("111241", "All algorithms succeeded; without findings"))
    _, page = make(report(dcm("112000", "Chest CAD Report"), summary, sop_class="88.65"))
    assert "The report tells of no finding." in page.text
    assert page.all("span", class_="chip good")


def test_sites_of_chest_and_colon() -> None:
    finding = coded(
        dcm("111059", "Single Image Finding"),
        ("M-03010", "SRT", "Nodule"),
        "CONTAINS",
        coded(("363698007", "SCT", "Finding Site"), ("45653009", "SCT", "Upper lobe of lung"), "HAS PROPERTIES"),
        coded(("272741003", "SCT", "Laterality"), ("24028007", "SCT", "Right"), "HAS PROPERTIES"),
        text(dcm("112039", "Tracking Identifier"), "N1", "HAS PROPERTIES"),
    )
    _, page = make(report(dcm("112220", "Colon CAD Report"), container("C", finding), sop_class="88.69"))
    assert "1 Nodule Upper lobe of lung, Right Tracking Identifier: N1" in page.text


@pytest.mark.parametrize(
    ("words", "mark"),
    [
        ("Succeeded", "good"),
        ("Partially Succeeded", "warning"),
        ("Failed", "bad"),
        ("Not Attempted", ""),
        ("Perhaps", ""),
    ],
)
def test_marks_of_outcomes(words: str, mark: str) -> None:
    assert mark_outcome(words) == mark
