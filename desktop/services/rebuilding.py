"""Makes the library anew from the files that it tells of: they are the truth."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..dicom.records import Copy, FileRef, Header
from ..errors import InputError
from ..handover import take_ownership
from ..importers.reading import ReaderPool
from ..library.adding import add_readings
from ..library.forgetting import StoredFile
from ..library.outcomes import VIEWABLE, FileOutcome, Refusal
from ..library.repairing import drop_lost_files, find_files, take_over
from ..library.schema import check_file
from ..library.store import Store
from ..library.stored import find_made_here
from ..paths import Paths
from .rereading import find_now, is_whole, order_again, read_again

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
        there = paths.library.is_file()
        with Store(fresh, paths.copies) as store, contextlib.closing(ReaderPool()) as pool:
            sound = not there or store.write(partial(take_over, path=paths.library)).result()
            count = _read_again(store, pool, paths.copies)
        before = paths.library.with_name("library.before-rebuild.sqlite") if there else None
        _put_in_place(paths.library, fresh, before)
    return RebuildReport(count.read, count.kept, count.lost, not sound, before)


@dataclass(slots=True)
class _Count:
    read: int = 0
    kept: int = 0
    lost: int = 0

    def add(self, outcome: FileOutcome, reading: Header | Refusal, *, held: bool) -> None:
        """Count one file; ``held``: the library has its instance."""
        if outcome.outcome in VIEWABLE:
            self.read += 1
        elif isinstance(reading, Refusal) and reading.unreachable:
            self.miss(held=held)
        else:
            self.lost += 1

    def miss(self, *, held: bool) -> None:
        """Count a file that is not here now, or locked."""
        self.kept += held
        self.lost += not held


def _read_again(store: Store, pool: ReaderPool, copies: Path) -> _Count:
    """Read all files that are here."""
    files = find_files(store.reader())
    order = order_again(store.reader(), copies)
    made_here = find_made_here(store.reader())
    # The last connection to be closed tidies the database up; this one cannot.
    store.release()
    count = _Count()
    here: list[tuple[StoredFile, bool]] = []
    for item, held in files.items():
        found = find_now(item, copies)
        if found is None:
            count.miss(held=held)
        else:
            here.append((found, held))
    known = {item.copy.name for item in files if item.copy is not None}
    here += [(item, False) for item in _find_orphans(copies, known)]
    # What the viewer made belongs to the study of the others: they come first.
    here.sort(key=lambda found: found[0].copy is not None and found[0].copy.name in made_here)
    for start in range(0, len(here), _BATCH):
        batch = here[start : start + _BATCH]
        again = read_again(pool, copies, [item for item, _ in batch], order)
        outcomes = store.write(partial(add_readings, readings=again)).result()
        for (_, held), reading, outcome in zip(batch, again, outcomes, strict=True):
            count.add(outcome, reading, held=held)
    store.write(drop_lost_files).result()
    return count


def _find_orphans(copies: Path, known: set[str]) -> Iterator[StoredFile]:
    """Find copies of which the library does not know."""
    for path in sorted(copies.glob("*/*.dcm")):
        name = path.relative_to(copies).as_posix()
        with contextlib.suppress(OSError):
            if name not in known and is_whole(path):
                status = path.stat()
                yield StoredFile(FileRef(name, status.st_size, status.st_mtime_ns), Copy(name, status.st_mtime_ns))


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
