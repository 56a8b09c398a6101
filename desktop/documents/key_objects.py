"""Key Object Selection: what was marked, and why (PS3.3 §A.35.4, PS3.16 TID 2010)."""

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from .content import Node
from .fields import ROW_LIMIT
from .formatting import format_code
from .html import Child, clip, element, join
from .model import Reference, Subject, View
from .page import more, note, section
from .references import describe, describe_frames
from .reports import show_context, show_documents, show_people
from .values import render_code

REJECTIONS = {
    "113001": "These instances were rejected for quality reasons. Do not read them for diagnosis.",
    "113037": "These instances were rejected for reasons of patient safety: they may show another patient.",
    "113038": "These instances were acquired with a wrong entry of the worklist: patient or order may be wrong.",
    "113039": "These instances were kept longer than they may be, and are to be deleted.",
    "113010": "These instances have a quality issue.",
}
"""Title → what a rejection note says (IHE RAD TF-2 §4.66)."""

_MODIFIER, _DESCRIPTION = "113011", "113012"


class Selected(NamedTuple):
    """An instance that was selected, and with which presentation state it is to be shown."""

    reference: Reference
    state: Reference | None = None


def show_key_objects(subject: Subject) -> View:
    """Show title, description and the list of what was selected."""
    root = Node(subject.item)
    selected = list(find_selected(root, subject))
    marked = {one.reference.SOPInstanceUID for one in selected}
    evidence = [one for one in _find_evidence(subject) if one.SOPInstanceUID not in marked]
    others = [
        node
        for node in root.children
        if node.relationship in ("HAS OBS CONTEXT", "HAS CONCEPT MOD") and node.name.value != _MODIFIER
    ]
    warning = REJECTIONS.get(root.name.value) if root.name.scheme == "DCM" else None
    words = [text for node in root.named(_DESCRIPTION) if (text := node.item.text("TextValue"))]
    body = join(
        (
            note(warning, "warning") if warning else None,
            [note(join(("Reason: ", render_code(node.code)))) for node in root.named(_MODIFIER)],
            [element("p", clip(text)) for text in words],
            show_context(others, subject.links),
            show_people(subject.item),
            show_documents(subject.item, subject.links),
            section(_heading("Selected", len(selected)), _list(selected, subject)) if selected else None,
            section(
                _heading("Also listed as evidence", len(evidence)), _list([Selected(one) for one in evidence], subject)
            )
            if evidence
            else None,
            note("The document selects no instance.", "warning") if not selected and not evidence else None,
        )
    )
    return View(body, format_code(root.name))


def find_selected(root: Node, subject: Subject) -> Iterator[Selected]:
    """Yield what the content refers to, in its order."""
    for node in root.walk():
        if node.value_type not in ("IMAGE", "COMPOSITE", "WAVEFORM"):
            continue
        for item in node.item.items("ReferencedSOPSequence"):
            if (reference := subject.links.refer(item)) is not None:
                yield Selected(reference, subject.links.refer(item.item("ReferencedSOPSequence")))


def _find_evidence(subject: Subject) -> Iterator[Reference]:
    for study in subject.item.items("CurrentRequestedProcedureEvidenceSequence"):
        for series in study.items("ReferencedSeriesSequence"):
            for item in series.items("ReferencedSOPSequence"):
                if (reference := subject.links.refer(item)) is not None:
                    yield reference


def _heading(words: str, count: int) -> Markup:
    return join((words, element("small", f" {count:,}")))


def _list(selected: list[Selected], subject: Subject) -> Markup:
    """Return the instances by series, each with its frames and its presentation state."""
    by_series: dict[tuple[str, str], list[Selected]] = {}
    for one in selected[:ROW_LIMIT]:
        by_series.setdefault((one.reference.StudyInstanceUID, one.reference.SeriesInstanceUID), []).append(one)
    own = subject.item.text("StudyInstanceUID")
    parts: list[Child] = []
    for number, ((study, _), ones) in enumerate(by_series.items(), 1):
        other = " \N{MIDDLE DOT} of another study" if study and study != own else ""
        parts.append(element("h3", f"Series {number}{other}"))
        parts.append(element("ol", [element("li", _entry(one, subject)) for one in ones]))
    hidden = more(len(selected) - ROW_LIMIT, "instances")
    return join((parts, hidden))


def _entry(one: Selected, subject: Subject) -> Markup:
    reference = one.reference
    whole = describe(Reference(reference.SOPInstanceUID, reference.SOPClassUID))
    frames = f", {describe_frames(reference.frames)}" if reference.frames else None
    link = subject.links.link(reference, join((whole, frames)))
    state = join((" as shown by ", subject.links.link(one.state))) if one.state else None
    return join((link, state, " ", element("span", reference.SOPInstanceUID, class_="uid")))
