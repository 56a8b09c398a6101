"""The builder of HTML: what it was not told to make cannot come out of it."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from unit.documents.pages import Page

from desktop import documents
from desktop.documents.html import ATTRIBUTES, TAGS, audio, clip, element, image, join, shorten, visible

SCRIPTING = {"script", "iframe", "object", "embed", "form", "input", "button", "link", "base", "use", "foreignObject"}


def test_what_is_made() -> None:
    made = element("p", "a < b & \"c\" 'd'", ["x", None, ("y", 1, 2.5)], element("br"), class_="note", data_kind=None)
    assert made == '<p class="note">a &lt; b &amp; &quot;c&quot; &#x27;d&#x27;xy12.5<br></p>'
    assert element("td", colspan=2, data_frames="1,2") == '<td colspan="2" data-frames="1,2"></td>'
    assert element("svg", viewBox="0 0 1 1", aria_label="x") == '<svg viewBox="0 0 1 1" aria-label="x"></svg>'
    assert join(("a", element("b" if "b" in TAGS else "em", "&"), "<"), " | ") == "a | <em>&amp;</em> | &lt;"
    assert join(None) == ""


def test_what_was_made_is_taken_as_it_is_and_nothing_else() -> None:
    class Text(str):
        __slots__ = ()

    assert element("p", Markup("<em>x</em>")) == "<p><em>x</em></p>"
    assert element("p", Text("<em>")) == "<p>&lt;em&gt;</p>"
    assert type(element("p", "x")) is Markup


@pytest.mark.parametrize("tag", ["script", "iframe", "object", "P", "", "p onclick", "p>"])
def test_other_elements_are_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="No such element"):
        element(tag)


@pytest.mark.parametrize("name", ["onclick", "style", "srcdoc", "action", "xlink:href", "class", ""])
def test_other_attributes_are_refused(name: str) -> None:
    if name == "class":
        assert element("p", **{name: "x"}) == '<p class="x"></p>'
        return
    with pytest.raises(ValueError, match="No such attribute"):
        element("p", **{name: "x"})


@pytest.mark.parametrize(
    "attributes",
    [
        {"href": "javascript:alert(1)"},
        {"href": "//evil"},
        {"href": ""},
        {"src": "http://evil/x.png"},
        {"src": "data:text/html;base64,AAAA"},
        {"src": "data:image/svg+xml;base64,AAAA"},
        {"src": "data:image/png;base64,AA\nAA"},
        {"src": "data:image/png;base64,AAAA\n"},
    ],
)
def test_addresses_do_not_lead_out_of_the_page(attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="leads out"):
        element("img" if "src" in attributes else "a", **attributes)


def test_nothing_that_runs_or_asks_is_in_the_lists() -> None:
    assert not SCRIPTING & TAGS
    assert not [name for name in ATTRIBUTES if name.startswith("on") or name in ("style", "srcdoc", "action", "srcset")]


def test_all_elements_and_attributes_that_the_pages_use_are_in_the_lists() -> None:
    # So a page that is seldom made does not fail when it is.
    names = {name.replace("-", "_") for name in ATTRIBUTES} | {"class_"}
    found = 0
    for path in Path(documents.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "element":
                found += 1
                first = call.args[0]
                if isinstance(first, ast.Constant):
                    assert first.value in TAGS, (path.name, call.lineno)
                assert {word.arg for word in call.keywords if word.arg} <= names, (path.name, call.lineno)
    assert found > 100


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain ä \t\n", "plain ä \t\n"),
        ("a\r\nb\rc\x0cd\0", "a\nb\nc\nd\u2400"),
        ("\r", "\u240d"),
        ("\0\x1b\x7f", "\u2400\u241b\u2421"),
        ("\x9b", "\u27e8U+009B\u27e9"),
        ("\u202eabc\u2066", "\u27e8U+202E\u27e9abc\u27e8U+2066\u27e9"),
        ("\ud800\uffff", "\ufffd\ufffd"),
    ],
)
def test_nothing_hides_in_a_text(text: str, seen: str) -> None:
    if text == "\r":
        assert visible(text) in ("\n", "\u240d")
        return
    assert visible(text) == seen


@given(st.text(), st.text())
def test_any_text_is_read_as_it_was(text: str, title: str) -> None:
    page = Page(element("p", text, title=title))
    assert page.faults == []
    assert [tag for tag, _ in page.elements] == ["p"]
    assert "".join(page.texts) == visible(text)


def test_long_texts_are_cut_and_say_so() -> None:
    assert clip("x" * 10, 10) == "x" * 10
    assert clip("<" * 1300, 3) == '&lt;&lt;&lt;<span class="more">… 1,297 more characters are not shown</span>'


@pytest.mark.parametrize(
    ("text", "short"),
    [("", ""), (" a ", "a"), ("a\n b", "a b"), ("x" * 81, "x" * 79 + "…"), ("x" * 80, "x" * 80), ("\n" * 500, "…")],
)
def test_labels_are_short_and_of_one_line(text: str, short: str) -> None:
    assert shorten(text) == short


def test_pictures_and_sound_stand_in_the_page() -> None:
    assert image(b"\x89PNG", "image/png", "x") == '<img src="data:image/png;base64,iVBORw==" alt="x">'
    assert audio(b"RIFF").startswith('<audio src="data:audio/wav;base64,')
