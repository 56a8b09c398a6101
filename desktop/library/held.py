"""What of another archive's is in the library already."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

_IN_LIMIT = 500

_STUDIES = """
    SELECT studies.StudyInstanceUID AS uid, PatientID,
        (SELECT count(DISTINCT SOPInstanceUID) FROM instances WHERE series IN
            (SELECT id FROM series WHERE study = studies.id)) AS instances
    FROM studies JOIN patients ON patients.id = studies.patient WHERE studies.StudyInstanceUID IN ({})
"""
_SERIES = """
    SELECT series.SeriesInstanceUID AS uid, PatientID,
        (SELECT count(DISTINCT SOPInstanceUID) FROM instances WHERE instances.series = series.id) AS instances
    FROM series JOIN studies ON studies.id = series.study JOIN patients ON patients.id = studies.patient
    WHERE series.SeriesInstanceUID IN ({})
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A study or series of the library: whose it is, and how many instances of it are there, each UID once."""

    PatientID: str
    instances: int


def find_held_studies(db: sqlite3.Connection, uids: Iterable[str]) -> dict[str, tuple[Held, ...]]:
    """Return what the library has of studies, by the Study Instance UID that stands in their files.

    Two patients' studies may have one UID; then there are two.
    """
    return _find(db, _STUDIES, uids)


def find_held_series(db: sqlite3.Connection, uids: Iterable[str]) -> dict[str, tuple[Held, ...]]:
    """Return what the library has of series, by the Series Instance UID that stands in their files."""
    return _find(db, _SERIES, uids)


def find_held_instances(db: sqlite3.Connection, study_uid: str, patient_id: str = "") -> set[str]:
    """Return the SOP Instance UIDs that the library has of a study, as they stand in the files.

    Args:
        patient_id: of the patient whose study it is, if that is known: another one's may have the same UIDs.
    """
    rows = db.execute(
        "SELECT SOPInstanceUID FROM instances JOIN series ON series.id = series JOIN studies ON studies.id = study "
        "JOIN patients ON patients.id = studies.patient WHERE StudyInstanceUID = ?1 AND ?2 IN ('', trim(PatientID))",
        (study_uid, patient_id),
    )
    return {str(uid) for (uid,) in rows}


def _find(db: sqlite3.Connection, sql: str, uids: Iterable[str]) -> dict[str, tuple[Held, ...]]:
    wanted = sorted(set(uids))
    found: dict[str, tuple[Held, ...]] = {}
    for at in range(0, len(wanted), _IN_LIMIT):
        part = wanted[at : at + _IN_LIMIT]
        for row in db.execute(sql.format(",".join("?" * len(part))), part):
            held = Held(str(row["PatientID"]), int(row["instances"]))
            found[str(row["uid"])] = (*found.get(str(row["uid"]), ()), held)
    return found
