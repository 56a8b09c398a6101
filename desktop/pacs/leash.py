"""Ends a conversation with another node from outside: when somebody stops it, or when the node is silent for too long.

pynetdicom waits for a message as long as its timeout says, but for the rest of a PDU without an end, and it does not
come back where a peer sends a byte now and then. What ends it in every case is to cut the connection.
"""

import threading
import time
from collections.abc import Callable

from ..errors import PeerError
from .failures import explain_cancel, explain_silence
from .nodes import Node

_CANCEL_SECONDS = 2.0


class Leash:
    """Held by whoever asks a node; the conversation says what is to be cut, and when the node said something."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._cut: Callable[[], None] | None = None
        self._error: PeerError | None = None
        self._cancelled = threading.Event()
        # To open a connection and to secure it have times of their own, which say more of what went wrong.
        self._until = time.monotonic() + 3 * node.timeouts.connect

    def hold(self, cut: Callable[[], None] | None) -> None:
        """Say what is to be called to cut the connection; None when it is closed.

        Raises:
            PeerError: it is over already.
        """
        with self._lock:
            self._cut = cut
        if cut is not None:
            self.check()

    def give(self, seconds: float) -> None:
        """Give the node time from now on: it said something that makes sense, or is asked something.

        When somebody asked to stop, it gets no more than it has.
        """
        until = time.monotonic() + seconds
        self._until = min(self._until, until) if self.is_cancelled else until

    def check(self) -> None:
        """Go on, if the conversation is not over.

        Raises:
            PeerError: it was stopped, or the node was silent for too long.
        """
        if self._error is not None:
            raise self._error

    @property
    def error(self) -> PeerError | None:
        """Why it was ended from outside, if it was."""
        return self._error

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop. The conversation ends in good order, if it can."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask to stop: in good order, if the node answers in time."""
        self._cancelled.set()
        self.give(_CANCEL_SECONDS)

    def check_cancelled(self) -> None:
        """Go on, if nobody asked to stop.

        Raises:
            PeerError: somebody did.
        """
        if self.is_cancelled:
            raise explain_cancel(self._node)

    @property
    def is_overdue(self) -> bool:
        """Whether the node has been silent for too long."""
        return time.monotonic() > self._until

    def end(self) -> None:
        """Cut the connection, now."""
        with self._lock:
            if self._error is None:
                self._error = explain_cancel(self._node) if self.is_cancelled else explain_silence(self._node)
            cut = self._cut
        if cut is not None:
            cut()
