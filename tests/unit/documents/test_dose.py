"""Dose reports: totals at a glance, one row an event, units as they were stored."""

import pytest
from unit.documents.pages import make
from unit.documents.trees import container, ct_dose, dcm, num, projection_dose, radiopharmaceutical_dose, report, text

from desktop.documents import dose


def test_computed_tomography() -> None:
    document, page = make(ct_dose())
    assert document.kind == "dose"
    for words in (
        "751.5 mGy.cm DLP total 3 events Irradiation events",
        "CT Dose Length Product Total 751.5 mGy.cm",
        "CT acquisitions 3",
        "# Protocol Type Region CTDIvol [mGy] DLP [mGy.cm] Phantom Tube voltage [kV] Current [mA] Pitch [ratio]",
        "2 Thorax 2 Spiral Acquisition Chest 10.25 250.5 IEC Body Dosimetry Phantom 120 202 0.6 320.5 4.2",
        "Person Observer Name Roe, Richard",
        "The whole report",
    ):
        assert words in page.text, words


def test_columns_that_no_event_has_are_left_out() -> None:
    _, page = make(ct_dose())
    for head in ("SSDE", "Modulation", "Comment"):
        assert head not in page.text


def test_two_planes_and_units_that_differ() -> None:
    _, page = make(projection_dose())
    for words in (
        "0.0042 Gy.m2 Dose area product, Plane A",
        "0.0021 Gy.m2 Dose area product, Plane B",
        "Dose Area Product Total 0.0042 Gy.m2 0.0021 Gy.m2",
        "1 2026-01-02 10:15:30 Fluoroscopy 0.00012 Gy.m2 71, 72",
        "2 2026-01-02 10:15:30 Fluoroscopy 0.00024 dGy.cm2 72, 73",
    ):
        assert words in page.text, words
    assert "DAP Tube voltage [kV]" in page.text, "units that differ stand with each number, not in the head"


def test_radiopharmaceuticals_and_organs() -> None:
    _, page = make(radiopharmaceutical_dose())
    for words in (
        "250.5 MBq Administered activity",
        "1 Fluorodeoxyglucose F^18^ 250.5 Intravenous route",
        "Organ doses 1 # Organ Dose [mGy] 1 Urinary bladder 32.5",
    ):
        assert words in page.text, words


def test_the_enhanced_report() -> None:
    summary = container(
        dcm("130501", "Irradiation Event Summary Data"),
        text(dcm("125203", "Acquisition Protocol"), "Cardiac"),
        num(dcm("113738", "Dose (RP)"), 12, "mGy"),
    )
    total = container(dcm("130500", "Accumulated Dose Data"), num(dcm("113725", "Dose (RP) Total"), 99, "mGy"))
    _, page = make(report(dcm("113701", "X-Ray Radiation Dose Report"), total, summary, sop_class="88.76"))
    assert "99 mGy Dose (RP) total" in page.text
    assert "Irradiation events 1 # Protocol Dose (RP) [mGy] 1 Cardiac 12" in page.text


def test_a_report_of_another_form_is_shown_whole() -> None:
    _, page = make(report(dcm("113701", "X-Ray Radiation Dose Report"), text("Comment", "None"), sop_class="88.67"))
    assert "The report has neither totals nor events in the form that the standard gives." in page.text
    assert "Comment None" in page.text


def test_more_events_than_are_shown_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dose, "ROW_LIMIT", 3)
    _, page = make(ct_dose(5))
    assert "CT acquisitions 5" in page.text
    assert "2 more events are not shown." in page.text
