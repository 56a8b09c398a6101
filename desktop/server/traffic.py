"""Whether the viewer still asks for something."""

import threading
import time

from starlette.types import ASGIApp, Receive, Scope, Send


class Traffic:
    """ASGI: knows how long nothing has been asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._open = 0
        self._last = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._count(1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._count(-1)

    @property
    def quiet_seconds(self) -> float:
        """Since the last answer; 0 while one is made. For any thread."""
        with self._lock:
            return 0.0 if self._open else time.monotonic() - self._last

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
            self._last = time.monotonic()
