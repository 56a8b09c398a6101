"""Reports of computer-aided detection: mammography, chest and colon (PS3.16 TID 4000, 4100, 4120)."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from .content import Node
from .fields import table
from .formatting import format_code
from .html import Child, element, join
from .model import Subject, View
from .page import chip, facts, section
from .references import Links
from .reports import show_context, show_documents, show_flags, show_people, show_whole_tree, split_root
from .values import render_code, render_value, value_text

_SUMMARY, _DETECTIONS, _ANALYSES = "111017", "111064", "111065"
_OUTCOMES = {"111241": "good", "111243": "warning", "111244": "warning", "111245": "bad"}
"""All, not all, or no algorithms succeeded. That they did and have findings (111242) is neither good nor bad."""

_RUNS = {
    "111063": ("Detection", "succeeded", "good"),
    "111025": ("Detection", "failed", "bad"),
    "111062": ("Analysis", "succeeded", "good"),
    "111024": ("Analysis", "failed", "bad"),
}
"""Containers of Successful and Failed Detections and Analyses."""

_PERFORMED = ("111022", "111004")
_FINDINGS = ("111059", "111015")
"""Single Image Finding, Composite Feature."""

_INTENT = "111056"
_INTENTS = {
    "111150": ("to be shown", "warning"),
    "111151": ("optional", ""),
    "111152": ("not to be shown", ""),
}
_CENTER, _OUTLINE = "111010", "111041"
_ALGORITHM = ("111001", "111003")
_CERTAINTY, _PROBABILITY = ("111012", "111011", "111013"), ("111047",)
_LATERALITY = ("111027", "272741003", "G-C171")
_SITES = ("363698007", "G-C0E3", "112013", "112003", "112050", "111048", "111014", *_LATERALITY)
"""Finding Site, Location in Chest, Associated Chest Component, Anatomic Identifier, Quadrant, Clockface, Laterality."""

_VIEW = ("111031",)
_LIBRARY = "111028"
_TOLD = {*_SITES, *_ALGORITHM, *_CERTAINTY, *_PROBABILITY, *_FINDINGS, _INTENT, _CENTER, _OUTLINE}


def show_cad(subject: Subject) -> View:
    """Show the outcome, the findings in a table, and what was looked for."""
    root = Node(subject.item)
    context, _ = split_root(root)
    findings = [node for node in root.walk() if node.name.value in _FINDINGS and node.target is None]
    none = element("p", "The report tells of no finding.", class_="dim")
    body = join(
        (
            show_flags(subject.item),
            _show_outcome(root),
            section(
                join(("Findings", element("small", f" {len(findings)}"))),
                _Findings(root, subject.links).show(findings) or none,
            ),
            _show_runs(root),
            show_people(subject.item),
            show_documents(subject.item, subject.links),
            show_context(context, subject.links),
            show_whole_tree(root, subject.links),
        )
    )
    return View(body, format_code(root.name))


def _show_outcome(root: Node) -> Markup | None:
    """Show the summary's own words, and whether detections and analyses succeeded."""
    rows: list[tuple[Child, Child]] = []
    for node in root.walk():
        name, code = node.name.value, node.code
        if name == _SUMMARY and code:
            rows.append(("Summary", chip(render_code(code), _OUTCOMES.get(code.value, ""))))
        elif name in (_DETECTIONS, _ANALYSES) and code:
            rows.append((format_code(node.name), chip(render_code(code), mark_outcome(format_code(code)))))
    return facts(rows)


def mark_outcome(words: str) -> str:
    """Return how an outcome is marked, by its words: CID 6042 has "Succeeded", "Partially Succeeded", "Failed" …"""
    lowered = words.lower()
    if "not attempted" in lowered or "not performed" in lowered:
        return ""
    if "partial" in lowered:
        return "warning"
    return "bad" if "fail" in lowered else "good" if "succe" in lowered else ""


class _Findings:
    """Shows findings with the images that they were found on."""

    def __init__(self, root: Node, links: Links) -> None:
        self._root = root
        self._links = links
        library = [node for node in root.walk() if node.name.value == _LIBRARY]
        self._library = {uid: node for entry in library for node in entry.walk() if (uid := _instance_uid(node))}

    def show(self, findings: Sequence[Node]) -> Markup | None:
        heads = (
            "#",
            "Finding",
            "Site",
            "View",
            "Image",
            "Certainty",
            "Probability",
            "Display",
            "Centre",
            "More",
            "Algorithm",
        )
        return table(heads, [self._row(number, node) for number, node in enumerate(findings, 1)], "findings")

    def _row(self, number: int, node: Node) -> list[Child]:
        images = list(self._images(node))
        intent = node.first(_INTENT)
        words, kind = _INTENTS.get(intent.code.value, (format_code(intent.code), "")) if intent else ("", "")
        others = [
            f"{format_code(child.name)}: {text}"
            for child in node.children
            if child.name.value not in _TOLD and (text := value_text(child))
        ]
        return [
            str(number),
            element("strong", render_code(node.code)) if node.code else format_code(node.name),
            _texts([node], _SITES) or _texts(images, _LATERALITY),
            _texts(images, _VIEW),
            join([render_value(image, self._links) for image in images], ", "),
            _texts([node], _CERTAINTY),
            _texts([node], _PROBABILITY),
            chip(words, kind) if words else None,
            ", ".join(filter(None, map(_point, node.named(_CENTER)))),
            "; ".join(others),
            _texts([node], _ALGORITHM, " "),
        ]

    def _images(self, finding: Node) -> Iterator[Node]:
        """Yield the images on which a finding lies, each once: entries of the image library where they are there."""
        seen: set[str] = set()
        for child in finding.children:
            if child.value_type not in ("SCOORD", "SCOORD3D", "IMAGE"):
                continue
            for inner in child.walk():
                node = self._root.at(inner.target) if inner.target else inner
                uid = _instance_uid(node) if node else ""
                if node and uid and uid not in seen:
                    seen.add(uid)
                    yield self._library.get(uid, node)


def _instance_uid(node: Node) -> str:
    if node.value_type != "IMAGE":
        return ""
    return node.item.item("ReferencedSOPSequence").text("ReferencedSOPInstanceUID")


def _texts(nodes: Sequence[Node], names: Sequence[str], between: str = ", ") -> str:
    """Return the values of the children of these names, each once."""
    texts = [value_text(child) for node in nodes for child in node.named(*names)]
    return between.join(dict.fromkeys(filter(None, texts)))


def _point(node: Node) -> str:
    numbers = node.item.numbers("GraphicData")
    return f"({', '.join(f'{number:.1f}' for number in numbers)})" if len(numbers) in (2, 3) else ""


def _show_runs(root: Node) -> Markup | None:
    """Show which detections and analyses were made, and whether they succeeded."""
    rows: list[list[Child]] = []
    for node in root.walk():
        if node.name.value in _RUNS:
            kind, words, mark = _RUNS[node.name.value]
            rows += [
                [kind, render_code(run.code), chip(words, mark), _texts([run], _ALGORITHM, " ")]
                for run in node.named(*_PERFORMED)
            ]
    made = table(("", "What", "Outcome", "Algorithm"), rows, "runs")
    return section("Detections and analyses", made) if made else None
