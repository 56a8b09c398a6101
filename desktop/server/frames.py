"""RetrieveFrames: stored bytes, decoded ones, or pictures (PS3.18 §10.4.1.1.6)."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from ..dicom.aids import as_image, find_aid, find_obstacle, is_misread, is_segmentation
from ..dicom.frames import Frame, NoFrame, is_native, unpack_bits
from ..dicom.uids import DEFLATED_IMAGE_FRAME, EXPLICIT_VR_LITTLE_ENDIAN
from ..errors import InputError
from ..library.queries import Located
from ..library.store import Store
from ..pictures.frames import FrameReader
from ..pictures.rendering import Rendering
from ..pictures.service import Pictures
from ..pictures.stored import Place, Stored, find_stored
from .endpoints import NO_FRAME_NUMBERS, NO_INSTANCE, Answer, Request, Stream, read_frame_numbers, refuse
from .frameforms import FrameForm, as_stored, choose_frame_form
from .multipart import (
    PART_END,
    make_boundary,
    multipart_end,
    multipart_type,
    part_head,
    read_accept,
)
from .quick import find_native_frame, read_now
from .resources import Resource

_AT_ONCE = 1 << 23
"""Bytes of frames that are answered at once."""

_NOT_ACCEPTABLE = refuse(406, "Its frames cannot be sent in any form that the request accepts.")

ReadFrames = Callable[[list[int]], list[bytes]]


class Frames(Resource):
    """``…/instances/{instance}/frames/{numbers}``: stored bytes; decoded ones for the viewer, if it needs them so."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures) -> None:
        super().__init__(store, threads)
        self._reader = FrameReader()
        self._pictures = pictures

    def _answer_now(self, request: Request) -> Answer | None:
        text = request.parameters["frames"]
        located = self._quick.find(request.place) if text.isdigit() and text.isascii() and len(text) < 9 else None
        span = None if located is None else find_native_frame(located, int(text))
        if located is None or span is None:
            return None
        accepted = read_accept(request.accept)
        if any(item.for_viewer for item in accepted) and not _is_for_viewer(located):
            return None
        form = choose_frame_form(accepted, EXPLICIT_VR_LITTLE_ENDIAN, 1)
        if form is None or not form.syntax:
            return None
        head, content_type, end = b"", form.content_type.encode(), b""
        if form.in_parts:
            boundary = make_boundary()
            head, end = part_head(boundary, form.content_type, span[1]), PART_END + multipart_end(boundary)
            content_type = multipart_type(form.media_type, boundary)
        body = read_now(located.file, *span, head, end)
        return None if body is None else Answer(200, content_type, body)

    def _answer(self, request: Request) -> Answer | Stream:
        numbers = read_frame_numbers(request.parameters["frames"])
        if numbers is None:
            return NO_FRAME_NUMBERS
        located = self._locate(request)
        if located is None:
            return NO_INSTANCE
        if len(numbers) > located.instance.frames:
            return refuse(400, "These are more frames than the instance has.")
        accepted = read_accept(request.accept)
        if any(item.for_viewer for item in accepted):
            frames = self._read_for_viewer(located, request.place, numbers)
            form = choose_frame_form(accepted, frames[0].TransferSyntaxUID, len(numbers))
            if form is None or form.syntax != frames[0].TransferSyntaxUID:
                return _NOT_ACCEPTABLE
            return _send(form, numbers, lambda _: [one.data for one in frames])
        syntax = _syntax_of_frames(located)
        form = choose_frame_form(accepted, syntax, len(numbers))
        if form is None:
            return _NOT_ACCEPTABLE
        stream = _are_large(located, numbers)

        def read_stored(some: list[int]) -> list[bytes]:
            return [frame.data for frame in self._reader.read(located, some)]

        if form.syntax and (form.syntax == syntax or is_native(located.pixels)):
            return _send(form, numbers, read_stored, stream=stream)
        stored = find_stored(self._store.reader(), request.place)
        if stored is None:
            return NO_INSTANCE
        read = self._decoding(stored) if form.syntax else self._drawing(stored, form.media_type)
        try:
            return _send(form, numbers, read, stream=stream)
        except (NoFrame, InputError):
            if not form.or_stored:
                raise
            return _send(as_stored(form, syntax), numbers, read_stored, stream=stream)

    def _decoding(self, stored: Stored) -> ReadFrames:
        return lambda some: self._pictures.decode_plain(stored, some)

    def _drawing(self, stored: Stored, media_type: str) -> ReadFrames:
        rendering = Rendering(media_type)
        return lambda some: [self._pictures.render(stored, number, rendering) for number in some]

    def _read_for_viewer(self, located: Located, place: Place, numbers: list[int]) -> list[Frame]:
        instance = located.instance
        # OHIF unpacks those of segmentations itself.
        as_bytes = instance.BitsAllocated == 1 and not is_segmentation(instance)
        obstacle = find_obstacle(instance, located.pixels)
        if obstacle is not None:
            raise NoFrame(obstacle)
        aid = find_aid(instance)
        if aid is None:
            frames = self._reader.read(located, numbers)
            if is_native(located.pixels):
                return [unpack_bits(frame, located.pixels) for frame in frames] if as_bytes else frames
            if not any(is_misread(instance, frame.data) for frame in frames):
                return frames
            if (instance.SamplesPerPixel or 1) > 1:
                # Decoded colours would be taken for what the metadata say of the compressed ones.
                raise NoFrame("Its frames are compressed otherwise than the file says.")
        decoded = self._pictures.decode(place, numbers)
        if not aid:
            # The viewer goes by the metadata, of which nothing has been changed for it.
            size = (instance.Rows or 0) * (instance.Columns or 0) * ((instance.BitsAllocated or 8) + 7 >> 3)
            if any(len(data) != size for data in decoded):
                raise NoFrame("Its frames hold other numbers than the file says.")
        return [Frame(data, EXPLICIT_VR_LITTLE_ENDIAN) for data in decoded]


class ImageFrames(Frames):
    """``/images/…/frames/{numbers}``: the same of what can lie over images, where it is shown as an image itself."""

    def _answer_now(self, _request: Request) -> Answer | None:
        # What it is taken for is looked at in a thread.
        return None

    def _locate(self, request: Request) -> Located | None:
        located = super()._locate(request)
        return None if located is None else replace(located, instance=as_image(located.instance))


def _is_for_viewer(located: Located) -> bool:
    """Whether the viewer is sent native frames as they are."""
    instance = located.instance
    return (
        instance.BitsAllocated != 1 and find_obstacle(instance, located.pixels) is None and find_aid(instance) is None
    )


def _syntax_of_frames(located: Located) -> str:
    pixels = located.pixels
    if is_native(pixels) or pixels.TransferSyntaxUID == DEFLATED_IMAGE_FRAME:
        return EXPLICIT_VR_LITTLE_ENDIAN
    return pixels.TransferSyntaxUID


def _are_large(located: Located, numbers: Sequence[int]) -> bool:
    """Whether frames are too many to be in memory at once."""
    pixels = located.pixels
    return len(numbers) > 1 and len(numbers) * max(pixels.frame_bits // 8, 1) > _AT_ONCE


def _send(form: FrameForm, numbers: list[int], read: ReadFrames, *, stream: bool = False) -> Answer | Stream:
    """Return frames in a form; in a stream, one after another is read."""
    content_type = form.content_type
    if not form.in_parts:
        (data,) = read(numbers)
        return Answer(200, content_type.encode(), data)
    boundary = make_boundary()
    multipart = multipart_type(form.media_type, boundary)
    if not stream:
        parts = [_part(boundary, content_type, data) for data in read(numbers)]
        return Answer(200, multipart, b"".join([*parts, multipart_end(boundary)]))

    def pieces(first: bytes) -> Iterator[bytes]:
        yield _part(boundary, content_type, first)
        for number in numbers[1:]:
            for data in read([number]):
                yield _part(boundary, content_type, data)
        yield multipart_end(boundary)

    # What the last one of them lacks is better said before the first one is sent.
    read([max(numbers)])
    (first,) = read(numbers[:1])
    return Stream(200, multipart, pieces(first), None)


def _part(boundary: str, content_type: str, data: bytes) -> bytes:
    return part_head(boundary, content_type, len(data)) + data + PART_END
