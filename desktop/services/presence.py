"""Knows which studies are not here now: their disc is out, their share is away, their folder was moved."""

import logging
import threading
import time
from collections.abc import Mapping
from functools import partial

from .. import logs
from ..errors import InputError
from ..events import Events, LibraryChanged
from ..library.heirs import choose_heirs, let_heirs_stand_in
from ..library.places import find_away, find_samples, note_medium
from ..library.store import Store
from ..media import mounted_media

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 15.0
_FOLLOW_SECONDS = 1.0
_WAIT_SECONDS = 2.0


class Presence:
    """Looks, in a thread of its own: a share that hangs must keep nobody waiting.

    Attributes:
        away: names of what is not here, by Study Instance UID.
    """

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._looked = threading.Event()
        self._thread: threading.Thread | None = None
        self._version: int | None = None
        self.away: Mapping[str, str] = {}

    def watch(self) -> None:
        """Look now, and again every few seconds, until closed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="presence", daemon=True)
            self._thread.start()

    def look(self) -> None:
        """Look once more, soon."""
        self._wanted.set()

    def wait(self, seconds: float = _WAIT_SECONDS) -> bool:
        """Wait until it has looked once, but not for long; return whether it has."""
        return self._looked.wait(seconds)

    def close(self) -> None:
        """End. May be called twice."""
        self._stop.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(_WAIT_SECONDS)

    def _watch(self) -> None:
        try:
            while not self._stop.is_set():
                self._wanted.clear()
                self._try_to_look()
                self._looked.set()
                self._wait()
        except InputError:
            # The library was closed meanwhile.
            return
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            log.error("could not tell what is here\n%s", logs.say_where(error))  # noqa: TRY400
        finally:
            self._store.release()

    def _try_to_look(self) -> None:
        try:
            self._look()
        except (InputError, OSError) as error:
            # The disk of the library is full, or the system does not tell what is mounted. That may pass.
            if not self._store.is_closed:
                log.warning("could not tell what is here\n%s", logs.say_where(error))

    def _wait(self) -> None:
        """Wait for the next look. What another program writes into the library meanwhile is told of."""
        end = time.monotonic() + _PAUSE_SECONDS
        while time.monotonic() < end and not self._wanted.wait(_FOLLOW_SECONDS):
            (version,) = self._store.reader().execute("PRAGMA data_version").fetchone()
            if self._store.reads_only and self._version not in (None, version):
                self._events.publish(LibraryChanged())
            self._version = version

    def _look(self) -> None:
        if self._store.reads_only:
            self._see()
            return
        for medium in mounted_media():
            # It may have come back as another drive.
            self._store.write(lambda db, medium=medium: note_medium(db, medium, only_known=True)).result()  # type: ignore[misc]
        self._see()

    def _let_heirs_stand_in(self, away: Mapping[str, str]) -> bool:
        """Have duplicates take the place of files that are away; return whether there were any."""
        if self._store.reads_only:
            return False
        # They are looked for here, not by the writer: disks may be slow.
        chosen = choose_heirs(self._store.reader(), away)
        return bool(chosen) and self._store.write(partial(let_heirs_stand_in, chosen=chosen)).result() > 0

    def _see(self) -> None:
        away = find_away(find_samples(self._store.reader()))
        if away and self._let_heirs_stand_in(away):
            away = find_away(find_samples(self._store.reader()))
            self._events.publish(LibraryChanged())
        if away != self.away:
            self.away = away
            self._events.publish(LibraryChanged())
