"""Keeps apart what makes copies in the library and what takes them away.

A copy's name is its content. Whoever makes one that is there already relies on it, and nobody may take it away before
the library tells of it again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InputError


class Gate:
    """Many may make copies at once; or one takes some away."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._making = 0
        self._is_held = False

    @contextmanager
    def making(self) -> Iterator[None]:
        """Make copies in the ``with`` block; it begins when nobody takes any away."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_held)
            self._making += 1
        try:
            yield
        finally:
            with self._changed:
                self._making -= 1
                self._changed.notify_all()

    @contextmanager
    def removing(self, seconds: float = 5.0) -> Iterator[None]:
        """Take copies away in the ``with`` block, in which nobody makes any.

        Who waits for that keeps nobody from making copies meanwhile.

        Args:
            seconds: how long to wait for those who do.

        Raises:
            InputError: there was no moment without any.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._is_held and not self._making, seconds):
                raise InputError(_BUSY)
            self._is_held = True
        try:
            yield
        finally:
            with self._changed:
                self._is_held = False
                self._changed.notify_all()


_BUSY = (
    "Files are being copied into the library just now, or that is paused. Nothing was deleted. Try again when it has "
    "ended."
)
