"""WADO-RS: frames, instances, metadata and bulk data (PS3.18 §10.4)."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from ..dicom.bulkdata import NoBulkData, read_bulk_data
from ..dicom.frames import NoFrame, is_native, unpack_bits
from ..dicom.metadata import unpack
from ..dicom.obstacles import find_obstacle
from ..dicom.uids import SEGMENTATION, is_uid
from ..errors import NegatoscopeError
from ..library.queries import Form, Located, locate, stored_metadata
from ..library.store import Store
from ..pictures.files import FileGone, open_file
from ..pictures.frames import FrameReader
from .answers import DICOM_JSON, NO_STORE, Headers, send_body
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


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    content_type: bytes
    body: bytes


def _error(status: int, sentence: str) -> Answer:
    return Answer(status, b"text/plain; charset=utf-8", sentence.encode())


_NO_INSTANCE = _error(404, "There is no such instance in this library.")
_NOT_ACCEPTABLE = _error(406, "It cannot be sent in any form that the request accepts.")


def _not_there(error: Exception) -> Answer:
    """Sticks are pulled out, and networks fail, while a file is read: that is no fault of the program."""
    if isinstance(error, OSError) and not isinstance(error, FileGone):
        return _error(404, "The file cannot be read now. Was its disc or stick taken out?")
    return _error(404, str(error))


def accept_header(scope: Scope) -> str:
    """Return the request's Accept header, in one line."""
    return ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")


class _Resource:
    """Something below an instance, or the instance itself."""

    def __init__(self, store: Store, threads: Executor) -> None:
        self._store = store
        self._threads = threads

    def _locate(self, parameters: dict[str, str]) -> Located | None:
        return locate(self._store.reader(), *(parameters[name] for name in _PARAMETERS))


class _Endpoint(_Resource, ABC):
    """ASGI: makes an answer in a thread, since disks and databases are slow at times."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        parameters = scope["path_params"]
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._answer, parameters, accept_header(scope))
        await send_body(send, answer.status, answer.content_type, answer.body)

    @abstractmethod
    def _answer(self, parameters: dict[str, str], accept: str) -> Answer: ...


class Frames(_Endpoint):
    """``…/instances/{instance}/frames/{numbers}``: stored bytes, never decoded."""

    def __init__(self, store: Store, threads: Executor, reader: FrameReader) -> None:
        super().__init__(store, threads)
        self._reader = reader

    def _answer(self, parameters: dict[str, str], accept: str) -> Answer:
        if not _FRAME_NUMBERS.fullmatch(parameters["frames"]):
            return _error(400, "Frames are asked for as numbers from 1, with commas between them.")
        located = self._locate(parameters)
        if located is None:
            return _NO_INSTANCE
        obstacle = find_obstacle(located.instance, located.pixels)
        if obstacle is not None and any(item.for_viewer for item in read_accept(accept)):
            return _error(404, obstacle)
        numbers = [int(number) for number in parameters["frames"].split(",")]
        try:
            frames = self._reader.read(located, numbers)
        except (NoFrame, NegatoscopeError, OSError) as error:
            return _not_there(error)
        syntax = frames[0].TransferSyntaxUID
        accepted = [item for item in read_accept(accept) if _takes(item, syntax)]
        if _wants_bytes(accepted, located):
            frames = [unpack_bits(frame, located.pixels) for frame in frames]
        for media_type in (OCTETS, _IMAGE_TYPES.get(syntax, OCTETS)):
            form = choose(accepted, media_type, len(frames))
            content_type = f"{media_type}; transfer-syntax={syntax}"
            if form == "single":
                return Answer(200, content_type.encode(), frames[0].data)
            if form == "multipart":
                parts = [Part(content_type, frame.data) for frame in frames]
                return Answer(200, *write_multipart(parts, media_type))
        return _NOT_ACCEPTABLE


def _wants_bytes(accepted: Sequence[Accepted], located: Located) -> bool:
    """Whether pixels of one bit are to be sent as bytes. OHIF unpacks those of segmentations itself."""
    packed = located.instance.BitsAllocated == 1 and is_native(located.pixels)
    return packed and located.instance.SOPClassUID != SEGMENTATION and any(item.for_viewer for item in accepted)


def _takes(accepted: Accepted, syntax: str) -> bool:
    return accepted.transfer_syntax in ("", "*", syntax)


class BulkData(_Endpoint):
    """``…/instances/{instance}/bulkdata/{place}``: a binary value that the metadata only refer to."""

    def _answer(self, parameters: dict[str, str], accept: str) -> Answer:
        located = self._locate(parameters)
        if located is None:
            return _NO_INSTANCE
        try:
            with open_file(located.file) as file:
                value = read_bulk_data(file, located.file.size, parameters["place"])
        except (NoBulkData, NegatoscopeError, OSError) as error:
            return _not_there(error)
        form = choose(read_accept(accept), OCTETS)
        if form == "single":
            return Answer(200, OCTETS.encode(), value)
        if form == "multipart":
            return Answer(200, *write_multipart([Part(OCTETS, value)], OCTETS))
        return _NOT_ACCEPTABLE


class Metadata(_Endpoint):
    """``…/metadata`` of a study, series or instance, joined from stored pieces."""

    def _answer(self, parameters: dict[str, str], accept: str) -> Answer:
        accepted = read_accept(accept)
        if not any(_takes_json(item.media_type) for item in accepted):
            return _error(406, "Metadata are sent as application/dicom+json.")
        uids = [parameters.get(name) for name in _PARAMETERS]
        pieces = stored_metadata(self._store.reader(), Form.DICOM_JSON, str(uids[0]), *uids[1:])
        if not pieces:
            return _NO_INSTANCE
        return Answer(200, DICOM_JSON, b"[%s]" % b",".join(unpack(piece.packed) for piece in pieces))


def _takes_json(media_type: str) -> bool:
    return media_type in ("*/*", "application/*", "application/dicom+json", "application/json")


class WholeInstance(_Resource):
    """``…/instances/{instance}``: the file itself, as PS3.10 has it."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request; large files go out in pieces."""
        loop = asyncio.get_running_loop()
        located = await loop.run_in_executor(self._threads, self._locate, scope["path_params"])
        if located is None:
            answer = _NO_INSTANCE
        else:
            syntax = located.pixels.TransferSyntaxUID
            accepted = [item for item in read_accept(accept_header(scope)) if _takes(item, syntax)]
            form = choose(accepted, DICOM)
            if form == "single" and located.file.size > _WHOLE:
                await self._stream(located, send)
                return
            answer = await loop.run_in_executor(self._threads, self._whole, located, form)
        await send_body(send, answer.status, answer.content_type, answer.body)

    def _whole(self, located: Located, form: str | None) -> Answer:
        if form is None:
            return _NOT_ACCEPTABLE
        try:
            with open_file(located.file) as file:
                data = find_missing_head(file, located) + file.read()
        except (NegatoscopeError, OSError) as error:
            return _not_there(error)
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
        except (NegatoscopeError, OSError) as error:
            answer = _not_there(error)
            await send_body(send, answer.status, answer.content_type, answer.body)
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


def _dicom_type(located: Located) -> str:
    syntax = located.pixels.TransferSyntaxUID
    # A file may say anything there, but not in our headers.
    return f"{DICOM}; transfer-syntax={syntax}" if is_uid(syntax) else DICOM
