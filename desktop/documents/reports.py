"""Structured reports of every class (PS3.3 §A.35)."""

from collections.abc import Iterator

from markupsafe import Markup

from ..dicom.items import Item
from .content import Node
from .formatting import format_code, format_date_time, format_element, format_name
from .html import Child, clip, element, join, shorten
from .model import Subject, View
from .page import chip, facts, fold, more
from .references import Links
from .tree import Tree
from .values import render_name, render_value

_CHIPS = {
    "CompletionFlag": {"COMPLETE": "good", "PARTIAL": "warning"},
    "VerificationFlag": {"VERIFIED": "good", "UNVERIFIED": "warning"},
    "PreliminaryFlag": {"FINAL": "good", "PRELIMINARY": "warning"},
}
_DOCUMENTS = (
    ("Replaces", "PredecessorDocumentsSequence"),
    ("The same as", "IdenticalDocumentsSequence"),
)
_DOCUMENT_LIMIT, _FACTS = 200, 60


def show_report(subject: Subject) -> View:
    """Show a report: what is said of the document first, then its content."""
    root = Node(subject.item)
    context, content = split_root(root)
    tree = Tree(root, subject.links)
    body = join(
        (
            show_flags(subject.item),
            show_people(subject.item),
            show_documents(subject.item, subject.links),
            show_context(context, subject.links),
            tree.render(content),
            None if content else element("p", "The report has no content.", class_="note warning"),
        )
    )
    return View(body, format_code(root.name), tuple(_template(subject.item)))


def show_whole_tree(root: Node, links: Links) -> Markup:
    """Return the whole content, to be shown when it is asked for."""
    return fold("The whole report", Tree(root, links).render(root.children))


def split_root(root: Node) -> tuple[list[Node], list[Node]]:
    """Part what the report says of observer, subject and language from what it says."""
    context = [child for child in root.children if _is_context(child)]
    taken = {child.position for child in context}
    return context, [child for child in root.children if child.position not in taken]


def _is_context(node: Node) -> bool:
    return node.relationship in ("HAS OBS CONTEXT", "HAS CONCEPT MOD") and node.value_type != "CONTAINER"


def show_context(nodes: list[Node], links: Links) -> Markup | None:
    """Show observer, subject and language as short facts."""
    rows: list[tuple[Child, Child]] = []
    uids: list[tuple[Child, Child]] = []
    for node in nodes[:_FACTS]:
        under: list[Child] = [
            element("div", render_name(inner), ": ", render_value(inner, links), class_="inline")
            for inner in node.children[:_FACTS]
        ]
        under.append(more(len(node.children) - _FACTS, "items"))
        into = uids if node.value_type == "UIDREF" and not node.children else rows
        into.append((render_name(node), join((render_value(node, links), under))))
    folded = fold("UIDs of observers and subjects", facts(uids)) if uids else None
    return join((facts(rows), folded, more(len(nodes) - _FACTS, "items of context")))


def show_flags(item: Item) -> Markup | None:
    """Show whether the document is complete, verified and final (PS3.3 §C.17.2)."""
    chips = [
        chip(shorten(value), kinds.get(value, "")) for keyword, kinds in _CHIPS.items() if (value := item.text(keyword))
    ]
    words = item.text("CompletionFlagDescription")
    if not chips:
        return None
    return element("div", chips, element("span", clip(words, 500), class_="dim") if words else None, class_="chips")


def show_people(item: Item) -> Markup:
    """Show who verified the document, wrote it, or took part otherwise."""
    rows: list[tuple[Child, Child]] = []
    for verifier in item.items("VerifyingObserverSequence"):
        date = format_date_time(verifier.text("VerificationDateTime"))
        rows.append(("Verified by", _person(verifier, "VerifyingObserverName", "VerifyingOrganization", date)))
    rows += [
        ("Author", _person(author, "PersonName", "InstitutionName")) for author in item.items("AuthorObserverSequence")
    ]
    for other in item.items("ParticipantSequence"):
        role = other.text("ParticipationType").capitalize() or "Participant"
        date = format_date_time(other.text("ParticipationDateTime"))
        rows.append((shorten(role), _person(other, "PersonName", "InstitutionName", date)))
    for request in item.items("ReferencedRequestSequence"):
        words = [
            format_element(request, keyword)
            for keyword in ("RequestedProcedureDescription", "RequestedProcedureCodeSequence", "AccessionNumber")
        ]
        if any(words):
            rows.append(("Requested procedure", clip(", ".join(filter(None, words)), 500)))
    return join((facts(rows[:_FACTS]), more(len(rows) - _FACTS, "people and orders")))


def _person(item: Item, name: str, organization: str, date: str = "") -> str:
    found = format_name(item.text(name)) or item.text("StationName") or format_element(item, "ManufacturerModelName")
    parts = (found or "unnamed", item.text(organization), date)
    return ", ".join(shorten(part, 200) for part in parts if part)


def show_documents(item: Item, links: Links) -> Markup | None:
    """Show which documents this one replaces or repeats."""
    rows: list[tuple[Child, Child]] = []
    for label, keyword in _DOCUMENTS:
        found = [
            link for study in item.items(keyword) for inner in _instances(study) if (link := links.link_item(inner))
        ]
        if found:
            hidden = more(len(found) - _DOCUMENT_LIMIT, "documents")
            rows.append((label, join((join(found[:_DOCUMENT_LIMIT], ", "), hidden))))
    return facts(rows)


def _instances(study: Item) -> Iterator[Item]:
    for series in study.items("ReferencedSeriesSequence"):
        yield from series.items("ReferencedSOPSequence")


def _template(item: Item) -> Iterator[tuple[str, str]]:
    template = item.item("ContentTemplateSequence")
    if number := template.text("TemplateIdentifier"):
        yield "Template", shorten(f"TID {number} ({template.text('MappingResource') or 'DCMR'})")
