"""A library that imports with real workers, what is asked of it to see that nothing is lost, and real mounts."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, ask, make_image

from desktop.dicom.memberpaths import shown
from desktop.events import Events
from desktop.importers.keeping import Keep, digest_of
from desktop.importers.pipeline import ImportJob
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportReport
from desktop.library.checking import check_library
from desktop.library.outcomes import Outcome
from desktop.library.queries import find_instances, locate
from desktop.library.rows import path_from_db
from desktop.library.store import Store
from desktop.pictures.files import FileGone, open_file
from desktop.services.importing import Importing


def start_pool(workers: int = 2) -> ReaderPool:
    """Start workers, and wait until they are there: many tests may share them."""
    pool = ReaderPool(workers)
    pool.submit(()).result()
    return pool


def make_many(folder: Path, count: int, study: int = 1) -> list[Path]:
    """Write images of one study fast, all of one size, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    uid, at = f"{ROOT_UID}{study}", f"{ROOT_UID}{study}.1.10000"
    file = io.BytesIO()
    made = make_image(StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=at, Rows=1, Columns=1)
    made.save_as(file, enforce_file_format=True)
    paths = [folder / f"IM{number:04d}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(file.getvalue().replace(at.encode(), f"{uid}.1.{10_000 + number}".encode()))
    return paths


class Bench:
    """A library and what imports into it."""

    def __init__(self, base: Path, pool: ReaderPool, copies: Path | None = None) -> None:
        self.copies = copies or base / "copies"
        self.pool = pool
        self.events = Events()
        self.store = Store(base / "library.sqlite", self.copies)
        self.importing = Importing(self.store, pool, self.events, self.copies)
        self.importing.note_interrupted()

    def start(self, *paths: Path, **options: Any) -> ImportJob:
        return self.importing.start(ask(*paths, **options))

    def run(self, *paths: Path, **options: Any) -> ImportReport:
        return self.start(*paths, **options).wait()

    def copy(self, *paths: Path, **options: Any) -> ImportReport:
        return self.run(*paths, keep=Keep.COPY, **options)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return rows as tuples."""
        return [tuple(row) for row in self.store.reader().execute(query, values)]

    def instances(self) -> int:
        """Return how many instances the library has, here or away."""
        return len(find_instances(self.store.reader(), None))

    def shown(self) -> Counter[bytes]:
        """Return the bytes of each instance, as the server would read them; those that are away are left out."""
        found: Counter[bytes] = Counter()
        db = self.store.reader()
        for entry in find_instances(db, None):
            one = entry.instance
            located = locate(db, one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
            assert located is not None
            try:
                with open_file(located.file) as file:
                    found[file.read()] += 1
            except FileGone:
                continue
        return found

    def outcomes(self) -> dict[str, Outcome]:
        """Return what the library has of each file."""
        rows = self.store.reader().execute("SELECT path, outcome FROM files").fetchall()
        return {shown(path_from_db(row["path"])): Outcome(row["outcome"]) for row in rows}

    def faults(self) -> tuple[str, ...]:
        """Return the faults of the library, every copy read whole."""
        return check_library(self.store.reader(), self.copies, digest_of).faults

    def parts(self) -> list[Path]:
        """Return what is left of copies that were not finished."""
        return sorted(self.copies.rglob("*.part"))

    def close(self) -> None:
        self.importing.close()
        self.store.close()


def counts(report: ImportReport) -> dict[str, int]:
    """Return how many files came to each outcome, without zeros; see that the account is whole."""
    assert report.found == sum(report.counts.values())
    return {outcome.value: count for outcome, count in report.counts.items() if count}


def told(report: ImportReport) -> dict[str, tuple[Outcome, str]]:
    """Return outcome and reason of the files of which there is something to say, by the last part of their paths."""
    return {shown(item.path).rpartition("/")[2]: (item.outcome, item.reason) for item in report.reasons}


@contextmanager
def mounted(point: Path, *arguments: object) -> Iterator[Path]:
    """Mount something at a folder for as long as the block lasts; the test is skipped where that cannot be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root of Linux may mount")
    point.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *map(str, arguments), str(point)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield point
    finally:
        unmount(point)


def unmount(point: Path) -> None:
    """Take a mount off, also in the middle of its use; may be done twice."""
    if os.path.ismount(point):
        subprocess.run(["umount", "-l", str(point)], check=True)


def small_disk(point: Path, megabytes: float) -> Any:
    """Mount a disk in memory, with little room."""
    return mounted(point, "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "none")


@contextmanager
def media_folder() -> Iterator[Path]:
    """Make a folder where sticks and discs are mounted; it is gone afterwards."""
    if not os.access("/media", os.W_OK):
        pytest.skip("there is no /media to mount below")
    folder = Path(tempfile.mkdtemp(prefix="negatoscope-", dir="/media"))
    try:
        yield folder
    finally:
        for below in sorted(folder.rglob("*"), reverse=True):
            below.rmdir()
        folder.rmdir()


def make_disc(image: Path, content: Path, label: str = "DICOM CD") -> Path:
    """Write the image of a stick or disc that holds what is in a folder: some hundred small files."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not here")
    with image.open("wb") as file:
        file.truncate(4_000_000)
    words = ("-q", "-N", "600", "-b", "4096", "-L", label, "-d", str(content), str(image))
    subprocess.run(["mkfs.ext4", *words], check=True, stderr=subprocess.DEVNULL)
    return image


@contextmanager
def disc_in(image: Path, point: Path) -> Iterator[Path]:
    """Put a stick or disc in, for as long as the block lasts."""
    with mounted(point, "-o", "loop", image):
        yield point
