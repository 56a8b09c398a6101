"""Pages of anything: whatever stands in a file, a page is made, soon, and nothing in it runs or asks."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_dict
from unit.documents.pages import Page, check, head, make, make_from_file
from unit.helpers import files_below, header_of

from desktop import documents
from desktop.dicom.items import Item
from desktop.documents.document import MAKERS, make_document
from desktop.documents.kinds import KINDS
from desktop.errors import NegatoscopeError, Unreachable

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style><style>@import url(//evil)</style>",
    "</title><iframe src=//evil>",
    "javascript:alert(1)",
    "&lt;b&gt; &#60;i&#62; &nbsp",
    "<!-- --> <![CDATA[ ]]> <?php ?>",
    "\u202eabc\u2066\0\x1b[31m\x9b",
    "\ud800 alone",
    "line\r\nline\x0cpage",
    "' onclick='x",
    "{{7*7}} ${x}",
)
VRS = ("LO", "PN", "DS", "IS", "UI", "SQ", "CS", "DA", "TM", "DT", "OB", "FL", "US", "AT", "UN", "UT", "??")
TAGS = sorted({f"{tag:08X}" for tag in DicomDictionary if tag >> 16 >= 8 and tag >> 16 != 0x7FE0})
WEIGHTY = [
    *("0040A730", "0040A043", "0040A168", "0040A040", "0040A160", "0040A300", "0040DB73", "0040A010", "00081199"),
    *("300A00B0", "300A0111", "300A0070", "30060020", "30060039", "30060040", "30040050", "30040058", "54000100"),
    *("003A0200", "54001010", "54001006", "54001004", "003A0005", "003A001A", "00700308", "0070031C", "300600C6"),
    *("00420011", "0040B020", "00409096", "00409212", "00660002", "00660011", "00640002", "00080100", "00080104"),
    *("00081155", "00081150", "00081160", "0040A375", "00081115", "0020000D", "0020000E", "00100010"),
]
CODES = ["113706", "113819", "113702", "111059", "111056", "111017", "113011", "113012", "112039", "111028"]
TYPES = ["CONTAINER", "TEXT", "NUM", "CODE", "IMAGE", "SCOORD", "SCOORD3D", "TCOORD", "UIDREF", "PNAME", "COMPOSITE"]

scalars = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from([*CODES, *TYPES, "DCM", "SS", "UB", "MB", "CONTINUOUS", "CUMULATIVE", "20260102", "1.2.3"]),
    st.text(max_size=20),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.none(),
    st.booleans(),
    st.builds(lambda text: {"Alphabetic": text}, st.sampled_from(HOSTILE)),
)


def elements(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    sequences = st.builds(lambda values: {"vr": "SQ", "Value": values}, st.lists(items, max_size=3))
    plain = st.builds(
        lambda vr, values: {"vr": vr, "Value": values}, st.sampled_from(VRS), st.lists(scalars, max_size=6)
    )
    binary = st.builds(
        lambda vr, text: {"vr": vr, "InlineBinary": text},
        st.sampled_from(VRS),
        st.sampled_from(["AAAA", "?", "AAEC//79"]),
    )
    bulk = st.builds(lambda vr: {"vr": vr, "BulkDataURI": "/bulkdata/1"}, st.sampled_from(VRS))
    broken = st.sampled_from([None, 1, [], {}, {"Value": 3}, {"vr": ["x"]}, {"vr": "SQ", "Value": [None, 1, []]}])
    return st.one_of(sequences, sequences, plain, plain, binary, bulk, broken)


tags = st.one_of(
    st.sampled_from(WEIGHTY), st.sampled_from(WEIGHTY), st.sampled_from(TAGS), st.sampled_from(["00091001", "x", ""])
)
models = st.recursive(
    st.dictionaries(tags, elements(st.just({})), max_size=6),
    lambda inner: st.dictionaries(tags, elements(inner), max_size=8),
    max_leaves=40,
)


def read(uri: str) -> bytes:
    return bytes(range(256)) * 3


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(model=models, kind=st.sampled_from([*MAKERS, None, "nothing", "waveform:3", "tags:x"]))
def test_any_data_set_gives_a_sound_page(model: dict[str, Any], kind: str | None) -> None:
    before = time.process_time()
    document = make_document(Item(model), read, kind)
    assert time.process_time() - before < 5
    check(document)


SOURCES = Path(documents.__file__).parent.glob("*.py")
KEYWORDS = sorted(
    {word for source in SOURCES for word in re.findall(r'"([A-Z]\w+)"', source.read_text())} & set(keyword_dict)
)


def hostile_dataset(sop_class: str, text: str) -> dict[str, Any]:
    """Return a data set in which each element that pages read has this text, also in sequences within sequences."""
    code = {tag: {"vr": "SH", "Value": [text]} for tag in ("00080100", "00080102", "00080104")}
    inner: dict[str, Any] = code
    for _ in range(2):
        model: dict[str, Any] = {}
        for keyword in KEYWORDS:
            tag, vr = f"{keyword_dict[keyword]:08X}", dictionary_VR(keyword_dict[keyword])[:2]
            if vr == "SQ":
                model[tag] = {"vr": "SQ", "Value": [{**code, **inner}]}
            elif vr not in ("OB", "OW", "OF", "OL", "UN"):
                model[tag] = {"vr": vr, "Value": [{"Alphabetic": text} if vr == "PN" else text]}
        inner = model
    inner["00080016"] = {"vr": "UI", "Value": [sop_class]}
    return inner


@pytest.mark.parametrize("sop_class", sorted({kind: uid for uid, kind in KINDS.items()}.values()))
@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[1], HOSTILE[7]])
def test_no_text_of_a_file_is_taken_for_html(sop_class: str, text: str) -> None:
    model = hostile_dataset(sop_class, text)
    document = make_document(Item(model), read)
    page = check(document)
    assert document.kind == KINDS[sop_class]
    assert len(page.all("style")) == 1
    assert text not in document.html


def test_the_patient_is_seen_on_every_page() -> None:
    for kind in MAKERS:
        document, page = make(head("88.11"), kind)
        assert document.kind == kind
        assert "Doe, Jane ID P1 born 1970-01-02 female" in page.text


def test_a_kind_that_is_unknown_gives_all_elements_and_says_so() -> None:
    document, page = make(head("88.11"), "<b>")
    assert document.kind == "tags"
    assert "There is no view that is called “<b>”" in page.text


def test_an_empty_object_has_a_page() -> None:
    document, page = make({})
    assert (document.title, document.kind, document.references) == ("DICOM object", "tags", ())
    assert "No patient name" in page.text


def test_a_page_lets_nothing_run_whoever_shows_it() -> None:
    _, page = make(head("88.11"))
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "error", [LookupError("x"), OSError("x"), Unreachable("The disk is gone."), NegatoscopeError("x")]
)
@pytest.mark.parametrize("kind", ["waveform", "cda", "text", "surface"])
def test_values_that_cannot_be_read_are_said_to_be_so(kind: str, error: Exception) -> None:
    def fail(uri: str) -> bytes:
        raise error

    bulk = {"vr": "OB", "BulkDataURI": "/x"}
    model = {"00420011": bulk, "54000100": {"vr": "SQ", "Value": [{"54001010": bulk}]}}
    page = check(make_document(Item(model), fail, kind))
    assert "could not be read from the file" in page.text or "The disk is gone." in page.text


def test_pages_of_pydicoms_files(pydicom_files: Path) -> None:
    assert check_all(pydicom_files) > 20


def test_pages_of_the_corpus(corpus: Path) -> None:
    assert check_all(corpus) > 60


def check_all(folder: Path) -> int:
    """Make the page of each object that has one of its own, and of some of each class that has none."""
    made, plain = 0, Counter[str]()
    for path in files_below(folder):
        if path.stat().st_size > 30_000_000:
            continue
        try:
            sop_class = header_of(path).instance.SOPClassUID
        except NegatoscopeError:
            continue
        plain[sop_class] += 1
        if sop_class not in KINDS and plain[sop_class] > 2:
            continue
        document, page = make_from_file(path)
        assert bool(page.all("footer")) == (document.kind != "tags")
        made += 1
    return made


def test_reading_of_pages_finds_what_is_wrong() -> None:
    for html in (
        "<script>",
        "<p onclick=x>",
        "<a href=javascript:x>",
        "<img src=//x>",
        "<p style=x>",
        "<p><b>",
        "<!--x-->",
    ):
        assert Page(html).faults, html
