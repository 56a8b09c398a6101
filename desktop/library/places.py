"""Where files are: in place, on this computer or on a medium that may be gone, or copied into the library."""

import os
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..dicom import memberpaths
from ..dicom.records import FileRef
from ..media import Medium, at_another_mount, find_medium
from ..paths import system_path
from .rows import path_from_db, path_to_db

_COPY_NAME = re.compile(r"[0-9]{16}/[0-9a-f]{48}\.dcm")

PLACE = "CASE copy WHEN '' THEN path ELSE copy_path(copy) END"
"""SQL for the path at which a file's bytes are read."""


def define_places(connection: sqlite3.Connection, copies: Path) -> None:
    """Teach a connection where the library's own copies are."""
    folder = os.fsencode(copies) + os.fsencode(os.sep)
    connection.create_function(
        "copy_path", 1, lambda name: folder + os.fsencode(name) if is_copy_name(name) else b"", deterministic=True
    )


def is_copy_name(name: str) -> bool:
    """Whether this is how the library names its copies. Any other name may lead anywhere."""
    return _COPY_NAME.fullmatch(name) is not None


def is_here(path: str, medium: str) -> bool:
    """Whether the medium on which a file was met is the one that is there now. This computer always is."""
    return not medium or find_medium(memberpaths.outermost(path)).identity == medium


def shown(path: str) -> str:
    """Return a path as text for a sentence."""
    return memberpaths.shown(path)


def medium_row(db: sqlite3.Connection, identity: str) -> int:
    """Return the row of a medium that was noted before."""
    if not identity:
        return 1
    (number,) = db.execute("SELECT id FROM media WHERE identity = ?", (identity,)).fetchone()
    return int(number)


def note_medium(db: sqlite3.Connection, medium: Medium, *, only_known: bool = False) -> None:
    """Note that a medium is there. If it is in another place than the last time, its files are there too.

    Args:
        only_known: leave it alone if no file of it was ever met.
    """
    if not medium.identity:
        return
    row = db.execute("SELECT * FROM media WHERE identity = ?", (medium.identity,)).fetchone()
    mount = path_to_db(medium.mount)
    if row is None and only_known:
        return
    if row is None:
        db.execute(
            "INSERT INTO media (identity, name, kind, mount) VALUES (?, ?, ?, ?)",
            (medium.identity, medium.name, medium.kind, mount),
        )
        return
    if row["mount"] == mount:
        return
    db.execute("UPDATE media SET name = ?, mount = ? WHERE id = ?", (medium.name, mount, row["id"]))
    before = Medium(row["identity"], row["name"], path_from_db(row["mount"]), medium.kind)
    files = db.execute("SELECT id, path FROM files WHERE medium = ?", (row["id"],)).fetchall()
    # If one mount point is below the other, a file may go where another one is that has yet to go.
    for file, path in sorted(files, key=lambda item: len(item["path"]), reverse=len(mount) > len(row["mount"])):
        moved = path_to_db(at_another_mount(path_from_db(path), before, medium))
        # If it was met there too, both are known: at the next import one of them is noted as a duplicate.
        db.execute("UPDATE OR IGNORE files SET path = ? WHERE id = ?", (moved, file))


def find_lost_copies(db: sqlite3.Connection, files: Iterable[FileRef]) -> set[FileRef]:
    """Return those files whose copies in the library are not there any more, or are not as they were made."""
    lost = set()
    for file in files:
        row = db.execute(
            "SELECT copy_path(copy) AS place, size, copy_mtime_ns FROM files JOIN media ON media.id = medium "
            "WHERE path = ? AND identity = ? AND copy != ''",
            (path_to_db(file.path), file.medium),
        ).fetchone()
        if row is not None and not _is_as_made(path_from_db(row["place"]), row["size"], row["copy_mtime_ns"]):
            lost.add(file)
    return lost


def _is_as_made(path: str, size: int, mtime_ns: int) -> bool:
    try:
        status = os.stat(system_path(path))  # noqa: PTH116
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (size, mtime_ns)


def known_copies(db: sqlite3.Connection, names: Iterable[str]) -> set[str]:
    """Return those names of copies that the library tells of."""
    return {name for name in names if db.execute("SELECT 1 FROM files WHERE copy = ? LIMIT 1", (name,)).fetchone()}


def has_copied_twin(db: sqlite3.Connection, path: str) -> bool:
    """Whether a duplicate's object is in the library as a copy of its own."""
    row = db.execute(
        "SELECT own.copy FROM files JOIN instances ON instances.id = files.twin JOIN files AS own ON own.id = file "
        "WHERE files.path = ? AND own.copy != ''",
        (path_to_db(path),),
    ).fetchone()
    return row is not None


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of a series, by which to tell whether the series is here.

    Attributes:
        medium: identity of the one that the file lies on.
        name: what the user calls the medium.
    """

    study_uid: str
    path: str
    medium: str
    name: str


def find_samples(db: sqlite3.Connection) -> list[Sample]:
    """Return one file in place of each series. The library's own copies are always here."""
    rows = db.execute(
        "SELECT studies.uid AS study, path, identity, name FROM series JOIN studies ON studies.id = study "
        "JOIN files ON files.id = (SELECT file FROM instances JOIN files AS place ON place.id = file "
        "WHERE series = series.id AND place.copy = '' LIMIT 1) JOIN media ON media.id = medium"
    )
    return [Sample(row["study"], path_from_db(row["path"]), row["identity"], row["name"]) for row in rows]


def find_away(samples: Iterable[Sample]) -> dict[str, str]:
    """Return the studies of which files are not here now, with the name of what they lie on.

    That is the medium; on this computer it is the archive or the folder. Each place is asked once, and a place that
    is gone is not asked again for what lies below it. May take long where a share does not answer.
    """
    away: dict[str, str] = {}
    here: dict[tuple[str, str], bool] = {}
    for sample in samples:
        real = memberpaths.outermost(sample.path)
        # The folder, unless it is an archive: then all of it is there, or nothing.
        place = real if memberpaths.is_member(sample.path) else os.path.dirname(real)  # noqa: PTH120
        key = (place, sample.medium)
        if key not in here:
            here[key] = is_here(real, sample.medium) and os.path.exists(system_path(place))  # noqa: PTH110
        if not here[key] or (place != real and not os.path.exists(system_path(real))):  # noqa: PTH110
            away.setdefault(sample.study_uid, sample.name if sample.medium else shown(place))
    return away
