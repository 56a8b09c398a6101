"""What searches of DICOMweb ask besides: patients, the data sets that speak for a series or study, and an end."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..dicom.levels import Level
from ..dicom.records import Patient
from ..errors import NegatoscopeError
from .conditions import where
from .matching import Criterion
from .rows import from_row

_OPERATIONS = 10_000
"""Steps of SQLite between two looks at the clock."""

_SERIES = 10
"""Series of a study or patient whose first data sets are looked into."""


class TooSlow(NegatoscopeError):  # noqa: N818 - said of a search
    """A search was ended since it took too long."""


@dataclass(frozen=True, slots=True)
class PatientEntry:
    """A patient, as the files name one. Studies that say the same of their patient are one patient's.

    Attributes:
        number: of the row.
    """

    number: int
    patient: Patient
    studies: int
    series: int
    instances: int


def find_patients(
    db: sqlite3.Connection, criteria: Sequence[Criterion] = (), *, limit: int = -1, offset: int = 0
) -> list[PatientEntry]:
    """Return the patients that fit all criteria, by name."""
    condition, values = where(criteria, Level.PATIENT)
    rows = db.execute(
        "SELECT found.*, count(DISTINCT studies.id) AS study_count, count(*) AS series_count, "
        "total(series.instances) AS instance_count FROM "
        f"(SELECT * FROM patients {condition} ORDER BY PatientName COLLATE NOCASE, PatientID, id LIMIT ? OFFSET ?) "
        "AS found JOIN studies ON studies.patient = found.id JOIN series ON series.study = studies.id "
        "GROUP BY found.id ORDER BY PatientName COLLATE NOCASE, PatientID, found.id",
        (*values, limit, offset),
    )
    return [
        PatientEntry(
            row["id"], from_row(Patient, row), row["study_count"], row["series_count"], int(row["instance_count"])
        )
        for row in rows
    ]


_SERIES_OF = {
    Level.PATIENT: "JOIN studies ON studies.id = study WHERE patient = ?",
    Level.STUDY: "JOIN studies ON studies.id = study WHERE studies.uid = ?",
    Level.SERIES: "WHERE series.uid = ?",
}


def first_pieces(db: sqlite3.Connection, level: Level, key: int | str) -> Iterator[bytes]:
    """Go through the data sets that speak for something, packed, in the DICOM JSON Model.

    Of an instance that is its own; of a series that of the instance which was there first; of a study or patient those
    of its first series.

    Args:
        key: the UID by which it is served; of a patient the number of its row.
    """
    if level is Level.INSTANCE:
        yield from _pieces(db, "(SELECT id FROM instances WHERE uid = ?)", key)
        return
    query = f"SELECT series.id FROM series {_SERIES_OF[level]} ORDER BY series.id LIMIT {_SERIES}"
    for (series,) in db.execute(query, (key,)).fetchall():
        yield from _pieces(db, "(SELECT min(id) FROM instances WHERE series = ?)", series)


def _pieces(db: sqlite3.Connection, instance: str, key: int | str) -> Iterator[bytes]:
    for (piece,) in db.execute(f"SELECT dicom_json FROM metadata WHERE instance = {instance}", (key,)).fetchall():
        yield bytes(piece)


def sop_classes(db: sqlite3.Connection, study_uid: str) -> list[str]:
    """Return the SOP classes of a study's instances."""
    rows = db.execute(
        "SELECT DISTINCT SOPClassUID FROM instances JOIN series ON series.id = series "
        "JOIN studies ON studies.id = study WHERE studies.uid = ? AND SOPClassUID != '' ORDER BY 1",
        (study_uid,),
    )
    return [uid for (uid,) in rows]


@contextmanager
def time_limit(db: sqlite3.Connection, seconds: float) -> Iterator[Callable[[], None]]:
    """End what a connection is asked within, should it take longer.

    Yields:
        what is to be called in between, by whoever asks many small questions.

    Raises:
        TooSlow: it did.
    """
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise TooSlow(
                "This search takes too long. Name a study or a patient as well, or attributes that the guide lists."
            )

    db.set_progress_handler(lambda: time.monotonic() > end, _OPERATIONS)
    try:
        yield check
    except sqlite3.OperationalError:
        check()
        raise
    finally:
        db.set_progress_handler(None, 0)
