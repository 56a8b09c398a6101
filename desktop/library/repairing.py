"""Takes over what a library holds into a new one, row by row: what is damaged is left out, and the rest is kept."""

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..dicom.metadata import unpack
from ..dicom.records import Copy, FileRef
from ..dicom.text import parse_charset
from ..errors import InputError
from ..media import MediumKind
from .forgetting import StoredFile
from .imports import ImportState
from .outcomes import Outcome
from .places import is_copy_name
from .rows import instance_from_row, path_from_db
from .schema import DAMAGE, VERSION, derive_requests, derive_traits, index_studies, open_untouched
from .transfers import TransferState

_NO_DAMAGE = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY}
)
"""Errors that come of a full disk, of rights and the like, and not of what stands in the library."""

_HOLDING = (Outcome.ADDED, Outcome.UPDATED, Outcome.CONFLICT)
"""Outcomes of files of which the library has an instance."""

_FARTHEST = 2**40
_TYPES = {"INTEGER": (int,), "REAL": (int, float), "TEXT": (str,), "BLOB": (bytes,)}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "files": {"medium": 1, "container": 0, "copy": "", "copy_mtime_ns": 0},
    "instances": {"traits": "[]"},
}
"""What older versions did not know, by table."""

_Row = Mapping[str, Any]


def _check_file(row: _Row) -> None:
    Outcome(row["outcome"])
    # A name that leads elsewhere must never be read, or even deleted.
    if not row["path"] or (row.get("copy") and not is_copy_name(row["copy"])):
        raise ValueError("it names no file")


def _check_instance(row: Any) -> None:
    instance_from_row(row, StudyInstanceUID="", SeriesInstanceUID="")


def _check_metadata(row: _Row) -> None:
    unpack(row["dicom_json"])
    unpack(row["ohif_json"])


def _check_medium(row: _Row) -> None:
    MediumKind(row["kind"])
    if (row["id"] == 1) is bool(row["identity"]):
        raise ValueError("it is another medium")


def _check_import(row: _Row) -> None:
    ImportState(row["state"])
    if not isinstance(json.loads(row["counts"]), dict):
        raise TypeError("no counts")


def _check_transfer(row: _Row) -> None:
    TransferState(row["state"])


def _check_reason(row: _Row) -> None:
    Outcome(row["outcome"])


def _check_charset(row: _Row) -> None:
    parse_charset(row["charset"])


def _check_copy(row: _Row) -> None:
    if not is_copy_name(row["copy"]):
        raise ValueError("it names no copy")


def _check_nothing(row: _Row) -> None:
    pass


_TABLES: dict[str, Callable[[_Row], None]] = {
    "patients": _check_nothing,
    "studies": _check_nothing,
    "series": _check_nothing,
    "media": _check_medium,
    "files": _check_file,
    "instances": _check_instance,
    "metadata": _check_metadata,
    "charsets": _check_charset,
    "unsent": _check_copy,
    "made_here": _check_copy,
    "imports": _check_import,
    "transfers": _check_transfer,
    "import_reasons": _check_reason,
}
"""The tables with what each of their rows must stand; the index of words is made anew."""

_UNNUMBERED = frozenset({"charsets", "unsent", "made_here"})
"""Tables without numbers of rows."""

_UNFIT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, sqlite3.Error, zlib.error)


def take_over(db: sqlite3.Connection, path: Path) -> bool:
    """Copy the rows of a library into an empty one, and return whether all of it was sound.

    Runs in the writer's transaction. What is derived from other rows is written anew. Each file is to be read again.

    Raises:
        InputError: the library cannot be opened, though it may be sound.
    """
    # Files and instances refer to one another.
    db.execute("PRAGMA defer_foreign_keys = ON")
    with contextlib.closing(open_untouched(path)) as old:
        old.row_factory = sqlite3.Row
        # What is no text any more must not hide the rest of its row.
        old.text_factory = bytes
        tables = _tables_of(old)
        is_sound = tables is not None and _is_sound(old)
        is_older = tables is not None and _version_of(old) < VERSION
        for table, check in _TABLES.items():
            if tables is not None and table in tables:
                is_sound = _copy_rows(old, db, table, check) and is_sound
            else:
                is_sound = is_sound and is_older
    # An older library had one mark for both.
    db.execute("INSERT OR IGNORE INTO made_here SELECT copy FROM unsent")
    db.execute("INSERT OR IGNORE INTO media VALUES (1, '', 'this computer', 'computer', x'')")
    _drop_what_refers_to_nothing(db)
    _count_anew(db)
    index_studies(db)
    derive_traits(db)
    derive_requests(db)
    db.execute("UPDATE files SET reader = 0")
    return is_sound


def unfit_rows(db: sqlite3.Connection) -> int:
    """Return how many rows the program cannot read as they are."""
    return sum(
        row is None or _sound_values(row, _columns(db, table), check) is None
        for table, check in _TABLES.items()
        for row in _rows(db, table)
    )


def drop_lost_files(db: sqlite3.Connection) -> None:
    """Drop the rows of files that are said to hold an instance that the library does not have."""
    db.execute(
        f"DELETE FROM files WHERE outcome IN ({', '.join('?' * len(_HOLDING))}) "
        "AND id NOT IN (SELECT file FROM instances)",
        _HOLDING,
    )


def find_files(db: sqlite3.Connection) -> dict[StoredFile, bool]:
    """Return the files that hold an instance, or are said to, and whether the library has that instance."""
    rows = db.execute(
        "SELECT path, size, mtime_ns, identity, copy, copy_mtime_ns, instances.id AS instance FROM files "
        "JOIN media ON media.id = medium LEFT JOIN instances ON file = files.id "
        f"WHERE outcome IN ({', '.join('?' * len(_HOLDING))}) ORDER BY files.id",
        _HOLDING,
    )
    return {
        StoredFile(
            FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"], row["identity"]),
            Copy(row["copy"], row["copy_mtime_ns"]) if row["copy"] else None,
        ): row["instance"] is not None
        for row in rows
    }


def _tables_of(old: sqlite3.Connection) -> set[str] | None:
    """Return the names of a library's tables; None if it is damaged beyond that."""
    try:
        return {
            str(row["name"], "utf-8", "replace")
            for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    except DAMAGE as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _NO_DAMAGE:
            raise InputError(f"The library cannot be read: {error}. Nothing was changed.") from error
        return None


def _is_sound(old: sqlite3.Connection) -> bool:
    """Whether tables and indices fit one another: a row that is lost would not be missed otherwise."""
    try:
        said = [row[0] for row in old.execute("PRAGMA integrity_check(1)")]
        return said == [b"ok"] and old.execute("PRAGMA foreign_key_check").fetchone() is None
    except DAMAGE:
        return False


def _version_of(old: sqlite3.Connection) -> int:
    return int(old.execute("PRAGMA user_version").fetchone()[0])


def _copy_rows(old: sqlite3.Connection, db: sqlite3.Connection, table: str, check: Callable[[_Row], None]) -> bool:
    """Copy the rows of a table that are sound; return whether all of them were."""
    columns = _columns(db, table)
    db.execute(f"DELETE FROM {table}")
    is_sound = True
    for row in _rows(old, table):
        values = None if row is None else _sound_values(_DEFAULTS.get(table, {}) | row, columns, check)
        if values is None:
            is_sound = False
            continue
        try:
            names = ", ".join(f'"{name}"' for name in values)
            db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
            is_sound = False
    return is_sound


def _columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the columns of a table with their types."""
    return {row["name"]: row["type"] for row in db.execute(f"PRAGMA table_info({table})")}


def _sound_values(row: _Row, columns: Mapping[str, str], check: Callable[[_Row], None]) -> dict[str, Any] | None:
    """Return the values of a row by column; None if one of them is none of its kind."""
    values = {name: row[name] for name in columns if name in row}
    try:
        for name, kind in columns.items():
            value = values.get(name)
            if kind == "TEXT" and isinstance(value, bytes):
                # What is said of a file may go, the file may not.
                values[name] = value.decode("utf-8", "replace" if name == "reason" else "strict")
            elif value is not None and not isinstance(value, _TYPES[kind]):
                return None
        check(values)
    except _UNFIT:
        return None
    return values


def _rows(db: sqlite3.Connection, table: str) -> Iterator[dict[str, Any] | None]:
    """Return a table's rows, in order, and None for what is damaged: it is passed over in growing steps."""
    if table in _UNNUMBERED:
        yield from _small_rows(db, table)
        return
    last, step = 0, 1
    while step < _FARTHEST:
        try:
            query = f"SELECT rowid AS _rowid, * FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
            for row in db.execute(query, (last,)):
                if row["_rowid"] <= last:
                    # Pages lead back to others.
                    raise sqlite3.DatabaseError("rows are out of order")
                last, step = row["_rowid"], 1
                yield dict(row)
        except DAMAGE:
            yield None
            last += step
            step *= 2
        else:
            return


def _small_rows(db: sqlite3.Connection, table: str) -> Iterator[dict[str, Any] | None]:
    """Return the rows of a table that has no numbers, up to the first one that is damaged."""
    try:
        for row in db.execute(f"SELECT * FROM {table}"):
            yield dict(row)
    except DAMAGE:
        yield None


def _drop_what_refers_to_nothing(db: sqlite3.Connection) -> None:
    while broken := db.execute("PRAGMA foreign_key_check").fetchall():
        for row in broken:
            table, number, parent, _ = row
            if (table, parent) == ("files", "instances"):
                db.execute("UPDATE files SET twin = NULL WHERE id = ?", (number,))
            elif (table, parent) == ("files", "media"):
                # Most files lie on this computer; the others are looked for there in vain.
                db.execute("UPDATE OR REPLACE files SET medium = 1 WHERE id = ?", (number,))
            else:
                db.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
    db.execute("DELETE FROM instances WHERE id NOT IN (SELECT instance FROM metadata)")


def _count_anew(db: sqlite3.Connection) -> None:
    db.execute("UPDATE instances SET conflict = (SELECT outcome = ? FROM files WHERE id = file)", (Outcome.CONFLICT,))
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
