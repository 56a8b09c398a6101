"""The content tree of structured reports (PS3.3 §C.17.3)."""

from collections.abc import Iterator

from ..dicom.items import Code, Item, code_of
from ..dicom.naturalize import Model

MAX_DEPTH = 40
"""Levels of a tree that are looked at; real ones have a dozen."""

Position = tuple[int, ...]


# A report has thousands of items, and these are read of each: so not by keyword.
_RELATIONSHIP_TYPE, _VALUE_TYPE, _CONCEPT_NAME = "0040A010", "0040A040", "0040A043"
_CODE_VALUE, _SCHEME, _MEANING = "00080100", "00080102", "00080104"
NAMELESS = Code()


def _first(model: Model, tag: str) -> object:
    element = model.get(tag)
    values = element.get("Value") if type(element) is dict else None
    return values[0] if type(values) is list and values else None


def _text(model: Model, tag: str) -> str:
    value = _first(model, tag)
    return value if type(value) is str else ""


def _code(model: Model) -> Code:
    value = _text(model, _CODE_VALUE)
    if not value:
        # A long or a URN code, or one that is broken.
        return code_of(Item(model))
    return Code(value, _text(model, _SCHEME), _text(model, _MEANING))


class Node:
    """One content item.

    Attributes:
        item: it, with its children in Content Sequence.
        position: as of Referenced Content Item Identifier: ``(1,)`` is the root (PS3.3 §C.17.3.2.5).
        relationship: to its parent, such as ``HAS PROPERTIES``.
        value_type: such as ``NUM``; empty for one that refers to another by its position.
        name: Concept Name.
    """

    __slots__ = ("_children", "item", "name", "position", "relationship", "value_type")

    def __init__(self, item: Item, position: Position = (1,)) -> None:
        self.item = item
        self.position = position
        model = item.model
        self.relationship = _text(model, _RELATIONSHIP_TYPE)
        self.value_type = _text(model, _VALUE_TYPE)
        named = _first(model, _CONCEPT_NAME)
        self.name = _code(named) if isinstance(named, dict) else NAMELESS
        self._children: list[Node] | None = None

    @property
    def children(self) -> list["Node"]:
        """Its content items; none below :data:`MAX_DEPTH`."""
        if self._children is None:
            inner = self.item.items("ContentSequence") if len(self.position) <= MAX_DEPTH else []
            self._children = [Node(item, (*self.position, number)) for number, item in enumerate(inner, 1)]
        return self._children

    @property
    def target(self) -> Position | None:
        """The position of the item that this one stands for; None if it stands for itself."""
        if self.value_type or "ReferencedContentItemIdentifier" not in self.item:
            return None
        return tuple([int(number) for number in self.item.numbers("ReferencedContentItemIdentifier")])

    @property
    def code(self) -> Code:
        """The value of a CODE item."""
        return self.item.code("ConceptCodeSequence")

    def walk(self) -> Iterator["Node"]:
        """Go through the item and all below it, from the top down."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def named(self, *values: str) -> Iterator["Node"]:
        """Go through the children whose Concept Name has one of these code values."""
        return (child for child in self.children if child.name.value in values)

    def first(self, *values: str) -> "Node | None":
        """Return the first child of that name; None if there is none."""
        return next(self.named(*values), None)

    def at(self, position: Position) -> "Node | None":
        """Return the item at a position; None if there is none."""
        node: Node = self
        if position[:1] != (1,):
            return None
        for number in position[1:]:
            if not 1 <= number <= len(node.children):
                return None
            node = node.children[number - 1]
        return node

    def depth_hidden(self) -> int:
        """Return how many items of this one are too deep to be looked at."""
        return len(self.item.items("ContentSequence")) if len(self.position) > MAX_DEPTH else 0
