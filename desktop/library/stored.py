"""What was stored here: where a file's instance is served, and what the viewer made that nobody has been sent yet."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from .rows import path_to_db


@dataclass(frozen=True, slots=True)
class InstancePlace:
    """Where the instance of a file is served.

    Attributes:
        place: the UIDs of study, series and instance under which it is served.
        own: those that its study, its series and itself have in the files.
        truncated: its pixels are cut short.
    """

    place: tuple[str, str, str]
    own: tuple[str, str, str]
    SOPClassUID: str
    truncated: bool = False


def find_instance_of(db: sqlite3.Connection, path: str) -> InstancePlace | None:
    """Return the instance that a file of this computer holds, or that another file with its bytes does."""
    row = db.execute(
        "SELECT studies.uid, series.uid, instances.uid, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, "
        "SOPClassUID, instances.truncated FROM files "
        "JOIN instances ON instances.id = twin OR instances.file = files.id "
        "JOIN series ON series.id = series JOIN studies ON studies.id = study "
        "WHERE path = ? AND medium = 1 ORDER BY instances.file != files.id",
        (path_to_db(path),),
    ).fetchone()
    if row is None:
        return None
    study, series, instance, *own, sop_class = map(str, row[:-1])
    return InstancePlace((study, series, instance), (own[0], own[1], own[2]), sop_class, bool(row["truncated"]))


def note_made_here(db: sqlite3.Connection, copy: str) -> None:
    """Note that a copy was made by the viewer, and was not sent anywhere yet."""
    for table in _MARKS:
        db.execute(f"INSERT OR IGNORE INTO {table} (copy) VALUES (?)", (copy,))


def note_sent(db: sqlite3.Connection, copies: Iterable[str]) -> None:
    """Note that copies are elsewhere too."""
    db.executemany("DELETE FROM unsent WHERE copy = ?", ((copy,) for copy in copies))


def is_made_here(db: sqlite3.Connection, copy: str) -> bool:
    """Whether a copy was made by the viewer."""
    return db.execute("SELECT 1 FROM made_here WHERE copy = ?", (copy,)).fetchone() is not None


def find_made_here(db: sqlite3.Connection) -> frozenset[str]:
    """Return the names of the copies that were made by the viewer."""
    return frozenset(copy for (copy,) in db.execute("SELECT copy FROM made_here"))


def forget_made_here(db: sqlite3.Connection, copies: Iterable[str]) -> None:
    """Forget of copies that are gone that they were made here."""
    names = [(copy,) for copy in copies]
    for table in _MARKS:
        db.executemany(f"DELETE FROM {table} WHERE copy = ?", names)


_MARKS = ("made_here", "unsent")


def forget_refused(db: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Forget files of this computer that hold no instance, and are gone: whoever sent them was told."""
    db.executemany(
        "DELETE FROM files WHERE path = ? AND medium = 1 AND id NOT IN (SELECT file FROM instances)",
        ((path_to_db(path),) for path in paths),
    )
