"""Takes studies out of the library. Files in place are never touched; the library's copies are somebody else's task."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..dicom.records import Copy, FileRef
from .rows import path_from_db
from .stored import forget_made_here


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that holds an instance of a study.

    Attributes:
        file: as it was met.
        copy: where the library's own copy of it is.
    """

    file: FileRef
    copy: Copy | None


STORED = (
    "SELECT files.id AS number, instances.id AS instance, studies.uid AS study_uid, path, "
    "size, mtime_ns, identity, copy, copy_mtime_ns "
    "FROM instances JOIN files ON files.id = file JOIN media ON media.id = medium "
    "JOIN series ON series.id = series JOIN studies ON studies.id = study"
)
"""Selects the files that hold instances, for :func:`make_stored_file`."""


def find_stored_files(
    db: sqlite3.Connection,
    study_uid: str | None = None,
    series_uid: str | None = None,
    instance_uid: str | None = None,
) -> list[StoredFile]:
    """Return the files that hold the instances of a study, or of a series or instance of it; None: of all."""
    named = {"studies.uid": study_uid, "series.uid": series_uid, "instances.uid": instance_uid}
    values = [uid for uid in named.values() if uid is not None]
    condition = " AND ".join(f"{column} = ?" for column, uid in named.items() if uid is not None)
    rows = db.execute(f"{STORED} {condition and 'WHERE'} {condition} ORDER BY files.id", values)
    return [make_stored_file(row) for row in rows]


def make_stored_file(row: sqlite3.Row) -> StoredFile:
    """Return the file of a row."""
    return StoredFile(
        FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"], row["identity"]),
        Copy(row["copy"], row["copy_mtime_ns"]) if row["copy"] else None,
    )


def forget_files(db: sqlite3.Connection, study_uid: str, files: Iterable[StoredFile]) -> int:
    """Drop some files of a study; return how many others it has, that may have come meanwhile.

    A study without any is dropped.
    """
    named = set(files)
    rows = db.execute(f"{STORED} WHERE studies.uid = ?", (study_uid,)).fetchall()
    dropped = [row for row in rows if make_stored_file(row) in named]
    forget_made_here(db, [row["copy"] for row in dropped if row["copy"]])
    if len(dropped) == len(rows):
        forget_study(db, study_uid)
        return 0
    db.executemany("DELETE FROM instances WHERE id = ?", ((row["instance"],) for row in dropped))
    db.executemany("DELETE FROM files WHERE id = ?", ((row["number"],) for row in dropped))
    db.execute("DELETE FROM series WHERE instances = 0")
    db.execute("UPDATE studies SET version = version + 1 WHERE uid = ?", (study_uid,))
    return len(rows) - len(dropped)


def forget_study(db: sqlite3.Connection, study_uid: str) -> int:
    """Drop a study, its instances and what is known of their files; return how many instances these were.

    An import of the same files brings it back.
    """
    row = db.execute("SELECT id FROM studies WHERE uid = ?", (study_uid,)).fetchone()
    if row is None:
        return 0
    study = row["id"]
    files = db.execute(
        "SELECT file FROM instances JOIN series ON series.id = series WHERE study = ?", (study,)
    ).fetchall()
    db.execute("DELETE FROM instances WHERE series IN (SELECT id FROM series WHERE study = ?)", (study,))
    db.executemany("DELETE FROM files WHERE id = ?", ((row["file"],) for row in files))
    db.execute("DELETE FROM series WHERE study = ?", (study,))
    db.execute("DELETE FROM study_search WHERE rowid = ?", (study,))
    db.execute("DELETE FROM studies WHERE id = ?", (study,))
    db.execute("DELETE FROM patients WHERE id NOT IN (SELECT patient FROM studies)")
    return len(files)


def replace_study(
    db: sqlite3.Connection, study_uid: str, add: Callable[[Mapping[tuple[bytes, int], str]], object]
) -> None:
    """Drop a study and add its files anew, within the caller's transaction.

    Its version goes on growing, and duplicates of its files stay theirs.

    Args:
        add: adds them; told under which UIDs they were served, as of :func:`~desktop.library.adding.add_readings`.
    """
    served = {
        (path, medium): uid
        for path, medium, uid in db.execute(
            "SELECT path, medium, instances.uid FROM instances JOIN files ON files.id = file "
            "JOIN series ON series.id = series JOIN studies ON studies.id = study WHERE studies.uid = ?",
            (study_uid,),
        )
    }
    row = db.execute("SELECT version FROM studies WHERE uid = ?", (study_uid,)).fetchone()
    duplicates = db.execute(
        "SELECT files.path, files.medium, twins.id FROM files AS twins JOIN instances ON instances.id = twins.twin "
        "JOIN files ON files.id = instances.file JOIN series ON series.id = series JOIN studies ON studies.id = study "
        "WHERE studies.uid = ?",
        (study_uid,),
    ).fetchall()
    forget_study(db, study_uid)
    add(served)
    if row is not None:
        db.execute("UPDATE studies SET version = version + ? WHERE uid = ?", (row["version"], study_uid))
    db.executemany(
        "UPDATE files SET twin = (SELECT instances.id FROM instances JOIN files ON files.id = file "
        "WHERE path = ? AND medium = ?) WHERE id = ?",
        (tuple(link) for link in duplicates),
    )
