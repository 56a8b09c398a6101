"""Saves what can be saved of a damaged library."""

import contextlib
import re
import sqlite3
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..dicom.records import Copy, FileRef, Instance
from ..dicom.text import parse_charset
from ..errors import InputError
from ..media import Medium, MediumKind
from .forgetting import StoredFile
from .imports import find_imports
from .outcomes import Outcome
from .rows import from_row, path_from_db
from .schema import index_studies

UNUSABLE = (sqlite3.Error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What damaged rows may cause."""

_COPY_NAME = re.compile(r"[0-9]{16}/[0-9a-f]{48}\.dcm")
_OTHERS = ("patients", "studies", "series", "media", "charsets", "metadata", "import_reasons")
_HOLDING = frozenset({Outcome.ADDED, Outcome.UPDATED, Outcome.CONFLICT})
"""Outcomes of files whose instance is this file's."""

_NO_DAMAGE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PERM}
)
_FARTHEST = 2**40


@dataclass(frozen=True, slots=True)
class Salvage:
    """What a library tells that its files do not.

    Attributes:
        files: those that hold an instance.
        media: on which some of them lie.
        charsets: that were chosen, by Study Instance UID.
    """

    files: tuple[StoredFile, ...] = ()
    media: tuple[Medium, ...] = ()
    charsets: Mapping[str, str] = field(default_factory=dict)


def copy_database(path: Path, target: Path) -> bool:
    """Write the library's tables into a new file; return whether all of them could be read.

    Raises:
        InputError: the new file cannot be written.
    """
    try:
        with _opened(path) as db:
            db.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        if not says_damage(error):
            raise InputError(f"The library cannot be written anew: {error}. Nothing was changed.") from error
        return False
    return True


def says_damage(error: BaseException) -> bool:
    """Whether an error comes of what stands in the library, and not of a full disk, of rights and the like."""
    number = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return number & 0xFF not in _NO_DAMAGE


def mend(db: sqlite3.Connection) -> None:
    """Drop rows that refer to nothing, and write anew what is derived from others: counters, and the words of studies.

    Raises:
        UNUSABLE: a row cannot be read.
    """
    db.execute("PRAGMA defer_foreign_keys = ON")
    while broken := db.execute("PRAGMA foreign_key_check").fetchall():
        for row in broken:
            db.execute(f"DELETE FROM {row[0]} WHERE rowid = ?", (row[1],))
    for counter, value in (
        ("instances", "count(*)"),
        ("conflicts", "total(conflict)"),
        ("truncated", "total(truncated)"),
    ):
        db.execute(
            f"UPDATE series SET {counter} = (SELECT CAST({value} AS INTEGER) FROM instances WHERE series = series.id)"
        )
    db.execute("DELETE FROM series WHERE instances = 0")
    db.execute("DELETE FROM studies WHERE id NOT IN (SELECT study FROM series)")
    db.execute("DELETE FROM patients WHERE id NOT IN (SELECT patient FROM studies)")
    read_rows(db)
    index_studies(db)
    # Each file is to be read again.
    db.execute("UPDATE files SET reader = 0")


def read_rows(db: sqlite3.Connection) -> None:
    """Read each row as the program does; one of :data:`UNUSABLE` is raised if one is damaged."""
    for row in db.execute("SELECT * FROM instances"):
        from_row(Instance, row, StudyInstanceUID="", SeriesInstanceUID="")
    for row in db.execute("SELECT path, outcome FROM files"):
        Outcome(row["outcome"])
        path_from_db(row["path"])
    find_imports(db)
    for table in _OTHERS:
        for _ in db.execute(f"SELECT * FROM {table}"):
            pass


def salvage(path: Path) -> Salvage:
    """Return what a library tells, as far as it can be read."""
    media: dict[int, Medium] = {}
    charsets: dict[str, str] = {}
    files: list[StoredFile] = []
    with contextlib.suppress(sqlite3.Error), _opened(path) as db:
        # What is no text any more must not hide the rest of its row.
        db.text_factory = lambda data: data.decode("utf-8", "replace")
        for row in _rows(db, "media"):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                media[row["id"]] = _medium(row)
        for row in _rows(db, "files"):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                if row["outcome"] in _HOLDING:
                    files.append(_stored_file(row, media))
        with contextlib.suppress(ValueError, TypeError):
            for uid, charset in db.execute("SELECT StudyInstanceUID, charset FROM charsets"):
                parse_charset(charset)
                charsets[uid] = charset
    known = tuple(medium for medium in media.values() if medium.identity)
    return Salvage(tuple(files), known, charsets)


def _rows(db: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """Return a table's rows, in order. What is damaged is left out: pages are passed over in growing steps."""
    last, step = 0, 1
    while step < _FARTHEST:
        try:
            query = f"SELECT rowid AS number, * FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
            for row in db.execute(query, (last,)):
                if row["number"] <= last:
                    # Pages lead back to others.
                    raise sqlite3.DatabaseError("rows are out of order")
                last, step = row["number"], 1
                yield dict(row)
        except sqlite3.Error:
            last += step
            step *= 2
        else:
            return


def _medium(row: Mapping[str, Any]) -> Medium:
    identity, name = row["identity"], row["name"]
    if not (isinstance(identity, str) and isinstance(name, str)):
        raise TypeError("no text")
    return Medium(identity, name, path_from_db(row["mount"]), MediumKind(row["kind"]))


def _stored_file(row: Mapping[str, Any], media: Mapping[int, Medium]) -> StoredFile:
    path, size, mtime_ns = path_from_db(row["path"]), row["size"], row["mtime_ns"]
    if not (path and isinstance(size, int) and isinstance(mtime_ns, int)):
        raise TypeError("no file")
    # Version 1 knew neither media nor copies.
    medium = media.get(row.get("medium", 1))
    file = FileRef(path, size, mtime_ns, medium.identity if medium else "")
    name, copied_ns = row.get("copy", ""), row.get("copy_mtime_ns", 0)
    if not name:
        return StoredFile(file, None)
    # A name that leads elsewhere must never be read, or even deleted.
    if not (_COPY_NAME.fullmatch(name) and isinstance(copied_ns, int)):
        raise ValueError("no copy")
    return StoredFile(file, Copy(name, copied_ns))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()
