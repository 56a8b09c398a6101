"""Reading the JSON Model by keyword: whatever stands there, nothing fails."""

import base64
from typing import Any

import pytest

from desktop.dicom.items import Code, Item, load_item
from desktop.dicom.metadata import pack

MODEL: dict[str, Any] = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "X"}]},
    "00100020": {"vr": "LO", "Value": ["P1", None, "P2"]},
    "00200013": {"vr": "IS", "Value": [4]},
    "00180081": {"vr": "DS", "Value": [80.5, "NaN"]},
    "00200032": {"vr": "DS", "Value": [1, 2.5, -3]},
    "00081030": {"vr": "LO"},
    "0040A043": {
        "vr": "SQ",
        "Value": [{"00080119": {"vr": "UC", "Value": ["12"]}, "00080102": {"vr": "SH", "Value": ["DCM"]}}, None],
    },
    "00091001": {"vr": "UN", "InlineBinary": base64.b64encode(b"ab").decode()},
    "54001010": {"vr": "OW", "BulkDataURI": "/here"},
}


@pytest.fixture
def item() -> Item:
    return Item(MODEL)


def test_texts_and_numbers(item: Item) -> None:
    assert item.text("PatientName") == "Doe^Jane=X"
    assert item.texts("PatientID") == ["P1", "", "P2"]
    assert item.text("InstanceNumber") == "4"
    assert item.integer("InstanceNumber") == 4
    assert item.number("EchoTime") == 80.5
    assert item.integer("EchoTime") is None
    assert item.numbers("EchoTime") == [], "a list of which one is no number says nothing"
    assert item.numbers("ImagePositionPatient") == [1, 2.5, -3]
    assert item.text("00100020") == "P1", "tags may be asked for too"


def test_what_is_absent_or_empty_reads_as_empty(item: Item) -> None:
    for keyword in ("StudyDescription", "Modality", "NoKeyword"):
        assert (item.text(keyword), item.texts(keyword), item.number(keyword)) == ("", [], None)
        assert item.items(keyword) == []
        assert item.item(keyword).text("CodeValue") == ""
    assert "StudyDescription" in item
    assert "Modality" not in item


def test_codes(item: Item) -> None:
    code = item.code("ConceptNameCodeSequence")
    assert code == Code("12", "DCM", "")
    assert code.is_one_of(("11", "DCM"), ("12", "DCM"))
    assert not item.code("MeasurementUnitsCodeSequence")
    assert len(item.items("ConceptNameCodeSequence")) == 1, "what is no item is passed over"


def test_binary_values(item: Item) -> None:
    asked: list[str] = []

    def read(uri: str) -> bytes:
        asked.append(uri)
        return b"cd"

    assert item.binary("00091001", read) == b"ab"
    assert item.binary("WaveformData", read) == b"cd"
    assert item.binary("PixelData", read) == b""
    assert asked == ["/here"]
    assert Item({"00091001": {"vr": "UN", "InlineBinary": "?"}}).binary("00091001", read) == b""


@pytest.mark.parametrize("element", [None, 1, [], {}, {"Value": 3}, {"Value": [[1]]}, {"Value": [True]}, {"vr": "DS"}])
def test_nonsense_reads_as_empty(element: Any) -> None:
    item = Item({"00180081": element})
    assert item.number("EchoTime") is None
    assert item.numbers("EchoTime") == []
    assert item.items("EchoTime") == []
    item.texts("EchoTime")
    list(item.elements())


def test_a_stored_data_set_is_loaded() -> None:
    item = load_item(pack('{"00100020":{"vr":"LO","Value":["P1"]}}'))
    assert item.text("PatientID") == "P1"
    assert [tag for tag, _ in item.elements()] == ["00100020"]
