"""The tables, and how an older library becomes a newer one.

A column that is a DICOM attribute has its keyword. ``uid`` columns hold the UID under which the program serves a
study, series or instance: its own, unless another patient's study, or another file, had it first; then one made from
the content, so that two things never share a name.
"""

import sqlite3

from ..errors import InputError

_V1 = """
CREATE TABLE patients (
    id INTEGER PRIMARY KEY,
    PatientID TEXT NOT NULL, IssuerOfPatientID TEXT NOT NULL, PatientName TEXT NOT NULL,
    PatientBirthDate TEXT NOT NULL, PatientSex TEXT NOT NULL
);
CREATE INDEX patients_PatientID ON patients (PatientID);

CREATE TABLE studies (
    id INTEGER PRIMARY KEY,
    patient INTEGER NOT NULL REFERENCES patients,
    uid TEXT NOT NULL UNIQUE,
    StudyInstanceUID TEXT NOT NULL, StudyDate TEXT NOT NULL, StudyTime TEXT NOT NULL,
    StudyDescription TEXT NOT NULL, StudyID TEXT NOT NULL, AccessionNumber TEXT NOT NULL,
    ReferringPhysicianName TEXT NOT NULL, PatientAge TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX studies_StudyInstanceUID ON studies (StudyInstanceUID);
CREATE INDEX studies_StudyDate ON studies (StudyDate DESC, StudyTime DESC);
CREATE INDEX studies_patient ON studies (patient);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES studies,
    uid TEXT NOT NULL UNIQUE,
    SeriesInstanceUID TEXT NOT NULL, Modality TEXT NOT NULL, SeriesNumber INTEGER, SeriesDescription TEXT NOT NULL,
    SeriesDate TEXT NOT NULL, SeriesTime TEXT NOT NULL, BodyPartExamined TEXT NOT NULL, ProtocolName TEXT NOT NULL,
    Manufacturer TEXT NOT NULL,
    instances INTEGER NOT NULL DEFAULT 0,
    UNIQUE (study, SeriesInstanceUID)
);
CREATE INDEX series_SeriesInstanceUID ON series (SeriesInstanceUID);
CREATE INDEX series_empty ON series (id) WHERE instances = 0;

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    reader INTEGER NOT NULL
);

CREATE TABLE instances (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series,
    file INTEGER NOT NULL UNIQUE REFERENCES files,
    uid TEXT NOT NULL UNIQUE,
    SOPInstanceUID TEXT NOT NULL, SOPClassUID TEXT NOT NULL, Modality TEXT NOT NULL, InstanceNumber INTEGER,
    NumberOfFrames INTEGER, Rows INTEGER, Columns INTEGER, SamplesPerPixel INTEGER, BitsAllocated INTEGER,
    PhotometricInterpretation TEXT NOT NULL, ImageType TEXT NOT NULL, FrameOfReferenceUID TEXT NOT NULL,
    FrameTime REAL, AcquisitionDateTime TEXT NOT NULL, ImagePositionPatient TEXT, ImageOrientationPatient TEXT,
    has_pixel_measures INTEGER NOT NULL, has_orientation INTEGER NOT NULL, has_position INTEGER NOT NULL,
    time_points INTEGER NOT NULL, phases TEXT NOT NULL,
    TransferSyntaxUID TEXT NOT NULL, "offset" INTEGER NOT NULL, length INTEGER, frames INTEGER NOT NULL,
    frame_bits INTEGER NOT NULL, word_bits INTEGER NOT NULL, big_endian INTEGER NOT NULL,
    extended_offsets BLOB NOT NULL, extended_lengths BLOB NOT NULL
);
CREATE INDEX instances_SOPInstanceUID ON instances (SOPInstanceUID);
CREATE INDEX instances_series ON instances (series);

CREATE TABLE metadata (
    instance INTEGER PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    version INTEGER NOT NULL,
    dicom_json BLOB NOT NULL,
    ohif_json BLOB NOT NULL
);

CREATE TRIGGER instance_added AFTER INSERT ON instances BEGIN
    UPDATE series SET instances = instances + 1 WHERE id = new.series;
END;
CREATE TRIGGER instance_removed AFTER DELETE ON instances BEGIN
    UPDATE series SET instances = instances - 1 WHERE id = old.series;
END;

CREATE VIRTUAL TABLE study_search USING fts5 (
    PatientName, PatientID, AccessionNumber, StudyDescription, StudyDate, StudyInstanceUID,
    tokenize = "unicode61 remove_diacritics 2"
);
"""

_MIGRATIONS = (_V1,)
"""Script number n brings a library from version n to n + 1."""

VERSION = len(_MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the library to this program's version, in one transaction.

    Raises:
        InputError: a newer program wrote it.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise InputError(  # noqa: TRY301 - within the transaction that it ends
                f"This library was written by a newer Negatoscope (library version {version}, this program knows "
                f"{VERSION}). Install that one, or start with another --base-dir."
            )
        for script in _MIGRATIONS[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """Split a script; executescript would commit behind our back."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return statements
