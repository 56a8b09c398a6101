"""HTTP as uvicorn speaks it by httptools, with limits on size and time, and errors as the other answers are.

Without them, anybody who reaches the port could fill the program's memory with one endless header, or keep others out
with connections on which hardly anything comes, token or not.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .answers import write_error
from .fileparts import FileTransport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take.

    Attributes:
        connections: at once; more are refused.
        handshakes: connections beside these, which may be in the midst of a TLS handshake; others are closed.
        handshake_seconds: how long a TLS handshake may take.
        head: bytes of request line and headers together.
        unread: bytes of a body that are thrown away, where nobody wants it.
        head_seconds: from the first byte of a request to the end of its head.
        stall_seconds: how long a body may come, or an answer go, more slowly than ``rate``.
        rate: bytes a second.
    """

    connections: int = 400
    handshakes: int = 250
    handshake_seconds: float = 10.0
    head: int = 1 << 16
    unread: int = 1 << 20
    head_seconds: float = 30.0
    stall_seconds: float = 60.0
    rate: int = 256


class LimitedProtocol(HttpToolsProtocol):
    """One connection. It is answered and closed when it goes beyond :attr:`limits`."""

    limits: ClassVar[Limits] = Limits()

    _in_head = True
    _has_begun = False
    _is_closed = False
    _head = 0
    _unread = 0
    _received = 0
    _beside = 0
    _ended = 0
    _body = 0
    _unsent = 0
    _body_since = 0.0
    _has_drained = False
    _was_paused = False
    _waiting: asyncio.TimerHandle | None = None
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        super().connection_made(FileTransport(transport))  # type: ignore[arg-type]
        self._await_head()
        self._watch = self.loop.call_later(self.limits.stall_seconds, self._look)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "Too many connections are open. Ask again in a moment.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        for timer in (self._waiting, self._watch):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with what has come."""
        if self._is_closed:
            return
        self._received += len(data)
        # What ends a body is no head, though the next thing to come is one.
        was_in_head, ended = self._has_begun and self._in_head, self._ended
        super().data_received(data)
        if was_in_head and self._in_head and ended == self._ended:
            self._check_head(len(data))
        elif not self._in_head:
            self._check_beside(len(data))
        self._await_next()

    def on_message_begin(self) -> None:
        """Called by the parser with the first byte of a request."""
        self._has_begun = True
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._head = 0
        self._check_head(len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers))
        self._in_head, self._unread, self._body_since = False, 0, self.loop.time()
        self._beside = self._body = 0
        if self._waiting is not None:
            self._waiting.cancel()
        if not self._is_closed:
            super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; after a body too, where nobody reads any."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Called by the parser with a part of the body."""
        if self._is_closed:
            return
        self._body += len(body)
        super().on_body(body)
        if self.cycle.response_complete:
            self._unread += len(body)
            if self._unread > self.limits.unread:
                self._cut("a body that nobody wanted did not end")

    def on_message_complete(self) -> None:
        """Called by the parser; another request may follow."""
        self._in_head, self._has_begun, self._head = True, False, 0
        self._ended += 1
        if not self._is_closed:
            super().on_message_complete()

    def resume_writing(self) -> None:
        """Called by asyncio when much of what was to be sent is."""
        self._has_drained = True
        super().resume_writing()

    def send_400_response(self, _msg: str) -> None:
        """Called when the parser understands nothing."""
        if not self._is_closed:
            self._refuse(400, "That is no HTTP request.")

    def _check_head(self, more: int) -> None:
        self._head += more
        if self._head > self.limits.head and not self._is_closed:
            self._refuse(431, "The head of the request is too large.")

    def _check_beside(self, more: int) -> None:
        """Count what comes with a body and is none: sizes of its chunks, and headers after it."""
        self._beside += more
        if self._beside - self._body > self._body + 2 * self.limits.head and not self._is_closed:
            self._cut("more came beside a body than the body")

    def _await_next(self) -> None:
        """See that an idle connection ends, also where a few bytes have come that begin no request."""
        is_idle = self._in_head and not self._has_begun and (self.cycle is None or self.cycle.response_complete)
        is_watched = self.timeout_keep_alive_task is not None or not (
            self._waiting is None or self._waiting.cancelled()
        )
        if is_idle and not is_watched and not self._is_closed:
            self._await_head()

    def _await_head(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _give_up(self) -> None:
        if not self._has_begun:
            # Browsers open connections before they need them.
            self.transport.close()
        else:
            self._refuse(408, "The request did not come in time.")

    def _look(self) -> None:
        """See whether enough has moved since the last look. The end of a connection may wait for its reader."""
        now, enough = self.loop.time(), self.limits.rate * self.limits.stall_seconds
        unsent = count_unsent(self.transport)
        is_stuck = unsent > 0 and not self._has_drained and 0 < self._unsent < unsent + enough
        is_body_due = not self._in_head and not self.flow.read_paused and not self._was_paused
        is_late = is_body_due and now - self._body_since >= self.limits.stall_seconds and self._received < enough
        self._received, self._unsent = 0, unsent
        self._has_drained, self._was_paused = False, self.flow.read_paused
        if is_stuck:
            self._cut("an answer was not read")
        elif is_late and not self._is_closed:
            self._refuse(408, "The request did not come in time.")
        self._watch = self.loop.call_later(self.limits.stall_seconds, self._look)

    def _refuse(self, status: int, sentence: str) -> None:
        self._is_closed = True
        log.warning("a connection was closed: %s", sentence)
        # In the midst of an answer, or with another one due before, nothing can be said.
        is_due = self.cycle is not None and not self.cycle.response_complete
        if not is_due or not (self._in_head or self.cycle.response_started):
            self.transport.write(write_error(status, sentence))
        self.transport.close()

    def _cut(self, why: str) -> None:
        self._is_closed = True
        log.warning("a connection was cut: %s", why)
        self.transport.abort()


def count_unsent(transport: Any) -> int:
    """Return how many bytes wait to be sent."""
    # What is encrypted already waits below, where asyncio has no name for it.
    below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    return sum(one.get_write_buffer_size() for one in (transport, below) if one is not None)


def limited(limits: Limits) -> type[LimitedProtocol]:
    """Return the protocol with other limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})
