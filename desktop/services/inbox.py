"""The inbox: a folder into which other parts of the program put files, that are then taken into the library."""

import contextlib
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .. import logs
from ..dicom.records import FileRef
from ..importers.pipeline import ImportJob
from ..importers.sources import Finder
from ..library.outcomes import VIEWABLE, FileOutcome
from .importing import Importing

log = logging.getLogger(__name__)

PART = ".part"
"""How the names of files end that are not whole yet."""

_OLD_SECONDS = 86_400.0
_PAUSE_SECONDS = 1.0
_TROUBLE_SECONDS = 30.0
_SHARE, _LONGEST_SECONDS = 3.0, 5.0
"""While files come, it is waited so much longer than was worked; but no longer than this."""
_STOP_SECONDS = 2.0
_RESERVE = 1 << 30
"""Bytes that are to stay free on the disk: for the index, and for whoever sits at this computer."""


class Inbox:
    """Takes files that come from elsewhere.

    A file is there as a whole or not at all, and leaves when the library has it.

    Args:
        folder: where files are put.

    Attributes:
        refused: where files go that cannot be taken: nothing is thrown away.
    """

    def __init__(self, folder: Path, importing: Importing) -> None:
        self._folder = folder
        self.refused = folder / "refused"
        self._importing = importing
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._waiting: dict[str, Callable[[FileOutcome], None]] = {}
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def put(self, on_outcome: Callable[[FileOutcome], None] | None = None) -> Iterator[BinaryIO]:
        """Write one file, that is in the inbox when the ``with`` block ends well.

        Its name is ours, never the sender's.

        Args:
            on_outcome: told what became of it, in another thread, if it does before the program ends.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / f"{uuid.uuid4().hex}{PART}"
        whole = part.with_suffix(".dcm")
        try:
            with open(part, "xb", opener=_open_privately) as file:
                yield file
            if on_outcome is not None:
                self._waiting[str(whole)] = on_outcome
            part.rename(whole)
        except BaseException:
            self._waiting.pop(str(whole), None)
            part.unlink(missing_ok=True)
            raise
        self._wanted.set()

    def room(self) -> int:
        """Return how many bytes may be put in, so that some stay free on the disk; 0 if it cannot be told."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return max(shutil.disk_usage(self._folder).free - _RESERVE, 0)
        except OSError:
            return 0

    def remove_parts(self) -> None:
        """Remove the files that a program began before it was killed. None may be in the making."""
        with contextlib.suppress(OSError):
            for part in self._folder.glob(f"*{PART}"):
                part.unlink(missing_ok=True)

    def watch(self) -> None:
        """Take what is there, and what comes, until closed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="inbox", daemon=True)
            self._thread.start()

    def take(self) -> ImportJob | None:
        """Take all files that are there now; None if there are none."""
        files = self._files()
        if not files:
            return None
        finder = Finder(())
        finder.prefer(files)
        # Whatever the files say, nothing else is touched.
        mine = {file.path for file in files}
        return self._importing.start_taking(
            finder, lambda file, outcome: self._taken(file, outcome) if file.path in mine else None
        )

    def close(self) -> None:
        """End watching. May be called twice."""
        self._stop.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._wanted.clear()
            try:
                started = time.monotonic()
                job = self.take()
                if job is not None and job.wait().trouble:
                    # The disk is full, or the like: the files stay, and are tried again later.
                    self._stop.wait(_TROUBLE_SECONDS)
                elif job is not None and self._wanted.is_set():
                    # More comes: who puts it in needs this computer too.
                    self._stop.wait(min(_SHARE * (time.monotonic() - started), _LONGEST_SECONDS))
            except Exception as error:  # noqa: BLE001 - the edge of this thread
                # The files stay, and are tried again later, or at the next start.
                log.warning("files of the inbox could not be taken\n%s", logs.say_where(error))
                self._stop.wait(_TROUBLE_SECONDS)
            self._wanted.wait(_PAUSE_SECONDS)

    def _files(self) -> list[FileRef]:
        files = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False):
                    continue
                status = entry.stat()
                if not entry.name.endswith(PART):
                    files.append(FileRef(entry.path, status.st_size, status.st_mtime_ns))
                elif time.time() - status.st_mtime > _OLD_SECONDS:
                    # Whoever wrote it was killed.
                    Path(entry.path).unlink(missing_ok=True)
        return files

    def _taken(self, file: FileRef, outcome: FileOutcome) -> None:
        """The library has the file, or will never have it."""
        path = Path(file.path)
        try:
            if outcome.outcome in VIEWABLE:
                path.unlink(missing_ok=True)
            else:
                self.refused.mkdir(mode=0o700, exist_ok=True)
                path.rename(self.refused / f"{uuid.uuid4().hex[:8]}-{path.name}")
        except OSError as error:
            log.warning("a file of the inbox could not be put away\n%s", logs.say_where(error))
        on_outcome = self._waiting.pop(file.path, None)
        if on_outcome is not None:
            on_outcome(outcome)


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
