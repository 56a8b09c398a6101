"""Writes a request's body to files while it comes: what is stored may be larger than the memory."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO

from starlette.types import Receive

from ..partreader import MediaType, PartBegun, PartEnded, PartReader, TooMuch, read_media_type
from .storing import Delivery

BLOCK = 1 << 18
"""Bytes that are given on at once: few enough to lie in memory, enough to be worth a change of threads."""

BODY_LIMIT = 1 << 36
"""Bytes of one body."""

DICOM = "application/dicom"


class ClientGone(Exception):  # noqa: N818 - it is no fault of the program
    """The connection was closed before the body was whole."""


class WrongType(ValueError):  # noqa: N818 - said of a body
    """Something was sent of a media type that is not taken."""


class BodyTooLarge(ValueError):  # noqa: N818 - said of a body
    """The body has more bytes than are taken."""


async def read_blocks(receive: Receive, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield a request's body in blocks.

    Raises:
        ClientGone: it does not come to its end.
        BodyTooLarge: it has more than ``limit`` bytes.
    """
    block, size, more = bytearray(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        block += message.get("body", b"")
        more = message.get("more_body", False)
        if size + len(block) > limit:
            raise BodyTooLarge(f"The body is larger than {limit:,} bytes. Send it in several requests.")
        if len(block) >= BLOCK or not more:
            size += len(block)
            yield bytes(block)
            block.clear()


class Receiver(ABC):
    """Takes the blocks of one body."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._file: BinaryIO | None = None
        self._room = BODY_LIMIT

    def feed(self, block: bytes) -> None:
        """Take the next block.

        Raises:
            Malformed, TooMuch, WrongType: nothing of the body is to be stored.
            NoRoom, OSError: the disk does not take it.
        """
        self._delivery.check_room()
        self._feed(block)

    def finish(self) -> list[Path]:
        """Return the files that are to be stored, now that all has come, in the order in which they came.

        Raises:
            Malformed: something is missing.
        """
        self._end_file()
        return self._finish()

    def close(self) -> None:
        """Close what is open."""
        self._end_file()

    def _begin_file(self, limit: int = BODY_LIMIT) -> Path:
        """Begin a file of at most ``limit`` bytes."""
        path = self._delivery.new_file()
        self._room = limit
        self._file = path.open("wb", buffering=0)
        return path

    def _write(self, piece: bytes) -> None:
        assert self._file is not None
        self._room -= len(piece)
        if self._room < 0:
            raise TooMuch("Its metadata are too large to be read at once. Send them in several requests.")
        with memoryview(piece) as rest:
            written = 0
            while written < len(rest):
                written += self._file.write(rest[written:])

    def _end_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @abstractmethod
    def _feed(self, block: bytes) -> None: ...

    @abstractmethod
    def _finish(self) -> list[Path]: ...


class OneInstance(Receiver):
    """Of a body that is one PS3.10 file."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery)
        self._path = self._begin_file()

    def _feed(self, block: bytes) -> None:
        self._write(block)

    def _finish(self) -> list[Path]:
        return [self._path]


class Parts(Receiver):
    """Of a multipart body. Each part becomes a file."""

    def __init__(self, delivery: Delivery, media_type: MediaType) -> None:
        super().__init__(delivery)
        self._reader = PartReader(media_type.parameters.get("boundary", ""))

    def _feed(self, block: bytes) -> None:
        for event in self._reader.feed(block):
            if isinstance(event, PartBegun):
                # One that names no type has that of the whole (RFC 2387 §3.1).
                kind = read_media_type(event.headers.get("content-type", ""))
                self._begin(kind, event.headers.get("content-location", ""))
            elif isinstance(event, PartEnded):
                self._end_file()
            else:
                self._write(event)

    def _finish(self) -> list[Path]:
        self._reader.end()
        return self._choose()

    @abstractmethod
    def _begin(self, kind: MediaType, location: str) -> None: ...

    @abstractmethod
    def _choose(self) -> list[Path]: ...


class Instances(Parts):
    """Of a body whose parts are PS3.10 files."""

    def __init__(self, delivery: Delivery, media_type: MediaType) -> None:
        super().__init__(delivery, media_type)
        self._paths: list[Path] = []

    def _begin(self, kind: MediaType, _location: str) -> None:
        if kind.name not in ("", DICOM):
            raise WrongType(f"Part {len(self._paths) + 1} is no {DICOM}, as its Content-Type says.")
        self._paths.append(self._begin_file())

    def _choose(self) -> list[Path]:
        return self._paths
