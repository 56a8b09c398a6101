"""The accounts of imports, kept in the library: what was found, what became of it, and whether it came to its end."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from .outcomes import FileOutcome, Outcome
from .rows import path_from_db, path_to_db

_KEPT = 50
"""Imports of which the account is kept."""


class ImportState(StrEnum):
    """How an import ended."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    """Something was in its way: a full disk, a stick that was taken out."""
    INTERRUPTED = "interrupted"
    """The program ended while it ran."""


@dataclass(frozen=True, slots=True)
class ImportEntry:
    """One import.

    Attributes:
        started: in UTC, as of ISO 8601.
        sources: the paths that were named.
        copied: whether copies were made.
        trouble: what stopped it.
    """

    number: int
    started: str
    state: ImportState
    sources: tuple[str, ...]
    copied: bool
    seconds: float
    counts: Mapping[Outcome, int]
    trouble: str


def begin_import(db: sqlite3.Connection, sources: Sequence[str], *, copied: bool) -> int:
    """Note that an import begins, and return its number. The oldest ones are forgotten."""
    cursor = db.execute(
        "INSERT INTO imports (started, state, sources, copied) VALUES (?, ?, ?, ?)",
        (datetime.now(UTC).isoformat(timespec="seconds"), ImportState.RUNNING, _join(sources), copied),
    )
    number = cursor.lastrowid
    assert number is not None
    db.execute("DELETE FROM imports WHERE id <= ?", (number - _KEPT,))
    return number


def end_import(
    db: sqlite3.Connection,
    number: int,
    state: ImportState,
    *,
    seconds: float,
    counts: Mapping[Outcome, int],
    reasons: Sequence[FileOutcome],
    trouble: str,
) -> None:
    """Note how an import ended, and the files of which there is something to say."""
    db.execute(
        "UPDATE imports SET state = ?, seconds = ?, counts = ?, trouble = ? WHERE id = ?",
        (state, seconds, json.dumps(counts), trouble, number),
    )
    db.executemany(
        "INSERT INTO import_reasons (import, path, outcome, reason, study) VALUES (?, ?, ?, ?, ?)",
        ((number, path_to_db(item.path), item.outcome, item.reason, item.study) for item in reasons),
    )


def note_interrupted(db: sqlite3.Connection) -> None:
    """Note that the imports that seem to run do not: the program was ended while they did."""
    db.execute("UPDATE imports SET state = ? WHERE state = ?", (ImportState.INTERRUPTED, ImportState.RUNNING))


def find_imports(db: sqlite3.Connection) -> list[ImportEntry]:
    """Return the imports that are kept, newest first."""
    return [_entry(row) for row in db.execute("SELECT * FROM imports ORDER BY id DESC")]


def find_interrupted(db: sqlite3.Connection) -> ImportEntry | None:
    """Return the newest import, if the program ended while it ran."""
    row = db.execute("SELECT * FROM imports ORDER BY id DESC LIMIT 1").fetchone()
    return _entry(row) if row is not None and row["state"] == ImportState.INTERRUPTED else None


def get_import(db: sqlite3.Connection, number: int) -> tuple[ImportEntry, list[FileOutcome]] | None:
    """Return an import, and the files of which there is something to say; None if it is not kept."""
    row = db.execute("SELECT * FROM imports WHERE id = ?", (number,)).fetchone()
    if row is None:
        return None
    reasons = db.execute("SELECT * FROM import_reasons WHERE import = ? ORDER BY rowid", (number,))
    return _entry(row), [
        FileOutcome(path_from_db(item["path"]), Outcome(item["outcome"]), item["reason"], item["study"])
        for item in reasons
    ]


def _entry(row: sqlite3.Row) -> ImportEntry:
    counts = json.loads(row["counts"])
    return ImportEntry(
        number=row["id"],
        started=row["started"],
        state=ImportState(row["state"]),
        sources=_split(row["sources"]),
        copied=bool(row["copied"]),
        seconds=row["seconds"],
        counts={outcome: counts.get(outcome, 0) for outcome in Outcome},
        trouble=row["trouble"],
    )


def _join(paths: Sequence[str]) -> bytes:
    # A path within an archive holds one NUL, never two.
    return b"\0\0".join(map(path_to_db, paths))


def _split(paths: bytes) -> tuple[str, ...]:
    return tuple(map(path_from_db, paths.split(b"\0\0"))) if paths else ()
