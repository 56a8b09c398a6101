"""What most routes share: an answer is made in a thread, since disks and databases are slow at times."""

import asyncio
import contextlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from ..dicom.bulkdata import NoBulkData
from ..dicom.frames import NoFrame
from ..errors import NegatoscopeError
from ..pictures.files import FileGone
from .answers import NO_STORE, Headers, send_body
from .fileparts import FilePart
from .guard import base_of

_FRAME_NUMBERS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")

log = logging.getLogger(__name__)

TEXT = b"text/plain; charset=utf-8"

NOT_THERE = (NoFrame, NoBulkData, NegatoscopeError, OSError)
"""Sticks are pulled out, and files are damaged: that is no fault of the program."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        parameters: of the path.
        query: after the question mark; of each name the first.
        headers: by lower-case name; several of one name in one line.
        path: of the address, below ``base``.
        base: the path that addresses of this server begin with; empty for the root.
    """

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    path: str = ""
    base: str = ""

    @property
    def accept(self) -> str:
        """What the client accepts; the query's parameter of that name goes first (PS3.18 §8.3.3.1)."""
        return self.query.get("accept") or self.headers.get("accept", "")

    @property
    def range(self) -> str:
        """The Range header."""
        return self.headers.get("range", "")

    @property
    def place(self) -> tuple[str, str, str]:
        """Study, Series and SOP Instance UID."""
        return self.parameters["study"], self.parameters["series"], self.parameters["instance"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    content_type: bytes
    body: bytes | memoryview
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file as it is stored, sent without being read here."""

    content_type: bytes
    part: FilePart


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is made while it is sent.

    Attributes:
        pieces: the body. What it raises before its first piece is answered as if there were no stream; after that, the
            connection is ended, and the client knows that it has not all of it.
        length: bytes of the body; None if nobody knows.
    """

    status: int
    content_type: bytes
    pieces: Iterator[bytes]
    length: int | None
    headers: Headers = ()


def refuse(status: int, sentence: str, headers: Headers = ()) -> Answer:
    """Return an answer that says why there is none."""
    return Answer(status, TEXT, sentence.encode(), headers)


NO_INSTANCE = refuse(404, "There is no such instance in this library.")


NO_FRAME_NUMBERS = refuse(400, "Frames are asked for as numbers from 1, with commas between them.")


def say_not_there(error: Exception) -> Answer:
    """Return what is answered when one of :data:`NOT_THERE` is raised."""
    if isinstance(error, OSError) and not isinstance(error, FileGone):
        # Its own words would name the file.
        return refuse(404, "The file cannot be read now. Was its disc or stick taken out?")
    return refuse(404, error.sentence if isinstance(error, NegatoscopeError) else str(error))


def read_frame_numbers(text: str) -> list[int] | None:
    """Return the frames of ``1,3,5``; None if these are no numbers."""
    return [int(number) for number in text.split(",")] if _FRAME_NUMBERS.fullmatch(text) else None


class Endpoint(ABC):
    """ASGI: makes an answer in a thread."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = read_request(scope)
        at_once = self._answer_now(request)
        if isinstance(at_once, FileAnswer):
            await send_body(send, 200, at_once.content_type, at_once.part)
            return
        if at_once is not None:
            await send_answer(send, at_once)
            return
        made = await asyncio.get_running_loop().run_in_executor(self._threads, self._try, request)
        if isinstance(made, Answer):
            await send_answer(send, made)
        else:
            await self._send_stream(scope, receive, send, *made)

    def _answer_now(self, _request: Request) -> Answer | FileAnswer | None:
        """Return an answer if it can be made in the server's own thread, without waiting for anything."""
        return None

    def _try(self, request: Request) -> "Answer | tuple[Stream, bytes]":
        """Return an answer, or a stream and its first piece."""
        try:
            made = self._answer(request)
            return made if isinstance(made, Answer) else (made, next(made.pieces, b""))
        except NOT_THERE as error:
            return say_not_there(error)

    @abstractmethod
    def _answer(self, request: Request) -> Answer | Stream: ...

    async def _send_stream(self, scope: Scope, receive: Receive, send: Send, stream: Stream, first: bytes) -> None:
        loop = asyncio.get_running_loop()
        length = () if stream.length is None else ((b"content-length", b"%d" % stream.length),)
        headers = [(b"content-type", stream.content_type), *length, NO_STORE, *stream.headers]
        await send({"type": "http.response.start", "status": stream.status, "headers": headers})
        # What nobody reads any more is not read from the disk either.
        gone = asyncio.create_task(_wait_for_end(receive))
        piece: bytes | None = None if scope["method"] == "HEAD" else first
        try:
            while piece is not None and not gone.done():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await loop.run_in_executor(self._threads, next, stream.pieces, None)
            await send({"type": "http.response.body", "body": b""})
        except NOT_THERE:
            # The answer is left unfinished: the connection is closed, and the client knows.
            log.warning("an answer was broken off: a file could not be read to its end")
        finally:
            gone.cancel()
            with contextlib.suppress(RuntimeError):  # the server ends
                await loop.run_in_executor(self._threads, _close, stream.pieces)


def _close(pieces: Iterator[bytes]) -> None:
    """Have open files closed; a thread may just be reading one, which closes it then."""
    if isinstance(pieces, Generator):
        with contextlib.suppress(ValueError):
            pieces.close()


async def _wait_for_end(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def read_request(scope: Scope) -> Request:
    """Return what is asked for."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    text = scope["query_string"].decode("latin-1")
    query = {name: values[0] for name, values in parse_qs(text).items()} if text else {}
    return Request(scope["path_params"], query, headers, scope["path"], base_of(scope))


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer at once."""
    await send_body(send, answer.status, answer.content_type, answer.body, (NO_STORE, *answer.headers))
