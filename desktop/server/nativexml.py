"""Metadata in XML, the Native DICOM Model: one document for each instance (PS3.18 §8.7.3.2, PS3.19 Annex A)."""

import json
from collections.abc import Iterator, Sequence

from ..dicom.metadata import unpack
from ..dicom.nativemodel import to_native_model
from ..library.queries import Piece
from .endpoints import Answer, Stream
from .multipart import PART_END, Accepted, make_boundary, multipart_end, multipart_type, part_head
from .rewriting import place_below

DICOM_XML = "application/dicom+xml"


def find_xml_form(item: Accepted, count: int) -> str | None:
    """Return in which form a media range accepts so many documents: ``multipart``, ``single``, or None for no XML."""
    if item.media_type in ("multipart/related", "multipart/*"):
        return "multipart" if item.part_type in ("", "*/*", "application/*", DICOM_XML) else None
    return "single" if item.media_type == DICOM_XML and count == 1 else None


def answer_xml(pieces: Sequence[Piece], form: str, base: str = "") -> Answer | Stream:
    """Return the documents of instances, in a form of :func:`find_xml_form`.

    Args:
        base: the path that addresses of this server begin with.
    """
    if form == "single":
        return Answer(200, DICOM_XML.encode(), _document(pieces[0], base))
    boundary = make_boundary()
    return Stream(200, multipart_type(DICOM_XML, boundary), _parts(pieces, boundary, base), None)


def _parts(pieces: Sequence[Piece], boundary: str, base: str) -> Iterator[bytes]:
    for piece in pieces:
        document = _document(piece, base)
        yield part_head(boundary, DICOM_XML, len(document)) + document + PART_END
    yield multipart_end(boundary)


def _document(piece: Piece, base: str) -> bytes:
    return to_native_model(json.loads(place_below(unpack(piece.packed), base)))
