"""The table of all elements, and objects shown by name."""

import time
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from unit.documents.pages import code, dataset, head, item_of, make, make_from_file, reference

from desktop.dicom.items import Item
from desktop.documents.structured import label
from desktop.documents.tags import FOOT, PAGE, count_elements


def private() -> Dataset:
    made = head("2", ImageType=["ORIGINAL", "PRIMARY"], FrameIncrementPointer=0x00181063)
    block = made.private_block(0x0019, "SOMEBODY <1>", create=True)
    block.add_new(1, "LO", "secret")
    block.add_new(2, "OB", bytes(range(40)))
    inner = dataset(PatientName="Inner^Name", ReferencedImageSequence=[reference()])
    made.ReferencedPatientSequence = [inner]
    return made


def test_each_kind_of_value() -> None:
    document, page = make(private())
    assert document.kind == "tags"
    for words in (
        r"(0008,0008) CS ImageType ORIGINAL\PRIMARY",
        "(0008,0016) UI SOPClassUID 1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)",
        "(0010,0010) PN PatientName Doe^Jane",
        "(0019,0010) LO private, creator SOMEBODY <1>",
        "(0019,1001) LO private, SOMEBODY <1> secret",
        "(0019,1002) OB private, SOMEBODY <1> 40 bytes: 00 01 02",
        "17 …",
        "(0028,0009) AT FrameIncrementPointer (0018,1063) FrameTime",
        "(0008,1120) SQ ReferencedPatientSequence 1 item (0008,1140) SQ ReferencedImageSequence 1 item",
    ):
        assert words in page.text, words
    assert len(page.all("details")) == 2


def test_values_that_are_long_or_elsewhere() -> None:
    model: dict[str, Any] = {
        "00420011": {"vr": "OB", "BulkDataURI": "/x"},
        "00281201": {"vr": "US", "Value": list(range(5000))},
        "00104000": {"vr": "LT", "Value": ["x" * 1500]},
        "00091001": {"vr": "UN", "InlineBinary": "?"},
        "00081140": {"vr": "SQ"},
        "zz": {"vr": 7, "Value": [None, True]},
    }
    _, page = make(model)
    for words in (
        "EncapsulatedDocument long value, not shown here",
        "… 5,000 values in all",
        "… 500 more characters are not shown",
        "private broken binary value",
        "ReferencedImageSequence no items",
        "unknown",
    ):
        assert words in page.text, words


def many(count: int) -> Item:
    item = item_of(head("2", ReferencedImageSequence=[reference("1.2.9")]))
    item.model["00081140"]["Value"] *= count
    item.model["00700001"] = item.model["00081140"]
    return item


def test_a_large_data_set_is_bounded_and_says_so() -> None:
    item = many(13_000)
    assert count_elements(item) == len(item.model) + 4 * 13_000
    before = time.process_time()
    _, page = make(item)
    assert time.process_time() - before < 20
    shown = PAGE.elements
    assert f"{shown:,} of {4 * 13_000 + len(item.model):,} elements are shown." in page.text
    assert "8,000 more items are not shown." in page.text
    assert "Export the file" in page.text


def test_elements_of_the_top_level_are_shown_before_those_within() -> None:
    model = {f"{0x00200000 + number:08X}": {"vr": "LO", "Value": ["x"]} for number in range(1, PAGE.elements + 100)}
    model["00081140"] = {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["y"]}}]}
    _, page = make(Item(model))
    assert f"{PAGE.elements:,} of {PAGE.elements + 101:,} elements are shown." in page.text
    assert "1 item, not shown here" in page.text


def test_the_foot_of_a_page_leads_to_all_elements() -> None:
    item = many(FOOT.elements)
    item.model["00080016"]["Value"] = ["1.2.840.10008.5.1.4.1.1.88.11"]
    _, page = make(item)
    shown = 2 * 2 * FOOT.items + len(item.model)
    assert f"{shown} of 2,4{len(item.model):02} elements are shown." in page.text
    assert page.all("a", class_="view", data_kind="tags")


def test_deep_nesting_is_bounded() -> None:
    model: dict[str, Any] = {"00080100": {"vr": "SH", "Value": ["x"]}}
    for _ in range(500):
        model = {"00081140": {"vr": "SQ", "Value": [model]}}
    _, page = make(Item(model))
    assert "1 item, not shown here" in page.text
    make(Item(model), "structured")


def test_objects_by_name() -> None:
    made = head(
        "78.1",
        Modality="LEN",
        LensDescription="Bifocal",
        RightLensSequence=[dataset(SpherePower=-2.25), dataset(SpherePower=1)],
        RequestAttributesSequence=[dataset(RequestedProcedureID="R1")],
        ReferencedRefractiveMeasurementsSequence=[reference("1.2.9")],
        AnatomicRegionSequence=code("81745001", "SCT", "Eye <both>"),
    )
    document, page = make(made)
    assert document.kind == "structured"
    for words in (
        "Lens Description Bifocal",
        "Anatomic Region Eye <both>",
        "Right Lens Sphere Power -2.25 1",
        "Orders, issuers and equipment Request Attributes",
    ):
        assert words in page.text, words
    assert [found.SOPInstanceUID for found in document.references] == ["1.2.9"]
    assert page.text.index("Sphere Power") < page.text.index("Request Attributes")


def test_keywords_as_words() -> None:
    assert label("PatientSetupNumber") == "Patient Setup Number"
    assert label("RTPlanLabel") == "RT Plan Label"
    assert label("AnatomicRegionSequence") == "Anatomic Region"
    assert label("ConceptNameCodeSequence") == "Concept Name"


def test_a_presentation_state(corpus: Path) -> None:
    folder = corpus / "weasis-dicom-tools/weasis-dicom-tools/src/test/resources/org/dcm4che3/img"
    document, page = make_from_file(folder / "prOverlay.dcm")
    assert document.title == "OVLY_P01"
    assert "LAYER1 1 65535 for overlay 1" in page.text
    assert document.references
