"""Makes the library anew from the files that it tells of: they are the truth."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..dicom.memberpaths import is_member, outermost
from ..dicom.records import Copy, FileRef, Header
from ..errors import InputError
from ..handover import take_ownership
from ..importers.keeping import digest_of
from ..importers.reading import Order, ReaderPool
from ..library.adding import add_readings
from ..library.charsets import choose_charset, find_charsets
from ..library.forgetting import StoredFile
from ..library.outcomes import VIEWABLE, Refusal
from ..library.places import is_here, note_medium
from ..library.repairing import UNUSABLE, Salvage, copy_database, mend, salvage, says_damage
from ..library.schema import check_file
from ..library.store import Store
from ..paths import Paths, system_path

_BATCH = 100
_ENDS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuilding did.

    Attributes:
        read: files that were read again.
        kept: files that are not here now, or locked; what was known of them is kept.
        lost: files that the library does not hold any more: they cannot be read as DICOM, or are not here now, and
            the damaged database told nothing more of them.
        damaged: the database was damaged. It may have told of more files.
        before: where the library as it was is now; None if there was none.
    """

    read: int
    kept: int
    lost: int
    damaged: bool
    before: Path | None


def rebuild(paths: Paths) -> RebuildReport:
    """Make the library anew beside the old one, then put it in its place.

    Raises:
        InputError: another program has the library, or the new one cannot be written. Nothing is changed.
    """
    with contextlib.ExitStack() as stack:
        ownership = take_ownership(paths.lock)
        if ownership is None:
            raise InputError("Another Negatoscope has this library open. End it first.")
        stack.enter_context(ownership)
        check_file(paths.library)
        fresh = paths.library.with_name("library.rebuilt.sqlite")
        _remove_database(fresh)
        stack.callback(_remove_database, fresh)
        there = paths.library.exists()
        whole = there and _take_over(paths.library, fresh, paths.copies)
        told = salvage(fresh if whole else paths.library)
        with Store(fresh, paths.copies) as store, contextlib.closing(ReaderPool()) as pool:
            if not whole:
                store.write(partial(_note, told=told)).result()
            count = _read_again(store, pool, paths.copies, told.files)
        before = paths.library.with_name("library.before-rebuild.sqlite") if there else None
        _put_in_place(paths.library, fresh, before)
    kept, lost = (count.missed, 0) if whole else (0, count.missed)
    return RebuildReport(count.read, kept, lost + count.refused, there and not whole, before)


def _take_over(library: Path, fresh: Path, copies: Path) -> bool:
    """Copy the library's tables, and mend them; return whether they can be used."""
    if not copy_database(library, fresh):
        return False
    try:
        with Store(fresh, copies) as store:
            store.write(mend).result()
    except InputError as error:
        if error.__cause__ is None or not says_damage(error.__cause__):
            raise
    except UNUSABLE:
        pass
    else:
        return True
    _remove_database(fresh)
    return False


def _note(db: sqlite3.Connection, told: Salvage) -> None:
    for medium in told.media:
        note_medium(db, medium)
    for study_uid, charset in told.charsets.items():
        choose_charset(db, study_uid, charset)


@dataclass(slots=True)
class _Count:
    """Files that were read; those that are not here now or locked; and those that are no DICOM that can be read."""

    read: int = 0
    missed: int = 0
    refused: int = 0


def _read_again(store: Store, pool: ReaderPool, copies: Path, files: Sequence[StoredFile]) -> _Count:
    """Read all files that are here."""
    known = {item.copy.name for item in files if item.copy is not None}
    here = [found for item in files if (found := _find(item, copies)) is not None]
    count = _Count(missed=len(files) - len(here))
    here += _find_orphans(copies, known)
    order = Order(charsets=find_charsets(store.reader()))
    # The last connection to be closed tidies the database up; this one cannot.
    store.release()
    for start in range(0, len(here), _BATCH):
        batch = here[start : start + _BATCH]
        places = [_place(item, copies) for item in batch]
        readings = pool.result(places, pool.submit(places, order), order) or ()
        again: list[Header | Refusal] = []
        for item, reading in zip(batch, readings, strict=True):
            if isinstance(reading, Header):
                again.append(replace(reading, file=item.file, copy=item.copy))
            elif isinstance(reading, Refusal):
                again.append(replace(reading, file=item.file))
            else:
                count.refused += 1
        outcomes = store.write(partial(add_readings, readings=again)).result()
        for reading, outcome in zip(again, outcomes, strict=True):
            count.read += outcome.outcome in VIEWABLE
            if outcome.outcome not in VIEWABLE:
                gone = isinstance(reading, Refusal) and reading.unreachable
                count.missed += gone
                count.refused += not gone
    return count


def _find(item: StoredFile, copies: Path) -> StoredFile | None:
    """Return a file as it is now; None if it is not here, or is a copy that is damaged."""
    place = _place(item, copies)
    real = outermost(place.path)
    try:
        if not is_here(real, place.medium):
            return None
        status = os.stat(system_path(real))  # noqa: PTH116
        if item.copy is None:
            # What an archive holds is known by the archive.
            size = item.file.size if is_member(place.path) else status.st_size
            return replace(item, file=replace(item.file, size=size, mtime_ns=status.st_mtime_ns))
        if (status.st_size, status.st_mtime_ns) != (place.size, place.mtime_ns) and not _is_whole(Path(real)):
            return None
    except OSError:
        return None
    return replace(item, copy=replace(item.copy, mtime_ns=status.st_mtime_ns))


def _find_orphans(copies: Path, known: set[str]) -> Iterator[StoredFile]:
    """Find copies of which the library does not know."""
    for path in sorted(copies.glob("*/*.dcm")):
        name = path.relative_to(copies).as_posix()
        with contextlib.suppress(OSError):
            if name not in known and _is_whole(path):
                status = path.stat()
                yield StoredFile(FileRef(name, status.st_size, status.st_mtime_ns), Copy(name, status.st_mtime_ns))


def _is_whole(copy: Path) -> bool:
    """Whether a copy holds what its name says, which is its digest."""
    return digest_of(copy).startswith(copy.stem)


def _place(item: StoredFile, copies: Path) -> FileRef:
    if item.copy is None:
        return item.file
    return FileRef(str(copies / item.copy.name), item.file.size, item.copy.mtime_ns)


def _put_in_place(library: Path, fresh: Path, before: Path | None) -> None:
    """Put the new library in the place of the old one, which is put away as ``before``."""
    try:
        for path, target in ((library, before), (fresh, library)):
            if target is not None:
                _remove_database(target)
                for end in _ENDS:
                    with contextlib.suppress(FileNotFoundError):
                        Path(f"{path}{end}").replace(f"{target}{end}")
    except OSError as error:
        raise InputError(
            f"The library cannot be replaced: {error.strerror}. End all programs that use it, and try again."
        ) from error


def _remove_database(path: Path) -> None:
    for end in _ENDS:
        Path(f"{path}{end}").unlink(missing_ok=True)
