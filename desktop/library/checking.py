"""Looks whether the library is sound: its tables, and the files that they tell of."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..dicom.memberpaths import outermost
from ..paths import system_path
from .forgetting import find_stored_files
from .places import is_here
from .repairing import unfit_rows

_SHOWN = 10
_AGAIN = "Import them again from their source."
_REBUILD = "Rebuild the library: negatoscope library rebuild"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found.

    Attributes:
        away: instances whose file is not here now; that is no fault.
        faults: sentences; none if the library is sound.
    """

    studies: int
    instances: int
    copies: int
    away: int
    faults: tuple[str, ...]


def check_library(db: sqlite3.Connection, copies: Path, digest_of: Callable[[Path], str] | None = None) -> CheckReport:
    """Check the library.

    Args:
        digest_of: to read each copy whole and compare it with its name; None: only its size is looked at.

    Raises:
        sqlite3.DatabaseError: it is damaged beyond reading.
    """
    faults = [
        f"The database is damaged: {said}. {_REBUILD}"
        for (said,) in db.execute("PRAGMA integrity_check(10)")
        if said != "ok"
    ]
    faults += [f"A row of {row[0]} refers to one of {row[2]} that is not there. {_REBUILD}" for row in _foreign(db)]
    faults += _check_counters(db)
    (studies,) = db.execute("SELECT count(*) FROM studies").fetchone()
    (instances,) = db.execute("SELECT count(*) FROM instances").fetchone()
    unfit = unfit_rows(db)
    if unfit:
        faults.append(f"{unfit:,} rows cannot be read, and no files were looked for. {_REBUILD}")
        return CheckReport(studies, instances, 0, 0, tuple(faults))
    known: set[str] = set()
    bad: Counter[str] = Counter()
    away = 0
    for item in find_stored_files(db):
        if item.copy is None:
            away += not (is_here(item.file.path, item.file.medium) and _exists(outermost(item.file.path)))
            continue
        known.add(item.copy.name)
        fault = _check_copy(copies / item.copy.name, item.file.size, item.copy.mtime_ns, digest_of)
        bad[fault] += bool(fault)
    faults += [f"{count:,} copies {fault}" for fault, count in bad.items() if count]
    faults += _find_orphans(copies, known)
    return CheckReport(studies, instances, len(known), away, tuple(faults))


def _foreign(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute("PRAGMA foreign_key_check").fetchmany(_SHOWN)


def _check_counters(db: sqlite3.Connection) -> list[str]:
    count = "(SELECT count(*) FROM instances WHERE series = series.id)"
    (wrong,) = db.execute(f"SELECT count(*) FROM series WHERE instances != {count}").fetchone()
    (unfound,) = db.execute("SELECT count(*) FROM studies WHERE id NOT IN (SELECT rowid FROM study_search)").fetchone()
    (bare,) = db.execute("SELECT count(*) FROM instances WHERE id NOT IN (SELECT instance FROM metadata)").fetchone()
    found = (
        (wrong, "series are counted wrongly"),
        (unfound, "studies cannot be searched"),
        (bare, "images lack metadata"),
    )
    return [f"{number:,} {what}. {_REBUILD}" for number, what in found if number]


def _check_copy(path: Path, size: int, mtime_ns: int, digest_of: Callable[[Path], str] | None) -> str:
    try:
        status = path.stat()
        if status.st_size != size:
            return f"have another size than their files. {_AGAIN}"
        if digest_of is not None and not digest_of(path).startswith(path.stem):
            return f"are damaged. {_AGAIN}"
    except OSError:
        return f"cannot be read. {_AGAIN}"
    # As after a backup was put back. They are shown again once they are known to be what they were.
    return "" if status.st_mtime_ns == mtime_ns else f"have another date. {_REBUILD}"


def _find_orphans(copies: Path, known: set[str]) -> list[str]:
    """Say which files in the folder of copies no row tells of: a program that was killed leaves them."""
    there = {path.relative_to(copies).as_posix() for path in copies.glob("*/*.dcm")} if copies.is_dir() else set()
    lost = there - known
    mend = f"{_AGAIN[:-1]}, or take them in: negatoscope library rebuild"
    return [f"{len(lost):,} copies are in no list. {mend}"] if lost else []


def _exists(path: str) -> bool:
    return os.path.exists(system_path(path))  # noqa: PTH110
