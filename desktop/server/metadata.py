"""RetrieveMetadata: JSON joined from stored pieces, or XML made of them (PS3.18 §10.4.1.1.2)."""

from ..dicom.metadata import unpack
from ..library.queries import Form, stored_metadata
from .answers import DICOM_JSON
from .compressing import compress
from .endpoints import NO_INSTANCE, Answer, Request, Stream, refuse
from .multipart import read_accept
from .nativexml import answer_xml, find_xml_form
from .resources import Resource
from .rewriting import place_below

_PARAMETERS = ("study", "series", "instance")


class Metadata(Resource):
    """``…/metadata`` of a study, series or instance: JSON joined from stored pieces, or XML made of them."""

    def _answer(self, request: Request) -> Answer | Stream:
        accepted = read_accept(request.accept)
        uids = [request.parameters.get(name) for name in _PARAMETERS]
        pieces = stored_metadata(self._store.reader(), Form.DICOM_JSON, str(uids[0]), *uids[1:])
        if not pieces:
            return NO_INSTANCE
        for item in accepted:
            if _takes_json(item.media_type):
                body = b"[%s]" % b",".join(unpack(piece.packed) for piece in pieces)
                return compress(Answer(200, DICOM_JSON, place_below(body, request.base)), request.headers)
            if form := find_xml_form(item, len(pieces)):
                return compress(answer_xml(pieces, form, request.base), request.headers)
        return refuse(
            406, 'Metadata are sent as application/dicom+json, or as multipart/related; type="application/dicom+xml".'
        )


def _takes_json(media_type: str) -> bool:
    return media_type in ("*/*", "application/*", "application/dicom+json", "application/json")
