"""A patient's other studies."""

import sqlite3

from ..dicom.records import Patient
from .adding import same_patient
from .folding import words
from .matching import Criterion
from .queries import StudyEntry, find_studies, get_study


def find_priors(db: sqlite3.Connection, study_uid: str) -> list[StudyEntry]:
    """Return a study and all others that are surely of its patient, newest first; none if there is no such study."""
    entry = get_study(db, study_uid)
    if entry is None:
        return []
    if not entry.patient.PatientID:
        return [entry]
    found = find_studies(db, (Criterion("PatientID", (entry.patient.PatientID,)),))
    return [
        other
        for other in found
        if other.study.StudyInstanceUID == study_uid or is_surely_same(entry.patient, other.patient)
    ]


def is_surely_same(one: Patient, other: Patient) -> bool:
    """Whether two studies are of one patient: the Patient ID is the same, something else is too, and nothing differs.

    Two hospitals give out the same numbers, so that a number alone says nothing.
    """
    pairs = (
        (one.IssuerOfPatientID, other.IssuerOfPatientID),
        (one.PatientBirthDate, other.PatientBirthDate),
        (" ".join(words(one.PatientName)), " ".join(words(other.PatientName))),
    )
    has_number = bool(one.PatientID) and one.PatientID == other.PatientID
    return has_number and same_patient(one, other) and any(mine and mine == theirs for mine, theirs in pairs)
