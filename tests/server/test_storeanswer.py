"""What is answered to StoreInstances, by what became of the instances (PS3.18 §10.5.3)."""

import pytest

from desktop.server.storeanswer import choose_status, make_dataset, make_store_answer
from desktop.server.storing import NOT_UNDERSTOOD, OTHER_STUDY, OUT_OF_RESOURCES, Stored

CLASS = "1.2.840.10008.5.1.4.1.1.2"
KEPT = Stored(CLASS, "1.2.3", ("1", "1.2", "1.2.3"))
MADE = Stored(CLASS, "1.2.3", ("1", "1.2", "2.25.1"), sentence="Both are kept.", original=("1", "1.2", "1.2.3"))
ELSEWHERE = Stored(CLASS, "2.2.3", ("2", "2.2", "2.2.3"))
FULL = Stored(CLASS, "1.2.4", reason=OUT_OF_RESOURCES, sentence="The disk is full.")
WRONG = Stored(CLASS, "1.2.5", reason=OTHER_STUDY)
NOTHING = Stored(reason=NOT_UNDERSTOOD, sentence='It is a "picture" of Größe.')


@pytest.mark.parametrize(
    ("stored", "status"),
    [
        ((KEPT,), 200),
        ((KEPT, ELSEWHERE), 200),
        ((MADE,), 202),
        ((KEPT, FULL), 202),
        ((KEPT, NOTHING), 202),
        ((WRONG,), 409),
        ((NOTHING, WRONG), 409),
        ((NOTHING, FULL), 409),
        ((FULL, FULL), 507),
    ],
)
def test_the_status_says_whether_all_some_or_none_are_stored(stored: tuple[Stored, ...], status: int) -> None:
    assert choose_status(stored) == status
    assert make_store_answer(stored, "http://here").status == status


def test_each_instance_stands_in_one_sequence() -> None:
    dataset = make_dataset((KEPT, WRONG, NOTHING, MADE, FULL), "http://here")
    assert list(dataset) == ["00081190", "00081198", "00081199", "0008119A"]
    assert dataset["00081190"]["Value"] == ["http://here/dicom-web/studies/1"]
    failed, kept, nameless = (dataset[tag]["Value"] for tag in ("00081198", "00081199", "0008119A"))
    assert [item["00081155"]["Value"] for item in failed] == [["1.2.5"], ["1.2.4"]]
    assert [item["00081197"]["Value"] for item in failed] == [[0xA900], [0xA700]]
    assert [item["00081155"]["Value"] for item in kept] == [["1.2.3"], ["1.2.3"]]
    place = "http://here/dicom-web/studies/1/series/1.2/instances"
    assert [item["00081190"]["Value"] for item in kept] == [[f"{place}/1.2.3"], [f"{place}/2.25.1"]]
    assert "00081196" not in kept[0]
    assert kept[1]["00081196"]["Value"] == [0xB000]
    (original,) = kept[1]["04000561"]["Value"]
    assert original["04000550"]["Value"] == [{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}]
    assert nameless == [{"00081197": {"vr": "US", "Value": [0xC000]}}]


def test_several_studies_have_no_address_in_common() -> None:
    assert "00081190" not in make_dataset((KEPT, ELSEWHERE), "http://here")


def test_sentences_stand_in_headers_as_these_may() -> None:
    answer = make_store_answer((NOTHING, NOTHING, MADE, FULL, KEPT), "http://here")
    assert [value for _, value in answer.headers] == [
        b'299 negatoscope "It is a ?picture? of Gr??e."',
        b'299 negatoscope "Both are kept."',
        b'299 negatoscope "The disk is full."',
    ]


@pytest.mark.parametrize(
    ("accept", "is_xml"),
    [
        ("", False),
        ("*/*", False),
        ("application/dicom+json", False),
        ("application/dicom+xml", True),
        ("application/json, application/dicom+xml", True),
        ("application/dicom+xml; q=0.1, application/dicom+json", False),
        ("*/*, application/dicom+xml; q=0.5", False),
        ("text/html", False),
    ],
)
def test_clients_may_have_xml(accept: str, is_xml: bool) -> None:
    answer = make_store_answer((KEPT, WRONG), "http://here", accept)
    assert answer.content_type == (b"application/dicom+xml" if is_xml else b"application/dicom+json")
    if is_xml:
        assert b'keyword="FailedSOPSequence"' in answer.body
