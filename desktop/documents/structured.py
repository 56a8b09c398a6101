"""Any object as names and values, for classes that have no page of their own.

Sequences become parts with headings; codes stand as their meanings, references as links.
"""

import re
from collections.abc import Sequence

from markupsafe import Markup

from ..dicom import dictionary
from ..dicom.items import Item, code_of
from .fields import ROW_LIMIT, table
from .formatting import format_element, format_uid
from .html import Child, clip, element, join, shorten
from .model import Subject, View
from .page import facts, fold, more
from .references import Links
from .values import render_code

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DEPTH = 12
_ITEMS = 60
_ELEMENTS = 6000
_NUMBERS = 40
_TEXT = 4000

_HEAD = (
    "SpecificCharacterSet SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID PatientName PatientID "
    "PatientBirthDate PatientSex StudyDate StudyTime StudyDescription StudyID AccessionNumber "
    "ReferringPhysicianName SeriesDescription SeriesNumber SeriesDate SeriesTime ContentDate ContentTime Manufacturer "
    "ManufacturerModelName InstitutionName Modality InstanceCreationDate InstanceCreationTime InstanceNumber "
    "TimezoneOffsetFromUTC InstanceCreatorUID EncapsulatedDocument WaveformSequence"
)
_CODE_ELEMENTS = "000801"
"""How the tags begin of what makes up a code (PS3.3 §8)."""

_IN_HEAD = frozenset(_HEAD.split())
"""What the head shows, or what nobody reads; the table of all elements has it."""


_MINOR = frozenset(
    {
        "ReferencedStudySequence",
        "ReferencedPerformedProcedureStepSequence",
        "RequestAttributesSequence",
        "ContributingEquipmentSequence",
        "OriginalAttributesSequence",
        "PurposeOfReferenceCodeSequence",
        "AdmittingDiagnosesCodeSequence",
    }
)
"""Parts that stand at the end, folded."""


def show_structured(subject: Subject) -> View:
    """Show all elements but those of the head, by name."""
    body = Structure(subject.links).render(subject.item)
    title = subject.item.text("ContentLabel")
    return View(body, title)


class Structure:
    """Shows parts of a data set, up to some thousand elements."""

    def __init__(self, links: Links, left: int = _ELEMENTS) -> None:
        self._links = links
        self._left = left

    def render(self, item: Item, level: int = 2, skip: frozenset[str] = _IN_HEAD) -> Markup:
        """Show an item: first its values, then its sequences."""
        rows: list[tuple[Child, Child]] = []
        parts: list[Child] = []
        minor: list[Child] = []
        hidden = 0
        if link := self._links.link_item(item):
            rows.append(("Instance", link))
            skip |= {"ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "ReferencedFrameNumber"}
        for tag, found in item.elements():
            keyword = _keyword(tag)
            if not keyword or keyword in skip:
                continue
            if self._left <= 0:
                hidden += 1
                continue
            self._left -= 1
            if found.get("vr") != "SQ":
                if value := _short(item, keyword):
                    rows.append((label(keyword), value))
                continue
            items = item.items(keyword)
            if flat := self._flat(items):
                rows.append((label(keyword), flat))
            elif items:
                (minor if _is_minor(keyword) else parts).append(self._sequence(keyword, items, level))
        aside = fold("Orders, issuers and equipment", minor) if minor else None
        return join((facts(rows), more(hidden, "elements"), parts, aside))

    def _flat(self, items: Sequence[Item]) -> Child:
        """Return codes or references as one value; empty if the items are something else."""
        if items and all(map(_is_code, items)):
            codes = [join((render_code(code_of(item)), self._modifiers(item))) for item in items[:_ITEMS]]
            return join((join(codes, ", "), more(len(items) - _ITEMS, "codes")))
        if items and all(len(item.model) <= 3 and item.text("ReferencedSOPInstanceUID") for item in items):
            links = [self._links.link_item(item) for item in items[:_ITEMS]]
            return join((join(links, ", "), more(len(items) - _ITEMS, "references")))
        return ""

    def _modifiers(self, item: Item) -> Child:
        inner = [render_code(code_of(code)) for _, keyword in _sequences(item) for code in item.items(keyword)]
        return element("span", " (", join(inner, ", "), ")", class_="inline") if inner else None

    def _sequence(self, keyword: str, items: Sequence[Item], level: int) -> Markup:
        heading = label(keyword)
        tag = f"h{min(level, 6)}"
        if level > _DEPTH:
            return join((element(tag, heading), more(len(items), "items", "They are nested too deep.")))
        if len(items) > 1 and (rows := self._table(items)):
            return element("section", element(tag, heading), rows)
        shown, done = [], 0
        for number, item in enumerate(items[:_ITEMS], 1):
            if self._left <= 0:
                break
            done = number
            inner = self.render(item, level + 1, frozenset())
            if inner:
                shown.append(fold(f"{number} of {len(items)}", inner, opened=number <= 3) if len(items) > 1 else inner)
        hidden = more(len(items) - done, "items")
        return element("section", element(tag, heading), shown, hidden)

    def _table(self, items: Sequence[Item]) -> Markup | None:
        """Return items that have values and codes only as a table; None if they have more."""
        keywords: dict[str, None] = {}
        for item in items[:ROW_LIMIT]:
            for tag, found in item.elements():
                if found.get("vr") == "SQ" and not self._flat(item.items(tag)):
                    return None
                keywords[_keyword(tag)] = None
        keywords.pop("", None)
        if not 0 < len(keywords) <= 14:
            return None
        rows = [
            [self._flat(item.items(keyword)) or _short(item, keyword) for keyword in keywords]
            for item in items[: min(ROW_LIMIT, max(1, self._left))]
        ]
        self._left -= len(rows)
        return table([label(keyword) for keyword in keywords], rows, "items", len(items) - len(rows))


def _is_code(item: Item) -> bool:
    """Whether an item is a code and nothing else, or one with codes that modify it."""
    return bool(code_of(item)) and all(
        tag.startswith(_CODE_ELEMENTS) or (found.get("vr") == "SQ" and all(map(code_of, item.items(tag))))
        for tag, found in item.elements()
    )


def _sequences(item: Item) -> list[tuple[str, str]]:
    return [(tag, keyword) for tag, found in item.elements() if found.get("vr") == "SQ" and (keyword := _keyword(tag))]


def _keyword(tag: str) -> str:
    try:
        return dictionary.keyword_of(int(tag, 16))
    except ValueError:
        return ""


def label(keyword: str) -> str:
    """Return a keyword as words: ``Patient Setup Number``, and without "Code Sequence"."""
    return _WORDS.sub(" ", keyword).removesuffix(" Sequence").removesuffix(" Code")


def _is_minor(keyword: str) -> bool:
    return keyword.startswith("IssuerOf") or keyword in _MINOR


def _short(item: Item, keyword: str) -> Child:
    found = item.element(keyword) or {}
    if "InlineBinary" in found or "BulkDataURI" in found:
        return element("span", "binary value", class_="dim")
    values = item.values(keyword)
    if found.get("vr") == "UI" and len(values) == 1:
        uid = item.text(keyword)
        return element("span", shorten(uid, 70), class_="uid") if format_uid(uid) == uid else format_uid(uid)
    if len(values) <= _NUMBERS:
        return clip(format_element(item, keyword), _TEXT)
    few = Item({"00000000": {**found, "Value": values[:_NUMBERS]}})
    return join((format_element(few, "00000000"), element("span", f" \u2026 {len(values):,} values", class_="more")))
