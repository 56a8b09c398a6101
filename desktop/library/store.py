"""Opens the library: one thread writes, in transactions; any thread reads, through a connection of its own."""

import contextlib
import logging
import queue
import sqlite3
import threading
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar

from ..errors import InputError, NegatoscopeError
from .matching import define_matching
from .places import define_places
from .schema import VERSION, check_file, check_version, migrate

log = logging.getLogger(__name__)

Result = TypeVar("Result")
_Task = tuple[Callable[[sqlite3.Connection], Any], "Future[Any]"]

_BUSY_SECONDS = 30.0
_CLOSE_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0


class Store:
    """The library's database. Close it, or use it in a ``with`` statement.

    Args:
        path: of the database.
        copies: the folder of the library's own copies; None for ``copies`` beside it.
        reads_only: another program has the library; this one leaves it as it is.

    Raises:
        InputError: the file cannot be opened, is no library, or a newer program wrote it.
    """

    def __init__(self, path: Path, copies: Path | None = None, *, reads_only: bool = False) -> None:
        self._path = path
        self.copies = copies or path.parent / "copies"
        self.reads_only = reads_only
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._readers: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._lock = threading.Lock()
        self._closed = False
        if not reads_only:
            check_file(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            connection = self._connect_reader() if reads_only else self._connect_writer()
        except UnicodeDecodeError as error:
            raise InputError(f"The library {path} is damaged. Mend it: negatoscope library rebuild") from error
        except (sqlite3.Error, OSError) as error:
            mend = " Mend it: negatoscope library rebuild" if isinstance(error, sqlite3.DatabaseError) else ""
            raise InputError(f"The library {path} cannot be opened: {error}.{mend}") from error
        self._thread = threading.Thread(target=self._write, args=(connection,), name="library writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, task: Callable[[sqlite3.Connection], Result]) -> "Future[Result]":
        """Run ``task`` in the writer thread, in one transaction; on an error nothing of it stays."""
        self.check_writable()
        future: Future[Result] = Future()
        with self._lock:
            self._check_open()
            self._tasks.put((task, future))
        return future

    def check_writable(self) -> None:
        """See that this program may write, before anything is done that cannot be undone.

        Raises:
            InputError: another program has the library.
        """
        if self.reads_only:
            raise InputError("Another Negatoscope has this library open. Use that one, or end it.")

    def reader(self) -> sqlite3.Connection:
        """Return this thread's read-only connection.

        Raises:
            InputError: the library is closed.
        """
        self._check_open()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect("ro")
            with self._lock:
                if self._closed:
                    connection.close()
                    raise InputError("The library is closed.")
                self._readers.append(connection)
            self._local.connection = connection
        return connection

    def release(self) -> None:
        """Close this thread's connection, if it has one: the thread ends, or will not read for long."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            with self._lock:
                if connection in self._readers:
                    self._readers.remove(connection)
            connection.close()

    def close(self) -> None:
        """Finish what was given to write, then close. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._tasks.put(None)
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            log.error("the library's writer did not end within %s seconds", _CLOSE_SECONDS)
        for connection in self._readers:
            connection.close()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("The library is closed.")

    def _connect(self, mode: str) -> sqlite3.Connection:
        location = urllib.parse.quote(str(self._path))
        # Connections are closed by close(), in another thread; each is used in its own.
        connection = sqlite3.connect(
            f"file:{location}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        define_places(connection, self.copies)
        define_matching(connection)
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        """Connect to the library of another running program, for a writer that refuses to write."""
        connection = self._connect("ro")
        try:
            _check_same_version(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_writer(self) -> sqlite3.Connection:
        # Made here, so that whoever opens the library hears what is wrong with it; used in the writer's thread only.
        connection = self._connect("rw")
        try:
            # Before anything is written: it may be another program's.
            check_version(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose the last transactions, never the whole; the files are there to be read again.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -32000")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write(self, connection: sqlite3.Connection) -> None:
        try:
            while (item := self._tasks.get()) is not None:
                task, future = item
                if future.set_running_or_notify_cancel():
                    _run(connection, task, future)
        finally:
            if not self.reads_only:
                _write_into_one_file(connection)
            connection.close()


def _write_into_one_file(connection: sqlite3.Connection) -> None:
    """Take what stands in the log into the database itself: whoever copies that alone is to have all of it."""
    with contextlib.suppress(sqlite3.Error):
        # Who reads just now is not waited for.
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _check_same_version(connection: sqlite3.Connection) -> None:
    """See that the library has this program's form. Its owner may have begun just now, and be about to make it so."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while check_version(connection) != VERSION:
        if time.monotonic() > end:
            raise InputError("An older Negatoscope is running with this library. End it, and start this one again.")
        time.sleep(0.05)


def _run(connection: sqlite3.Connection, task: Callable[[sqlite3.Connection], Any], future: "Future[Any]") -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = task(connection)
        connection.execute("COMMIT")
    except BaseException as error:  # noqa: BLE001 - handed on to whoever waits for the future
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        future.set_exception(_explain(error))
    else:
        future.set_result(result)


def _explain(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and not isinstance(error, NegatoscopeError):
        explained = InputError(f"The library cannot be written: {error}. What was written before is kept.")
        explained.__cause__ = error
        return explained
    return error
