"""Clinical documents: known elements by a list, everything else as text or not at all."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from unit.documents.pages import Page, head, make, make_from_file

from desktop.documents import narrative
from desktop.documents.cda import is_other_patient

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def encapsulated(xml: str | bytes, sop_class: str = "104.2", **attributes: object) -> Dataset:
    data = xml.encode() if isinstance(xml, str) else xml
    made = head(sop_class, DocumentTitle="In the file", MIMETypeOfEncapsulatedDocument="text/XML", **attributes)
    made.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    return made


def document(body: str, header: str = "") -> str:
    return (
        '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">'
        f"{header}<component><structuredBody><component><section><title>Findings</title>"
        f"<text>{body}</text></section></component></structuredBody></component></ClinicalDocument>"
    )


def read(body: str, header: str = "") -> Page:
    return make(encapsulated(document(body, header)))[1]


HEADER = """
<code displayName="Discharge summary"/><title>Summary of Jane</title><effectiveTime value="20260131101500+0100"/>
<recordTarget><patientRole><id extension="4711"/><patient>
<name><given>Jane</given><family>Doe</family></name>
<administrativeGenderCode code="F"/><birthTime value="19700102"/></patient></patientRole></recordTarget>
<author><time value="20260131"/><assignedAuthor><assignedPerson><name>Dr. <family>Roe</family></name></assignedPerson>
<representedOrganization><name>Clinic</name></representedOrganization></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><name>Archive</name>
</representedCustodianOrganization></assignedCustodian></custodian>
"""


def test_the_header() -> None:
    made, page = make(encapsulated(document("x", HEADER)))
    assert (made.kind, made.title) == ("cda", "Summary of Jane")
    for words in (
        "Document Discharge summary Written on 2026-01-31 10:15:00 +0100",
        "Patient in the document Jane Doe Patient ID in the document 4711 Born 1970-01-02 Sex female",
        "Author Roe, Clinic, 2026-01-31 Kept by Archive",
        "Findings x",
    ):
        assert words in page.text, words
    assert "not the one of the file" not in page.text


@pytest.mark.parametrize(
    ("dicom", "named", "other"),
    [
        ("Doe^Jane", "Jane Doe", False),
        ("DOE^JANE", "Dr. Jane Doe", False),
        ("Yamada^Tarou=山田^太郎", "山田 太郎", False),
        ("Doe^Jane", "John Smith", True),
        ("Doe^Jane", "", False),
        ("", "John Smith", False),
        ("^Jane", "John Smith", False),
    ],
)
def test_another_patient_is_noticed(dicom: str, named: str, *, other: bool) -> None:
    assert is_other_patient(dicom, named) is other


def test_another_patient_is_said_before_all_else() -> None:
    made = encapsulated(document("x", HEADER))
    made.PatientName = "Smith^John"
    _, page = make(made)
    assert "The patient whom the document names is not the one of the file." in page.text
    assert page.all("p", class_="note bad")


def test_narrative_blocks() -> None:
    page = read(
        "Start <content styleCode='Bold Italics'>bold</content> H<sub>2</sub>O x<sup>3</sup><br/>"
        "<paragraph>A paragraph</paragraph>"
        "<list listType='ordered'><caption>Ordered</caption><item>one</item>"
        "<item>two<list><item>three</item></list></item></list>"
        "<content revised='delete'>gone</content>"
        "<footnote ID='f1'>A note</footnote><footnoteRef IDREF='f1'/>"
    )
    words = "Start bold H 2 O x 3 A paragraph Ordered one two three [deleted: gone] [A note] f1"
    assert words.replace(" ", "") in page.text.replace(" ", "")
    for tag in ("strong", "em", "sub", "sup", "br", "ol", "ul"):
        assert page.all(tag), tag


def test_tables_with_their_spans() -> None:
    page = read(
        "<table border='1' onclick='x'><caption>Labs</caption><colgroup><col width='9'/></colgroup>"
        "<thead><tr><th colspan='2' rowspan='99999'>Head</th></tr></thead>"
        "<tbody>loose<tr><td rowspan='2' style='x'>a</td><td colspan='1000'>b</td>"
        "<td colspan='-1'>c</td>x</tr></tbody></table>"
    )
    assert page.all("caption")
    assert page.all("th", colspan="2")
    assert [named for named in page.all("td") if "rowspan" in named] == [{"rowspan": "2"}]
    assert "loose" not in page.text
    assert "Labs Head a b c" in page.text


def test_links_are_texts() -> None:
    page = read("<linkHtml href='javascript:alert(1)'>Here</linkHtml>")
    assert "Here [javascript:alert(1)]" in page.text
    assert not page.all("a", href="javascript:alert(1)")


def test_what_is_not_known_is_text_and_scripts_are_dropped() -> None:
    page = read(
        "<marquee>moving</marquee><script>alert(1)</script><style>p{}</style><img src='http://x/y'/><!-- hidden -->tail"
    )
    assert "movingtail" in page.text
    assert "alert" not in page.text


def picture(data: bytes, *, reference: str = "m1", form: str = "B64") -> Page:
    value = base64.b64encode(data).decode()
    inner = f"<value mediaType='image/png' representation='{form}'>{value}</value>"
    media = f"<observationMedia ID='m1'>{inner}</observationMedia>"
    return read(
        f"<renderMultiMedia referencedObject='{reference}'><caption>Heart</caption></renderMultiMedia>",
        f"<x>{media}</x>",
    )


def test_pictures_stand_in_the_page() -> None:
    page = picture(PNG)
    (shown,) = page.all("img")
    assert shown["src"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert "Heart" in page.text


@pytest.mark.parametrize("data", [b"<svg onload='x'/>", b"", b"%PDF"])
def test_what_is_no_picture_is_not_shown_as_one(data: bytes) -> None:
    page = picture(data)
    assert not page.all("img")
    assert "[picture m1 is not shown" in page.text


def test_pictures_that_are_large_or_elsewhere_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not picture(PNG, reference="m2").all("img")
    assert not picture(PNG, form="TXT").all("img")
    monkeypatch.setattr(narrative, "IMAGE_LIMIT", 10)
    assert not picture(PNG).all("img")


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>'
    '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>&lol1;</title></ClinicalDocument>'
)


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (BOMB, "The document declares entities, by which it could grow without bounds."),
        (BOMB.replace('"lol"', 'SYSTEM "file:///etc/passwd"'), "The document declares entities"),
        ("<ClinicalDocument><b></ClinicalDocument>", "The document is no well-formed XML."),
        ("", "The document is no well-formed XML."),
        (b"\xff\xfe\0\0<", "The document is no well-formed XML."),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "The document is no well-formed XML."),
        ("<html><script>alert(1)</script></html>", "The document is no clinical document."),
    ],
)
def test_what_cannot_be_laid_out_is_shown_as_it_is_written(xml: str | bytes, words: str) -> None:
    made, page = make(encapsulated(xml))
    assert made.title == "In the file"
    assert words in page.text
    assert "It is shown as it is written." in page.text
    if isinstance(xml, str):
        assert " ".join(xml.split()) in page.text


def test_a_body_that_is_no_xml() -> None:
    text = "<component><nonXMLBody><text mediaType='text/plain'>Plain &lt;words&gt;</text></nonXMLBody></component>"
    xml = f"<ClinicalDocument xmlns='urn:hl7-org:v3'>{text}</ClinicalDocument>"
    assert "Plain <words>" in make(encapsulated(xml))[1].text
    pdf = xml.replace("text/plain'", "application/pdf' representation='B64'")
    assert "of the kind application/pdf, which is not shown here" in make(encapsulated(pdf))[1].text
    assert "The document has no body." in make(encapsulated("<ClinicalDocument/>"))[1].text


def test_elements_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrative, "NODE_LIMIT", 3)
    page = read("<paragraph>x</paragraph>" * 5)
    assert "2 more elements are not shown." in page.text


def test_deep_nesting_ends_in_text() -> None:
    page = read("<content styleCode='Bold'>" * 2000 + "deep" + "</content>" * 2000)
    assert "deep" in page.text
    assert len(page.all("strong")) < 100


words = st.sampled_from(["x", "<", "&amp;", "\u202e", "'", "]]>".replace(">", "&gt;")])
names = st.sampled_from(
    [
        "content",
        "list",
        "item",
        "table",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "caption",
        "paragraph",
        "script",
        "a",
        "linkHtml",
        "br",
    ]
)
blocks = st.recursive(
    words.map(lambda word: word.replace("<", "&lt;")),
    lambda inner: st.builds(
        lambda name, attribute, parts: f"<{name} {attribute}>{''.join(parts)}</{name}>",
        names,
        st.sampled_from(
            ["", "onclick='x'", "href='javascript:x'", "colspan='3'", "styleCode='Bold x'", "style='x'", "src='x'"]
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=30,
)


@given(blocks)
def test_any_narrative_gives_a_sound_page(body: str) -> None:
    page = read(body)
    assert "Findings" in page.text
    assert "no well-formed" not in page.text


def test_a_real_document(corpus: Path) -> None:
    made, page = make_from_file(corpus / "derived-dev/encapsulated/cda-c32.dcm")
    assert made.title == "Patient Summary - Ambulatory"
    for words_found in (
        "Finding 414.01 53741008 Coronary Artery Disease (CAD), Coronary Arteriosclerosis 05/05/2006 Active",
        "Allergies and Adverse Reactions",
        "Author Thomas Henry MD, Metropolitan Clinic, 2010-02-17",
        "is not the one of the file",
    ):
        assert words_found in page.text, words_found


def test_materials_are_shown_as_text() -> None:
    made, page = make(encapsulated("newmtl <skin>\nKd 1 0 0\n", "104.5"))
    assert (made.kind, made.title) == ("text", "In the file")
    assert "newmtl <skin> Kd 1 0 0" in page.text
    assert page.all("pre")


def test_a_document_that_is_too_long_is_cut_and_says_so() -> None:
    _, page = make(encapsulated(b"x" * 1_000_000, "104.5"))
    assert "200,000 more bytes are not shown" in page.text
    assert "600,000 more characters are not shown" in page.text
