"""A content tree as headings, paragraphs, and names with values."""

from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup

from .content import Node, Position
from .formatting import format_code
from .html import Child, clip, element, join, shorten
from .page import fold, more
from .references import Links
from .values import describe_target, render_name, render_value, value_text

ITEM_LIMIT = 10_000
"""Content items of one page that are shown."""

_PARAGRAPH = 160
"""Characters from which on a text is set as a paragraph."""

_REFERENCES = ("IMAGE", "COMPOSITE", "WAVEFORM")
_IMAGE_LIBRARY = "111028"
_LABELS = ("112039", "125010", "371885009")
"""Names of items that tell containers of one name apart: Tracking Identifier, Identifier."""

_CLOSING = tuple(".,;:!?)")
_IN_SENTENCES = frozenset({"TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "PNAME"})

_HOW = {
    "SELECTED FROM": "on",
    "INFERRED FROM": "inferred from",
    "HAS ACQ CONTEXT": "acquisition",
}


class Tree:
    """Shows a tree, or parts of it, up to :data:`ITEM_LIMIT` items."""

    def __init__(self, root: Node, links: Links, limit: int = ITEM_LIMIT) -> None:
        self._root = root
        self._links = links
        self._limit = limit
        self._shown = 0
        self._too_deep = 0
        self._targets: dict[Position, str] = {
            target: "item-" + "-".join(map(str, target[:60])) for node in root.walk() if (target := node.target)
        }

    def render(self, nodes: Iterable[Node], level: int = 2) -> Markup:
        """Show items that are siblings, and all below them; say how many are not shown."""
        nodes = list(nodes)
        made = self._blocks(nodes, level)
        hidden = 0
        if self._shown >= self._limit:
            hidden = sum(1 for node in nodes for _ in node.walk()) - self._shown
        return join((made, more(max(0, hidden), "content items"), more(self._too_deep, "deeper items")))

    def _blocks(self, nodes: Sequence[Node], level: int) -> Markup:
        parts: list[Child] = []
        rows: list[Markup] = []
        numbers = _number_siblings(nodes)
        for group in _group(nodes):
            node = group[0]
            if not self._count(group):
                break
            if node.value_type == "CONTAINER" or (node.value_type == "TEXT" and _is_long(node)):
                parts.append(_row_list(rows))
                rows = []
                block = self._container(node, level, numbers.get(node.position))
                parts.append(block if node.value_type == "CONTAINER" else self._paragraph(node))
            else:
                rows.append(self._row(group))
        parts.append(_row_list(rows))
        return join(parts)

    def _count(self, group: Sequence[Node]) -> bool:
        if self._shown >= self._limit:
            return False
        self._shown += len(group)
        self._too_deep += sum(node.depth_hidden() for node in group)
        return True

    def _container(self, node: Node, level: int, number: str | None) -> Markup:
        if node.value_type != "CONTAINER":
            return Markup()
        children, context = _split_context(node)
        self._shown += len(context)
        heading = join((render_name(node), element("small", f" {number}") if number else None, self._inline(context)))
        if node.item.text("ContinuityOfContent") == "CONTINUOUS" and _is_running_text(children):
            body = element("p", self._sentence(children))
        else:
            body = self._blocks(children, level + 1)
        how = _how(node)
        head = (how, heading)
        if node.name.value == _IMAGE_LIBRARY and len(children) > 3:
            return fold(join((*head, element("span", f" ({len(children)} entries)", class_="count"))), body)
        tag = f"h{min(level, 6)}"
        anchor = self._targets.get(node.position)
        named = element(tag, *head) if node.name or number else None
        return element("section", named, body, class_="group" if number else None, id=anchor)

    def _paragraph(self, node: Node) -> Markup:
        label = element("div", _how(node), render_name(node), class_="dim") if node.name else None
        text = element("p", clip(value_text(node)))
        return element("div", label, text, self._under(node.children), id=self._targets.get(node.position))

    def _row(self, group: Sequence[Node]) -> Markup:
        node = group[0]
        name: Child = render_name(node) if node.name else None
        if len(group) > 1:
            links = [render_value(one, self._links) for one in group]
            count = element("span", f" ({len(group)})", class_="count")
            return element("div", element("dt", _how(node), name, count), element("dd", join(links, ", ")))
        if node.target is not None:
            value: Child = self._jump(node.target)
        else:
            value = join((render_value(node, self._links), self._under(node.children)))
        return element(
            "div",
            element("dt", _how(node), name),
            element("dd", value),
            id=self._targets.get(node.position),
        )

    def _jump(self, target: Position) -> Markup:
        found = self._root.at(target)
        if found is None:
            return element("span", "an item that is not there", class_="dim")
        return element("a", describe_target(found), href=f"#{self._targets.get(target, '')}", class_="jump")

    def _under(self, children: Sequence[Node]) -> Markup | None:
        """Show what belongs to an item that is no container: in its line, if it is little."""
        if not children:
            return None
        if len(children) <= 3 and all(_is_slight(child) for child in children) and self._count(children):
            return self._inline(children)
        return element("div", self._blocks(children, 4), class_="under")

    def _inline(self, nodes: Sequence[Node]) -> Markup | None:
        if not nodes:
            return None
        parts: list[Child] = []
        for node in nodes:
            how = _HOW.get(node.relationship)
            value = self._jump(node.target) if node.target else render_value(node, self._links)
            if how == "on" and not node.name:
                parts.append(join((" on ", value)))
            else:
                named = join((render_name(node), ": ")) if node.name else None
                parts.append(join((" \N{MIDDLE DOT} ", f"{how} " if how else None, named, value)))
        return element("span", parts, class_="inline")

    def _sentence(self, nodes: Sequence[Node]) -> Markup:
        """Show the items of a container whose content is continuous, as running text."""
        parts: list[Child] = []
        for node in nodes:
            if not self._count([node]):
                break
            value = self._jump(node.target) if node.target else render_value(node, self._links)
            inner = self._sentence(node.children) if node.children else None
            named = element("span", value, title=shorten(format_code(node.name), 200) or None)
            parts += [
                " " if parts and not value_text(node).startswith(_CLOSING) else None,
                named,
                element("span", " (", inner, ")", class_="inline") if inner else None,
            ]
        return join(parts)


def _row_list(rows: Sequence[Markup]) -> Markup | None:
    return element("dl", rows, class_="rows") if rows else None


def _how(node: Node) -> Markup | None:
    how = _HOW.get(node.relationship)
    return element("span", how, class_="how") if how else None


def _is_long(node: Node) -> bool:
    text = node.item.text("TextValue")
    return len(text) > _PARAGRAPH or "\n" in text or "\r" in text


def _is_slight(node: Node) -> bool:
    """Whether an item may stand in the line of its parent."""
    return not node.children and node.value_type != "CONTAINER" and not (node.value_type == "TEXT" and _is_long(node))


def _is_running_text(nodes: Sequence[Node]) -> bool:
    """Whether items make a sentence. Many programs call any container continuous, also such as hold measurements."""
    texts = sum(node.value_type == "TEXT" for node in nodes)
    return 2 * texts >= len(nodes) and all(node.value_type in _IN_SENTENCES for node in nodes)


def _split_context(node: Node) -> tuple[list[Node], list[Node]]:
    """Part a container's children from the short modifiers of its name, which stand in its heading."""
    modifiers = [c for c in node.children if c.relationship == "HAS CONCEPT MOD" and _is_slight(c)][:3]
    taken = {child.position for child in modifiers}
    return [child for child in node.children if child.position not in taken], modifiers


def _group(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """Draw bare references of one name together."""
    run: list[Node] = []
    for node in nodes:
        bare = node.value_type in _REFERENCES and not node.children
        if run and bare and node.name == run[0].name and node.relationship == run[0].relationship:
            run.append(node)
            continue
        if run:
            yield run
        run = [node] if bare else []
        if not bare:
            yield [node]
    if run:
        yield run


def _number_siblings(nodes: Sequence[Node]) -> dict[Position, str]:
    """Return a number and a label for containers that have one name with their siblings."""
    by_name: dict[tuple[str, str], list[Node]] = {}
    for node in nodes:
        if node.value_type == "CONTAINER":
            by_name.setdefault((node.name.value, node.name.meaning), []).append(node)
    labels: dict[Position, str] = {}
    for alike in by_name.values():
        if len(alike) > 1:
            for number, node in enumerate(alike, 1):
                told = next((value_text(child) for child in node.named(*_LABELS)), "")
                labels[node.position] = f"{number} of {len(alike)}" + (
                    f" \N{MIDDLE DOT} {shorten(told)}" if told else ""
                )
    return labels
