"""HTTP as uvicorn speaks it by httptools, with a limit on what stands before a request's body.

Without one, anybody on this computer could fill the program's memory with one endless header, token or not.
"""

import logging

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)

HEAD_LIMIT = 1 << 16
"""Bytes of request line and headers together."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection. It is closed when a request's head is larger than :data:`HEAD_LIMIT`."""

    _in_head = True
    _head = 0

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with what has come."""
        if self._in_head:
            self._head += len(data)
            if self._head > HEAD_LIMIT:
                log.warning("a request's head was too large")
                self.transport.abort()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Called by the parser; another request may follow."""
        self._in_head, self._head = True, 0
        super().on_message_complete()
