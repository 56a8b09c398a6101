"""Orthanc as the judge of our answers: the same files, attribute by attribute and byte by byte."""

import re
from pathlib import Path

import pytest
from conftest import ROOT, find_corpus
from server.asking import Served
from server.comparing import Comparer, Comparison, send_to_orthanc
from server.explaining import KINDS, find_kinds
from server.orthanc import Orthanc

pytestmark = pytest.mark.timeout(600)

# The last release whose answers have been looked through; others may have mended what the table says of Orthanc.
KNOWN = "1.10.1"


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, orthanc: Orthanc) -> Comparison:
    """The comparison over the real files where they are, else over those in pydicom's package."""
    served: Served = request.getfixturevalue("corpus_gallery" if find_corpus() else "gallery")
    places = send_to_orthanc(served, orthanc)
    comparer = Comparer(served, orthanc)
    for place in places:
        comparer.compare(place)
    comparer.compare_searches(places)
    return comparer.found


def test_each_difference_is_explained(found: Comparison) -> None:
    _, unexplained = find_kinds(found)
    assert not unexplained, "\n".join(unexplained)


def test_everything_is_compared(found: Comparison) -> None:
    # So many are in pydicom's package, without those that are made alike.
    least = {"metadata": 50, "file": 50, "frames": 25, "binary values": 10}
    least |= {"studies": 20, "series": 20, "instances": 50}
    assert found.checked.keys() == least.keys()
    assert {kind: count for kind, count in found.checked.items() if count < least[kind]} == {}
    # Two studies of one UID: Orthanc finds neither.
    assert len(found.untaken) <= 2


def test_each_explanation_is_needed(found: Comparison, orthanc: Orthanc, corpus: Path) -> None:
    if orthanc.json("/system")["Version"] != KNOWN:
        pytest.skip(f"the table is of Orthanc {KNOWN}")
    kinds, _ = find_kinds(found)
    assert KINDS.keys() - kinds == set()


def test_the_guide_names_each_kind() -> None:
    text = (ROOT / "resources" / "guide" / "comparison.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", text, flags=re.MULTILINE)[2:] == list(KINDS)
