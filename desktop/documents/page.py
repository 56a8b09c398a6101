"""The page around what each kind shows: style, the patient's line, and the foot."""

import re

from markupsafe import Markup

from .html import Child, element, join, shorten
from .style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
"""What a page may do, whoever shows it (CSP level 3)."""

IN_ALL_ELEMENTS = "The table of all elements has them."
_PLURAL = re.compile(r"s\b")


def make_page(title: str, bar: Markup, *parts: Child) -> str:
    """Return a whole page.

    Args:
        title: of the window.
        bar: stays in sight while one scrolls.
        parts: the page's contents.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="color-scheme", content="dark"),
        element("meta", name="viewport", content="width=device-width"),
        element("title", shorten(title, 200)),
        element("style", Markup(STYLE)),  # noqa: S704 - a constant
    )
    body = element("body", element("div", bar, class_="bar"), element("main", *parts))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}"


def section(heading: Child, *children: Child, level: int = 2, class_: str | None = None) -> Markup:
    """Make a part with a heading."""
    return element("section", element(f"h{min(level, 6)}", heading), *children, class_=class_)


def fold(summary: Child, *children: Child, opened: bool = False) -> Markup:
    """Make a part that is shown when it is asked for."""
    return element("details", element("summary", summary), *children, open="" if opened else None)


def note(sentence: Child, kind: str = "") -> Markup:
    """Make a sentence of the program's own; ``kind`` is empty, ``warning`` or ``bad``."""
    return element("p", sentence, class_=f"note {kind}".strip())


def more(count: int, noun: str, how: Child = IN_ALL_ELEMENTS) -> Markup | None:
    """Return what is said where not everything is shown; None if everything is. ``noun`` is in plural."""
    if count <= 0:
        return None
    words = f"{counted(count, f'more {noun}')} {'is' if count == 1 else 'are'} not shown. "
    return element("p", join((words, how)), class_="more")


def counted(count: int, noun: str) -> str:
    """Return a number and what it counts: ``1 image``. ``noun`` is in plural."""
    return f"1 {_PLURAL.sub('', noun, count=1)}" if count == 1 else f"{count:,} {noun}"


def chip(text: Child, kind: str = "") -> Markup:
    """Make a mark such as ``VERIFIED``; ``kind`` is empty, ``good``, ``warning`` or ``bad``."""
    return element("span", text, class_=f"chip {kind}".strip())


def view_link(text: Child, kind: str) -> Markup:
    """Return a link by which the page around asks for the same object as another kind."""
    return element("a", text, class_="view", href="#", data_kind=kind)


def facts(rows: list[tuple[Child, Child]], class_: str = "facts") -> Markup | None:
    """Make a list of names and values; None if it is empty."""
    if not rows:
        return None
    return element(
        "dl", [element("div", element("dt", name), element("dd", value)) for name, value in rows], class_=class_
    )
