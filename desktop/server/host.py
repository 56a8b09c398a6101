"""The socket and the thread in which the server runs; how it starts and stops."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ..errors import SetupError
from ..sites import LOOPBACK
from .protocol import Limits, limited

log = logging.getLogger(__name__)

_START_SECONDS = 10.0
_GRACE_SECONDS = 0.5
_STOP_SECONDS = 4.0
_NEIGHBOURS = 20
_BACKLOG = 1024


class Listener(socket.socket):
    """A listening socket that keeps at most :attr:`most` connections open of which nobody else knows.

    These are in the midst of a TLS handshake. (On Windows, asyncio takes connections another way, and the time that a
    handshake may take is the only limit.)

    Attributes:
        count_known: returns how many connections others know of.
    """

    most = 1 << 16

    def __init__(self, family: socket.AddressFamily) -> None:
        # The protocol must be named: else asyncio leaves Nagle's algorithm on, which costs 40 ms a request.
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._open: list[socket.socket] = []
        self.count_known: Callable[[], int] = lambda: 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Called by asyncio.

        Raises:
            ConnectionAbortedError: there are too many. asyncio goes on.
        """
        connection, address = super().accept()
        if len(self._open) >= self.most:
            self._open = [one for one in self._open if one.fileno() != -1]
        if len(self._open) - self.count_known() >= self.most:
            connection.close()
            raise ConnectionAbortedError
        self._open.append(connection)
        return connection, address


def open_socket(port: int, address: str = LOOPBACK) -> Listener:
    """Listen on an address of this computer: at ``port``, or the next free one above it, or any (also for 0).

    Raises:
        SetupError: it cannot be had.
    """
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    candidates = [] if port == 0 else [number for number in range(port, port + _NEIGHBOURS) if number < 65536]
    for candidate in [*candidates, 0]:
        listener = Listener(family)
        try:
            if sys.platform == "win32":
                # Else another user's program could listen at the same port, and get what is for this one.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                # This lets a port be used again at once; on Windows it would let two servers share one.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, candidate))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
        else:
            return listener
    if address == LOOPBACK:
        raise SetupError("No port of this computer could be opened for the local server.")
    raise SetupError(f"No port could be opened at {address}. Is it an address of this computer?")


class ServerHost:
    """Runs an ASGI application in a thread of its own.

    Args:
        port: as of :func:`open_socket`.
        address: as of :func:`open_socket`.
        tls: for HTTPS; None for HTTP.
        limits: what one connection may take.

    Raises:
        SetupError: no port could be opened, or the server did not start.
    """

    def __init__(
        self,
        app: ASGIApp,
        port: int = 0,
        *,
        address: str = LOOPBACK,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits = limits or Limits()
        self._socket = open_socket(port, address)
        if tls is not None:
            self._socket.most = limits.handshakes
        self._address = address
        self._tls = tls
        self.port: int = self._socket.getsockname()[1]
        self._error: BaseException | None = None
        config = uvicorn.Config(
            app,
            http=limited(limits),
            ssl_context_factory=(lambda _config, _make: tls) if tls else None,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Else anybody on this computer could say that a request came by HTTPS.
            proxy_headers=False,
            date_header=False,
            timeout_keep_alive=75,
            backlog=_BACKLOG,
        )
        # Addresses hold what was searched for, names of patients too, and keys for browsers.
        logging.getLogger("uvicorn.access").disabled = True
        self._server = uvicorn.Server(config)
        self._socket.count_known = lambda: len(self._server.server_state.connections)
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._thread.start()
        self._wait()

    @property
    def origin(self) -> str:
        """The address, without a path."""
        number = ipaddress.ip_address(self._address)
        name = f"[{number}]" if number.version == 6 else str(number)
        # Of all addresses of this computer, one is known.
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{'localhost' if number.is_unspecified else name}:{self.port}"

    def close(self) -> None:
        """Stop answering; whoever still reads an answer is given a moment. May be called twice."""
        self._server.should_exit = True
        self._thread.join(_GRACE_SECONDS)
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._hang_up)
            self._thread.join(_STOP_SECONDS)
        self._socket.close()
        if self._thread.is_alive():
            log.error("the server did not stop")

    def _hang_up(self) -> None:
        """End all connections, and wait for no answer: uvicorn would leave those open whose other end does not read."""
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()
        self._server.force_exit = True

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        if self._tls is not None:
            # uvicorn leaves it at a minute.
            create = partial(loop.create_server, ssl_handshake_timeout=self._limits.handshake_seconds)
            loop.create_server = create  # type: ignore[method-assign]
        return loop

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def _run(self) -> None:
        try:
            # Not uvicorn's run(): it would choose another event loop where one is installed.
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                runner.run(self._serve())
        except (Exception, SystemExit) as error:
            # uvicorn ends the thread by sys.exit when it cannot start, which Python says nothing of.
            self._error = error
            log.exception("the server ended")

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                with contextlib.suppress(OSError):
                    self._socket.close()
                raise SetupError("The local server did not start. The log says why.") from self._error
            time.sleep(0.005)
