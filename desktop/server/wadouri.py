"""WADO-URI, by which older programs ask: one object by the parameters of its address (PS3.18 §9)."""

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from ..dicom.pixels.viewport import Viewport
from ..dicom.pixels.windows import Window
from ..dicom.uids import ENCAPSULATED_PDF, is_uid
from ..documents.kinds import KINDS
from ..library.store import Store
from ..pictures.rendering import Rendering
from ..pictures.service import Pictures
from ..pictures.stored import Place, Stored, find_stored
from .endpoints import NO_INSTANCE, Answer, Endpoint, Request, Stream, refuse
from .multipart import read_accept
from .objects import answer_page
from .rendered import HTML, IMAGES, PDF, choose_media, refuse_media, render_instance
from .renderquery import BadQuery, make_window, read_number, read_quality, read_size
from .wholes import DICOM, Wholes

_UIDS = {"studyUID": "study", "seriesUID": "series", "objectUID": "instance"}
_REFUSED = ("anonymize", "annotation", "presentationUID", "presentationSeriesUID")
_TEXTS = frozenset({"report", "cad", "dose", "key-objects", "cda", "text"})


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image, from 0 to 1 of its width and height."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def on(self, rows: int, columns: int) -> Viewport:
        """Return the region in pixels of an image."""
        left, top = min(int(self.left * columns), columns - 1), min(int(self.top * rows), rows - 1)
        right, bottom = math.ceil(self.right * columns), math.ceil(self.bottom * rows)
        return Viewport(0, 0, left, top, max(1, right - left), max(1, bottom - top))


@dataclass(frozen=True, slots=True)
class Query:
    """What an address asks for.

    Attributes:
        content_type: media types as in an Accept header; empty for the object's own.
        transfer_syntax: of DICOM files; empty for what the standard takes then.
        frame: from 1; None for the one that stands for all.
        rendering: of pictures, but for the region.
    """

    place: Place
    content_type: str = ""
    transfer_syntax: str = ""
    frame: int | None = None
    rendering: Rendering = field(default_factory=Rendering)
    region: Region = field(default_factory=Region)


def read_query(query: Mapping[str, str]) -> Query:
    """Return what an address asks for. Names that the standard does not know are passed over.

    Raises:
        BadQuery: it makes no sense, or asks for what there is not.
    """
    if query.get("requestType") != "WADO":
        raise BadQuery("Ask with requestType=WADO, studyUID, seriesUID and objectUID.")
    for name in _REFUSED:
        if name in query:
            raise BadQuery(f"Objects are given as they are: ask without {name}.")
    for name in _UIDS:
        if not is_uid(query.get(name, "")):
            raise BadQuery(f"Ask with a UID as {name}.")
    content_type, syntax = query.get("contentType", ""), query.get("transferSyntax", "")
    if syntax and not is_uid(syntax):
        raise BadQuery("Ask with a UID as transferSyntax.")
    return Query(
        (query["studyUID"], query["seriesUID"], query["objectUID"]),
        content_type,
        syntax,
        _read_frame(query),
        Rendering(window=_read_window(query), viewport=_read_viewport(query), quality=_read_quality(query)),
        read_region(query["region"]) if "region" in query else Region(),
    )


def read_region(text: str) -> Region:
    """Return the region of ``x0,y0,x1,y1`` (PS3.18 §9.4.1.2.3).

    Raises:
        BadQuery: it is none.
    """
    numbers = [number for part in text.split(",") if (number := read_number(part)) is not None and 0 <= number <= 1]
    if text.count(",") != 3 or len(numbers) != 4:
        raise BadQuery("A region is left,top,right,bottom, each from 0 to 1.")
    region = Region(*numbers)
    if not (region.left < region.right and region.top < region.bottom):
        raise BadQuery("The region holds nothing: it is left,top,right,bottom, each from 0 to 1.")
    return region


def _read_frame(query: Mapping[str, str]) -> int | None:
    text = query.get("frameNumber")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise BadQuery("Ask with a whole number from 1 as frameNumber.")
    return int(text)


def _read_window(query: Mapping[str, str]) -> Window | None:
    if "windowCenter" not in query and "windowWidth" not in query:
        return None
    return make_window(read_number(query.get("windowCenter", "")), read_number(query.get("windowWidth", "")))


def _read_viewport(query: Mapping[str, str]) -> Viewport:
    width, height = (read_size(query[name]) if name in query else 0 for name in ("columns", "rows"))
    return Viewport(width, height)


def _read_quality(query: Mapping[str, str]) -> int:
    return read_quality(query["imageQuality"]) if "imageQuality" in query else Rendering().quality


class WadoUri(Endpoint):
    """``/wado``: one object, as a picture, a page or a file."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures, wholes: Wholes) -> None:
        super().__init__(threads)
        self._store = store
        self._pictures = pictures
        self._wholes = wholes

    def _answer(self, request: Request) -> Answer | Stream:
        try:
            query = read_query(request.query)
            stored = find_stored(self._store.reader(), query.place)
            return NO_INSTANCE if stored is None else self._send(stored, query)
        except BadQuery as error:
            return refuse(400, str(error))

    def _send(self, stored: Stored, query: Query) -> Answer | Stream:
        available = media_types_of(stored)
        choice = choose_media(read_accept(query.content_type), available) if query.content_type else None
        if query.content_type and (choice is None or choice.in_parts):
            return refuse_media(available)
        media_type = choice.media_type if choice else available[0]
        if media_type == DICOM:
            if query.frame is not None:
                raise BadQuery("A DICOM file holds all of its frames: ask for it without frameNumber.")
            return self._wholes.answer_file(stored.located, query.transfer_syntax)
        if media_type == HTML:
            return answer_page(self._store, stored)
        rendering = replace(query.rendering, media_type=media_type)
        rows, columns = stored.instance.Rows, stored.instance.Columns
        if query.region != Region() and rows and columns:
            part = query.region.on(rows, columns)
            viewport = replace(part, width=rendering.viewport.width, height=rendering.viewport.height)
            rendering = replace(rendering, viewport=viewport)
        if query.frame is None:
            return render_instance(self._store, self._pictures, stored, rendering, media_type)
        return Answer(200, media_type.encode(), self._pictures.render(stored, query.frame, rendering))


def media_types_of(stored: Stored) -> tuple[str, ...]:
    """Return the media types in which WADO-URI has an object, its own first (PS3.18 §9.1.1)."""
    if stored.pixels.offset >= 0:
        return (DICOM, *IMAGES) if stored.pixels.frames > 1 else (*IMAGES, DICOM)
    if stored.instance.SOPClassUID == ENCAPSULATED_PDF:
        return PDF, DICOM
    return (HTML, DICOM) if KINDS.get(stored.instance.SOPClassUID) in _TEXTS else (DICOM, HTML)
