"""Pictures, documents and films for programs that know nothing of DICOM (PS3.18 §10.4.1.1.3, 10.4.1.1.4)."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from ..dicom.pixels.viewport import Viewport
from ..dicom.uids import ENCAPSULATED_PDF, VIDEO_SYNTAXES
from ..library.queries import Located, locate_all
from ..library.store import Store
from ..pictures.films import Films
from ..pictures.rendering import GIF, JPEG, PNG, Rendering
from ..pictures.service import THUMBNAIL_SIZE, Pictures
from ..pictures.stored import Place, Stored, find_stored
from .endpoints import (
    NO_FRAME_NUMBERS,
    NO_INSTANCE,
    NOT_THERE,
    Answer,
    Endpoint,
    Request,
    Stream,
    read_frame_numbers,
    refuse,
    say_not_there,
)
from .films import WEBM, answer_film, look
from .multipart import PART_END, Accepted, make_boundary, multipart_end, multipart_type, part_head, read_accept
from .objects import answer_page, answer_pdf
from .renderquery import BadQuery, read_rendering
from .wholes import NO_STUDY, instance_path

PDF, HTML = "application/pdf", "text/html"
IMAGES = (JPEG, PNG, GIF)

_FRAMES = 100
"""Frames in one request: their pictures are in memory at once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """In which form something is sent.

    Attributes:
        media_type: one of those that there are.
        in_parts: in multipart.
    """

    media_type: str
    in_parts: bool


def choose_media(accepted: Sequence[Accepted], available: Sequence[str], count: int = 1) -> Choice | None:
    """Choose among the media types that there are, the default first; several go in multipart only."""
    for item in accepted:
        in_parts = item.media_type in ("multipart/related", "multipart/*")
        wanted = (item.part_type or "*/*") if in_parts else item.media_type
        if count > 1 and not in_parts and wanted != "*/*":
            continue
        for media_type in available:
            if wanted in ("*/*", media_type, f"{media_type.partition('/')[0]}/*"):
                return Choice(media_type, in_parts or count > 1)
    return None


def media_types_of(located: Located | Stored) -> tuple[str, ...]:
    """Return the media types in which an instance can be had, the default first."""
    if located.pixels.offset >= 0:
        return (*IMAGES, WEBM) if located.pixels.TransferSyntaxUID in VIDEO_SYNTAXES else IMAGES
    return (PDF,) if located.instance.SOPClassUID == ENCAPSULATED_PDF else (HTML,)


class _Pictured(Endpoint):
    """Answers with pictures of what is in the library."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures) -> None:
        super().__init__(threads)
        self._store = store
        self._pictures = pictures

    def _answer(self, request: Request) -> Answer | Stream:
        try:
            return self._picture(request)
        except BadQuery as error:
            return refuse(400, str(error))

    @abstractmethod
    def _picture(self, request: Request) -> Answer | Stream: ...

    def _stored(self, request: Request) -> Stored | None:
        return find_stored(self._store.reader(), request.place)


class Rendered(_Pictured):
    """``…/rendered`` of an instance, or of frames of it."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures, films: Films) -> None:
        super().__init__(store, threads, pictures)
        self._films = films

    def _picture(self, request: Request) -> Answer | Stream:
        wanted = read_rendering(request.query)
        stored = self._stored(request)
        if stored is None:
            return NO_INSTANCE
        if "frames" in request.parameters:
            return self._frames(request, stored, wanted)
        choice = choose_media(read_accept(request.accept), media_types_of(stored))
        if choice is None:
            return refuse_media(media_types_of(stored))
        if choice.media_type == WEBM:
            film = answer_film(look(self._films, request.place), request.range)
            return film or refuse(503, "This film is being made. Ask again in some seconds.", ((b"retry-after", b"5"),))
        made = render_instance(self._store, self._pictures, stored, wanted, choice.media_type)
        return in_parts([made], request.base + request.path) if choice.in_parts else made

    def _frames(self, request: Request, stored: Stored, wanted: Rendering) -> Answer | Stream:
        numbers = read_frame_numbers(request.parameters["frames"])
        if numbers is None:
            return NO_FRAME_NUMBERS
        if stored.pixels.offset < 0:
            return refuse(404, "The file holds no pixels.")
        if len(numbers) > min(stored.pixels.frames, _FRAMES):
            return refuse(400, f"Ask for at most {_FRAMES} frames at once, and for each of them once.")
        check_region(stored, wanted.viewport)
        choice = choose_media(read_accept(request.accept), IMAGES, len(numbers))
        if choice is None:
            return refuse_media(IMAGES, len(numbers))
        rendering = replace(wanted, media_type=choice.media_type)
        drawn = (
            Answer(200, choice.media_type.encode(), self._pictures.render(stored, number, rendering))
            for number in numbers
        )
        return in_parts(list(drawn), request.base + request.path) if choice.in_parts else next(drawn)


class RenderedAll(_Pictured):
    """``…/rendered`` of a study or series: a part for each instance. One without a picture says why in a text."""

    def _picture(self, request: Request) -> Answer | Stream:
        wanted = read_rendering(request.query)
        study, series = request.parameters["study"], request.parameters.get("series")
        found = locate_all(self._store.reader(), study, series)
        if not found:
            return NO_STUDY
        available = tuple(dict.fromkeys(kind for located in found for kind in media_types_of(located) if kind != WEBM))
        choice = choose_media(read_accept(request.accept), available, len(found))
        if choice is None:
            return refuse_media(available, len(found))
        # Who names no type is given each in its own.
        own = not any(item.part_type for item in read_accept(request.accept))

        def draw(located: Located) -> Answer:
            types = media_types_of(located)
            media_type = types[0] if own and choice.media_type not in types else choice.media_type
            if media_type not in types:
                return refuse(404, f"This instance cannot be had as {media_type}.")
            return self._draw(located, wanted, media_type)

        if not choice.in_parts:
            return draw(found[0])
        boundary = make_boundary()
        return Stream(200, multipart_type(choice.media_type, boundary), _parts(found, draw, boundary), None)

    def _draw(self, located: Located, wanted: Rendering, media_type: str) -> Answer:
        try:
            stored = find_stored(self._store.reader(), place_of(located))
            if stored is None:
                return NO_INSTANCE
            return render_instance(self._store, self._pictures, stored, wanted, media_type)
        except BadQuery as error:
            return refuse(400, str(error))
        except NOT_THERE as error:
            return say_not_there(error)


def _parts(found: Sequence[Located], draw: Callable[[Located], Answer], boundary: str) -> Iterator[bytes]:
    for located in found:
        made = draw(located)
        location = f"{instance_path(located.instance)}/rendered"
        yield part_head(boundary, made.content_type.decode(), len(made.body), location) + made.body + PART_END
    yield multipart_end(boundary)


class ThumbnailFor(_Pictured):
    """``…/thumbnail`` of a study, series, instance, or of a frame: one small picture that stands for all."""

    def _picture(self, request: Request) -> Answer:
        wanted = read_rendering(request.query, thumbnail=True)
        place = self._place(request)
        stored = None if place is None else find_stored(self._store.reader(), place)
        if place is None or stored is None:
            return NO_INSTANCE if "instance" in request.parameters else NO_STUDY
        choice = choose_media(read_accept(request.accept), IMAGES)
        if choice is None:
            return refuse_media(IMAGES)
        number = self._number(request, stored)
        if number is None:
            return refuse(400, "A frame is asked for as a number from 1.")
        viewport = wanted.viewport
        if stored.pixels.offset < 0 or (choice.media_type == JPEG and viewport == Viewport()):
            image = self._pictures.thumbnail(place, number)
            if image is None:
                return refuse(404, "This object has no picture.")
            made = Answer(200, JPEG.encode(), image)
        else:
            size = viewport if viewport != Viewport() else Viewport(THUMBNAIL_SIZE, THUMBNAIL_SIZE)
            rendering = replace(wanted, media_type=choice.media_type, viewport=size)
            made = Answer(200, choice.media_type.encode(), self._pictures.render(stored, number, rendering))
        return in_parts([made], request.base + request.path) if choice.in_parts else made

    def _place(self, request: Request) -> Place | None:
        if "instance" in request.parameters:
            return request.place
        return choose_representative(
            locate_all(self._store.reader(), request.parameters["study"], request.parameters.get("series"))
        )

    def _number(self, request: Request, stored: Stored) -> int | None:
        if "frames" not in request.parameters:
            return representative_frame(stored)
        numbers = read_frame_numbers(request.parameters["frames"])
        return numbers[0] if numbers is not None and len(numbers) == 1 else None


def choose_representative(found: Sequence[Located]) -> Place | None:
    """Return the instance that stands for a study or series: the middle one of the first series that has images."""
    images = [located for located in found if located.pixels.offset >= 0] or list(found)
    if not images:
        return None
    first = [one for one in images if one.instance.SeriesInstanceUID == images[0].instance.SeriesInstanceUID]
    return place_of(first[len(first) // 2])


def representative_frame(stored: Stored) -> int:
    """Return the number of the frame that stands for an image: the one that it names itself, or the first."""
    if stored.pixels.frames < 2:
        return 1
    said = stored.load().integer("RepresentativeFrameNumber") or 1
    return said if 1 <= said <= stored.pixels.frames else 1


def render_instance(store: Store, pictures: Pictures, stored: Stored, wanted: Rendering, media_type: str) -> Answer:
    """Return an instance in one of its media types; a picture of several frames is that of one, but for GIF.

    Raises:
        BadQuery: it has no such region.
        NoFrame, NoPixels, NoBulkData, FileGone, NegatoscopeError, OSError: it cannot be had.
    """
    if media_type == PDF:
        return answer_pdf(stored)
    if media_type == HTML:
        return answer_page(store, stored)
    check_region(stored, wanted.viewport)
    rendering = replace(wanted, media_type=media_type)
    moves = stored.pixels.frames > 1 and stored.pixels.TransferSyntaxUID not in VIDEO_SYNTAXES
    if media_type == GIF and moves:
        drawn = pictures.animate(stored, rendering)
    else:
        drawn = pictures.render(stored, representative_frame(stored), rendering)
    return Answer(200, media_type.encode(), drawn)


def check_region(stored: Stored, viewport: Viewport) -> None:
    """See that an image has the region that is asked for.

    Raises:
        BadQuery: it has not.
    """
    rows, columns = stored.instance.Rows, stored.instance.Columns
    if rows and columns and not viewport.fits(rows, columns):
        raise BadQuery(f"The image has {rows} rows of {columns} pixels: there is no such region in it.")


def place_of(located: Located | Stored) -> Place:
    """Return the UIDs under which an instance is served."""
    instance = located.instance
    return instance.StudyInstanceUID, instance.SeriesInstanceUID, instance.SOPInstanceUID


def refuse_media(available: Sequence[str], count: int = 1) -> Answer:
    """Return an answer that says what there is."""
    where = " in multipart/related" if count > 1 else ""
    return refuse(406, f"This can be had as {', '.join(available)}{where}.")


def in_parts(made: Sequence[Answer], path: str) -> Answer:
    """Return answers in multipart."""
    boundary = make_boundary()
    parts = [
        part_head(boundary, answer.content_type.decode(), len(answer.body), path) + answer.body + PART_END
        for answer in made
    ]
    content_type = multipart_type(made[0].content_type.decode().partition(";")[0], boundary)
    return Answer(200, content_type, b"".join([*parts, multipart_end(boundary)]))
