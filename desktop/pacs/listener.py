"""The Storage SCP: listens on a port, and hears several peers at once, each in a thread of its own."""

import contextlib
import logging
import selectors
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..callers import Callers
from ..errors import InputError
from .association import Association, Limits
from .intake import Intake

log = logging.getLogger(__name__)

_BACKLOG = 128
_MAX_WAITING = 32
"""Connections without an association. Of more than these, the oldest is dropped."""
_TROUBLE_SECONDS = 0.2
_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Listening:
    """How to listen.

    Attributes:
        aet: our AE title; who calls another one is rejected.
        address: of this computer, at which to listen.
        port: 0 for any.
        associations: at most so many at once; from one address, half of them.
        tls: None for none.
    """

    aet: str
    address: str = "127.0.0.1"
    port: int = 0
    callers: Callers = field(default_factory=Callers)
    associations: int = 32
    tls: ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)


def make_tls(certificate: Path, authorities: Path | None = None) -> ssl.SSLContext:
    """Return how TLS is spoken (PS3.15 annex B).

    Args:
        certificate: a PEM file with our certificate, those up to its authority, and its key.
        authorities: a PEM file with the authorities of those who may call; None lets any call.

    Raises:
        InputError: one of them cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = certificate
    try:
        context.load_cert_chain(certificate, password=_refuse_password)
        if authorities is not None:
            file = authorities
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authorities)
    except (OSError, ValueError) as error:
        reason = "it is none, or its key is not in it" if isinstance(error, ssl.SSLError) else str(error)
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or reason
        raise InputError(f"The certificate {file} cannot be used: {reason}. Name another PEM file.") from error
    return context


def _refuse_password() -> str:
    # Without it, OpenSSL would ask at the terminal.
    raise ValueError("its key has a password")


class Seats:
    """Who has an association. No single address may take all."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, address: str) -> bool:
        """Take one; return whether there was one."""
        with self._lock:
            if self._taken.total() >= self._count or self._taken[address] >= (self._count + 1) // 2:
                return False
            self._taken[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Give one back."""
        with self._lock:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]


class Listener:
    """Listens until it is closed.

    Raises:
        InputError: the port cannot be opened.
    """

    def __init__(self, listening: Listening, intake: Intake) -> None:
        self._listening = listening
        self._intake = intake
        self._socket = _open_socket(listening)
        self.port: int = self._socket.getsockname()[1]
        self._seats = Seats(listening.associations)
        self._lock = threading.Lock()
        self._waiting: dict[socket.socket, None] = {}
        self._threads: dict[threading.Thread, socket.socket] = {}
        self._wake, self._woken = socket.socketpair()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="pacs listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all associations, and stop. What is not whole by now is not kept. May be called twice."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._wake.send(b"\0")
        self._thread.join(_STOP_SECONDS)
        self._socket.close()
        with self._lock:
            threads = dict(self._threads)
        for connection in threads.values():
            _hang_up(connection)
        end = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0))
        self._wake.close()
        self._woken.close()

    def _listen(self) -> None:
        self._socket.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stop.is_set():
                selector.select()
                if self._stop.is_set():
                    return
                try:
                    connection, place = self._socket.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    # Too many files are open, or whoever called is gone again.
                    time.sleep(_TROUBLE_SECONDS)
                    continue
                self._begin(connection, str(place[0]))

    def _begin(self, connection: socket.socket, address: str) -> None:
        tls = self._listening.tls
        try:
            if not self._listening.callers.may_connect(address):
                raise PermissionError
            # The handshake comes later, in its own thread.
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        except OSError:
            connection.close()
            return
        thread = threading.Thread(target=self._hear, args=(connection, address), name="pacs association", daemon=True)
        with self._lock:
            has_place = len(self._threads) < 2 * _MAX_WAITING + self._listening.associations
            if has_place:
                if len(self._waiting) >= _MAX_WAITING:
                    oldest = next(iter(self._waiting))
                    del self._waiting[oldest]
                    _hang_up(oldest)
                self._waiting[connection] = None
                self._threads[thread] = connection
        try:
            if has_place:
                thread.start()
                return
        except RuntimeError:
            log.warning("no thread could be started for an association")
        self._forget(thread, connection)
        connection.close()

    def _hear(self, connection: socket.socket, address: str) -> None:
        seated: list[str] = []

        def admit() -> bool:
            if not self._seats.take(address):
                return False
            seated.append(address)
            with self._lock:
                self._waiting.pop(connection, None)
            return True

        try:
            self._run(connection, address, admit)
        finally:
            for place in seated:
                self._seats.leave(place)
            self._forget(threading.current_thread(), connection)
            connection.close()

    def _run(self, connection: socket.socket, address: str, admit: Callable[[], bool]) -> None:
        listening = self._listening
        connection.settimeout(listening.limits.association)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if isinstance(connection, ssl.SSLSocket):
            try:
                connection.do_handshake()
            except (OSError, ValueError):
                log.info("a handshake of TLS failed")
                return
        Association(connection, address, listening.aet, listening.callers, self._intake, admit, listening.limits).run()

    def _forget(self, thread: threading.Thread, connection: socket.socket) -> None:
        with self._lock:
            self._waiting.pop(connection, None)
            self._threads.pop(thread, None)


def _open_socket(listening: Listening) -> socket.socket:
    is_six = ":" in listening.address
    try:
        return socket.create_server(
            (listening.address, listening.port),
            family=socket.AF_INET6 if is_six else socket.AF_INET,
            backlog=_BACKLOG,
            dualstack_ipv6=listening.address == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise InputError(
            f"Port {listening.port} of {listening.address} cannot be opened for receiving: "
            f"{error.strerror or error}. Choose another with listen_port, or end what has it."
        ) from error


def _hang_up(connection: socket.socket) -> None:
    """End a connection that another thread reads from: it finds that it has ended."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
