"""Saves what can be saved of a damaged library."""

import contextlib
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from ..dicom.records import Copy, FileRef
from .forgetting import StoredFile
from .rows import path_from_db
from .searching import index_study


def copy_database(path: Path, target: Path) -> bool:
    """Write the library's tables into a new file; return whether all of them could be read."""
    try:
        with _opened(path) as db:
            db.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.DatabaseError:
        target.unlink(missing_ok=True)
        return False
    return True


def salvage_files(path: Path) -> list[StoredFile]:
    """Return the files that a damaged library tells of, as far as it can be read."""
    found: list[StoredFile] = []
    with contextlib.suppress(sqlite3.DatabaseError), _opened(path) as db:
        for row in db.execute("SELECT * FROM files NOT INDEXED"):
            copy = Copy(row["copy"], row["copy_mtime_ns"]) if row["copy"] else None
            found.append(StoredFile(FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"]), copy))
    return found


def count_anew(db: sqlite3.Connection) -> None:
    """Write anew what is derived from other rows: the counters of series, and the words of studies."""
    for counter, value in (
        ("instances", "count(*)"),
        ("conflicts", "total(conflict)"),
        ("truncated", "total(truncated)"),
    ):
        db.execute(
            f"UPDATE series SET {counter} = (SELECT CAST({value} AS INTEGER) FROM instances WHERE series = series.id)"
        )
    db.execute("DELETE FROM study_search")
    for (study,) in db.execute("SELECT id FROM studies").fetchall():
        index_study(db, study)
    # Each file is to be read again.
    db.execute("UPDATE files SET reader = 0")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()
