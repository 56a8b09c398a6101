"""Two programs on one library: the first owns it, every later one hands its request over and gets the answers.

The owner holds an OS lock on a file in the data folder, and listens. Three things keep other users out:

- POSIX: the socket lies in a fresh folder of mode 0700, and each end asks the system who the other one is.
- Windows: the pipe has a random name, and by the system's default nobody else may write to it.
- Everywhere: each end proves that it knows a key of 256 bits. Key and address stand beside the lock, in a file of mode
  0600. Windows knows no modes; there the data folder's access list guards the file: that of the user's profile, or,
  elsewhere, the one that Python (from 3.11.10 and 3.12.4 on) gives to folders that are made with mode 0700.

A message is a JSON object, on a socket behind four bytes of length, the highest first; nothing is ever pickled.

    asker   version, nonce
    owner   version, nonce, proof       (only the version, if it is another than the asker's)
    asker   proof
    asker   the request
    owner   progress, any number of times
    owner   final or error
"""

import contextlib
import hmac
import json
import logging
import multiprocessing.connection as connections
import os
import secrets
import socket
import stat
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .errors import InputError, NegatoscopeError
from .logs import say_where

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

log = logging.getLogger(__name__)

VERSION = 1
"""Of the messages; programs of different versions do not talk to each other, but say so."""

MESSAGE_LIMIT = 16 * 2**20
"""Bytes of one message."""

GREETING_SECONDS = 5.0
"""Within which an asker has proved itself and said what it wants."""

CONNECTIONS = 8
"""Connections that are served at once; more wait their turn."""

_GREETING_LIMIT = 4096
_PATIENCE_SECONDS = 10.0
_SEND_SECONDS = 10.0
_STOP_SECONDS = 2.0
_PAUSE_SECONDS = 0.05
_BACKLOG = 128
_FOLDER = "negatoscope-"

_SILENT = "Negatoscope is running with this library, but does not answer. End it and try again."
_OTHER_VERSION = "Another version of Negatoscope is running with this library. End it and try again."
_LOST = "Negatoscope ended before it had answered. Try again."
_FAILED = "Negatoscope failed at this. Its log says how."
_NOT_UNDERSTOOD = "Negatoscope did not understand what it was asked. Use one version of it only."

_NOT_OURS = (OSError, EOFError, ValueError)
"""What is raised when the other end is silent, ends, or is none of ours."""

Option = str | int | bool


class OwnerEnded(InputError):  # noqa: N818 - a finding, not a fault
    """The owner ended before it took the request. Whoever asked may take the ownership instead."""


class Ownership:
    """The right to a library, which one process has at a time. Close it, or use it in a ``with`` statement.

    The system takes it back when the process ends, also by force. Programs that are started do not inherit it. A
    process that is *forked* and runs on without another program shares it for as long as it lives, or until
    :meth:`close`.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it up. The file stays: were it removed, two processes could lock two files of its name."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            # Closing alone would leave the lock to a forked child.
            _unlock(descriptor)
        finally:
            os.close(descriptor)


def take_ownership(path: Path) -> Ownership | None:
    """Become the owner of the library whose lock is the file ``path``; None if another process is. Never waits.

    Raises:
        InputError: the file cannot be made, or its disk knows no locks.
    """
    path = path.absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be opened ({error.strerror}). Choose another folder with --base-dir."
        ) from error
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise InputError(
            f"The disk of {path.parent} knows no locks ({error.strerror}). Choose a folder elsewhere with --base-dir."
        ) from error
    return Ownership(path, descriptor)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the owner.

    Attributes:
        paths: absolute, since the owner's current folder is another; may hold surrogates (PEP 383).
    """

    command: str
    paths: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the request as a JSON object."""
        return {"command": self.command, "paths": list(self.paths), "options": dict(self.options)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what :meth:`to_json` made, or another program; unknown keys are ignored.

        Raises:
            InputError: a value is missing or has a wrong type.
        """
        match value:
            case {"command": str(command), "paths": list(paths), "options": dict(options)}:
                if all(isinstance(path, str) for path in paths) and all(
                    isinstance(option, Option) for option in options.values()
                ):
                    return cls(command, tuple(paths), options)
        raise InputError(_NOT_UNDERSTOOD)


def _pack(message: Mapping[str, object]) -> bytes:
    # JSON's escapes bring surrogates through.
    data = json.dumps(message).encode("ascii")
    if len(data) > MESSAGE_LIMIT:
        raise ValueError("a message is too large")
    return data


def _unpack(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError("a message is no object")  # noqa: TRY004 - a fault of the peer, not of the caller
    return message


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise ValueError(f"a message has no {key}")  # noqa: TRY004 - a fault of the peer, not of the caller
    return value


def _left(end: float | None) -> float | None:
    """Return the seconds until ``end``, by ``time.monotonic()``; None for no end."""
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _SocketChannel:
    """Messages over a stream socket. Every wait ends: at its time, or by :meth:`end` in another thread."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer

    def send(self, data: bytes) -> None:
        self._peer.settimeout(_SEND_SECONDS)
        self._peer.sendall(len(data).to_bytes(4, "big") + data)

    def receive(self, limit: int, end: float | None) -> bytes:
        size = int.from_bytes(self._read(4, end), "big")
        if size > limit:
            raise ValueError("a message is too large")
        return self._read(size, end)

    def _read(self, size: int, end: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._peer.settimeout(_left(end))
            part = self._peer.recv(min(size - len(data), 2**16))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def hung_up(self) -> bool:
        # Whoever waits for answers says nothing: what can be read now is the end.
        try:
            return bool(connections.wait([self._peer], 0))
        except (OSError, ValueError):  # closed
            return True

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._peer.close()


class _PipeChannel:
    """Messages over a pipe of Windows, which passes each as a whole."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def send(self, data: bytes) -> None:
        self._pipe.send_bytes(data)

    def receive(self, limit: int, end: float | None) -> bytes:
        # Nothing wakes who waits for a pipe; the next look at one that was closed is an error.
        while not self._pipe.poll(min(_left(end) or _PAUSE_SECONDS, _PAUSE_SECONDS)):
            pass
        return bytes(self._pipe.recv_bytes(limit))

    def hung_up(self) -> bool:
        try:
            return bool(self._pipe.poll(0))
        except OSError:
            return True

    def end(self) -> None:
        # This ends a send, too.
        self._pipe.close()

    def close(self) -> None:
        self._pipe.close()


_Channel = _SocketChannel | _PipeChannel


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    class _Door:
        """Where an owner listens: a named pipe."""

        def __init__(self, _data: Path) -> None:
            self.address = rf"\\.\pipe\negatoscope-{secrets.token_hex(16)}"
            self._listener = connections.Listener(self.address, "AF_PIPE")

        def accept(self) -> _Channel | None:
            return _PipeChannel(self._listener.accept())

        def wake(self) -> None:
            with contextlib.suppress(OSError):
                connections.Client(self.address, "AF_PIPE").close()

        def close(self) -> None:
            self._listener.close()

        @staticmethod
        def clear(address: str) -> None:
            """The system itself removes the pipe of a process that ended."""

    def _open(address: str, _end: float) -> _Channel:
        return _PipeChannel(connections.Client(address, "AF_PIPE"))

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    class _Door:
        """Where an owner listens: a socket in a fresh folder that only this user can enter.

        The folder lies in the data folder; below ``XDG_RUNTIME_DIR`` or in the folder of temporary files where the
        data folder has too long a name for a socket (104 bytes on macOS), or a disk without sockets or modes.
        """

        def __init__(self, data: Path) -> None:
            self._listener = _bind(data)
            self.address: str = self._listener.getsockname()
            self._woken, self._waker = socket.socketpair()

        def accept(self) -> _Channel | None:
            """Wait for a peer; None for a stranger, and after :meth:`wake`."""
            if self._woken in connections.wait([self._listener, self._woken]):
                return None
            peer, _ = self._listener.accept()
            if _user_of(peer) != os.geteuid():
                log.warning("another user was refused")
                peer.close()
                return None
            return _SocketChannel(peer)

        def wake(self) -> None:
            self._waker.close()

        def close(self) -> None:
            for end in (self._listener, self._woken, self._waker):
                end.close()
            self.clear(self.address)

        @staticmethod
        def clear(address: str) -> None:
            """Remove a socket and its folder; what is neither, or is gone, is left."""
            path = Path(address)
            if path.parent.name.startswith(_FOLDER):
                with contextlib.suppress(OSError):
                    if stat.S_ISSOCK(path.lstat().st_mode):
                        path.unlink()
                with contextlib.suppress(OSError):
                    path.parent.rmdir()

    def _bind(data: Path) -> socket.socket:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        for parent in (data, runtime) if runtime else (data,):
            with contextlib.suppress(OSError):
                return _bind_below(parent)
        return _bind_below(tempfile.gettempdir())

    def _bind_below(parent: str | Path) -> socket.socket:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=parent)).absolute()
        address = str(folder / "s")
        listener = socket.socket(socket.AF_UNIX)
        try:
            status = folder.lstat()
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
                raise PermissionError(f"{folder} is open to others")
            listener.bind(address)
            listener.listen(_BACKLOG)
            # Who has gone again must not keep accept() waiting.
            listener.setblocking(False)
        except OSError:
            listener.close()
            _Door.clear(address)
            raise
        return listener

    def _user_of(peer: socket.socket) -> int:
        user = os.geteuid()
        if sys.platform == "linux":
            _, user, _ = struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        elif sys.platform == "darwin":
            # SOL_LOCAL and LOCAL_PEERCRED give a struct xucred: its version, the user, groups.
            _, user = struct.unpack_from("II", peer.getsockopt(0, 1, 76))
        return int(user)

    def _open(address: str, end: float) -> _Channel:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.settimeout(_left(end))
            peer.connect(address)
            user = _user_of(peer)
        except BaseException:
            peer.close()
            raise
        if user != os.geteuid():
            peer.close()
            raise PermissionError("another user listens")
        return _SocketChannel(peer)


def _address_file(lock: Path) -> Path:
    return lock.with_suffix(".address")


def _write_address(file: Path, address: str, key: bytes) -> None:
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(_pack({"address": address, "key": key.hex()}))
    part.replace(file)


def _read_address(file: Path) -> tuple[str, bytes]:
    with file.open("rb") as opened:
        value = _unpack(opened.read(_GREETING_LIMIT))
    return _text(value, "address"), bytes.fromhex(_text(value, "key"))


def clear_address(lock: Path) -> None:
    """Remove what an owner that was killed left to be reached by; nobody has the library of this lock now."""
    _forget(_address_file(lock))


def _forget(file: Path) -> None:
    """Remove what an owner that was killed left behind."""
    with contextlib.suppress(*_NOT_OURS):
        _Door.clear(_read_address(file)[0])
    with contextlib.suppress(OSError):
        file.unlink()


def _prove(key: bytes, end: str, nonces: tuple[str, str]) -> bytes:
    return hmac.new(key, " ".join((end, *nonces)).encode(), "sha256").hexdigest().encode()


def _check_proof(message: Mapping[str, Any], key: bytes, end: str, nonces: tuple[str, str]) -> None:
    if not hmac.compare_digest(_text(message, "proof").encode(), _prove(key, end, nonces)):
        raise PermissionError("the key is another")


def _receive_request(channel: _Channel, key: bytes) -> dict[str, Any]:
    """Return the request of a peer that proved itself; raises one of ``_NOT_OURS`` if it did not."""
    end = time.monotonic() + GREETING_SECONDS
    greeting = _unpack(channel.receive(_GREETING_LIMIT, end))
    if greeting.get("version") != VERSION:
        channel.send(_pack({"version": VERSION}))
        raise ValueError("another version asked")
    own = secrets.token_hex(16)
    nonces = (_text(greeting, "nonce"), own)
    proof = _prove(key, "owner", nonces).decode()
    channel.send(_pack({"version": VERSION, "nonce": own, "proof": proof}))
    _check_proof(_unpack(channel.receive(_GREETING_LIMIT, end)), key, "asker", nonces)
    return _unpack(channel.receive(MESSAGE_LIMIT, end))


def _greet(channel: _Channel, key: bytes, end: float) -> None:
    """Prove to the owner who asks, and let it prove itself; raises one of ``_NOT_OURS`` if it does not."""
    own = secrets.token_hex(16)
    channel.send(_pack({"version": VERSION, "nonce": own}))
    greeting = _unpack(channel.receive(_GREETING_LIMIT, end))
    if greeting.get("version") != VERSION:
        raise InputError(_OTHER_VERSION)
    nonces = (own, _text(greeting, "nonce"))
    _check_proof(greeting, key, "owner", nonces)
    channel.send(_pack({"proof": _prove(key, "asker", nonces).decode()}))


class Answering:
    """Answers one request. Safe to use from any thread; what comes after the last answer is dropped."""

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._gone = False
        self._finished = False

    @property
    def gone(self) -> bool:
        """Whether nobody waits for answers any more: the asker hung up or does not read, or the listener closes."""
        return self._gone or self._channel.hung_up()

    @property
    def finished(self) -> bool:
        """Whether the last answer was given."""
        return self._finished

    def progress(self, state: Mapping[str, object]) -> None:
        """Tell how far the work is. Waits while the asker does not read, for ten seconds at most."""
        self._send({"progress": state}, last=False)

    def finish(self, result: Mapping[str, object]) -> None:
        """Give the result.

        Raises:
            ValueError: it is too large, or is no JSON.
        """
        self._send({"final": result}, last=True)

    def fail(self, sentence: str) -> None:
        """Tell the asker's user, in a sentence, why there is no result."""
        self._send({"error": sentence}, last=True)

    def _send(self, message: Mapping[str, object], *, last: bool) -> None:
        data = _pack(message)
        with self._lock:
            if self._finished or self._gone:
                return
            self._finished = last
            try:
                self._channel.send(data)
            except OSError:
                self._gone = True


Handle = Callable[[Request, Answering], None]


class Listener:
    """Answers the requests of other processes. Close it before the ownership, or use it in a ``with`` statement.

    Args:
        ownership: of the library; what a former owner left behind is replaced.
        handle: called in the connection's own thread; gives the last answer, or raises an error whose sentence the
            asker gets. It ends soon after ``answer.gone``.

    Raises:
        InputError: no place can be found for the socket, or its address cannot be written.
    """

    def __init__(self, ownership: Ownership, handle: Handle) -> None:
        self._handle = handle
        self._key = secrets.token_bytes(32)
        self._served: dict[_Channel, threading.Thread] = {}
        self._slots = threading.Semaphore(CONNECTIONS)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._file = _address_file(ownership.path)
        _forget(self._file)
        try:
            self._door = _Door(ownership.path.parent)
        except OSError as error:
            raise InputError(f"No folder can hold a socket ({error}). Name a folder of yours in TMPDIR.") from error
        try:
            _write_address(self._file, self._door.address, self._key)
        except OSError as error:
            self._door.close()
            raise InputError(f"The file {self._file} cannot be written ({error.strerror}). Make room.") from error
        self._thread = threading.Thread(target=self._listen, name="handover", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody, and wait two seconds at most for what is still handled.

        May be called twice, but not by ``handle``.
        """
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            for channel in self._served:
                channel.end()
            threads = (self._thread, *self._served.values())
        self._door.wake()
        end = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0))
        if any(thread.is_alive() for thread in threads):
            log.error("a request did not end within %s seconds", _STOP_SECONDS)
        with contextlib.suppress(OSError):
            self._file.unlink()
        self._door.close()

    def _listen(self) -> None:
        while self._slots.acquire() and not self._closing.is_set():
            try:
                channel = self._door.accept()
                served = channel is not None and self._start(channel)
            except (OSError, RuntimeError) as error:
                # The system has no descriptor or thread to give just now.
                log.warning("a connection could not be accepted: %s", type(error).__name__)
                self._closing.wait(1)
                served = False
            if not served:
                self._slots.release()

    def _start(self, channel: _Channel) -> bool:
        thread = threading.Thread(target=self._serve, args=(channel,), name="handover request", daemon=True)
        with self._lock:
            if not self._closing.is_set():
                thread.start()
                # Those that have ended go only now: close() waits for all others.
                self._served = {known: other for known, other in self._served.items() if other.is_alive()}
                self._served[channel] = thread
                return True
        channel.close()
        return False

    def _serve(self, channel: _Channel) -> None:
        try:
            request = _receive_request(channel, self._key)
        except _NOT_OURS as error:
            log.info("a connection came to nothing: %s", type(error).__name__)
        else:
            self._answer(request, Answering(channel))
        finally:
            # Not while close() ends the channel.
            with self._lock:
                channel.close()
            self._slots.release()

    def _answer(self, request: dict[str, Any], answer: Answering) -> None:
        sentence = _FAILED
        try:
            self._handle(Request.from_json(request), answer)
            if not answer.finished and not answer.gone:
                log.error("a request was left without an answer")
        except NegatoscopeError as error:
            sentence = error.sentence
        except Exception as error:  # noqa: BLE001 - the edge of a request
            log.error("a request failed\n%s", say_where(error))  # noqa: TRY400 - without the error's words
        answer.fail(sentence)


def hand_over(
    path: Path,
    request: Request,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Ask the owner of the library whose lock is the file ``path``, and return its last answer.

    An owner that starts or is busy is waited for, ten seconds at most.

    Args:
        on_progress: called in this thread, with each answer before the last.
        timeout: seconds for all of it; None waits as long as the owner works.

    Raises:
        OwnerEnded: there is no owner any more; the request was not taken.
        InputError: the owner does not answer, is of another version, ended, or says why it has no result.
    """
    end = None if timeout is None else time.monotonic() + timeout
    try:
        data = _pack(request.to_json())
    except ValueError as error:
        raise InputError("These are too many files for one request. Name their folder instead.") from error
    with contextlib.closing(_reach(path, end)) as channel:
        with _explaining():
            channel.send(data)
        while True:
            with _explaining():
                answer = _unpack(channel.receive(MESSAGE_LIMIT, end))
            match answer:
                case {"final": dict(result)}:
                    return result
                case {"error": str(sentence)}:
                    raise InputError(sentence)
                case {"progress": dict(state)} if on_progress is not None:
                    on_progress(state)


def _reach(path: Path, end: float | None) -> _Channel:
    """Return a connection to the owner, which has proved itself."""
    latest = time.monotonic() + _PATIENCE_SECONDS
    latest = latest if end is None else min(latest, end)
    while True:
        try:
            return _connect(_address_file(path.absolute()), latest)
        except _NOT_OURS as error:
            if ownership := take_ownership(path):
                ownership.close()
                raise OwnerEnded(_LOST) from error
            if time.monotonic() + _PAUSE_SECONDS > latest:
                raise InputError(_SILENT) from error
        time.sleep(_PAUSE_SECONDS)


def _connect(file: Path, end: float) -> _Channel:
    address, key = _read_address(file)
    channel = _open(address, end)
    try:
        _greet(channel, key, end)
    except BaseException:
        channel.close()
        raise
    return channel


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise InputError(_SILENT) from error
    except _NOT_OURS as error:
        raise InputError(_LOST) from error
