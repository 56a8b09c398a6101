"""The DICOMweb routes that change the library: StoreInstances (PS3.18 §10.5), and Delete (as others have it)."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import TypeVar

from starlette.types import Receive, Scope, Send

from ..errors import InputError
from ..partreader import Malformed, TooMuch, read_media_type
from .answers import DICOM_JSON, NO_STORE
from .endpoints import Answer, refuse, send_answer
from .guard import root_of
from .jsonstoring import Metadata, MetadataAndBulk
from .receiving import (
    BODY_LIMIT,
    DICOM,
    BodyTooLarge,
    ClientGone,
    Instances,
    OneInstance,
    Receiver,
    WrongType,
    read_blocks,
)
from .storeanswer import make_store_answer
from .storing import Delivery, NoRoom, NothingThere, NotTheOwner, Storing, Wish

MADE_HERE = "x-saved-by-viewer"
"""The header by which our extension of OHIF says that it saves what was made in the viewer of this program."""

_TYPES = (
    "Instances are stored as multipart/related; type=application/dicom or application/dicom+json, or one of them as "
    "application/dicom."
)
_HANG_UP = (b"connection", b"close")

Result = TypeVar("Result")


class StoreInstances:
    """ASGI: ``POST /dicom-web/studies`` and ``/dicom-web/studies/{study}``.

    What has come is written to files at once. Only when the body is whole and well-formed, any of it is stored.
    """

    def __init__(self, storing: Storing, threads: Executor) -> None:
        self._storing = storing
        self._threads = threads
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            answer = await self._store(scope, headers, receive)
        except ClientGone:
            return
        except InputError as error:
            answer = _explain(error)
        except (BodyTooLarge, TooMuch) as error:
            answer = refuse(413, str(error), (_HANG_UP,))
        except WrongType as error:
            answer = refuse(415, str(error))
        except Malformed as error:
            answer = refuse(400, f"{error} Nothing was stored.")
        await send_answer(send, answer)

    async def _store(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Answer:
        make_receiver = _choose_receiver(headers)
        size = int(headers.get("content-length", "0"))
        if size > BODY_LIMIT:
            raise BodyTooLarge(f"The body is larger than {BODY_LIMIT:,} bytes. Send it in several requests.")
        wish = Wish(scope["path_params"].get("study", ""), headers.get(MADE_HERE) == "1")
        delivery = await self._run(lambda: self._storing.begin(size))
        try:
            files = await self._receive(delivery, make_receiver, receive)
            if not files:
                raise Malformed("It has no parts.")
            # Whoever hangs up meanwhile does not stop it.
            taking = await self._run(lambda: delivery.take(files, wish))
            stored = await asyncio.shield(asyncio.wrap_future(taking))
        finally:
            await self._run(delivery.close)
        return make_store_answer(stored, root_of(scope), headers.get("accept", ""))

    async def _receive(
        self, delivery: Delivery, make_receiver: Callable[[Delivery], Receiver], receive: Receive
    ) -> list[Path]:
        receiver = await self._run(lambda: make_receiver(delivery))
        try:
            async with aclosing(read_blocks(receive, BODY_LIMIT)) as blocks:
                async for block in blocks:
                    await self._run(lambda block=block: receiver.feed(block))  # type: ignore[misc]
            # Files are made of JSON one after another; whoever waits for that is not to keep a thread.
            of_json = isinstance(receiver, Metadata | MetadataAndBulk)
            async with self._one_at_a_time if of_json else nullcontext():
                return await self._run(receiver.finish)
        finally:
            await self._run(receiver.close)

    async def _run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


class DeleteInstances:
    """ASGI: ``DELETE`` of a study, series or instance."""

    def __init__(self, storing: Storing, threads: Executor) -> None:
        self._storing = storing
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        study, series, instance = (scope["path_params"].get(name) for name in ("study", "series", "instance"))
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._storing.delete, study, series, instance)
        except InputError as error:
            await send_answer(send, _explain(error))
        else:
            await send({"type": "http.response.start", "status": 204, "headers": [NO_STORE]})
            await send({"type": "http.response.body"})


def _choose_receiver(headers: Mapping[str, str]) -> Callable[[Delivery], Receiver]:
    """Return who takes a body of this type.

    Raises:
        WrongType: nobody.
        Malformed: it says nothing of its type.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise WrongType("Bodies are not taken compressed. Send it without Content-Encoding.")
    media_type = read_media_type(headers.get("content-type", ""))
    if media_type.name == DICOM:
        return OneInstance
    if media_type.name == DICOM_JSON.decode():
        return Metadata
    if media_type.name == "multipart/related":
        kind = media_type.parameters.get("type", DICOM).lower()
        if kind == DICOM:
            return lambda delivery: Instances(delivery, media_type)
        if kind == DICOM_JSON.decode():
            return lambda delivery: MetadataAndBulk(delivery, media_type)
    raise WrongType(_TYPES)


def _explain(error: InputError) -> Answer:
    if isinstance(error, NotTheOwner):
        return refuse(503, error.sentence)
    if isinstance(error, NoRoom):
        return refuse(507, error.sentence, (_HANG_UP,))
    if isinstance(error, NothingThere):
        return refuse(404, error.sentence)
    return refuse(409, error.sentence)
