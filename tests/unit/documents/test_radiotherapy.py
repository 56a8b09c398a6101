"""Plans, records, structure sets and doses."""

from pathlib import Path

import pytest
from unit.documents import plans
from unit.documents.pages import dataset, head, item_of, make, make_from_file

from desktop.dicom.items import Item
from desktop.documents import rtbeams
from desktop.documents.beamseye import draw_aperture
from desktop.documents.rtbeams import describe_devices
from desktop.documents.rtdoses import read_histogram


def test_a_plan() -> None:
    document, page = make(plans.plan())
    assert (document.kind, document.title) == ("rt-plan", "Prostate")
    for words in (
        "UNAPPROVED Slowly",
        "Structure set RT Structure Set",
        "Other plan RT Plan (predecessor)",
        "1 PTV TARGET SITE 60",
        "2 ORGAN_AT_RISK 45.5",
        "1 30 2",
        "1 Arc <1> 250.125 MU 1.5",
        "1 Arc <1> dynamic photon 6 MV LINAC1 181° ↻ 179° 30° 0° 895.049 250.125 MU, 50 MU 3",
        "2 Boost electron 9 MeV 90° 100 1",
        "W45 STANDARD 45",
        "Lung SHIELDING 0.05",
        "0 0 6 600 181 ↻ 30 0 ASYMY -20…25.5; MLCX 2 of 3 open, up to 20 1.5, -2.25, 30 895.049",
        "1 HFS ISOCENTRIC",
        "1 Tight 0.5 ASYMY 2",
    ):
        assert words in page.text, words
    assert [found.SOPInstanceUID for found in document.references] == ["1.2.5", "1.2.6"]
    assert page.text.index("UNAPPROVED") < page.text.index("Prescription and dose references")


def test_more_control_points_than_are_shown_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtbeams, "POINT_LIMIT", 2)
    _, page = make(plans.plan())
    assert "3 control points" in page.text
    assert "1 more control point is not shown." in page.text


def test_the_opening_is_drawn_as_the_beam_sees_it() -> None:
    beam = item_of(plans.plan()).items("BeamSequence")[0]
    drawn = draw_aperture(beam, beam.items("ControlPointSequence"))
    assert drawn is not None
    # Three pairs, of which one is closed; up is up, where SVG counts downwards.
    assert drawn.count('fill="#dfe8ff"') == 2
    assert 'x="-10.00" y="5.00" width="20.00" height="10.00"' in drawn
    assert 'x="-5.00" y="-5.00" width="10.00" height="10.00"' in drawn
    assert draw_aperture(beam, []) is None
    assert draw_aperture(beam, [Item({})]) is None


def test_devices_in_words() -> None:
    device = dataset(RTBeamLimitingDeviceType="X", LeafJawPositions=[-50.004, 60])
    assert describe_devices(item_of(dataset(BeamLimitingDevicePositionSequence=[device]))) == "X -50…60"
    assert describe_devices(Item({})) == ""


def test_a_plan_of_protons() -> None:
    _, page = make(plans.ion_plan())
    for words in (
        "1 Field proton 148.5\N{EN DASH}150.5 MeV GANTRY2 90°",
        "Scan mode STATIONARY",
        "Snout S1",
        "1 RS BINARY",
    ):
        assert words in page.text, words


def test_a_plan_of_brachytherapy() -> None:
    _, page = make(plans.brachy_plan())
    for words in (
        "Technique INTRACAVITARY Type HDR",
        "1 Ir-192 LINE 40700 2026-01-01",
        "Total air kerma 4100.5 µGy at 1 m",
        "3 1 123.4 STEPWISE",
        "Channel 3: 4 control points",
        "3 3 15",
    ):
        assert words in page.text, words


def test_a_plan_without_anything_says_so() -> None:
    _, page = make(head("481.5", BeamSequence=[dataset(BeamNumber=1)]))
    assert "The plan has no fraction groups." in page.text


def test_a_record() -> None:
    document, page = make(plans.beams_record())
    assert document.kind == "rt-record"
    for words in (
        "Treated on 2026-01-05 At 10:15:00 Machine LINAC1",
        "1 Arc 7 NORMAL VERIFIED 50 49.5",
        "Table moved Roe, Richard",
        "1 1.98 GY",
    ):
        assert words in page.text, words
    assert not page.all("p", class_="note bad")
    assert document.references[0].SOPInstanceUID == "1.2.6"


def test_a_treatment_that_was_broken_off_is_said_before_all_else() -> None:
    _, page = make(plans.beams_record("MACHINE"))
    assert "1 of 1 beams or setups did not end normally: MACHINE." in page.text
    assert page.all("p", class_="note bad")
    assert page.text.index("did not end normally") < page.text.index("Treated on")


def test_a_summary() -> None:
    _, page = make(plans.summary_record())
    for words in ("Status ON_BREAK Comment Fever First treatment 2026-01-05", "1 30 12", "1 2026-01-05 OPERATOR"):
        assert words in page.text, words


def test_structures() -> None:
    document, page = make(plans.structures())
    assert (document.kind, document.title) == ("rt-structures", "Planning")
    assert "Regions 2" in page.text
    assert "1 Bladder 2 6 closed planar 120.5 manual" in page.text
    assert "2 PTV ptv 0" in page.text
    assert page.all("rect", fill="#ff8000")


def test_a_dose_and_its_histograms() -> None:
    document, page = make(plans.dose())
    assert document.kind == "rt-dose"
    for words in (
        "Type PHYSICAL Units GY Summed over PLAN",
        "ROI 1 cumulative 1.25 GY 80 cm3 4",
        "ROI 2 differential 1.25 GY cm3 2",
    ):
        assert words in page.text, words
    assert len(page.all("polyline")) == 2


def test_a_histogram_adds_up_the_widths_of_its_bins() -> None:
    histogram = read_histogram(item_of(plans.dose()).items("DVHSequence")[0])
    assert histogram.points == ((0.0, 80.0), (0.5, 80.0), (1.0, 40.0), (1.5, 0.0))
    named = plans.dose(StructureSetROISequence=[dataset(ROINumber=1, ROIName="Bladder")])
    assert "Bladder cumulative" in make(named)[1].text


def test_the_second_generation_is_shown_by_name() -> None:
    document, page = make(plans.intent())
    assert document.kind == "structured"
    for words in (
        "RT Physician Intent",
        "RT Treatment Intent Type CURATIVE",
        "RT Diagnosis Prostate cancer",
        "60 in 30",
    ):
        assert words in page.text, words


def test_plans_of_pydicom(pydicom_files: Path) -> None:
    document, page = make_from_file(pydicom_files / "rtplan.dcm")
    assert document.title == "Plan1"
    assert "1 Field 1 static photon 6 MV unit001 0° 0° 0° 898.43 116.004 MU 2" in page.text
    assert "1 iso ORGAN_AT_RISK COORDINATES 75 75 239.53125, 239.53125, -741.87" in page.text
    document, page = make_from_file(pydicom_files / "rtstruct.dcm")
    assert document.kind == "rt-structures"


def test_a_real_treatment(corpus: Path) -> None:
    folder = corpus / "pypi-dicompyler-core/tests/testdata/example_data"
    _, page = make_from_file(folder / "rtplan.dcm")
    assert "3 5 LAO dynamic photon 6 MV txmachine 56° 0° 0° 937.049 89 MU 103" in page.text
    assert len(page.all("svg")) == 4
    _, page = make_from_file(folder / "rtss.dcm")
    assert "5 Heart organ 33 4732 closed planar manual Heart" in page.text
    _, page = make_from_file(folder / "rtdose.dcm")
    assert len(page.all("polyline")) == 9
