"""WADO-RS: frames, instances, metadata and bulk data (PS3.18 §10.4)."""

import asyncio
import re
from concurrent.futures import Executor
from dataclasses import replace
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from ..dicom.aids import as_image, find_aid, find_obstacle, is_misread, is_segmentation
from ..dicom.bulkdata import read_bulk_data
from ..dicom.frames import Frame, NoFrame, is_native, unpack_bits
from ..dicom.metadata import unpack
from ..dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, is_uid
from ..library.queries import Form, Located, locate, stored_metadata
from ..library.store import Store
from ..pictures.files import open_file
from ..pictures.frames import FrameReader
from ..pictures.service import Pictures
from ..pictures.stored import Place
from .answers import DICOM_JSON, NO_STORE, Headers
from .endpoints import (
    NO_INSTANCE,
    NOT_THERE,
    Answer,
    Endpoint,
    Request,
    read_request,
    refuse,
    say_not_there,
    send_answer,
)
from .multipart import Accepted, Part, choose, read_accept, write_multipart
from .part10 import find_missing_head

OCTETS = "application/octet-stream"
DICOM = "application/dicom"

_FRAME_NUMBERS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")
_IMAGE_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
}
"""Media types of stored frames (PS3.18 Table 8.7.3-2)."""

_CHUNK = 1 << 20
_WHOLE = 1 << 23
_PARAMETERS = ("study", "series", "instance")


_NOT_ACCEPTABLE = refuse(406, "It cannot be sent in any form that the request accepts.")


class _Resource(Endpoint):
    """Something below an instance, or the instance itself."""

    def __init__(self, store: Store, threads: Executor) -> None:
        super().__init__(threads)
        self._store = store

    def _locate(self, request: Request) -> Located | None:
        return locate(self._store.reader(), *request.place)


class Frames(_Resource):
    """``…/instances/{instance}/frames/{numbers}``: stored bytes; decoded ones for the viewer, if it needs them so."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures) -> None:
        super().__init__(store, threads)
        self._reader = FrameReader()
        self._pictures = pictures

    def _answer(self, request: Request) -> Answer:
        if not _FRAME_NUMBERS.fullmatch(request.parameters["frames"]):
            return refuse(400, "Frames are asked for as numbers from 1, with commas between them.")
        located = self._locate(request)
        if located is None:
            return NO_INSTANCE
        numbers = [int(number) for number in request.parameters["frames"].split(",")]
        if any(item.for_viewer for item in read_accept(request.accept)):
            frames = self._read_for_viewer(located, request.place, numbers)
        else:
            frames = self._reader.read(located, numbers)
        syntax = frames[0].TransferSyntaxUID
        accepted = [item for item in read_accept(request.accept) if _takes(item, syntax)]
        for media_type in (OCTETS, _IMAGE_TYPES.get(syntax, OCTETS)):
            form = choose(accepted, media_type, len(frames))
            content_type = f"{media_type}; transfer-syntax={syntax}"
            if form == "single":
                return Answer(200, content_type.encode(), frames[0].data)
            if form == "multipart":
                parts = [Part(content_type, frame.data) for frame in frames]
                return Answer(200, *write_multipart(parts, media_type))
        return _NOT_ACCEPTABLE

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

    def _locate(self, request: Request) -> Located | None:
        located = super()._locate(request)
        return None if located is None else replace(located, instance=as_image(located.instance))


def _takes(accepted: Accepted, syntax: str) -> bool:
    return accepted.transfer_syntax in ("", "*", syntax)


class BulkData(_Resource):
    """``…/instances/{instance}/bulkdata/{place}``: a binary value that the metadata only refer to."""

    def _answer(self, request: Request) -> Answer:
        located = self._locate(request)
        if located is None:
            return NO_INSTANCE
        with open_file(located.file) as file:
            value = read_bulk_data(file, located.file.size, request.parameters["place"])
        form = choose(read_accept(request.accept), OCTETS)
        if form == "single":
            return Answer(200, OCTETS.encode(), value)
        if form == "multipart":
            return Answer(200, *write_multipart([Part(OCTETS, value)], OCTETS))
        return _NOT_ACCEPTABLE


class Metadata(_Resource):
    """``…/metadata`` of a study, series or instance, joined from stored pieces."""

    def _answer(self, request: Request) -> Answer:
        accepted = read_accept(request.accept)
        if not any(_takes_json(item.media_type) for item in accepted):
            return refuse(406, "Metadata are sent as application/dicom+json.")
        uids = [request.parameters.get(name) for name in _PARAMETERS]
        pieces = stored_metadata(self._store.reader(), Form.DICOM_JSON, str(uids[0]), *uids[1:])
        if not pieces:
            return NO_INSTANCE
        return Answer(200, DICOM_JSON, b"[%s]" % b",".join(unpack(piece.packed) for piece in pieces))


def _takes_json(media_type: str) -> bool:
    return media_type in ("*/*", "application/*", "application/dicom+json", "application/json")


class WholeInstance(_Resource):
    """``…/instances/{instance}``: the file itself, as PS3.10 has it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; large files go out in pieces."""
        request = read_request(scope)
        located = await asyncio.get_running_loop().run_in_executor(self._threads, self._locate, request)
        if located is not None and located.file.size > _WHOLE and _form(located, request) == "single":
            await self._stream(located, send)
        else:
            await super().__call__(scope, receive, send)

    def _answer(self, request: Request) -> Answer:
        located = self._locate(request)
        if located is None:
            return NO_INSTANCE
        form = _form(located, request)
        if form is None:
            return _NOT_ACCEPTABLE
        with open_file(located.file) as file:
            data = find_missing_head(file, located) + file.read()
        content_type = _dicom_type(located)
        if form == "single":
            return Answer(200, content_type.encode(), data)
        return Answer(200, *write_multipart([Part(content_type, data)], DICOM))

    def _open(self, located: Located) -> tuple[bytes, BinaryIO]:
        file = open_file(located.file)
        try:
            return find_missing_head(file, located), file
        except BaseException:
            file.close()
            raise

    async def _stream(self, located: Located, send: Send) -> None:
        loop = asyncio.get_running_loop()
        try:
            head, file = await loop.run_in_executor(self._threads, self._open, located)
        except NOT_THERE as error:
            await send_answer(send, say_not_there(error))
            return
        with file:
            headers: Headers = (
                (b"content-type", _dicom_type(located).encode()),
                (b"content-length", str(len(head) + located.file.size).encode()),
                NO_STORE,
            )
            await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
            await send({"type": "http.response.body", "body": head, "more_body": True})
            while chunk := await loop.run_in_executor(self._threads, file.read, _CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def _form(located: Located, request: Request) -> str | None:
    syntax = located.pixels.TransferSyntaxUID
    return choose([item for item in read_accept(request.accept) if _takes(item, syntax)], DICOM)


def _dicom_type(located: Located) -> str:
    syntax = located.pixels.TransferSyntaxUID
    # A file may say anything there, but not in our headers.
    return f"{DICOM}; transfer-syntax={syntax}" if is_uid(syntax) else DICOM
