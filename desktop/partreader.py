"""Reads a multipart body as it comes: what is whole is given away at once, and nothing is kept (RFC 2046 §5.1.1).

Pure: bytes in, events out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

PART_LIMIT = 10_000
"""Parts of one body."""

HEAD_LIMIT = 1 << 14
"""Bytes of one part's headers."""

# The standard (RFC 2046 §5.1.1) has 70 letters at most; other programs write longer ones.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,199}[0-9A-Za-z'()+_,./:=?-]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Malformed(ValueError):  # noqa: N818 - said of a body
    """The body is no multipart."""


class TooMuch(ValueError):  # noqa: N818 - said of a body
    """The body has more parts, or longer headers, than are taken."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """The value of a Content-Type header.

    Attributes:
        name: lower-case, such as ``multipart/related``; empty if there is none.
        parameters: by lower-case name, without quotes.
    """

    name: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A part begins. ``headers`` are by lower-case name."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartEnded:
    """A part is whole."""


Event = PartBegun | bytes | PartEnded
"""Bytes are a piece of the part that has begun."""


def read_media_type(header: str) -> MediaType:
    """Read a Content-Type header (RFC 9110 §8.3.1).

    Raises:
        Malformed: it is none.
    """
    message = Message()
    message["content-type"] = header.replace("\r", " ").replace("\n", " ")
    try:
        (name, _), *parameters = message.get_params([("", "")])
    except (TypeError, ValueError) as error:
        raise Malformed("A Content-Type header is none.") from error
    return MediaType(name.strip().lower(), {key.lower(): str(value) for key, value in parameters})


class PartReader:
    """Reads one body.

    Args:
        boundary: as the Content-Type names it.
        limit: how many parts are taken.

    Raises:
        Malformed: that is no boundary.
    """

    def __init__(self, boundary: str, limit: int = PART_LIMIT) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise Malformed("Its boundary is missing, or is none.")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first delimiter may stand at the very beginning.
        self._buffer = bytearray(b"\r\n")
        self._step = self._skip_preamble
        self._parts = 0
        self._limit = limit
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take what has come, and give away what is known of it.

        Raises:
            Malformed: it is no multipart.
            TooMuch: it has too many parts, or too long headers.
        """
        self._buffer += data
        while True:
            before = self._step
            yield from before()
            if self._step == before:
                return

    @property
    def is_over(self) -> bool:
        """Whether the last boundary has come."""
        return self._is_over

    def end(self) -> None:
        """Take note that nothing more comes.

        Raises:
            Malformed: the last delimiter is missing: the body was cut.
        """
        if not self._is_over:
            raise Malformed("It ends before its last boundary.")

    def _skip_preamble(self) -> Iterator[Event]:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            self._cut(len(self._buffer) - len(self._delimiter) + 1)
        else:
            self._cut(at + len(self._delimiter))
            self._step = self._read_delimiter
        yield from ()

    def _read_delimiter(self) -> Iterator[Event]:
        """Read what stands behind a boundary: an end of line, or two hyphens behind the last one."""
        if len(self._buffer) < 2:
            return
        if self._buffer.startswith(b"--"):
            self._is_over = True
            self._step = self._skip_epilogue
            return
        line, found, _ = bytes(self._buffer[: HEAD_LIMIT + 2]).partition(b"\r\n")
        padding = line if found else line.removesuffix(b"\r")
        if padding.strip(b" \t") or len(line) > HEAD_LIMIT:
            raise Malformed("Something stands behind a boundary.")
        if found:
            # The end of this line may be the one before the empty line, where a part has no headers.
            self._cut(len(line))
            self._step = self._read_head
        yield from ()

    def _read_head(self) -> Iterator[Event]:
        at = self._buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT + 4)
        if at < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise TooMuch(f"The headers of a part are longer than {HEAD_LIMIT:,} bytes.")
            return
        self._parts += 1
        if self._parts > self._limit:
            raise TooMuch(f"It has more than {self._limit:,} parts. Send them in several requests.")
        headers = _read_headers(bytes(self._buffer[:at]))
        self._cut(at + 4)
        self._step = self._read_content
        yield PartBegun(headers)

    def _read_content(self) -> Iterator[Event]:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            # Its end may be the beginning of a delimiter.
            sure = len(self._buffer) - len(self._delimiter) + 1
            if sure > 0:
                yield self._take(sure)
            return
        if at:
            yield self._take(at)
        self._cut(len(self._delimiter))
        self._step = self._read_delimiter
        yield PartEnded()

    def _skip_epilogue(self) -> Iterator[Event]:
        self._buffer.clear()
        yield from ()

    def _take(self, count: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
        self._cut(count)
        return taken

    def _cut(self, count: int) -> None:
        if count > 0:
            del self._buffer[:count]


def _read_headers(head: bytes) -> dict[str, str]:
    # A line that begins with a blank goes on with the one before.
    text = re.sub(r"\r\n[ \t]+", " ", head.decode("latin-1"))
    headers: dict[str, str] = {}
    for line in filter(None, text.split("\r\n")):
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise Malformed("A part has a header that is none.")
        if name.lower() in headers:
            raise Malformed("A part has a header twice.")
        headers[name.lower()] = value.strip()
    return headers
