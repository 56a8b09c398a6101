"""Makes the library anew from the files that it tells of: they are the truth."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..dicom.memberpaths import outermost
from ..dicom.records import Copy, FileRef, Header
from ..errors import InputError
from ..handover import take_ownership
from ..importers.reading import Order, ReaderPool
from ..library.adding import add_readings
from ..library.charsets import find_charsets
from ..library.forgetting import StoredFile, find_stored_files
from ..library.outcomes import Refusal
from ..library.places import is_here
from ..library.repairing import copy_database, count_anew, salvage_files
from ..library.store import Store
from ..paths import Paths, system_path

_BATCH = 100


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuilding did.

    Attributes:
        read: files that were read again.
        kept: files that are not here now; what was known of them is kept.
        lost: files that are not here now, and of which the damaged database told nothing more.
        before: where the library as it was is now.
    """

    read: int
    kept: int
    lost: int
    before: Path


def rebuild(paths: Paths) -> RebuildReport:
    """Make the library anew beside the old one, then put it in its place.

    Raises:
        InputError: another program has the library, or the new one cannot be written.
    """
    with contextlib.ExitStack() as stack:
        ownership = take_ownership(paths.lock)
        if ownership is None:
            raise InputError("Another Negatoscope has this library open. End it first.")
        stack.enter_context(ownership)
        fresh = paths.library.with_name("library.rebuilt.sqlite")
        _remove_database(fresh)
        salvaged = None if copy_database(paths.library, fresh) else salvage_files(paths.library)
        with Store(fresh, paths.copies) as store, contextlib.closing(ReaderPool()) as pool:
            read, away = _read_again(store, pool, paths.copies, salvaged)
        before = paths.library.with_name("library.before-rebuild.sqlite")
        _remove_database(before)
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{paths.library}{end}").replace(f"{before}{end}")
        fresh.replace(paths.library)
    return RebuildReport(read, away if salvaged is None else 0, 0 if salvaged is None else away, before)


def _read_again(store: Store, pool: ReaderPool, copies: Path, salvaged: Sequence[StoredFile] | None) -> tuple[int, int]:
    """Read all files that are here; return how many these were, and how many are not here."""
    if salvaged is None:
        store.write(count_anew).result()
    files = find_stored_files(store.reader()) if salvaged is None else salvaged
    known = {item.copy.name for item in files if item.copy is not None}
    files = [*files, *_find_orphans(copies, known)]
    here = [item for item in files if _is_here(item, copies)]
    order = Order(charsets=find_charsets(store.reader()))
    for start in range(0, len(here), _BATCH):
        batch = here[start : start + _BATCH]
        places = [_place(item, copies) for item in batch]
        readings = pool.result(places, pool.submit(places, order), order) or ()
        again = [
            replace(reading, file=item.file, copy=item.copy)
            if isinstance(reading, Header)
            else replace(reading, file=item.file)
            for item, reading in zip(batch, readings, strict=True)
            if isinstance(reading, Header | Refusal)
        ]
        store.write(partial(add_readings, readings=again)).result()
    store.release()
    return len(here), len(files) - len(here)


def _find_orphans(copies: Path, known: set[str]) -> Iterator[StoredFile]:
    """Find copies of which the library does not know."""
    for path in sorted(copies.glob("*/*.dcm")):
        name = path.relative_to(copies).as_posix()
        if name not in known:
            status = path.stat()
            yield StoredFile(FileRef(name, status.st_size, status.st_mtime_ns), Copy(name, status.st_mtime_ns))


def _place(item: StoredFile, copies: Path) -> FileRef:
    if item.copy is None:
        return item.file
    return FileRef(str(copies / item.copy.name), item.file.size, item.copy.mtime_ns)


def _is_here(item: StoredFile, copies: Path) -> bool:
    place = _place(item, copies)
    real = outermost(place.path)
    return is_here(real, place.medium) and os.path.exists(system_path(real))  # noqa: PTH110


def _remove_database(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
