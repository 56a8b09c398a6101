"""Duplicates stand in for one another: where a file is gone, another with the same bytes takes its place."""

import os
import sqlite3
from collections.abc import Iterable
from itertools import islice

from ..dicom.memberpaths import is_member, outermost
from ..dicom.records import FileRef
from ..paths import system_path
from .outcomes import Outcome
from .places import is_here, shown
from .rows import path_from_db

_STANDS_IN = "Another file with the same bytes is shown in its place: "


def file_of(db: sqlite3.Connection, instance: int) -> FileRef:
    """Return an instance's file in place, as it was met."""
    row = db.execute(
        "SELECT path, size, mtime_ns, identity FROM files JOIN media ON media.id = medium "
        "JOIN instances ON file = files.id WHERE instances.id = ?",
        (instance,),
    ).fetchone()
    return FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"], row["identity"])


def find_heirs(db: sqlite3.Connection, instance: int) -> list[tuple[int, FileRef]]:
    """Return the files that are noted as duplicates of an instance's file, with their rows.

    A file of another size holds the same object, but nothing is where it is in the instance's file.
    """
    rows = db.execute(
        "SELECT files.id AS number, path, size, mtime_ns, identity FROM files JOIN media ON media.id = medium "
        "WHERE twin = ?1 AND size = (SELECT size FROM files JOIN instances ON file = files.id WHERE instances.id = ?1) "
        "ORDER BY files.id",
        (instance,),
    )
    return [
        (row["number"], FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"], row["identity"]))
        for row in rows
    ]


def find_heir(db: sqlite3.Connection, instance: int, besides: str = "") -> int | None:
    """Return the row of a duplicate of an instance's file that is as it was met, or may be so where it is now.

    One that is here goes before one on a medium that is out.

    Args:
        besides: path of a file that is none.
    """
    heirs = [(number, file) for number, file in find_heirs(db, instance) if file.path != besides]
    for number, file in heirs:
        if is_as_met(file):
            return number
    for number, file in heirs:
        if not is_here(file.path, file.medium):
            return number
    return None


def hand_on(db: sqlite3.Connection, instance: int, heir: int) -> None:
    """Have an instance's bytes come from a duplicate of its file from now on; the file becomes one."""
    before = db.execute(
        "SELECT files.id AS number, outcome, reason FROM instances JOIN files ON files.id = file "
        "WHERE instances.id = ?",
        (instance,),
    ).fetchone()
    db.execute("UPDATE instances SET file = ? WHERE id = ?", (heir, instance))
    db.execute(
        "UPDATE files SET outcome = ?, reason = ?, twin = NULL WHERE id = ?",
        (before["outcome"], before["reason"], heir),
    )
    (path,) = db.execute("SELECT path FROM files WHERE id = ?", (heir,)).fetchone()
    db.execute(
        "UPDATE files SET outcome = ?, reason = ?, twin = ? WHERE id = ?",
        (Outcome.DUPLICATE, _STANDS_IN + shown(path_from_db(path)), instance, before["number"]),
    )


def choose_heirs(db: sqlite3.Connection, study_uids: Iterable[str]) -> list[tuple[int, int]]:
    """Return instances of some studies whose files are not here, each with the row of a duplicate that is.

    It asks the disk for each file, so it may take long.
    """
    chosen = []
    for study_uid in study_uids:
        rows = db.execute(
            "SELECT instances.id AS instance, path, size, mtime_ns, identity FROM instances "
            "JOIN files ON files.id = file JOIN media ON media.id = medium "
            "JOIN series ON series.id = series JOIN studies ON studies.id = study "
            "WHERE studies.uid = ? AND copy = '' AND instances.id IN (SELECT twin FROM files WHERE twin IS NOT NULL)",
            (study_uid,),
        ).fetchall()
        for row in rows:
            file = FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"], row["identity"])
            if not is_as_met(file):
                heirs = (number for number, heir in find_heirs(db, row["instance"]) if is_as_met(heir))
                chosen += [(row["instance"], number) for number in islice(heirs, 1)]
    return chosen


def let_heirs_stand_in(db: sqlite3.Connection, chosen: Iterable[tuple[int, int]]) -> int:
    """Let the chosen duplicates stand in, as far as they still are duplicates; return how many did."""
    count = 0
    studies: set[int] = set()
    for instance, heir in chosen:
        row = db.execute(
            "SELECT study FROM files JOIN instances ON instances.id = twin JOIN series ON series.id = series "
            "WHERE files.id = ? AND twin = ?",
            (heir, instance),
        ).fetchone()
        if row is not None:
            hand_on(db, instance, heir)
            studies.add(row["study"])
            count += 1
    # Whoever shows a study is to ask for its images anew.
    db.executemany("UPDATE studies SET version = version + 1 WHERE id = ?", ((study,) for study in studies))
    return count


def is_as_met(file: FileRef) -> bool:
    """Whether a file is here, and has not changed since it was met; of one in an archive, the archive is asked."""
    if not is_here(file.path, file.medium):
        return False
    try:
        status = os.stat(system_path(outermost(file.path)))  # noqa: PTH116
    except OSError:
        return False
    return status.st_mtime_ns == file.mtime_ns and (is_member(file.path) or status.st_size == file.size)
