"""The narrative blocks of clinical documents (HL7 CDA Release 2 §4.3.5): known elements by a list, others as text."""

import base64
import binascii
from collections.abc import Callable
from xml.etree.ElementTree import Element

from markupsafe import Markup

from .html import Child, clip, element, image, join, shorten
from .page import more

NODE_LIMIT = 50_000
"""Elements of one document that are laid out."""

IMAGE_LIMIT, IMAGES_LIMIT = 4_000_000, 12_000_000
"""Bytes of one picture, and of all pictures of a page."""

_DEPTH = 50
_SPAN_LIMIT = 100
_PICTURES = 20
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_STYLES = {"Bold": "strong", "Italics": "em", "Emphasis": "em"}
_BLOCKS = {"paragraph": "div", "sub": "sub", "sup": "sup"}
_IN_TABLE = frozenset({"caption", "thead", "tbody", "tfoot", "tr"})
_DROPPED = frozenset({"col", "colgroup", "script", "style"})


def local_name(found: Element) -> str:
    """Return an element's name without its namespace; empty for comments and instructions."""
    return found.tag.rpartition("}")[2] if isinstance(found.tag, str) else ""


class Narrative:
    """Lays out narrative blocks, up to :data:`NODE_LIMIT` elements.

    Attributes:
        hidden: elements that were not laid out.
    """

    def __init__(self, root: Element) -> None:
        self._media = {
            uid: found for found in root.iter() if local_name(found) == "observationMedia" and (uid := found.get("ID"))
        }
        self._left = NODE_LIMIT
        self._image_bytes = IMAGES_LIMIT
        self.hidden = 0
        self._special: dict[str, Callable[[Element, int], Child]] = {
            "content": self._content,
            "list": self._list,
            "table": self._table,
            "thead": self._rows,
            "tbody": self._rows,
            "tfoot": self._rows,
            "tr": self._row,
            "td": self.show,
            "th": self.show,
            "caption": self._caption,
            "linkHtml": self._link,
            "footnote": self._footnote,
            "footnoteRef": self._footnote_mark,
            "renderMultiMedia": self._multimedia,
        }

    def show(self, found: Element, depth: int = 0) -> Markup:
        """Return the contents of an element: its text, and what is in it."""
        if depth > _DEPTH:
            return clip(" ".join("".join(found.itertext()).split()))
        parts: list[Child] = [clip(found.text or "")]
        for inner in found:
            if self._left <= 0:
                self.hidden += sum(1 for _ in inner.iter())
            else:
                self._left -= 1
                parts.append(self._element(inner, depth + 1))
            parts.append(clip(inner.tail or ""))
        return join(parts)

    def _element(self, found: Element, depth: int) -> Child:
        name = local_name(found)
        if name == "br":
            return element("br")
        special = self._special.get(name)
        if special is not None:
            return special(found, depth)
        if name in _DROPPED or not name:
            return None
        inner = self.show(found, depth)
        tag = _BLOCKS.get(name)
        return element(tag, inner, class_="para" if tag == "div" else None) if tag else inner

    def _content(self, found: Element, depth: int) -> Markup:
        inner = self.show(found, depth)
        for style in found.get("styleCode", "").split()[:4]:
            if tag := _STYLES.get(style):
                inner = element(tag, inner)
        if found.get("revised") == "delete":
            return element("span", "[deleted: ", inner, "]", class_="dim")
        return inner

    def _list(self, found: Element, depth: int) -> Markup:
        items = [element("li", self.show(inner, depth + 1)) for inner in found if local_name(inner) == "item"]
        self._left -= len(items)
        caption = next((inner for inner in found if local_name(inner) == "caption"), None)
        ordered = found.get("listType") == "ordered"
        heading = element("div", self.show(caption, depth + 1), class_="dim") if caption is not None else None
        return join((heading, element("ol" if ordered else "ul", items)))

    def _table(self, found: Element, depth: int) -> Markup:
        # Only rows and groups of them may stand in a table; other text would be put before it.
        parts = [self._element(inner, depth + 1) for inner in found if local_name(inner) in _IN_TABLE]
        return element("div", element("table", parts), class_="scroll")

    def _rows(self, found: Element, depth: int) -> Markup:
        rows = []
        for inner in found:
            if local_name(inner) != "tr":
                continue
            if self._left <= 0:
                self.hidden += 1
                continue
            rows.append(self._row(inner, depth + 1))
        return element(local_name(found), rows)

    def _row(self, found: Element, depth: int) -> Markup:
        self._left -= 1 + len(found)
        cells = [self._cell(inner, depth + 1) for inner in found if local_name(inner) in ("td", "th")]
        return element("tr", cells)

    def _cell(self, found: Element, depth: int) -> Markup:
        spans = {name: span for name in ("colspan", "rowspan") if (span := _span(found.get(name))) is not None}
        return element(local_name(found), self.show(found, depth), **spans)

    def _link(self, found: Element, depth: int) -> Markup:
        target = shorten(found.get("href", ""), 300)
        return join((self.show(found, depth), element("span", f" [{target}]", class_="uid") if target else None))

    def _footnote(self, found: Element, depth: int) -> Markup:
        return element("span", " [", self.show(found, depth), "]", class_="dim")

    def _footnote_mark(self, found: Element, depth: int) -> Markup:  # noqa: ARG002 - as all of them
        return element("sup", shorten(found.get("IDREF", ""), 20))

    def _multimedia(self, found: Element, depth: int) -> Markup:
        caption = next((self.show(inner, depth + 1) for inner in found if local_name(inner) == "caption"), None)
        named = found.get("referencedObject", "").split()
        pictures = [self._picture(uid) for uid in named[:_PICTURES]]
        hidden = more(len(named) - _PICTURES, "pictures", "Export the document to see them.")
        words = element("figcaption", caption) if caption else None
        return element("div", pictures, words, hidden, class_="figure")

    def _picture(self, uid: str) -> Markup:
        media = self._media.get(uid)
        value = next((inner for inner in media if local_name(inner) == "value"), None) if media is not None else None
        data = _decode(value) if value is not None else None
        mime = next((kind for head, kind in _BEGINNINGS.items() if data and data.startswith(head)), None)
        if data is None or mime is None or len(data) > min(IMAGE_LIMIT, self._image_bytes):
            return element(
                "span", f"[picture {shorten(uid)} is not shown: it is not in the document, or too large]", class_="dim"
            )
        self._image_bytes -= len(data)
        return image(data, mime, f"Picture {shorten(uid)}")

    def _caption(self, found: Element, depth: int) -> Markup:
        return element("caption", self.show(found, depth))


def _span(text: str | None) -> int | None:
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) < 5 else 0
    return number if 1 < number <= _SPAN_LIMIT else None


def _decode(value: Element) -> bytes | None:
    text = "".join("".join(value.itertext()).split())
    if value.get("representation") != "B64" or len(text) > 2 * IMAGE_LIMIT:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
