"""What the library holds of a study, and how it is let go: forgotten, deleted, or read again in other letters."""

import logging
import shutil
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from send2trash import TrashPermissionError, send2trash

from ..dicom.memberpaths import shown
from ..dicom.records import FileRef, Header
from ..dicom.text import parse_charset
from ..errors import InputError, UsageError
from ..events import Events, LibraryChanged
from ..importers.reading import Order, ReaderPool, Reading
from ..library.adding import add_readings
from ..library.charsets import choose_charset, find_charsets
from ..library.forgetting import StoredFile, find_stored_files, forget_study, replace_study
from ..library.queries import get_study, own_study_uid
from ..library.store import Store

log = logging.getLogger(__name__)

_BATCH = 100
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
    """Lets studies go, and has them read again."""

    def __init__(self, store: Store, pool: ReaderPool, events: Events, copies: Path) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._copies = copies

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
        if holding.copies:
            raise InputError(f"{_count(holding.copies)} of this study are copies in the library. Delete it instead.")
        self._forget(study_uid)
        return holding

    def delete(self, study_uid: str, *, permanently: bool = False) -> Holding:
        """Drop a study from the list, and the library's copies of its files. Files in place are never touched.

        Args:
            permanently: do not use the system's trash.

        Raises:
            InputError: it is not there, or its copies cannot be taken away. Then it stays in the list.
        """
        files = self._files(study_uid)
        copies = [self._copies / stored.copy.name for stored in files if stored.copy is not None]
        try:
            for path in _whole_folders([path for path in copies if path.exists()]):
                _remove(path, permanently=permanently)
        except TrashPermissionError as error:
            raise InputError(
                "There is no trash for the disk of the library. Delete the study permanently (--permanently)."
            ) from error
        except OSError as error:
            raise InputError(f"A copy cannot be deleted: {error.strerror or 'unknown reason'}. Try again.") from error
        self._forget(study_uid)
        return Holding(len(files) - len(copies), len(copies))

    def set_charset(self, study_uid: str, charset: str) -> None:
        """Read a study again in another character set; empty for the one that its files name.

        Raises:
            UsageError: there is no such character set.
            InputError: the study is not there, or one of its files.
        """
        try:
            charset = "\\".join(parse_charset(charset)) if charset else ""
        except ValueError as error:
            raise UsageError(str(error)) from error
        files = self._files(study_uid)
        own_uid = own_study_uid(self._store.reader(), study_uid)
        order = Order(charsets=find_charsets(self._store.reader()) | {own_uid: charset})
        headers = self._read(files, order)
        self._store.write(partial(choose_charset, study_uid=own_uid, charset=charset)).result()
        self._store.write(lambda db: replace_study(db, study_uid, partial(add_readings, db, headers))).result()
        self._events.publish(LibraryChanged())

    def _read(self, files: list[StoredFile], order: Order) -> list[Header]:
        """Read a study's files. All of them must be there, or some of it would stay in the old letters."""
        places = [self._place(stored) for stored in files]
        batches = [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]
        futures: list[Future[list[Reading]]] = [self._pool.submit(batch, order) for batch in batches]
        readings: list[Reading] = []
        for batch, future in zip(batches, futures, strict=True):
            readings += self._pool.result(batch, future, order) or ()
        headers = []
        for stored, reading in zip(files, readings, strict=True):
            if not isinstance(reading, Header):
                raise InputError(f"{shown(stored.file.path)} cannot be read now. Nothing was changed.")
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

    def _forget(self, study_uid: str) -> None:
        self._store.write(partial(forget_study, study_uid=study_uid)).result()
        self._events.publish(LibraryChanged())


def _whole_folders(files: list[Path]) -> list[Path]:
    """Return the folders of which all files are named, and the files of others by themselves."""
    folders: dict[Path, set[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, set()).add(file)
    targets: list[Path] = []
    for folder, named in folders.items():
        targets += [folder] if set(folder.iterdir()) <= named else sorted(named)
    return targets


def _remove(path: Path, *, permanently: bool) -> None:
    if not permanently:
        send2trash(path)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"
