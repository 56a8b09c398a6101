"""What most routes share: an answer is made in a thread, since disks and databases are slow at times."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from ..dicom.bulkdata import NoBulkData
from ..dicom.frames import NoFrame
from ..errors import NegatoscopeError
from ..pictures.files import FileGone
from .answers import NO_STORE, Headers, send_body

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
    """

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def accept(self) -> str:
        """What the client accepts."""
        return self.headers.get("accept", "")

    @property
    def place(self) -> tuple[str, str, str]:
        """Study, Series and SOP Instance UID."""
        return self.parameters["study"], self.parameters["series"], self.parameters["instance"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    content_type: bytes
    body: bytes
    headers: Headers = ()


def refuse(status: int, sentence: str) -> Answer:
    """Return an answer that says why there is none."""
    return Answer(status, TEXT, sentence.encode())


NO_INSTANCE = refuse(404, "There is no such instance in this library.")


def say_not_there(error: Exception) -> Answer:
    """Return what is answered when one of :data:`NOT_THERE` is raised."""
    if isinstance(error, OSError) and not isinstance(error, FileGone):
        # Its own words would name the file.
        return refuse(404, "The file cannot be read now. Was its disc or stick taken out?")
    return refuse(404, error.sentence if isinstance(error, NegatoscopeError) else str(error))


class Endpoint(ABC):
    """ASGI: makes an answer in a thread."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        loop = asyncio.get_running_loop()
        await send_answer(send, await loop.run_in_executor(self._threads, self._try, read_request(scope)))

    def _try(self, request: Request) -> Answer:
        try:
            return self._answer(request)
        except NOT_THERE as error:
            return say_not_there(error)

    @abstractmethod
    def _answer(self, request: Request) -> Answer: ...


def read_request(scope: Scope) -> Request:
    """Return what is asked for."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return Request(scope["path_params"], {name: values[0] for name, values in query.items()}, headers)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer at once."""
    await send_body(send, answer.status, answer.content_type, answer.body, (NO_STORE, *answer.headers))
