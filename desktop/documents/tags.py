"""The table of all elements of a data set."""

import base64
import binascii
from typing import Any, NamedTuple, cast

from markupsafe import Markup

from ..dicom import dictionary
from ..dicom.items import Item
from ..dicom.naturalize import JsonElement
from ..dicom.uids import uid_name
from ..dicom.values import person_name_text
from .html import Child, clip, element, join, shorten
from .model import Subject, View
from .page import counted, fold, more, note, view_link


class Limits(NamedTuple):
    """How much of a data set is shown.

    Attributes:
        elements: of all, also those within sequences.
        items: of one sequence.
        characters: of one value.
    """

    elements: int
    items: int
    characters: int


PAGE = Limits(20_000, 5000, 1000)
"""Of a page that shows nothing else."""

FOOT = Limits(600, 100, 240)
"""Of the foot of another page."""

_DEPTH = 40
_FIRST_BYTES = 24
_EXPORT = "Export the file and open it with a program such as DCMTK's dcmdump to see them."


def show_tags(subject: Subject) -> View:
    """Show all elements, and nothing else."""
    return View(make_tag_table(subject.item, PAGE, _EXPORT))


def make_foot(item: Item) -> Markup:
    """Return the table of elements for the foot of a page."""
    made = make_tag_table(item, FOOT, view_link("Show all elements", "tags"))
    return element("footer", fold("All elements", made))


def make_tag_table(item: Item, limits: Limits, how: Child) -> Markup:
    """Return a table of elements, and how to see the others where there are more than are shown.

    Elements of the top level come before those within sequences, if not all can be shown.
    """
    total = count_elements(item)
    top = [tag for tag, _ in item.elements()]
    writer = _Writer(limits, max(0, limits.elements - len(top)))
    made = writer.table(item, 0)
    shown = min(limits.elements, len(top)) + writer.shown
    words = None
    if shown < total:
        words = note(join((f"{shown:,} of {total:,} elements are shown. ", how)), "warning")
    return join((words, made))


def count_elements(item: Item) -> int:
    """Return the number of elements, with those within sequences."""
    total, waiting = 0, [cast("dict[str, object]", item.model)]
    while waiting:
        for found in waiting.pop().values():
            if not isinstance(found, dict):
                continue
            total += 1
            if found.get("vr") == "SQ" and isinstance(values := found.get("Value"), list):
                waiting += [value for value in values if isinstance(value, dict)]
    return total


class _Writer:
    def __init__(self, limits: Limits, nested_left: int) -> None:
        self._limits = limits
        self._left = nested_left
        self.shown = 0

    def table(self, item: Item, depth: int) -> Markup:
        rows: list[Markup] = []
        creators: dict[str, str] = {}
        hidden = shown = 0
        for tag, found in item.elements():
            if (depth and self._left <= 0) or shown >= self._limits.elements:
                hidden += 1
                continue
            shown += 1
            if depth:
                self._left -= 1
                self.shown += 1
            private = _private(tag, item, creators)
            rows += self._rows(tag, found, private, depth)
        made = element("table", element("tbody", rows), class_="tags")
        return join((made, more(hidden, "elements of this item", None)))

    def _rows(self, tag: str, found: JsonElement, private: str | None, depth: int) -> list[Markup]:
        """Return an element's row, and for a sequence another one in which its items are."""
        vr = found.get("vr")
        name = (f"private{f', {private}' if private else ''}") if private is not None else _keyword(tag)
        items = self._sequence(found, depth) if vr == "SQ" else None
        value = (
            _value(found, self._limits.characters)
            if vr != "SQ"
            else None
            if items
            else element("span", "no items", class_="dim")
        )
        row = element(
            "tr",
            element("td", f"({tag[:4]},{tag[4:8]})"),
            element("td", vr[:2] if isinstance(vr, str) else None),
            element("td", shorten(name)),
            element("td", value),
        )
        return [row, element("tr", element("td", items, colspan=4, class_="nested"))] if items else [row]

    def _sequence(self, found: JsonElement, depth: int) -> Child:
        values = found.get("Value")
        items = [Item(value) for value in values if isinstance(value, dict)] if isinstance(values, list) else []
        words = counted(len(items), "items")
        if not items:
            return None
        if depth >= _DEPTH or self._left <= 0:
            return element("span", f"{words}, not shown here", class_="more")
        shown = []
        for item in items[: self._limits.items]:
            if self._left <= 0:
                break
            shown.append(self.table(item, depth + 1))
        return fold(words, shown, more(len(items) - len(shown), "items", None))


def _keyword(tag: str) -> str:
    try:
        return dictionary.keyword_of(int(tag, 16)) or "unknown"
    except ValueError:
        return "unknown"


def _private(tag: str, item: Item, creators: dict[str, str]) -> str | None:
    """Return who owns a private element, empty if nobody says; None if it is not private (PS3.5 §7.8.1)."""
    if len(tag) != 8 or tag[3] not in "13579BDFbdf":
        return None
    if tag[4:6] == "00":
        return "creator"
    block = f"{tag[:4]}00{tag[4:6]}"
    if block not in creators:
        creators[block] = item.text(block)
    return creators[block]


def _value(found: JsonElement, limit: int) -> Child:
    if isinstance(inline := found.get("InlineBinary"), str):
        return _bytes(inline)
    if "BulkDataURI" in found:
        return element("span", "long value, not shown here", class_="dim")
    values = found.get("Value")
    if not isinstance(values, list):
        return None
    vr = found.get("vr")
    # A look-up table has a hundred thousand numbers; of these no more are written than can be seen.
    text = "\\".join([_text(value, vr) for value in values[: limit // 2 + 1]])
    if len(values) > limit // 2 + 1:
        return join((text[:limit], element("span", f"\u2026 {len(values):,} values in all", class_="more")))
    return clip(text, limit)


def _text(value: Any, vr: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return person_name_text({key: text for key, text in value.items() if isinstance(text, str)})
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = str(value)
    if vr == "UI" and (name := uid_name(text)) not in (text, "unknown"):
        return f"{text} ({name})"
    if vr == "AT" and len(text) == 8:
        return f"({text[:4]},{text[4:]}) {_keyword(text)}"
    return text


def _bytes(inline: str) -> Child:
    try:
        data = base64.b64decode(inline, validate=True)
    except (binascii.Error, ValueError):
        return element("span", "broken binary value", class_="dim")
    rest = " \u2026" if len(data) > _FIRST_BYTES else ""
    return join((f"{len(data):,} bytes: ", element("code", data[:_FIRST_BYTES].hex(" ") + rest)))
