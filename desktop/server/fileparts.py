"""Bytes of files that go to the socket without a detour through this program: the system sends what it has in memory.

uvicorn hands an answer's body to asyncio's transport; :class:`FileTransport` stands between the two.
"""

import errno
import os
import ssl
import sys
from asyncio import Transport
from typing import Any

_SENDS = sys.platform == "linux"
"""Elsewhere, sendfile has other ways."""


_OTHERWISE = (errno.EAGAIN, errno.EINTR, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


class FilePart:
    """A part of an open file, as the body of an answer. It closes the file when nobody has it any more.

    Args:
        number: the file's descriptor.
        offset, length: of the part, in bytes.
    """

    __slots__ = ("_length", "_number", "_offset")

    def __init__(self, number: int, offset: int, length: int) -> None:
        self._number = number
        self._offset = offset
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __del__(self) -> None:
        os.close(self._number)

    def send(self, socket: int) -> int:
        """Send what a socket takes at once; return how many bytes that were.

        Raises:
            OSError: the connection has ended.
        """
        try:
            return os.sendfile(socket, self._number, self._offset, self._length)
        except OSError as error:
            # It is full, or the file system has no such way; then the bytes are read here.
            if error.errno in _OTHERWISE:
                return 0
            raise

    def read(self, start: int = 0) -> bytes:
        """Return the bytes from ``start`` on; fewer, if the file has become shorter."""
        return os.pread(self._number, self._length - start, self._offset + start)


class FileTransport:
    """A transport that takes parts of files, too."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        line = transport.get_extra_info("socket")
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._socket = line.fileno() if _SENDS and line is not None and tls is None else -1

    def write(self, data: "bytes | memoryview | FilePart") -> None:
        """Send bytes, or a part of a file."""
        if type(data) is FilePart:
            self._write_part(data)
        else:
            self._transport.write(data)  # type: ignore[arg-type]

    def _write_part(self, part: FilePart) -> None:
        transport, sent = self._transport, 0
        try:
            # What waits to be sent goes first.
            if self._socket >= 0 and not transport.get_write_buffer_size() and not transport.is_closing():
                sent = part.send(self._socket)
            rest = part.read(sent) if sent < len(part) else b""
        except OSError:
            transport.abort()
            return
        if sent + len(rest) < len(part):
            # The file has become shorter: the client must not take that for all.
            transport.abort()
        elif rest:
            transport.write(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
