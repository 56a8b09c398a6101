"""Makes HTML from texts that nobody trusts.

Whatever a file holds, only the elements and attributes listed here come out: none of them runs scripts or asks for
anything. Every ``str`` is escaped; only what this module made itself is taken as it is.
"""

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from markupsafe import Markup

Child: TypeAlias = "str | int | float | Markup | Iterable[Child] | None"
"""What stands within an element: texts, elements, and lists of them. None is left out."""

_TAGS = (
    "html head meta title style body main header footer section h1 h2 h3 h4 h5 h6 p div span a ul ol li dl dt dd table "
    "caption thead tbody tfoot tr th td details summary strong em small pre sub sup code br img audio "
    "figure figcaption svg path polyline line rect text"
)
TAGS = frozenset(_TAGS.split())
_ATTRIBUTES = (
    "class id title href src alt controls open colspan rowspan scope lang charset name content http-equiv "
    "data-instance data-series data-study data-frames data-kind viewBox width height d points x y x1 x2 y1 y2 "
    "fill stroke stroke-width font-size text-anchor transform role aria-label"
)
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
_EMPTY = frozenset({"meta", "br", "img"})
_NAMES = {name.replace("-", "_"): name for name in ATTRIBUTES} | {"class_": "class"}
_SOURCE = re.compile(r"data:(?:image/(?:png|jpeg|gif)|audio/wav);base64,[A-Za-z0-9+/=]*\Z")

TEXT_LIMIT = 50_000
"""Characters of one text that are shown."""

# Control characters but tabulator and new line; what turns the direction of writing; halves of characters.
_HIDING = "\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_HOSTILE, _NOT_PLAIN = re.compile(f"[{_HIDING}]"), re.compile(f"[&<>\"'{_HIDING}]")
_LINE_ENDS = re.compile("\r\n?|\f")


def element(tag: str, *children: Child, **attributes: str | float | None) -> Markup:
    """Make an element.

    Args:
        tag: one of :data:`TAGS`.
        children: see :data:`Child`.
        attributes: of :data:`ATTRIBUTES`, with ``_`` for ``-`` and ``class_`` for ``class``. Those that are None are
            left out.

    Raises:
        ValueError: an element, attribute or address that must not be in a page: a fault of the program.
    """
    if tag not in TAGS:
        raise ValueError(f"No such element: {tag}")
    parts = [f"<{tag}", *[_attribute(name, value) for name, value in attributes.items() if value is not None], ">"]
    if tag not in _EMPTY:
        _collect(children, parts)
        parts.append(f"</{tag}>")
    return _mark("".join(parts))


def join(children: Child, between: str = "") -> Markup:
    """Put texts and elements one after another."""
    if type(children) is Markup:
        return children
    parts: list[str] = []
    _collect((children,), parts)
    return _mark(_escape(between).join(parts))


def _mark(text: str) -> Markup:
    """Say of a text that it is HTML. A page has ten thousands of elements, so this goes without Markup's own checks."""
    return str.__new__(Markup, text)


def _collect(children: Iterable[Child], parts: list[str]) -> None:
    for child in children:
        kind = type(child)
        if kind is Markup:
            parts.append(child)  # type: ignore[arg-type]
        elif kind is str:
            parts.append(_escape(child))  # type: ignore[arg-type]
        elif child is None:
            continue
        elif isinstance(child, str | int | float):
            parts.append(_escape(str(child)))
        else:
            _collect(child, parts)


def _escape(text: str) -> str:
    return text if _NOT_PLAIN.search(text) is None else escape(visible(text))


def _attribute(name: str, value: str | float) -> str:
    spelled = _NAMES.get(name)
    if spelled is None:
        raise ValueError(f"No such attribute: {name}")
    text = visible(str(value))
    if (spelled == "href" and not text.startswith("#")) or (spelled == "src" and not _SOURCE.match(text)):
        raise ValueError("An address that leads out of the page")
    return f' {spelled}="{_escape(text)}"'


def visible(text: str) -> str:
    """Return a text in which nothing hides: control characters and such as turn the direction of writing are named."""
    if _HOSTILE.search(text) is None:
        return text
    return _HOSTILE.sub(_name, _LINE_ENDS.sub("\n", text))


def _name(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return "\N{REPLACEMENT CHARACTER}" if code >= 0xD800 else f"\u27e8U+{code:04X}\u27e9"


def clip(text: str, limit: int = TEXT_LIMIT) -> Markup:
    """Return a text of which no more than ``limit`` characters are shown, and how many are not."""
    if len(text) <= limit:
        return join(text)
    more = f"\u2026 {len(text) - limit:,} more characters are not shown"
    return join((text[:limit], element("span", more, class_="more")))


def shorten(text: str, limit: int = 80) -> str:
    """Return the beginning of a text, for a label."""
    if len(text) <= limit and text.isprintable():
        return text.strip()
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "\u2026"


def image(data: bytes, mime: str, alt: str) -> Markup:
    """Make a picture that stands in the page itself. ``mime`` is ``image/png``, ``image/jpeg`` or ``image/gif``."""
    return element("img", src=f"data:{mime};base64,{base64.b64encode(data).decode()}", alt=alt)


def audio(wav: bytes) -> Markup:
    """Make a player of a WAV file that stands in the page itself."""
    return element("audio", src=f"data:audio/wav;base64,{base64.b64encode(wav).decode()}", controls="")
