"""What the library holds of a study, and how it is let go: forgotten, deleted, or read again in other letters."""

import contextlib
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from send2trash import TrashPermissionError, send2trash

from ..counting import count_of
from ..dicom.files import open_source
from ..dicom.memberpaths import shown
from ..dicom.records import FileRef, Header
from ..dicom.text import parse_charset
from ..errors import InputError, UsageError
from ..events import Events, LibraryChanged
from ..importers.reading import Order, ReaderPool, Reading
from ..library.adding import add_readings
from ..library.charsets import choose_charset
from ..library.forgetting import StoredFile, find_stored_files, forget_files, forget_study, replace_study
from ..library.outcomes import VIEWABLE
from ..library.places import is_copy_name, is_here
from ..library.queries import get_study, own_study_uid
from ..library.store import Store
from ..library.stored import find_made_here
from ..server.storing import NothingThere
from .gate import Gate
from .rereading import order_again

_BATCH = 100
_MOMENT = 0.5
"""Seconds that one of the server's threads may wait."""
_GONE = "This study is not in the library any more."


@dataclass(frozen=True, slots=True)
class Holding:
    """What the library holds of a study.

    Attributes:
        in_place: number of files that stay where they are.
        copies: number of the library's own copies.
    """

    in_place: int
    copies: int


class Holdings:
    """Lets studies go, and has them read again.

    Args:
        is_private: nothing may be left: the trash is not used.
        is_importing: whether files are being imported just now.
        gate: who else makes copies or takes them away.
    """

    def __init__(
        self,
        store: Store,
        pool: ReaderPool,
        events: Events,
        copies: Path,
        *,
        is_private: bool = False,
        is_importing: Callable[[], bool] = lambda: False,
        gate: Gate | None = None,
    ) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._copies = copies
        self._is_private = is_private
        self._is_importing = is_importing
        self._gate = gate or Gate()

    def holding(self, study_uid: str) -> Holding:
        """Return what the library holds of a study."""
        files = self._files(study_uid)
        copies = sum(stored.copy is not None for stored in files)
        return Holding(len(files) - copies, copies)

    def forget(self, study_uid: str) -> Holding:
        """Drop a study from the list. No file is touched, so a study of which there are copies cannot be forgotten.

        Raises:
            InputError: it is not there, or the library has copies of its files.
        """
        holding = self.holding(study_uid)

        def forget(db: sqlite3.Connection) -> None:
            # Copies may have come since somebody looked.
            copies = sum(stored.copy is not None for stored in find_stored_files(db, study_uid))
            if copies:
                raise InputError(
                    f"The library has copies of {count_of(copies, 'file')} of this study. Delete it instead."
                )
            forget_study(db, study_uid)

        self._store.write(forget).result()
        self._events.publish(LibraryChanged())
        return holding

    def delete(self, study_uid: str, *, permanently: bool = False) -> Holding:
        """Drop a study from the list, and the library's copies of its files. Files in place are never touched.

        What comes of the study meanwhile stays.

        Args:
            permanently: do not use the system's trash. A private library never does.

        Raises:
            InputError: it is not there, or its copies cannot be taken away. Then it stays in the list.
        """
        self._store.check_writable()
        with self._gate.removing():
            files = self._files(study_uid)
            places = self._remove(files, study_uid, permanently=permanently)
        self._events.publish(LibraryChanged())
        return Holding(len(files) - len(places), len(places))

    def delete_copies(self, study_uid: str, series_uid: str | None = None, instance_uid: str | None = None) -> int:
        """Delete a study, series or instance that the library has copies of; return how many files these were.

        They go to the system's trash, unless the library is private.

        Raises:
            NothingThere: there is no such thing.
            InputError: some of it lies in the user's own folders, or cannot be taken away. Nothing is deleted.
        """
        self._store.check_writable()
        with self._gate.removing(_MOMENT):
            files = find_stored_files(self._store.reader(), study_uid, series_uid, instance_uid)
            if not files:
                raise NothingThere("There is no such study, series or instance in this library.")
            in_place = sum(not _has_copy(stored) for stored in files)
            if in_place:
                lies = "lies" if in_place == 1 else "lie"
                raise InputError(
                    f"Of it, {count_of(in_place, 'file')} {lies} in folders of the user's, which "
                    "are never touched. Nothing was deleted. The list forgets a study in the window, or with: "
                    "negatoscope library forget, when no other Negatoscope has the library."
                )
            self._remove(files, study_uid)
        self._events.publish(LibraryChanged())
        return len(files)

    def _remove(self, files: list[StoredFile], study_uid: str, *, permanently: bool = False) -> list[Path]:
        """Take the copies of a study's files away, and drop the files; return where the copies were."""
        places = [self._copies / stored.copy.name for stored in files if _has_copy(stored) and stored.copy]
        remove_files(places, self._copies, permanently=permanently or self._is_private)
        self._store.write(partial(forget_files, study_uid=study_uid, files=files)).result()
        return places

    def set_charset(self, study_uid: str, charset: str) -> None:
        """Read a study again in another character set; empty for the one that its files name.

        Raises:
            UsageError: there is no such character set.
            InputError: the study is not there, or one of its files is not, or has changed. Then nothing is changed.
        """
        self._store.check_writable()
        if self._is_importing():
            raise InputError("Files are being imported. Choose the character set when that has ended.")
        try:
            charset = "\\".join(parse_charset(charset)) if charset else ""
        except ValueError as error:
            raise UsageError(str(error)) from error
        files = self._files(study_uid)
        own_uid = own_study_uid(self._store.reader(), study_uid)
        order = order_again(self._store.reader(), self._copies)
        headers = self._read(files, replace(order, charsets={**order.charsets, own_uid: charset}))

        def read_anew(db: sqlite3.Connection) -> None:
            if find_stored_files(db, study_uid) != files:
                raise InputError("The study has changed meanwhile. Nothing was changed. Try again.")
            choose_charset(db, own_uid, charset)
            replace_study(db, study_uid, partial(_add_all, db, headers))

        self._store.write(read_anew).result()
        self._events.publish(LibraryChanged())

    def _read(self, files: list[StoredFile], order: Order) -> list[Header]:
        """Read a study's files. All of them must be there, or some of it would stay in the old letters."""
        places = [self._place(stored) for stored in files]
        for place in places:
            _check_unchanged(place)
        batches = [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]
        futures: list[Future[list[Reading]]] = [self._pool.submit(batch, order) for batch in batches]
        readings: list[Reading] = []
        for batch, future in zip(batches, futures, strict=True):
            readings += self._pool.result(batch, future, order) or ()
        headers = []
        for stored, reading in zip(files, readings, strict=True):
            if not isinstance(reading, Header):
                raise InputError(_unreadable(stored.file.path))
            headers.append(replace(reading, file=stored.file, copy=stored.copy))
        return headers

    def _place(self, stored: StoredFile) -> FileRef:
        if stored.copy is None:
            return stored.file
        return FileRef(str(self._copies / stored.copy.name), stored.file.size, stored.copy.mtime_ns)

    def _files(self, study_uid: str) -> list[StoredFile]:
        if get_study(self._store.reader(), study_uid) is None:
            raise InputError(_GONE)
        return find_stored_files(self._store.reader(), study_uid)


def _check_unchanged(place: FileRef) -> None:
    """See that a file is the one that the library knows: another disc may be in the drive, with files of its names."""
    try:
        if is_here(place.path, place.medium):
            with open_source(place.path, streaming=True) as source:
                if (source.size, source.mtime_ns) == (place.size, place.mtime_ns):
                    return
    except (OSError, InputError) as error:
        raise InputError(_unreadable(place.path)) from error
    raise InputError(
        f"{shown(place.path)} is not here now, or has changed. Nothing was changed. Import it again first."
    )


def _unreadable(path: str) -> str:
    return f"{shown(path)} cannot be read now. Nothing was changed."


def _add_all(db: sqlite3.Connection, headers: Sequence[Header], served: Mapping[tuple[bytes, int], str]) -> None:
    """Add files that the library had until now. None of them may be lost."""
    made_here = find_made_here(db)
    # What the viewer made belongs to the study of the others: they come first.
    ordered = sorted(headers, key=lambda header: header.copy is not None and header.copy.name in made_here)
    for outcome in add_readings(db, ordered, served):
        if outcome.outcome not in VIEWABLE:
            raise InputError(_unreadable(outcome.path))


def _has_copy(stored: StoredFile) -> bool:
    """Whether a file has a copy, by a name that is one: a library from elsewhere may name any file there."""
    return stored.copy is not None and is_copy_name(stored.copy.name)


def remove_files(places: Sequence[Path], copies: Path, *, permanently: bool) -> None:
    """Take copies away, in one piece, and nothing else.

    In the trash they lie in a folder by whose name the library knows them again, should they be put back.

    Raises:
        InputError: they cannot be taken away; then they are where they were.
    """
    stage = copies / f"{secrets.randbelow(10**16):016d}"
    moved: list[tuple[Path, Path]] = []
    try:
        for place in places:
            if place.exists():
                stage.mkdir(mode=0o700, exist_ok=True)
                place.rename(stage / place.name)
                moved.append((stage / place.name, place))
        if moved and permanently:
            shutil.rmtree(stage)
        elif moved:
            send2trash(stage)
    except OSError as error:
        for staged, place in moved:
            with contextlib.suppress(OSError):
                staged.rename(place)
        with contextlib.suppress(OSError):
            stage.rmdir()
        if isinstance(error, TrashPermissionError):
            raise InputError(
                "There is no trash for the disk of the library. Delete the study permanently (--permanently)."
            ) from error
        raise InputError(f"A copy cannot be deleted: {error.strerror or 'unknown reason'}. Try again.") from error
    for folder in {place.parent for place in places}:
        with contextlib.suppress(OSError):
            # It stays if there are others in it.
            folder.rmdir()
