"""What is asked of the library. Every function takes a reader's connection and answers with records."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..dicom.levels import Level
from ..dicom.metadata import METADATA_VERSION
from ..dicom.records import FileRef, Instance, Patient, Pixels, Series, Study
from .conditions import where
from .matching import Criterion
from .outcomes import Outcome
from .places import PLACE
from .rows import from_row, instance_from_row, path_from_db, path_to_db
from .searching import search_condition

_IN_LIMIT = 500


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """A study as the list shows it. ``study.StudyInstanceUID`` is the UID under which it is served.

    Attributes:
        version: grows with each change.
        conflicts: instances whose SOP Instance UID another file has too.
        truncated: instances of which pixels are missing.
        doubtful_text: letters of its texts may be wrong.
        shares_uid: another patient's study has its Study Instance UID.
        unsent: instances that the viewer made, and that were not sent anywhere yet.
        away: the name of what its files lie on, if that is not here now; or empty.
    """

    patient: Patient
    study: Study
    ModalitiesInStudy: tuple[str, ...]
    series: int
    instances: int
    version: int
    conflicts: int = 0
    truncated: int = 0
    doubtful_text: bool = False
    shares_uid: bool = False
    unsent: int = 0
    away: str = ""
    TimezoneOffsetFromUTC: str = ""


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series of a study, under the UID by which it is served."""

    study_uid: str
    series: Series
    instances: int


@dataclass(frozen=True, slots=True)
class InstanceEntry:
    """An instance with what a search tells besides: its transfer syntax, and its series' offset from UTC."""

    instance: Instance
    TransferSyntaxUID: str
    TimezoneOffsetFromUTC: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """Where an instance's bytes are."""

    file: FileRef
    pixels: Pixels
    instance: Instance


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the library knows of a file that it met before."""

    file: FileRef
    outcome: Outcome
    reason: str
    study: str
    is_copied: bool = False
    is_container: bool = False


class Form(StrEnum):
    """The two forms of stored metadata."""

    DICOM_JSON = "dicom_json"
    OHIF_JSON = "ohif_json"


@dataclass(frozen=True, slots=True)
class Piece:
    """One instance's stored metadata, packed.

    Attributes:
        frames: number of its frames.
    """

    series_uid: str
    SOPInstanceUID: str
    frames: int
    packed: bytes


_STUDIES = """
    WITH made_here AS MATERIALIZED (
        SELECT study, count(*) AS instances FROM unsent JOIN files USING (copy)
        JOIN instances ON file = files.id JOIN series ON series.id = series GROUP BY study
    )
    SELECT studies.id AS number, studies.uid AS served, studies.*, patients.*,
        (SELECT count(*) FROM series WHERE study = studies.id) AS series_count,
        (SELECT total(instances) FROM series WHERE study = studies.id) AS instance_count,
        (SELECT total(conflicts) FROM series WHERE study = studies.id) AS conflict_count,
        (SELECT total(truncated) FROM series WHERE study = studies.id) AS truncated_count,
        (SELECT group_concat(DISTINCT Modality) FROM series WHERE study = studies.id) AS modalities,
        (SELECT TimezoneOffsetFromUTC FROM series WHERE study = studies.id AND TimezoneOffsetFromUTC != '' LIMIT 1)
            AS timezone,
        (SELECT count(*) FROM studies AS others WHERE others.StudyInstanceUID = studies.StudyInstanceUID) AS uid_count,
        (SELECT instances FROM made_here WHERE study = studies.id) AS unsent_count
    FROM studies JOIN patients ON patients.id = studies.patient
"""


def find_studies(
    db: sqlite3.Connection, criteria: Sequence[Criterion] = (), *, limit: int = -1, offset: int = 0
) -> list[StudyEntry]:
    """Return the studies that fit all criteria, newest first."""
    condition, values = where(criteria, Level.STUDY)
    rows = db.execute(
        f"{_STUDIES} {condition} ORDER BY StudyDate DESC, StudyTime DESC, studies.uid LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [_study_entry(row) for row in rows]


def search_studies(db: sqlite3.Connection, text: str, *, limit: int = -1) -> list[StudyEntry]:
    """Return the studies in which each word of ``text`` begins a word of name, ID, number, description or date.

    Letter case and accents do not count. A date may be written as the list shows it. No words: all studies.
    """
    match = search_condition(text)
    if not match:
        return find_studies(db, limit=limit)
    rows = db.execute(
        f"{_STUDIES} WHERE studies.id IN (SELECT rowid FROM study_search WHERE study_search MATCH ?) "
        "ORDER BY StudyDate DESC, StudyTime DESC, studies.uid LIMIT ?",
        (match, limit),
    )
    return [_study_entry(row) for row in rows]


def get_study(db: sqlite3.Connection, study_uid: str) -> StudyEntry | None:
    """Return one study."""
    found = find_studies(db, (Criterion("StudyInstanceUID", (study_uid,)),))
    return found[0] if found else None


def study_uids(db: sqlite3.Connection) -> list[str]:
    """Return the UIDs under which all studies are served."""
    return [str(uid) for (uid,) in db.execute("SELECT uid FROM studies")]


def own_study_uid(db: sqlite3.Connection, study_uid: str) -> str:
    """Return the Study Instance UID that stands in a study's files, given the one under which it is served."""
    row = db.execute("SELECT StudyInstanceUID FROM studies WHERE uid = ?", (study_uid,)).fetchone()
    return study_uid if row is None else str(row["StudyInstanceUID"])


def find_served(db: sqlite3.Connection, study_uid: str, instance_uid: str) -> str | None:
    """Return the UID under which an instance is served that an object refers to; None if it is not here.

    Args:
        db: a reader's connection.
        study_uid: under which the object's study is served. The instance is looked for in it, then in other studies of
            the same patient, and in no other patient's.
        instance_uid: as the object has it.
    """
    row = db.execute(
        "SELECT instances.uid FROM instances JOIN series ON series.id = series JOIN studies ON studies.id = study "
        "WHERE SOPInstanceUID = ?2 AND patient = (SELECT patient FROM studies WHERE uid = ?1) "
        "ORDER BY studies.uid != ?1, instances.uid != SOPInstanceUID LIMIT 1",
        (study_uid, instance_uid),
    ).fetchone()
    return None if row is None else str(row[0])


def find_series(
    db: sqlite3.Connection,
    study_uid: str | None,
    criteria: Sequence[Criterion] = (),
    *,
    limit: int = -1,
    offset: int = 0,
) -> list[SeriesEntry]:
    """Return the series of a study (None: of all) that fit all criteria, by number."""
    condition, values = where(_within(study_uid, None, criteria), Level.SERIES)
    rows = db.execute(
        "SELECT series.uid AS served, studies.uid AS study_uid, series.* FROM series "
        f"JOIN studies ON studies.id = study JOIN patients ON patients.id = patient {condition} "
        "ORDER BY studies.uid, SeriesNumber, series.uid LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [
        SeriesEntry(row["study_uid"], from_row(Series, row, SeriesInstanceUID=row["served"]), row["instances"])
        for row in rows
    ]


def find_instances(
    db: sqlite3.Connection,
    study_uid: str | None,
    series_uid: str | None = None,
    criteria: Sequence[Criterion] = (),
    *,
    limit: int = -1,
    offset: int = 0,
) -> list[InstanceEntry]:
    """Return the instances of a study or series (None: of all) that fit all criteria, by series and number."""
    condition, values = where(_within(study_uid, series_uid, criteria), Level.INSTANCE)
    rows = db.execute(
        f"{_INSTANCES} {condition} "
        "ORDER BY studies.uid, SeriesNumber, series.uid, InstanceNumber, instances.uid LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [InstanceEntry(_instance(row), row["TransferSyntaxUID"], row["timezone"]) for row in rows]


_INSTANCES = """
    SELECT instances.uid AS served, studies.uid AS study_uid, series.uid AS series_uid,
        TimezoneOffsetFromUTC AS timezone, instances.*
    FROM instances JOIN series ON series.id = series JOIN studies ON studies.id = study
    JOIN patients ON patients.id = patient
"""


_LOCATED = f"""
    SELECT instances.uid AS served, studies.uid AS study_uid, series.uid AS series_uid, instances.*,
        {PLACE} AS place, size, CASE copy WHEN '' THEN mtime_ns ELSE copy_mtime_ns END AS mtime_ns,
        CASE copy WHEN '' THEN identity ELSE '' END AS identity
    FROM instances JOIN files ON files.id = file JOIN media ON media.id = medium
    JOIN series ON series.id = series JOIN studies ON studies.id = study
"""


def locate(db: sqlite3.Connection, study_uid: str, series_uid: str, instance_uid: str) -> Located | None:
    """Return where an instance's bytes are; None if there is no such instance in that series of that study."""
    row = db.execute(
        f"{_LOCATED} WHERE instances.uid = ? AND series.uid = ? AND studies.uid = ?",
        (instance_uid, series_uid, study_uid),
    ).fetchone()
    return None if row is None else _located(row)


def locate_all(db: sqlite3.Connection, study_uid: str, series_uid: str | None = None) -> list[Located]:
    """Return where the bytes of a study's or series' instances are, by series and instance number."""
    condition, values = ("", ()) if series_uid is None else (" AND series.uid = ?", (series_uid,))
    rows = db.execute(
        f"{_LOCATED} WHERE studies.uid = ?{condition} ORDER BY SeriesNumber, series.uid, InstanceNumber, instances.uid",
        (study_uid, *values),
    )
    return [_located(row) for row in rows]


def _located(row: sqlite3.Row) -> Located:
    file = FileRef(path_from_db(row["place"]), row["size"], row["mtime_ns"], row["identity"])
    return Located(file, from_row(Pixels, row, big_endian=bool(row["big_endian"])), _instance(row))


def stored_metadata(
    db: sqlite3.Connection,
    form: Form,
    study_uid: str,
    series_uid: str | None = None,
    instance_uid: str | None = None,
) -> list[Piece]:
    """Return the stored metadata of a study, series or instance, by series and instance number.

    Pieces of an older form are given too, until their file is read again: no image is left out.
    """
    where = "studies.uid = ?"
    values: list[object] = [study_uid]
    for column, uid in (("series.uid", series_uid), ("instances.uid", instance_uid)):
        if uid is not None:
            where += f" AND {column} = ?"
            values.append(uid)
    rows = db.execute(
        f"SELECT series.uid, instances.uid, frames, {form} "
        "FROM instances JOIN metadata ON metadata.instance = instances.id "
        "JOIN series ON series.id = series JOIN studies ON studies.id = study "
        f"WHERE {where} ORDER BY SeriesNumber, series.uid, InstanceNumber, instances.uid",
        values,
    )
    return [Piece(*row) for row in rows]


def find_piece(db: sqlite3.Connection, form: Form, instance_uid: str) -> bytes | None:
    """Return the stored metadata of the instance that is served under a UID, packed; None if there is none."""
    row = db.execute(
        f"SELECT {form} FROM instances JOIN metadata ON metadata.instance = instances.id WHERE uid = ?", (instance_uid,)
    ).fetchone()
    return None if row is None else bytes(row[0])


def known_files(db: sqlite3.Connection, files: Sequence[FileRef]) -> dict[FileRef, KnownFile]:
    """Return what is known of those of the files that were met before, by this program's way of reading.

    A file that has changed since is found too; its record says how it was.
    """
    met = {(file.path, file.medium): file for file in files}
    known = {}
    for start in range(0, len(files), _IN_LIMIT):
        part = [path_to_db(file.path) for file in files[start : start + _IN_LIMIT]]
        rows = db.execute(
            "SELECT path, identity, size, mtime_ns, outcome, reason, copy, container, studies.uid AS study FROM files "
            "JOIN media ON media.id = medium "
            "LEFT JOIN instances ON instances.file = files.id LEFT JOIN series ON series.id = series "
            f"LEFT JOIN studies ON studies.id = study WHERE reader = ? AND path IN ({','.join('?' * len(part))})",
            (METADATA_VERSION, *part),
        )
        for row in rows:
            before = FileRef(path_from_db(row["path"]), row["size"], row["mtime_ns"], row["identity"])
            file = met.get((before.path, before.medium))
            if file is not None:
                known[file] = KnownFile(
                    before,
                    Outcome(row["outcome"]),
                    row["reason"],
                    row["study"] or "",
                    bool(row["copy"]),
                    bool(row["container"]),
                )
    return known


def _study_entry(row: sqlite3.Row) -> StudyEntry:
    modalities = sorted(part for part in (row["modalities"] or "").split(",") if part)
    return StudyEntry(
        patient=from_row(Patient, row),
        study=from_row(Study, row, StudyInstanceUID=row["served"]),
        ModalitiesInStudy=tuple(modalities),
        series=row["series_count"],
        instances=int(row["instance_count"]),
        version=row["version"],
        conflicts=int(row["conflict_count"]),
        truncated=int(row["truncated_count"]),
        doubtful_text=bool(row["doubtful_text"]),
        shares_uid=row["uid_count"] > 1,
        unsent=row["unsent_count"] or 0,
        TimezoneOffsetFromUTC=row["timezone"] or "",
    )


def _instance(row: sqlite3.Row) -> Instance:
    return instance_from_row(
        row,
        SOPInstanceUID=row["served"],
        StudyInstanceUID=row["study_uid"],
        SeriesInstanceUID=row["series_uid"],
    )


def _within(study_uid: str | None, series_uid: str | None, criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    uids = (("StudyInstanceUID", study_uid), ("SeriesInstanceUID", series_uid))
    return (*(Criterion(column, (uid,)) for column, uid in uids if uid is not None), *criteria)
