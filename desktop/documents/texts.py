"""Encapsulated documents that are plain text, such as the materials of a model (PS3.3 §A.85.3)."""

from markupsafe import Markup

from .html import clip, element, join
from .model import Subject, View
from .page import note

TEXT_LIMIT = 200_000
"""Characters of a document that are shown."""


def read_document(subject: Subject) -> bytes | None:
    """Return the bytes of Encapsulated Document, without what fills it up; None if they cannot be read."""
    data = subject.binary(subject.item, "EncapsulatedDocument")
    length = subject.item.integer("EncapsulatedDocumentLength")
    if data is None:
        return None
    return data[:length] if length is not None and 0 < length <= len(data) else data.rstrip(b"\0")


def show_text(subject: Subject) -> View:
    """Show the document as it is written."""
    data = read_document(subject)
    title = subject.item.text("DocumentTitle")
    if data is None:
        return View(note("The document could not be read from the file.", "bad"), title)
    return View(join((_mime(subject), as_text(data))), title)


def _mime(subject: Subject) -> Markup | None:
    mime = subject.item.text("MIMETypeOfEncapsulatedDocument")
    return element("p", mime, class_="dim") if mime else None


def as_text(data: bytes) -> Markup:
    """Return bytes as text that is shown as it stands, as far as it is not too long."""
    # A character takes up to four bytes; what comes behind those that are shown need not be decoded.
    text = data[: 4 * TEXT_LIMIT].decode("utf-8", "replace")
    rest = len(data) - 4 * TEXT_LIMIT
    return element("pre", clip(text, TEXT_LIMIT), f"\n\u2026 {rest:,} more bytes are not shown" if rest > 0 else None)
