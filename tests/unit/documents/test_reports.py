"""Structured reports: all that they say is on the page, and that it is not final before it is read."""

import time
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from unit.documents.pages import Page, check, code, dataset, item_of, make, make_from_file, no_bulk, reference
from unit.documents.trees import by_reference, coded, container, dcm, evidence, image, node, num, report, text

from desktop.documents.content import MAX_DEPTH, Node
from desktop.documents.document import make_document
from desktop.documents.model import Reference
from desktop.documents.tree import ITEM_LIMIT


def read(*children: Dataset, **attributes: object) -> Page:
    return make(report("Report", *children, **attributes))[1]


@pytest.mark.parametrize(
    ("item", "seen"),
    [
        (text("Finding", "A mass."), "Finding A mass."),
        (text("", "Without a name"), "Without a name"),
        (num("Diameter", 12.5), "Diameter 12.5 mm"),
        (num("Ratio", 0.5, "1", meaning="no units"), "Ratio 0.5 All"),
        (num("Density", -119.07385253906, "[hnsf'U]", meaning="Hounsfield unit"), "-119.074 Hounsfield unit"),
        (num("Count", 123456789012, "{count}", meaning="count"), "123456789012 count"),
        (coded("Site", "Lung"), "Site Lung"),
        (node("DATE", "On", Date="20260131"), "On 2026-01-31"),
        (node("TIME", "At", Time="101530.5"), "At 10:15:30"),
        (node("DATETIME", "When", DateTime="202601311015+0100"), "When 2026-01-31 10:15 +0100"),
        (node("PNAME", "Who", PersonName="Doe^Jane^^Dr."), "Who Doe, Jane Dr."),
        (node("UIDREF", "Which", UID="1.2.3.4"), "Which 1.2.3.4"),
        (node("UIDREF", "Which", UID="1.2.840.10008.5.1.4.1.1.2"), "Which CT Image"),
        (image("1.2.9", "Source", frames=[1, 2, 4]), "Source CT Image, frames 1\N{EN DASH}2, 4"),
        (
            node("SCOORD", "Outline", GraphicType="POLYLINE", GraphicData=[float(n) for n in range(12)]),
            "Outline Polyline, 6 points: (0, 1), (2, 3), (4, 5), (6, 7) and 2 more",
        ),
        (
            node("SCOORD3D", "Centre", GraphicType="POINT", GraphicData=[1.0, 2.5, -3.0]),
            "Centre Point: (1, 2.5, -3) mm",
        ),
        (node("TCOORD", "Span", TemporalRangeType="SEGMENT", ReferencedTimeOffsets=[1, 2.5]), "Span Segment: 1, 2.5 s"),
        (
            node("TCOORD", "Span", TemporalRangeType="POINT", ReferencedSamplePositions=[7]),
            "Span Point: samples 7",
        ),
        (node("TABLE", "Grid"), "Grid [TABLE: see the table of all elements]"),
        (
            node("NUM", "Lost", NumericValueQualifierCodeSequence=code("114006", "DCM", "Measurement failure")),
            "Lost Measurement failure",
        ),
        (node("NUM", "Empty"), "Empty not measured"),
        (node("IMAGE", "Nothing"), "Nothing no instance named"),
    ],
)
def test_values_of_each_type(item: Dataset, seen: str) -> None:
    assert seen in read(item).text


def test_numbers_that_are_shortened_tell_the_stored_one() -> None:
    page = read(num("Density", -119.07385253906))
    assert page.all("span", title="-119.07385253906")


def test_channels_segments_and_presentation_states_of_references() -> None:
    item = reference("1.2.9", "1.2.840.10008.5.1.4.1.1.9.2.1")
    item.ReferencedWaveformChannels = [1, 0, 2, 3]
    item.ReferencedSegmentNumber = [4]
    item.ReferencedSOPSequence = [reference("1.2.10", "1.2.840.10008.5.1.4.1.1.11.1")]
    document, page = make(report("Report", node("WAVEFORM", "Curve", ReferencedSOPSequence=[item])))
    assert "segment 4, group 1 all channels, group 2 channel 3 as shown by" in page.text
    assert [found.SOPInstanceUID for found in document.references] == ["1.2.9", "1.2.10"]


def test_the_title_is_the_name_of_the_root() -> None:
    document, page = make(report("Chest CT <Report>"))
    assert document.title == "Chest CT <Report>"
    assert "The report has no content." in page.text


def test_links_carry_series_and_study_where_the_evidence_tells_them() -> None:
    document, page = make(
        report(
            "Report",
            image("1.2.9", frames=[3]),
            image("1.2.10"),
            image("1.2.9", frames=[3]),
            CurrentRequestedProcedureEvidenceSequence=evidence("1.2.9"),
        )
    )
    ct = "1.2.840.10008.5.1.4.1.1.2"
    assert document.references == (Reference("1.2.9", ct, "1.2.3.9", "1.2.3", (3,)), Reference("1.2.10", ct))
    link = page.all("a", class_="reference")[0]
    assert link == {
        "class": "reference",
        "href": "#",
        "title": "1.2.9",
        "data-instance": "1.2.9",
        "data-series": "1.2.3.9",
        "data-study": "1.2.3",
        "data-frames": "3",
    }
    assert len(page.all("a", class_="reference")) == 3


def test_what_is_not_here_is_no_link_and_is_counted() -> None:
    item = item_of(report("Report", *map(image, ("1.2.9", "1.2.10", "1.2.11", "1.2.9"))))
    served = {"1.2.9": "2.25.1", "1.2.10": None, "1.2.11": None}
    page = check(make_document(item, no_bulk, find_served=served.__getitem__))
    assert [link["data-instance"] for link in page.all("a", class_="reference")] == ["2.25.1", "2.25.1"]
    assert len(page.all("span", class_="absent")) == 2
    assert "Of the instances that it refers to, 2 of 3 are not here." in page.text


def test_flags_and_people() -> None:
    page = read(
        text("Finding", "x"),
        CompletionFlag="PARTIAL",
        CompletionFlagDescription="Waiting for the priors",
        VerificationFlag="VERIFIED",
        PreliminaryFlag="PRELIMINARY",
        VerifyingObserverSequence=[
            dataset(
                VerifyingObserverName="Roe^Richard",
                VerifyingOrganization="Hospital",
                VerificationDateTime="20260131101530",
            )
        ],
        AuthorObserverSequence=[dataset(PersonName="Poe^Paula", InstitutionName="Clinic")],
        ParticipantSequence=[dataset(ParticipationType="ATTEST", PersonName="Moe^Max")],
    )
    assert {"chip warning", "chip good"} == {
        found["class"] for found in page.all("span") if "chip" in found.get("class", "")
    }
    for words in (
        "PARTIAL VERIFIED PRELIMINARY Waiting for the priors",
        "Verified by Roe, Richard, Hospital, 2026-01-31 10:15:30",
        "Author Poe, Paula, Clinic",
        "Attest Moe, Max",
    ):
        assert words in page.text


def test_documents_that_are_replaced_are_linked_to() -> None:
    document, page = make(
        report(
            "Report", text("Finding", "x"), PredecessorDocumentsSequence=evidence("1.2.77", series="1.2.7", study="1.2")
        )
    )
    assert "Replaces CT Image" in page.text
    assert document.references[0].SeriesInstanceUID == "1.2.7"


def test_context_stands_before_the_content() -> None:
    page = read(
        text("Finding", "A mass."),
        node("PNAME", "Observer", "HAS OBS CONTEXT", PersonName="Roe^Richard"),
        coded("Language", "English", "HAS CONCEPT MOD", coded("Country", "Malta", "HAS CONCEPT MOD")),
        node("UIDREF", "Device", "HAS OBS CONTEXT", UID="1.2.3"),
    )
    assert page.text.index("Observer Roe, Richard") < page.text.index("Finding A mass.")
    assert "Language English Country : Malta" in page.text
    assert "UIDs of observers and subjects Device 1.2.3" in page.text


def test_an_item_that_stands_for_another_is_named_and_linked_to() -> None:
    page = read(
        container("Findings", num("Diameter", 12)),
        coded("Conclusion", "Grown", "CONTAINS", by_reference(1, 1, 1)),
        text("Lost", "x", "CONTAINS", by_reference(1, 9, 9)),
    )
    (jump,) = page.all("a", class_="jump")
    assert jump["href"] == "#item-1-1-1"
    assert [named for _, named in page.elements if named.get("id") == "item-1-1-1"]
    assert "inferred from Diameter: 12 mm" in page.text
    assert "an item that is not there" in page.text


def test_items_that_stand_for_one_another_in_a_circle_end() -> None:
    page = read(text("One", "x", "CONTAINS", by_reference(1, 2)), text("Two", "y", "CONTAINS", by_reference(1, 1)))
    assert len(page.all("a", class_="jump")) == 2


def test_running_text_is_set_as_sentences_and_measurements_are_not() -> None:
    page = read(
        container(
            "Said", text("T", "A mass of"), num("Diameter", 3), text("T", ", round."), ContinuityOfContent="CONTINUOUS"
        ),
        container(
            "Measured", text("T", "Aorta"), num("Diameter", 3), num("Length", 4), ContinuityOfContent="CONTINUOUS"
        ),
    )
    assert "Said A mass of 3 mm , round." in page.text
    assert "A mass of 3 mm, round." in "".join(page.texts), "no space before a comma"
    assert "Diameter 3 mm Length 4 mm" in page.text


def test_containers_of_one_name_are_numbered_and_told_apart() -> None:
    group = [
        container("Group", text(dcm("112039", "Tracking Identifier"), f"Lesion {name}", "HAS OBS CONTEXT"), num("D", 1))
        for name in "AB"
    ]
    assert "Group 1 of 2 · Lesion A" in read(*group).text
    assert "Group 2 of 2 · Lesion B" in read(*group).text


def test_modifiers_of_a_container_stand_in_its_heading() -> None:
    page = read(container("Findings", coded("Site", "Lung", "HAS CONCEPT MOD"), text("Finding", "x")))
    assert "Findings · Site : Lung Finding x" in page.text.replace("Site: Lung", "Site : Lung")


def test_images_without_more_are_drawn_together() -> None:
    page = read(container("Images", *[image(f"1.2.{number}", "Source") for number in range(30)]))
    assert len(page.all("dt")) == len(read(container("Images", image("1.2.1", "Source"))).all("dt"))
    assert "Source (30)" in page.text


def test_long_texts_are_cut_with_the_number_of_what_is_left_out() -> None:
    page = read(text("Finding", "x" * 60_000))
    assert "… 10,000 more characters are not shown" in page.text


def test_more_items_than_are_shown_are_counted() -> None:
    item = item_of(report("Report", container("C", text("T", "x"))))
    item.items("ContentSequence")[0].model["0040A730"]["Value"] *= ITEM_LIMIT + 41
    document, page = make(item)
    assert "42 more content items are not shown." in page.text
    assert sum(words == "x" for words in page.texts) >= ITEM_LIMIT - 1
    assert len(document.html) < 5_000_000


def test_items_that_are_nested_too_deep_are_counted() -> None:
    inner = text("Deepest", "x")
    for depth in range(MAX_DEPTH + 20):
        inner = container(f"Level {depth}", inner)
    page = read(inner)
    assert "1 more deeper item is not shown." in page.text


def test_positions_of_items() -> None:
    root = Node(item_of(report("R", container("C", text("T", "x")), text("U", "y"))))
    assert [node.position for node in root.walk()] == [(1,), (1, 1), (1, 1, 1), (1, 2)]
    assert root.at((1, 1, 1)) is root.children[0].children[0]
    for position in ((), (2,), (1, 0), (1, 3), (1, -1)):
        assert root.at(position) is None


def test_five_thousand_items_are_soon_laid_out() -> None:
    group = container(
        "Group",
        text(dcm("112039", "Tracking Identifier"), "Lesion", "HAS OBS CONTEXT"),
        *[num(f"Measure {inner}", inner + 0.25) for inner in range(6)],
        node(
            "SCOORD",
            "Region",
            "CONTAINS",
            image("1.2.9", "", "SELECTED FROM"),
            GraphicType="POINT",
            GraphicData=[1, 2],
        ),
    )
    item = item_of(report("Report", group))
    item.model["0040A730"]["Value"] *= 500
    assert sum(1 for _ in Node(item).walk()) == 5001
    times = []
    for _ in range(3):
        before = time.process_time()
        make_document(item, no_bulk)
        times.append(time.process_time() - before)
    # 0.3 s is aimed at; a computer that does other things besides takes longer.
    assert min(times) < 1.0, times


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm"])
def test_reports_of_pydicom(name: str, pydicom_files: Path) -> None:
    document, page = make_from_file(pydicom_files / name)
    assert document.kind == "report"
    if name == "test-SR.dcm":
        assert document.title == "Diagnosis"
        for words in (
            "COMPLETE VERIFIED This document is completed!",
            "Verified by Riesmeier, Jörg, OFFIS e.V., 2001-02-13 18:47:46",
            "A mass of",
            "Diameter 3 Length Unit",
            "Grayscale Softcopy Presentation State",
            "Circle, 2 points: (0, 0), (255, 255)",
        ):
            assert words in page.text, words
        assert len(document.references) == 6


def test_a_report_of_measurements(corpus: Path) -> None:
    document, page = make_from_file(corpus / "highdicom/data/test_files/sr_document_with_multiple_groups.dcm")
    assert "Measurement Group 2 of 4 · LungNodule0001" in page.text
    assert "Diameter 10 mm" in page.text
    assert document.references[0].SeriesInstanceUID
