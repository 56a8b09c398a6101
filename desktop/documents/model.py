"""What a page is made from and what it tells the page around it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..dicom.items import Item, ReadBulk
from ..errors import NegatoscopeError

if TYPE_CHECKING:
    from .references import Links


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance that a page links to.

    Attributes:
        SeriesInstanceUID: empty where the object does not tell it, as also the study's.
        frames: numbers from 1; empty for all frames.
    """

    SOPInstanceUID: str
    SOPClassUID: str = ""
    SeriesInstanceUID: str = ""
    StudyInstanceUID: str = ""
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A page.

    Attributes:
        title: plain text of one line.
        html: the whole page: no scripts, no requests, everything inline.
        kind: a name in :data:`desktop.documents.kinds.KINDS`.
        references: instances that the page links to, each once, in the order of their links.
    """

    title: str
    html: str = field(repr=False)
    kind: str
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a page is made of.

    Attributes:
        start: where a page of something long begins: seconds of a recording, or the number of an element.
    """

    item: Item
    read_bulk: ReadBulk
    links: "Links"
    start: float = 0.0

    def binary(self, item: Item, keyword: str) -> bytes | None:
        """Return a binary value of the object or of an item in it, empty if it is absent; None if it cannot be read."""
        try:
            return item.binary(keyword, self.read_bulk)
        except (LookupError, OSError, NegatoscopeError):
            return None


@dataclass(frozen=True, slots=True)
class View:
    """The part of a page that is of its kind alone.

    Attributes:
        title: plain text; empty for the name of the SOP class.
        facts: what stands in the head beside patient and study: label and value.
    """

    body: Markup
    title: str = ""
    facts: tuple[tuple[str, Markup | str], ...] = ()
