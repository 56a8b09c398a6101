"""Small pictures of display sets. They go with their study."""

import sqlite3
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture.

    Attributes:
        image: JPEG; None: it was tried, and cannot be drawn.
    """

    image: bytes | None = field(repr=False)


def find_thumbnail(db: sqlite3.Connection, study_uid: str, name: str, stamp: str) -> Thumbnail | None:
    """Return a picture that is kept; None if none is, or one of another stamp."""
    row = db.execute(
        "SELECT image FROM thumbnails JOIN studies ON studies.id = study "
        "WHERE studies.uid = ? AND thumbnails.uid = ? AND stamp = ?",
        (study_uid, name, stamp),
    ).fetchone()
    return None if row is None else Thumbnail(row["image"])


def keep_thumbnail(study_uid: str, name: str, stamp: str, thumbnail: Thumbnail, db: sqlite3.Connection) -> None:
    """Keep a picture in place of the one before; not at all if its study is gone."""
    db.execute(
        "INSERT OR REPLACE INTO thumbnails (study, uid, stamp, image) SELECT id, ?, ?, ? FROM studies WHERE uid = ?",
        (name, stamp, thumbnail.image, study_uid),
    )
