"""Prepares what the viewer asks for first: each study's DICOM-JSON, before anybody opens it."""

import contextlib
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import logs
from ..dicom.records import Header
from ..errors import InputError
from ..events import Event, Events, LibraryChanged
from ..importers.reading import ReaderPool
from ..library.adding import add_readings
from ..library.charsets import find_charsets
from ..library.forgetting import StoredFile
from ..library.joined import find_outdated, find_unjoined, is_outdated
from ..library.joining import get_joined
from ..library.store import Store
from .rereading import find_now, order_again, read_again

log = logging.getLogger(__name__)

_BATCH = 100
_REST_SECONDS = 1.0
_STOP_SECONDS = 5.0
_NICENESS = 10


@dataclass(frozen=True, slots=True)
class PreloadReport:
    """What was prepared.

    Attributes:
        studies: those that were not prepared before.
        read: files that were read again, since an older program had read them.
        away: such files that are not here now, have changed, or cannot be read; what was known of them is used.
    """

    studies: int
    read: int
    away: int


class Preloading:
    """Prepares studies: all of them at once, or in a thread of its own after each change of the library.

    Args:
        is_busy: whether files are being imported; the thread waits till that is over.
    """

    def __init__(
        self, store: Store, pool: ReaderPool, events: Events, copies: Path, is_busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._copies = copies
        self._is_busy = is_busy
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._passed_over: set[StoredFile] = set()

    def watch(self) -> None:
        """Prepare what is there, and what comes, until closed."""
        if self._thread is None:
            self._unsubscribe = self._events.subscribe(self._on_event)
            self._wanted.set()
            self._thread = threading.Thread(target=self._watch, name="preloading", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End. May be called twice."""
        self._unsubscribe()
        self._stop.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def run(self, study_uid: str | None = None) -> PreloadReport:
        """Prepare one study, or all of them (None), in the caller's thread.

        Raises:
            InputError: the library cannot be written, or is closed.
        """
        self._store.check_writable()
        read = away = studies = 0
        outdated = find_outdated(self._store.reader())
        for uid, files in outdated.items():
            if study_uid in (None, uid):
                done = self._read_again(files)
                read, away = read + done, away + len(files) - done
        if read:
            self._events.publish(LibraryChanged())
        for uid in find_unjoined(self._store.reader()):
            if self._stop.is_set():
                break
            if study_uid in (None, uid) and get_joined(self._store, uid) is not None:
                studies += 1
        # What was given to the writer is to be there when this ends.
        self._store.write(lambda _: None).result()
        return PreloadReport(studies, read, away)

    def _read_again(self, files: list[StoredFile]) -> int:
        """Read files that an older program has read; return how many were."""
        order = order_again(self._store.reader(), self._copies)
        read = 0
        for start in range(0, len(files), _BATCH):
            if self._stop.is_set():
                break
            batch = files[start : start + _BATCH]
            # One that has changed is another file now: it is for the user to import it.
            here = [item for item in batch if item not in self._passed_over and find_now(item, self._copies) == item]
            readings = read_again(self._pool, self._copies, here, order) if here else []
            found = [reading for reading in readings if isinstance(reading, Header)]
            headers = self._store.write(partial(_add_again, headers=found, charsets=order.charsets)).result()
            read_now = {(header.file, header.copy) for header in headers}
            self._passed_over |= {item for item in batch if (item.file, item.copy) not in read_now}
            read += len(headers)
        return read

    def _on_event(self, event: Event) -> None:
        if isinstance(event, LibraryChanged):
            self._wanted.set()

    def _watch(self) -> None:
        _be_patient()
        try:
            while not self._stop.is_set():
                self._wanted.wait()
                self._stop.wait(_REST_SECONDS)
                if self._is_busy() or self._stop.is_set():
                    continue
                self._wanted.clear()
                self._try_to_run()
        finally:
            self._store.release()

    def _try_to_run(self) -> None:
        try:
            self.run()
        except InputError as error:
            # The disk is full, or the library was closed. Studies are prepared when they are opened.
            if not self._store.is_closed:
                log.warning("studies could not be prepared\n%s", logs.say_where(error))
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            log.error("studies could not be prepared\n%s", logs.say_where(error))  # noqa: TRY400


def _add_again(db: sqlite3.Connection, headers: Sequence[Header], charsets: Mapping[str, str]) -> list[Header]:
    """Add what was read again, but for what has changed in the library meanwhile; return what was added."""
    if find_charsets(db) != charsets:
        return []
    added = [header for header in headers if is_outdated(db, header)]
    add_readings(db, added)
    return added


def _be_patient() -> None:
    """Give this thread a low priority, where the system has one for threads."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
