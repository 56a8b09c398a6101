"""The conditions of a search, and how SQLite is asked for them (PS3.4 §C.2.2.2, PS3.18 §8.3.4)."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of a search.

    Attributes:
        column: as of :data:`STUDY_COLUMNS`, :data:`SERIES_COLUMNS` or :data:`INSTANCE_COLUMNS`.
        patterns: any of which must fit; ``*`` and ``?`` are wild cards (PS3.4 §C.2.2.2.4), but not in UIDs.
        low: for a range: the least value, or empty.
        high: for a range: the greatest value, or empty.
    """

    column: str
    patterns: tuple[str, ...] = ()
    low: str = ""
    high: str = ""


STUDY_COLUMNS = {
    "StudyInstanceUID": "studies.uid",
    "StudyDate": "StudyDate",
    "StudyTime": "StudyTime",
    "StudyDescription": "StudyDescription",
    "StudyID": "StudyID",
    "AccessionNumber": "AccessionNumber",
    "ReferringPhysicianName": "ReferringPhysicianName",
    "PatientID": "PatientID",
    "IssuerOfPatientID": "IssuerOfPatientID",
    "PatientName": "PatientName",
    "PatientBirthDate": "PatientBirthDate",
    "PatientSex": "PatientSex",
    "ModalitiesInStudy": "ModalitiesInStudy",
}
SERIES_COLUMNS = {
    "SeriesInstanceUID": "series.uid",
    "Modality": "series.Modality",
    "SeriesNumber": "SeriesNumber",
    "SeriesDescription": "SeriesDescription",
    "SeriesDate": "SeriesDate",
    "SeriesTime": "SeriesTime",
    "BodyPartExamined": "BodyPartExamined",
}
INSTANCE_COLUMNS = {
    "SOPInstanceUID": "instances.uid",
    "SOPClassUID": "SOPClassUID",
    "InstanceNumber": "InstanceNumber",
}
_UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})
_NAMES = frozenset({"PatientName", "ReferringPhysicianName", "StudyDescription", "SeriesDescription"})


def where(criteria: Iterable[Criterion], columns: dict[str, str]) -> tuple[str, list[object]]:
    """Return the WHERE clause, empty if there are no conditions, and the values to bind."""
    conditions: list[str] = []
    values: list[object] = []
    for criterion in criteria:
        column = columns[criterion.column]
        if criterion.low or criterion.high:
            conditions.append(f"{column} >= ? AND {column} <= ? AND {column} != ''")
            values += [criterion.low, criterion.high or "~"]
        elif criterion.patterns:
            any_of = [_fits(criterion.column, column, pattern) for pattern in criterion.patterns]
            conditions.append("(" + " OR ".join(condition for condition, _ in any_of) + ")")
            values += [value for _, value in any_of]
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), values


def _fits(name: str, column: str, pattern: str) -> tuple[str, str]:
    wild = ("*" in pattern or "?" in pattern) and name not in _UIDS
    if name == "ModalitiesInStudy":
        condition, value = _fits("Modality", "Modality", pattern)
        return f"EXISTS (SELECT 1 FROM series WHERE study = studies.id AND {condition})", value
    if name in _NAMES:
        # LIKE ignores letter case, as person names are to be matched.
        return f"{column} LIKE ? ESCAPE '!'", _like(pattern)
    if wild:
        return f"{column} GLOB ?", pattern.replace("[", "[[]")
    return f"{column} = ?", pattern


def _like(pattern: str) -> str:
    for letter in "!%_":
        pattern = pattern.replace(letter, f"!{letter}")
    return pattern.replace("*", "%").replace("?", "_")
