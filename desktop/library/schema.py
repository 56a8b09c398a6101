"""The tables, and how an older library becomes a newer one.

A column that is a DICOM attribute has its keyword. ``uid`` columns hold the UID under which the program serves a
study, series or instance: its own, unless another patient's study, or another file, had it first; then one made from
the content, so that two things never share a name. ``unsent`` names the copies of what
the viewer made, which is nowhere else: not even when the library is made anew from its files, this may be lost.
"""

import contextlib
import json
import sqlite3
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from ..dicom.extract import make_instance, make_series
from ..dicom.items import load_item
from ..dicom.metadata import unpack
from ..errors import InputError
from .rows import to_row
from .searching import index_study

_BATCH = 500

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

_V2 = """
CREATE TABLE media (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    mount BLOB NOT NULL
);
INSERT INTO media VALUES (1, '', 'this computer', 'computer', x'');

CREATE TABLE files_2 (
    id INTEGER PRIMARY KEY,
    medium INTEGER NOT NULL REFERENCES media,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    reader INTEGER NOT NULL,
    container INTEGER NOT NULL,
    copy TEXT NOT NULL,
    copy_mtime_ns INTEGER NOT NULL,
    twin INTEGER REFERENCES instances ON DELETE SET NULL,
    UNIQUE (path, medium)
);
INSERT INTO files_2 SELECT id, 1, path, size, mtime_ns, outcome, reason, 0, 0, '', 0, NULL FROM files;
DROP TABLE files;
ALTER TABLE files_2 RENAME TO files;
CREATE INDEX files_copy ON files (copy) WHERE copy != '';
CREATE INDEX files_twin ON files (twin) WHERE twin IS NOT NULL;
CREATE INDEX files_medium ON files (medium) WHERE medium != 1;

ALTER TABLE instances ADD COLUMN conflict INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN truncated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN conflicts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN truncated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN doubtful_text INTEGER NOT NULL DEFAULT 0;
UPDATE instances SET conflict = (SELECT outcome = 'conflict' FROM files WHERE files.id = file);
UPDATE series SET conflicts = (SELECT total(conflict) FROM instances WHERE series = series.id);

DROP TRIGGER instance_added;
DROP TRIGGER instance_removed;
CREATE TRIGGER instance_added AFTER INSERT ON instances BEGIN
    UPDATE series SET instances = instances + 1, conflicts = conflicts + new.conflict,
        truncated = truncated + new.truncated WHERE id = new.series;
END;
CREATE TRIGGER instance_removed AFTER DELETE ON instances BEGIN
    UPDATE series SET instances = instances - 1, conflicts = conflicts - old.conflict,
        truncated = truncated - old.truncated WHERE id = old.series;
END;

CREATE TABLE charsets (
    StudyInstanceUID TEXT PRIMARY KEY,
    charset TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    started TEXT NOT NULL,
    state TEXT NOT NULL,
    sources BLOB NOT NULL,
    copied INTEGER NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    trouble TEXT NOT NULL DEFAULT ''
);
CREATE TABLE import_reasons (
    import INTEGER NOT NULL REFERENCES imports ON DELETE CASCADE,
    path BLOB NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    study TEXT NOT NULL
);
CREATE INDEX import_reasons_import ON import_reasons (import);

"""


_V3 = """
ALTER TABLE instances ADD COLUMN traits TEXT NOT NULL DEFAULT '[]';
ALTER TABLE instances DROP COLUMN phases;
ALTER TABLE instances ADD COLUMN keyword TEXT NOT NULL DEFAULT '';

CREATE TABLE thumbnails (
    study INTEGER NOT NULL REFERENCES studies ON DELETE CASCADE,
    uid TEXT NOT NULL,
    stamp TEXT NOT NULL,
    image BLOB,
    PRIMARY KEY (study, uid)
);
"""

_V4 = """
CREATE TABLE joined (
    study INTEGER PRIMARY KEY REFERENCES studies ON DELETE CASCADE,
    version INTEGER NOT NULL,
    form INTEGER NOT NULL,
    digest TEXT NOT NULL,
    packed BLOB NOT NULL
);
"""

_OF_REQUESTS = (
    *("TimezoneOffsetFromUTC", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
    "RequestAttributesSequence",
)

_V5 = """
ALTER TABLE series ADD COLUMN TimezoneOffsetFromUTC TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN PerformedProcedureStepStartDate TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN PerformedProcedureStepStartTime TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN RequestAttributesSequence TEXT;
"""

_V6 = """
CREATE TABLE unsent (
    copy TEXT PRIMARY KEY
) WITHOUT ROWID;
"""


_V7 = """
CREATE TABLE made_here (
    copy TEXT PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO made_here SELECT copy FROM unsent;

CREATE TABLE transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    study TEXT NOT NULL,
    series TEXT NOT NULL,
    instance TEXT NOT NULL,
    retrieve TEXT NOT NULL,
    title TEXT NOT NULL,
    started TEXT NOT NULL,
    state TEXT NOT NULL,
    fetched INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    trouble TEXT NOT NULL DEFAULT ''
);
"""


def derive_traits(connection: sqlite3.Connection) -> None:
    """Find anew what tells instances apart, and whether their frames have places, in their stored metadata."""
    packed = connection.cursor()
    packed.execute("SELECT instance, dicom_json FROM metadata")
    while rows := packed.fetchmany(_BATCH):
        made = [(make_instance(load_item(piece).model), number) for number, piece in rows]
        connection.executemany(
            "UPDATE instances SET traits = ?, has_pixel_measures = ?, has_orientation = ?, has_position = ? "
            "WHERE id = ?",
            [
                (
                    json.dumps(instance.traits),
                    instance.has_pixel_measures,
                    instance.has_orientation,
                    instance.has_position,
                    number,
                )
                for instance, number in made
            ],
        )


def derive_requests(connection: sqlite3.Connection) -> None:
    """Find in the stored metadata of each series when and by which request it was made."""
    packed = connection.cursor()
    packed.execute("SELECT series, dicom_json FROM metadata JOIN instances ON instances.id = instance ORDER BY series")
    while rows := packed.fetchmany(_BATCH):
        for number, piece in rows:
            plain = unpack(piece)
            if any(tag in plain for tag in (b'"00080201"', b'"00400244"', b'"00400245"', b'"00400275"')):
                said = to_row(make_series(json.loads(plain)))
                connection.execute(
                    "UPDATE series SET "
                    + ", ".join(f"{name} = coalesce(nullif({name}, ''), ?)" for name in _OF_REQUESTS)
                    + " WHERE id = ?",
                    (*(said[name] for name in _OF_REQUESTS), number),
                )


def index_studies(connection: sqlite3.Connection) -> None:
    """Make the full-text index anew."""
    connection.execute("DROP TABLE IF EXISTS study_search")
    connection.execute(
        'CREATE VIRTUAL TABLE study_search USING fts5 (words, tokenize = "unicode61 remove_diacritics 0")'
    )
    for (study,) in connection.execute("SELECT id FROM studies").fetchall():
        index_study(connection, study)


_Migration = tuple[str, Callable[[sqlite3.Connection], None] | None]

_MIGRATIONS: tuple[_Migration, ...] = (
    (_V1, None),
    (_V2, index_studies),
    (_V3, derive_traits),
    (_V4, None),
    (_V5, derive_requests),
    (_V6, None),
    (_V7, None),
)
"""Number n brings a library from version n to n + 1: a script, and what SQL cannot do."""

VERSION = len(_MIGRATIONS)

DAMAGE = (sqlite3.Error, UnicodeDecodeError)
"""What is raised where a database is damaged; the second one where its words for it cannot be read."""

APPLICATION_ID = 0x4E656761
"""Says that a database is this program's: "Nega"."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the library to this program's version, in one transaction.

    Raises:
        InputError: a newer program wrote it, or it is another program's database.
    """
    check_version(connection)
    # A table that others refer to can be made anew only so (and the pragma does nothing within a transaction).
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script, step in _MIGRATIONS[check_version(connection) :]:
            for statement in _statements(script):
                connection.execute(statement)
            if step is not None:
                step(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def open_untouched(path: Path) -> sqlite3.Connection:
    """Open a database that nobody else writes, to be read, so that nothing is changed in it or made beside it.

    Opening it for writing would take into it what a program that was killed has left in its log.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    # Without a log, none is to be made.
    mode = "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"
    return sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode={mode}", uri=True)


def check_file(path: Path) -> None:
    """See that a database is this program's, and not a newer one's, before it is opened for writing.

    What is too damaged to tell passes, and what is not there.

    Raises:
        InputError: as :func:`check_version`.
    """
    with contextlib.suppress(*DAMAGE), contextlib.closing(open_untouched(path)) as connection:
        check_version(connection)


def check_version(connection: sqlite3.Connection) -> int:
    """Return the library's version; 0 for an empty file. Nothing is written.

    Raises:
        InputError: a newer program wrote it, or it is another program's database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    ours = application == APPLICATION_ID
    if application == 0:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # A new file says nothing, and version 1 did not say whose it was.
        ours = not (tables or version) or (version == 1 and "study_search" in tables)
    if not ours:
        raise InputError("The library is another program's database. Move that away, or start with another --base-dir.")
    if version > VERSION:
        raise InputError(
            f"This library was written by a newer Negatoscope (library version {version}, this program knows "
            f"{VERSION}). Install that one, or start with another --base-dir."
        )
    return int(version)


def _statements(script: str) -> list[str]:
    """Split a script; executescript would commit behind our back."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return statements
