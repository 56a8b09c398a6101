"""What is fetched from other archives, kept in the library: so that it goes on after the program was ended."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

_KEPT = 200
"""Transfers that are kept."""


class TransferState(StrEnum):
    """How a transfer ended."""

    RUNNING = "running"
    """Or the program was ended while it ran."""
    COMPLETE = "complete"
    """All that the archive lists is here."""
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TransferEntry:
    """One transfer.

    Attributes:
        node: the name of the archive.
        series_uid, instance_uid: empty for all.
        retrieve: how it was to be fetched; empty for what the archive's entry says.
        title: for people.
        started: in UTC, as of ISO 8601.
        fetched: images that came.
        missing: images that are listed and did not come.
        trouble: a sentence; or empty.
    """

    number: int
    node: str
    study_uid: str
    series_uid: str
    instance_uid: str
    retrieve: str
    title: str
    started: str
    state: TransferState
    fetched: int
    missing: int
    trouble: str


def begin_transfer(
    db: sqlite3.Connection,
    *,
    node: str,
    study_uid: str,
    series_uid: str,
    instance_uid: str,
    retrieve: str,
    title: str,
) -> int:
    """Note that a transfer begins, and return its number. One of the same that was interrupted goes on with it."""
    db.execute(
        "DELETE FROM transfers WHERE state = ? AND node = ? AND study = ? AND series = ? AND instance = ?",
        (TransferState.RUNNING, node, study_uid, series_uid, instance_uid),
    )
    started = datetime.now(UTC).isoformat(timespec="seconds")
    cursor = db.execute(
        "INSERT INTO transfers (node, study, series, instance, retrieve, title, started, state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (node, study_uid, series_uid, instance_uid, retrieve, title, started, TransferState.RUNNING),
    )
    number = cursor.lastrowid
    assert number is not None
    db.execute("DELETE FROM transfers WHERE id <= ?", (number - _KEPT,))
    return number


def end_transfer(
    db: sqlite3.Connection, number: int, state: TransferState, *, fetched: int, missing: int, trouble: str
) -> None:
    """Note how a transfer ended."""
    db.execute(
        "UPDATE transfers SET state = ?, fetched = ?, missing = ?, trouble = ? WHERE id = ?",
        (state, fetched, missing, trouble, number),
    )


def find_transfers(db: sqlite3.Connection) -> list[TransferEntry]:
    """Return the transfers that are kept, newest first."""
    return [_entry(row) for row in db.execute("SELECT * FROM transfers ORDER BY id DESC")]


def find_unfinished(db: sqlite3.Connection) -> list[TransferEntry]:
    """Return the transfers that did not come to an end, oldest first."""
    rows = db.execute("SELECT * FROM transfers WHERE state = ? ORDER BY id", (TransferState.RUNNING,))
    return [_entry(row) for row in rows]


def _entry(row: sqlite3.Row) -> TransferEntry:
    return TransferEntry(
        row["id"],
        row["node"],
        row["study"],
        row["series"],
        row["instance"],
        row["retrieve"],
        row["title"],
        row["started"],
        TransferState(row["state"]),
        row["fetched"],
        row["missing"],
        row["trouble"],
    )
