"""Key Object Selection: what was selected, why, and how to get there."""

from pathlib import Path

import pytest
from unit.documents.pages import code, make, make_from_file
from unit.documents.trees import coded, dcm, key_objects, report

from desktop.documents.key_objects import REJECTIONS


def test_title_description_and_instances() -> None:
    document, page = make(key_objects())
    assert (document.kind, document.title) == ("key-objects", "For Teaching")
    for words in (
        "Look at <this>. Then at that.",
        "Person Observer Name Roe, Richard",
        "Selected 2",
        "CT Image, frames 1\N{EN DASH}3, 7 as shown by Grayscale Softcopy Presentation State",
        "Series 2 · of another study",
        "Also listed as evidence 1",
    ):
        assert words in page.text, words
    assert [found.SOPInstanceUID for found in document.references] == ["1.2.9.1", "1.2.9.7", "1.2.9.2", "1.2.9.3"]
    assert document.references[0].frames == (1, 2, 3, 7)
    assert document.references[2].StudyInstanceUID == "1.2.8"
    assert not page.all("p", class_="note warning")


@pytest.mark.parametrize("value", sorted(REJECTIONS))
def test_rejections_are_seen_before_all_else(value: str) -> None:
    _, page = make(key_objects(dcm(value, "Rejected")))
    assert page.all("p", class_="note warning")
    assert page.text.index(REJECTIONS[value]) < page.text.index("Selected 2")


def test_the_reason_of_a_rejection() -> None:
    selection = key_objects(dcm("113001", "Rejected for Quality Reasons"))
    selection.ContentSequence.append(
        coded(dcm("113011", "Document Title Modifier"), dcm("111210", "Motion blur"), "HAS CONCEPT MOD")
    )
    _, page = make(selection)
    assert "Reason: Motion blur" in page.text


def test_a_title_of_another_scheme_rejects_nothing() -> None:
    selection = key_objects()
    selection.ConceptNameCodeSequence = code("113001", "99X", "Best ones")
    document, page = make(selection)
    assert document.title == "Best ones"
    assert not page.all("p", class_="note warning")


def test_a_selection_of_nothing_says_so() -> None:
    _, page = make(report(dcm("113000", "Of Interest"), sop_class="88.59"))
    assert "The document selects no instance." in page.text


def test_a_manifest(corpus: Path) -> None:
    folder = corpus / "iheos-toolkit2/it-tests/src/test/resources/external_cache/ImageCache/std/IDS-DEPT027-a/kos"
    document, page = make_from_file(folder / "kos.dcm")
    assert document.title == "Manifest"
    assert len(document.references) == 20
    assert all(found.SeriesInstanceUID and found.StudyInstanceUID for found in document.references)
    assert "Selected 20" in page.text
