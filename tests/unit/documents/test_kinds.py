"""Which page each class gets."""

import pytest
from pydicom.uid import UID_dictionary
from unit.documents.pages import head, item_of
from unit.documents.trees import dcm, report, text

from desktop.documents.document import MAKERS
from desktop.documents.kinds import KINDS, choose_kind


def test_each_kind_can_be_made_and_each_class_is_one() -> None:
    assert set(KINDS.values()) < set(MAKERS)
    for uid in KINDS:
        assert "Storage" in UID_dictionary[uid][0]


def test_classes_of_reports_and_waveforms_have_a_page() -> None:
    root = "1.2.840.10008.5.1.4.1.1."
    missing = [
        name
        for uid, (name, kind, *_) in UID_dictionary.items()
        if uid.startswith((root + "88.", root + "9.", root + "481.", root + "66.", root + "67", root + "104."))
        and kind == "SOP Class"
        and uid not in KINDS
    ]
    # OHIF shows images, segmentations and PDF.
    shown = [name for name in missing if "Image" in name or "Segmentation" in name or "PDF" in name]
    assert missing == shown


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        *[("88.11", "report"), ("88.50", "cad"), ("88.67", "dose"), ("88.73", "dose"), ("88.59", "key-objects")],
        *[
            ("88.75", "report"),
            ("481.5", "rt-plan"),
            ("481.8", "rt-plan"),
            ("481.12", "structured"),
            ("66.3", "registration"),
        ],
        *[
            ("66.2", "fiducials"),
            ("67", "real-world-values"),
            ("9.1.1", "waveform"),
            ("9.4.2", "waveform"),
            ("104.2", "cda"),
        ],
        *[("104.3", "surface"), ("104.5", "text"), ("66", "tags"), ("2", "tags"), ("9999", "tags")],
    ],
)
def test_by_class(sop_class: str, kind: str) -> None:
    assert choose_kind(item_of(head(sop_class))) == kind


def test_by_what_a_report_is_called() -> None:
    assert choose_kind(item_of(report(dcm("113701", "X-Ray Radiation Dose Report"), sop_class="88.22"))) == "dose"
    assert choose_kind(item_of(report(dcm("112220", "Colon CAD Report"), sop_class="88.33"))) == "cad"
    assert choose_kind(item_of(report(("113701", "99X", "Mine"), sop_class="88.22"))) == "report"


def test_by_what_an_object_holds_if_its_class_is_unknown() -> None:
    unknown = report("Private report", text("Finding", "x"))
    unknown.SOPClassUID = "1.2.3"
    assert choose_kind(item_of(unknown)) == "report"
    waves = head("2")
    waves.SOPClassUID = "1.2.3"
    waves.WaveformSequence = []
    assert choose_kind(item_of(waves)) == "waveform"
