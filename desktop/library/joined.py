"""Each study's DICOM-JSON as it is sent: joined once from the pieces of its instances, and kept until it changes."""

import sqlite3
from dataclasses import dataclass, field

from ..dicom.metadata import METADATA_VERSION
from ..dicom.records import Header
from .forgetting import STORED, StoredFile, make_stored_file
from .rows import path_to_db

JOINED_VERSION = 1
"""Grows when the joined JSON changes its form."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The DICOM-JSON of a study.

    Attributes:
        digest: of the JSON.
        packed: the JSON in UTF-8, by gzip.
    """

    digest: str
    packed: bytes = field(repr=False)


def find_joined(db: sqlite3.Connection, study_uid: str) -> Joined | None:
    """Return what is kept of a study as it is now; None if nothing is."""
    row = db.execute(
        "SELECT digest, packed FROM joined JOIN studies ON studies.id = study "
        "WHERE studies.uid = ? AND joined.version = studies.version AND form = ?",
        (study_uid, JOINED_VERSION),
    ).fetchone()
    return None if row is None else Joined(row["digest"], row["packed"])


def keep_joined(study_uid: str, version: int, joined: Joined, db: sqlite3.Connection) -> None:
    """Keep what was joined, in place of what was before; not at all if the study is gone, or has another version."""
    db.execute(
        "INSERT OR REPLACE INTO joined (study, version, form, digest, packed) "
        "SELECT id, version, ?, ?, ? FROM studies WHERE uid = ? AND version = ?",
        (JOINED_VERSION, joined.digest, joined.packed, study_uid, version),
    )


def find_unjoined(db: sqlite3.Connection) -> list[str]:
    """Return the UIDs of the studies of which nothing is kept as they are now, newest first."""
    rows = db.execute(
        "SELECT uid FROM studies LEFT JOIN joined ON study = studies.id AND joined.version = studies.version "
        "AND form = ? WHERE study IS NULL ORDER BY StudyDate DESC, StudyTime DESC, uid",
        (JOINED_VERSION,),
    )
    return [str(uid) for (uid,) in rows]


def find_outdated(db: sqlite3.Connection) -> dict[str, list[StoredFile]]:
    """Return the files whose pieces are of another version than this program's, by the UID of their study."""
    outdated: dict[str, list[StoredFile]] = {}
    for row in db.execute(f"{STORED} WHERE reader != ? ORDER BY files.id", (METADATA_VERSION,)):
        outdated.setdefault(row["study_uid"], []).append(make_stored_file(row))
    return outdated


def is_outdated(db: sqlite3.Connection, header: Header) -> bool:
    """Whether the library has a file that was read again, and its pieces are of another version.

    A file whose SOP Instance UID another one has too is left as it is: it might lose its UID to the other.
    """
    row = db.execute(
        "SELECT (SELECT count(*) FROM instances AS others WHERE others.SOPInstanceUID = instances.SOPInstanceUID) "
        "FROM files JOIN media ON media.id = medium JOIN instances ON file = files.id "
        "WHERE path = ? AND identity = ? AND reader != ?",
        (path_to_db(header.file.path), header.file.medium, METADATA_VERSION),
    ).fetchone()
    return row is not None and row[0] == 1
