"""Reads files of the library again, as those that it knows."""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..dicom.memberpaths import is_member, outermost
from ..dicom.passwords import passwords
from ..dicom.records import FileRef, Header
from ..importers.keeping import digest_of
from ..importers.reading import Order, ReaderPool, Reading
from ..library.charsets import find_charsets
from ..library.forgetting import StoredFile
from ..library.outcomes import Outcome, Refusal
from ..library.places import is_here
from ..library.stored import find_made_here
from ..paths import system_path


def order_again(db: sqlite3.Connection, copies: Path) -> Order:
    """Return how files of the library are read again: in the letters that were chosen for their studies.

    Not so what the viewer made of them.
    """
    made_here = (str(copies / name) for name in find_made_here(db))
    return Order(charsets=find_charsets(db), as_said=frozenset(made_here), passwords=passwords())


def read_again(pool: ReaderPool, copies: Path, items: Sequence[StoredFile], order: Order) -> list[Header | Refusal]:
    """Read files that are here, and return what is read as that of the files that the library knows.

    Args:
        items: as of :func:`find_now`.
    """
    places = [place_of(item, copies) for item in items]
    readings = pool.result(places, pool.submit(places, order), order) or ()
    return [_as_known(item, reading) for item, reading in zip(items, readings, strict=True)]


def find_now(item: StoredFile, copies: Path) -> StoredFile | None:
    """Return a file as it is now; None if it is not here, or is a copy that is damaged."""
    place = place_of(item, copies)
    real = outermost(place.path)
    try:
        if not is_here(real, place.medium):
            return None
        status = os.stat(system_path(real))  # noqa: PTH116
        if item.copy is None:
            # What an archive holds is known by the archive.
            size = item.file.size if is_member(place.path) else status.st_size
            return replace(item, file=replace(item.file, size=size, mtime_ns=status.st_mtime_ns))
        if (status.st_size, status.st_mtime_ns) != (place.size, place.mtime_ns) and not is_whole(Path(real)):
            return None
    except OSError:
        return None
    file, copy = replace(item.file, size=status.st_size), replace(item.copy, mtime_ns=status.st_mtime_ns)
    return StoredFile(file, copy)


def place_of(item: StoredFile, copies: Path) -> FileRef:
    """Return where a file's bytes are."""
    if item.copy is None:
        return item.file
    return FileRef(str(copies / item.copy.name), item.file.size, item.copy.mtime_ns)


def is_whole(copy: Path) -> bool:
    """Whether a copy holds what its name says, which is its digest."""
    return digest_of(copy).startswith(copy.stem)


def _as_known(item: StoredFile, reading: Reading) -> Header | Refusal:
    """Return what was read of a file as that of the file that the library knows."""
    if isinstance(reading, Header):
        return replace(reading, file=item.file, copy=item.copy)
    if isinstance(reading, Refusal):
        return replace(reading, file=item.file)
    return Refusal(item.file, Outcome.NOT_DICOM, "It holds or lists other files now. Import it again.", container=True)
