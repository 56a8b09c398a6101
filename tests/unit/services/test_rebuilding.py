"""A library that is made anew from its files, whatever has become of its database: nothing is lost in silence."""

import json
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.bench import disc_in, make_disc, media_folder, small_disk
from unit.dicom.zips import make_aes, make_zip, members

from desktop.dicom import keyring
from desktop.dicom.records import FileRef, Header
from desktop.errors import InputError
from desktop.handover import take_ownership
from desktop.importers.keeping import Keep, digest_of
from desktop.importers.reading import Order, ReaderPool, Reading, read
from desktop.library import schema
from desktop.library.adding import add_readings
from desktop.library.charsets import choose_charset, find_charsets
from desktop.library.checking import check_library
from desktop.library.imports import ImportState, begin_import, end_import, find_imports
from desktop.library.outcomes import FileOutcome, Outcome, Refusal
from desktop.library.places import note_medium
from desktop.library.queries import find_instances, find_studies, locate, search_studies
from desktop.library.repairing import find_files, take_over
from desktop.library.store import Store
from desktop.library.stored import note_made_here
from desktop.media import find_medium, mounts
from desktop.paths import Paths, find_paths
from desktop.pictures.files import FileGone, open_file
from desktop.services import rebuilding
from desktop.services.rebuilding import RebuildReport, rebuild

STUDY = ROOT_UID + "1"
OTHER = {"StudyInstanceUID": ROOT_UID + "2", "SeriesInstanceUID": ROOT_UID + "2.1", "PatientID": "P2"}
LATIN = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jürgen"}


class OneProcess:
    """Reads in this process: the workers do nothing else, and take a second to start."""

    def submit(self, refs: Sequence[FileRef], order: Order) -> "Future[list[Reading]]":
        future: Future[list[Reading]] = Future()
        future.set_result([read(ref, order) for ref in refs])
        return future

    def result(self, _refs: object, future: "Future[list[Reading]]", _order: object) -> list[Reading]:
        return future.result()

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "ReaderPool", OneProcess)
    monkeypatch.setattr(mounts, "MOMENT", 1e-9)


@pytest.fixture(autouse=True)
def _no_keys_left() -> Iterator[None]:
    yield
    keyring._keys.clear()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(tmp_path / "base").make()


def open_store(paths: Paths) -> Store:
    return Store(paths.library, paths.copies)


def fill(paths: Paths, *files: Path, keep: Keep = Keep.IN_PLACE) -> list[FileOutcome]:
    """Take files into the library."""
    readings = []
    with open_store(paths) as store:
        for path in files:
            status, medium = path.stat(), find_medium(path)
            store.write(partial(note_medium, medium=medium)).result()
            ref = FileRef(str(path), status.st_size, status.st_mtime_ns, medium.identity)
            readings.append(read(ref, Order(keep, paths.copies)))
        outcomes = store.write(lambda db: add_readings(db, readings)).result()  # type: ignore[arg-type]
    assert all(isinstance(reading, Header | Refusal) for reading in readings)
    return outcomes


def change(paths: Paths, *statements: str) -> None:
    """Change the library behind the program's back."""
    with closing(sqlite3.connect(paths.library, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def state(paths: Paths) -> dict[str, Any]:
    """Return what the library has, as far as it is to be the same after a rebuilding."""
    with open_store(paths) as store:
        db = store.reader()
        entries = {entry.study.StudyInstanceUID: replace(entry, version=0) for entry in find_studies(db)}
        shown: Counter[bytes] = Counter()
        found = [item.instance for item in find_instances(db, None)]
        for one in found:
            located = locate(db, one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
            assert located is not None
            try:
                with open_file(located.file) as file:
                    shown[file.read()] += 1
            except FileGone:
                continue
        names = {entry.patient.PatientName for entry in entries.values()}
        searched = {name: len(search_studies(db, name)) for name in names}
        store.release()
    return {"studies": entries, "instances": set(found), "shown": shown, "searched": searched}


def faults(paths: Paths) -> tuple[str, ...]:
    with open_store(paths) as store:
        said = check_library(store.reader(), paths.copies, digest_of).faults
        # Each file with an outcome of an instance has one, and no other has.
        query = (
            "SELECT path, outcome FROM files LEFT JOIN instances ON file = files.id "
            "WHERE (instances.id IS NULL) = (outcome IN ('added', 'updated', 'conflict'))"
        )
        assert store.reader().execute(query).fetchall() == []
        store.release()
        return said


def files_of(paths: Paths) -> set[str]:
    return {path.name for path in paths.data.iterdir()} - {"copies"}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_all(paths: Paths, tmp_path: Path) -> dict[str, Any]:
    """Make a library of all kinds of things, all of which are here; return its state."""
    fill(paths, *make_stack(tmp_path / "in", 12))
    fill(paths, save(make_image(**OTHER), tmp_path / "copied"), keep=Keep.COPY)
    (tmp_path / "notes.txt").write_text("notes")
    fill(paths, tmp_path / "notes.txt")
    third = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1", **LATIN}
    archive = Path(make_zip(tmp_path / "a.zip", {"IM1": save(make_image(**third), tmp_path / "x").read_bytes()}))
    (member,) = members(str(archive))
    status = archive.stat()
    with open_store(paths) as store:
        header = read(FileRef(member, (tmp_path / "x").stat().st_size, status.st_mtime_ns))
        store.write(lambda db: add_readings(db, [header])).result()  # type: ignore[list-item]
    made = state(paths)
    assert sum(made["shown"].values()) == len(made["instances"]) == 14
    return made


def test_a_sound_library_is_as_it_was_with_real_workers(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "ReaderPool", ReaderPool)
    before = make_all(paths, tmp_path)
    old, files = paths.library.read_bytes(), snapshot(tmp_path / "in")
    report = rebuild(paths)
    put_away = paths.data / "library.before-rebuild.sqlite"
    assert report == RebuildReport(read=14, kept=0, lost=0, damaged=False, before=put_away)
    assert state(paths) == before
    assert faults(paths) == ()
    assert put_away.read_bytes() == old
    assert files_of(paths) == {"library.sqlite", "library.lock", put_away.name}
    assert snapshot(tmp_path / "in") == files
    assert (paths.library.stat().st_mode & 0o077) == 0 or os.name == "nt"


def test_each_study_gets_a_new_version(paths: Paths, tmp_path: Path) -> None:
    fill(paths, *make_stack(tmp_path / "in", 2))

    def version() -> int:
        with open_store(paths) as store:
            (entry,) = find_studies(store.reader())
            store.release()
            return entry.version

    before = version()
    rebuild(paths)
    assert version() > before


def test_what_is_not_here_is_kept_and_comes_back(paths: Paths, tmp_path: Path) -> None:
    before = make_all(paths, tmp_path)
    (tmp_path / "in").rename(tmp_path / "away")
    report = rebuild(paths)
    assert (report.read, report.kept, report.lost, report.damaged) == (2, 12, 0, False)
    away = state(paths)
    assert (away["studies"], away["instances"]) == (before["studies"], before["instances"])
    assert sum(away["shown"].values()) == 2
    (tmp_path / "away").rename(tmp_path / "in")
    assert state(paths) == before
    assert faults(paths) == ()


def test_a_disc_that_is_out_is_kept_and_another_one_is_not_taken_for_it(paths: Paths, tmp_path: Path) -> None:
    make_stack(tmp_path / "content", 2)
    make_stack(tmp_path / "other", 2, **OTHER)
    disc, other = (make_disc(tmp_path / f"{name}.img", tmp_path / name) for name in ("content", "other"))
    with media_folder() as folder:
        with disc_in(disc, folder / "cd"):
            fill(paths, *sorted(path for path in (folder / "cd").iterdir() if path.is_file()))
            before = state(paths)
            assert sum(before["shown"].values()) == 2
        with disc_in(other, folder / "cd"):
            assert rebuild(paths).kept == 2
        with disc_in(disc, folder / "cd"):
            assert state(paths) == before
            change(paths, "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)")
            report = rebuild(paths)
            assert (report.read, report.damaged) == (2, True)
            # Also from a damaged database: they are known to lie on the disc.
            assert state(paths) == before
        assert sum(state(paths)["shown"].values()) == 0


def test_a_file_that_has_changed_is_read_as_it_is_now(paths: Paths, tmp_path: Path) -> None:
    path = save(make_image(SeriesDescription="before"), tmp_path / "a")
    fill(paths, path)
    save(make_image(SeriesDescription="after, and longer", SOPInstanceUID="1.2.77"), path)
    assert sum(state(paths)["shown"].values()) == 0
    assert rebuild(paths).read == 1
    now = state(paths)
    assert [one.SOPInstanceUID for one in now["instances"]] == ["1.2.77"]
    assert now["shown"] == {path.read_bytes(): 1}


def test_a_file_that_is_no_dicom_any_more_is_told(paths: Paths, tmp_path: Path) -> None:
    first, second, third = make_stack(tmp_path / "in", 3)
    fill(paths, first, second, third)
    first.write_text("something else")
    second.write_bytes(second.read_bytes()[:300])
    report = rebuild(paths)
    assert (report.read, report.kept, report.lost) == (1, 0, 2)
    assert state(paths)["shown"] == {third.read_bytes(): 1}
    assert faults(paths) == ()


def test_what_is_locked_is_kept(paths: Paths, tmp_path: Path) -> None:
    data = save(make_image(), tmp_path / "x").read_bytes()
    archive = make_aes(tmp_path / "a.zip", {"IM1": data}, b"secret")
    (member,) = members(archive)
    keyring.keep_keys({archive: b"secret"})
    with open_store(paths) as store:
        header = read(FileRef(member, len(data), Path(archive).stat().st_mtime_ns))
        store.write(lambda db: add_readings(db, [header])).result()  # type: ignore[list-item]
    before = state(paths)
    keyring._keys.clear()
    report = rebuild(paths)
    assert (report.read, report.kept, report.lost) == (0, 1, 0)
    keyring.keep_keys({archive: b"secret"})
    try:
        assert state(paths) == before
    finally:
        keyring._keys.clear()


def copies_of(paths: Paths) -> list[Path]:
    return sorted(paths.copies.glob("*/*.dcm"))


def test_copies_with_another_date_are_shown_again_if_they_are_what_they_were(paths: Paths, tmp_path: Path) -> None:
    fill(paths, *make_stack(tmp_path / "in", 2), keep=Keep.COPY)
    before = state(paths)
    good, bad = copies_of(paths)
    data = bytearray(bad.read_bytes())
    data[-1] ^= 1
    bad.write_bytes(data)
    os.utime(good)
    assert sum(state(paths)["shown"].values()) == 0
    report = rebuild(paths)
    assert (report.read, report.kept) == (1, 1)
    after = state(paths)
    assert after["instances"] == before["instances"]
    # A copy that is damaged would give wrong pixels.
    assert after["shown"] == {good.read_bytes(): 1}


def test_copies_of_which_no_row_tells_are_taken_in(paths: Paths, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 3)
    fill(paths, *sorted((tmp_path / "in").iterdir()), keep=Keep.COPY)
    before = state(paths)
    shutil.rmtree(tmp_path / "in")
    change(paths, "PRAGMA foreign_keys = ON", "DELETE FROM instances", "DELETE FROM files", "DELETE FROM series")
    damaged = copies_of(paths)[0].with_name("0" * 48 + ".dcm")
    damaged.write_bytes(b"nothing that has this digest")
    (paths.copies / "x.dcm").write_text("not in a folder of copies")
    report = rebuild(paths)
    assert (report.read, report.lost, report.damaged) == (3, 0, False)
    after = state(paths)
    assert after == before
    assert damaged.exists()
    assert rebuild(paths).read == 3


def test_a_library_that_is_gone_is_made_from_its_copies(paths: Paths, tmp_path: Path) -> None:
    fill(paths, *make_stack(tmp_path / "in", 2), keep=Keep.COPY)
    before = state(paths)
    for end in ("", "-wal", "-shm"):
        Path(f"{paths.library}{end}").unlink(missing_ok=True)
    (paths.data / "library.before-rebuild.sqlite").write_text("of a rebuilding before")
    report = rebuild(paths)
    assert report == RebuildReport(read=2, kept=0, lost=0, damaged=False, before=None)
    assert state(paths) == before
    assert (paths.data / "library.before-rebuild.sqlite").read_text() == "of a rebuilding before"


def test_nothing_at_all_makes_an_empty_library(paths: Paths) -> None:
    assert rebuild(paths) == RebuildReport(read=0, kept=0, lost=0, damaged=False, before=None)
    assert state(paths)["studies"] == {}


def test_two_rebuildings_are_one(paths: Paths, tmp_path: Path) -> None:
    before = make_all(paths, tmp_path)
    assert rebuild(paths) == rebuild(paths)
    assert state(paths) == before


def test_accounts_and_character_sets_are_kept(paths: Paths, tmp_path: Path) -> None:
    path = save(make_image(**LATIN), tmp_path / "in")
    with open_store(paths) as store:
        number = store.write(lambda db: begin_import(db, [str(path)], copied=False)).result()
        reasons = [FileOutcome("/odd\udcff", Outcome.REJECTED, "It is cut.")]
        ending = partial(
            end_import, number=number, state=ImportState.DONE, seconds=1.0, counts={}, reasons=reasons, trouble=""
        )
        store.write(ending).result()
        store.write(lambda db: choose_charset(db, STUDY, "ISO_IR 144")).result()
    fill(paths, path)

    def kept() -> Any:
        with open_store(paths) as store:
            found = (find_imports(store.reader()), find_charsets(store.reader()))
            store.release()
        return found

    before = kept()
    rebuild(paths)
    assert kept() == before
    (entry,) = state(paths)["studies"].values()
    assert entry.patient.PatientName == "Mќller^Jќrgen"
    change(paths, "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)")
    assert rebuild(paths).damaged
    assert kept()[1] == {STUDY: "ISO_IR 144"}
    (entry,) = state(paths)["studies"].values()
    assert entry.patient.PatientName == "Mќller^Jќrgen"


def test_what_was_made_here_stays_marked(paths: Paths, tmp_path: Path) -> None:
    files = [save(make_image(), tmp_path / "one"), save(make_image(), tmp_path / "other")]
    fill(paths, *files, keep=Keep.COPY)
    with open_store(paths) as store:
        (name, *_) = (row["copy"] for row in store.reader().execute("SELECT copy FROM files ORDER BY id"))
        store.write(partial(note_made_here, copy=name)).result()
        store.release()
    assert [entry.unsent for entry in state(paths)["studies"].values()] == [1]
    change(paths, "INSERT INTO unsent VALUES ('../../elsewhere')")
    assert rebuild(paths).damaged
    assert not rebuild(paths).damaged
    assert [entry.unsent for entry in state(paths)["studies"].values()] == [1]


LOGICAL = [
    "DELETE FROM series",
    "DELETE FROM studies",
    "DELETE FROM patients",
    "DELETE FROM metadata",
    "DELETE FROM instances",
    "DELETE FROM instances WHERE id % 2",
    "DELETE FROM files WHERE id % 2 AND copy = ''",
    "DELETE FROM study_search",
    "DELETE FROM study_search_data",
    "UPDATE study_search_data SET block = x'00'",
    "DROP TABLE study_search",
    "UPDATE series SET instances = 99, conflicts = -1, truncated = 7",
    "UPDATE series SET study = 99",
    "UPDATE instances SET series = 99",
    "UPDATE instances SET ImageType = 'no list', traits = '{'",
    "UPDATE instances SET length = 'x'",
    "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)",
    "UPDATE studies SET StudyDescription = x'00ff'",
    "UPDATE files SET outcome = 'nonsense' WHERE id = 1",
    "UPDATE files SET reason = CAST(x'ff' AS TEXT)",
    "UPDATE metadata SET dicom_json = x'00', ohif_json = 'text'",
    "INSERT INTO imports VALUES (1, '', 'nonsense', '', 0, 0, '[', '')",
    "INSERT INTO charsets VALUES ('1.2', 'nonsense')",
    "UPDATE files SET medium = 99",
    "DELETE FROM media",
    "DROP TABLE media",
    "DROP TABLE charsets",
    "DROP TABLE unsent",
    "DROP TRIGGER instance_added",
    "DROP INDEX instances_series",
]
UNFINDABLE = {
    # What file held them is not known any more.
    "DELETE FROM files WHERE id % 2 AND copy = ''": 7,
    "UPDATE files SET outcome = 'nonsense' WHERE id = 1": 13,
}


@pytest.mark.parametrize("statement", LOGICAL)
def test_rows_that_are_wrong_are_made_right(paths: Paths, tmp_path: Path, statement: str) -> None:
    before = make_all(paths, tmp_path)
    change(paths, "PRAGMA foreign_keys = OFF", statement)
    report = rebuild(paths)
    after = state(paths)
    left = UNFINDABLE.get(statement, 14)
    assert (report.read, report.lost, sum(after["shown"].values())) == (left, 0, left)
    if left == 14:
        assert after == before
    else:
        assert after["instances"] < before["instances"]
        assert report.damaged
    assert faults(paths) == ()
    with open_store(paths) as store:
        assert store.write(lambda db: add_readings(db, [])).result() == []


def damaged_at(paths: Paths, seed: int) -> str:
    """Overwrite bytes at random places of the library, but not in its name and version."""
    rng = random.Random(seed)
    data = bytearray(paths.library.read_bytes())
    kind = rng.choice(("bytes", "bits", "pages", "zeros"))
    for _ in range(rng.randint(1, 12)):
        start = rng.randrange(100, len(data))
        match kind:
            case "bytes":
                end = start + rng.randint(1, 300)
                data[start:end] = rng.randbytes(len(data[start:end]))
            case "bits":
                data[start] ^= 1 << rng.randrange(8)
            case "zeros":
                data[start : start + 64] = bytes(len(data[start : start + 64]))
            case "pages":
                page = start // 4096 * 4096
                other = rng.randrange(len(data) // 4096) * 4096
                if page and other:
                    data[page : page + 4096] = data[other : other + 4096]
    paths.library.write_bytes(data)
    return kind


def assert_nothing_is_lost_in_silence(report: RebuildReport, before: dict[str, Any], after: dict[str, Any]) -> None:
    if not (report.damaged or report.lost or report.kept):
        assert after["shown"] == before["shown"]
    # What is shown is what stands in a file: never anything made up.
    assert not after["shown"] - before["shown"]


@pytest.mark.parametrize("seed", range(60))
def test_bytes_overwritten_at_random_places(paths: Paths, tmp_path: Path, seed: int) -> None:
    before = make_all(paths, tmp_path)
    files = snapshot(tmp_path / "in") | snapshot(paths.copies)
    damaged_at(paths, seed)
    damaged = paths.library.read_bytes()
    report = rebuild(paths)
    after = state(paths)
    assert_nothing_is_lost_in_silence(report, before, after)
    # Of a copy whose name was overwritten, what was known is kept, and the check tells that there is none.
    unread = ("1 copies cannot be read. Import them again from their source.",)
    assert faults(paths) in ((), unread[: report.kept])
    # A copy is never lost: it is found without the database.
    (copy,) = copies_of(paths)
    assert copy.read_bytes() in after["shown"]
    assert snapshot(tmp_path / "in") | snapshot(paths.copies) == files
    assert report.before is not None
    assert report.before.read_bytes() == damaged
    # All of it is whole again once the folders are imported.
    fill(paths, *sorted((tmp_path / "in").iterdir()), tmp_path / "x")
    assert sum(state(paths)["shown"].values()) >= 14
    assert rebuild(paths).damaged is False


@pytest.mark.parametrize("seed", range(20))
def test_damage_while_everything_is_away(paths: Paths, tmp_path: Path, seed: int) -> None:
    before = make_all(paths, tmp_path)
    for name in ("in", "a.zip"):
        (tmp_path / name).rename(tmp_path / f"{name} away")
    damaged_at(paths, seed)
    report = rebuild(paths)
    after = state(paths)
    if not report.damaged:
        assert report.kept + report.read == 14
        assert len(after["instances"]) == 14
    assert not after["shown"] - before["shown"]
    assert faults(paths) == ()


@pytest.mark.parametrize("part", [0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_database_that_is_cut(paths: Paths, tmp_path: Path, part: float) -> None:
    before = make_all(paths, tmp_path)
    size = int(paths.library.stat().st_size * part)
    os.truncate(paths.library, size)
    report = rebuild(paths)
    after = state(paths)
    assert report.damaged or part == 0
    assert not after["shown"] - before["shown"]
    assert report.read == sum(after["shown"].values()) >= 1
    assert faults(paths) == ()


@pytest.mark.parametrize("what", ["text", "zeros", "a folder"])
def test_what_is_no_database(paths: Paths, tmp_path: Path, what: str) -> None:
    fill(paths, *make_stack(tmp_path / "in", 1), keep=Keep.COPY)
    paths.library.unlink()
    if what == "a folder":
        paths.library.mkdir()
        with pytest.raises(InputError):
            rebuild(paths)
        assert paths.library.is_dir()
        return
    paths.library.write_bytes(b"This is no database. " * 400 if what == "text" else bytes(8192))
    report = rebuild(paths)
    assert (report.read, report.damaged) == (1, True)
    assert faults(paths) == ()


def test_a_library_that_was_closed_is_one_file(paths: Paths, tmp_path: Path) -> None:
    headers = [read(ref_of(path)) for path in make_stack(tmp_path / "in", 3)]
    with open_store(paths) as store:
        # Who has read and is still there must not keep it from that.
        find_studies(store.reader())
        store.write(lambda db: add_readings(db, headers)).result()  # type: ignore[arg-type]
    alone = find_paths(tmp_path / "alone").make()
    shutil.copy(paths.library, alone.library)
    assert state(alone) == state(paths)
    assert len(state(alone)["instances"]) == 3


def copy_as_if_killed(paths: Paths, target: Path) -> None:
    """Copy the data folder as a program leaves it that is killed now."""
    shutil.copytree(paths.data, target, ignore=shutil.ignore_patterns("library.lock"))


def test_a_log_that_is_left_by_a_killed_program_is_read(paths: Paths, tmp_path: Path) -> None:
    other = find_paths(tmp_path / "other")
    make_stack(tmp_path / "in", 3)
    with open_store(paths) as store:
        headers = [read(ref_of(path)) for path in sorted((tmp_path / "in").iterdir())]
        store.write(lambda db: add_readings(db, headers)).result()  # type: ignore[arg-type]
        copy_as_if_killed(paths, other.data)
    assert (other.data / "library.sqlite-wal").stat().st_size
    report = rebuild(other)
    assert (report.read, report.damaged) == (3, False)
    assert state(other) == state(paths)
    assert not (other.data / "library.sqlite-wal").exists()


def ref_of(path: Path) -> FileRef:
    status = path.stat()
    return FileRef(str(path), status.st_size, status.st_mtime_ns)


@pytest.mark.parametrize("before", [0, 3])
def test_a_log_that_was_deleted_takes_only_what_was_in_it(paths: Paths, tmp_path: Path, before: int) -> None:
    other = find_paths(tmp_path / "other")
    if before:
        fill(paths, *make_stack(tmp_path / "first", before))
    make_stack(tmp_path / "second", 40, **OTHER)
    with open_store(paths) as store:
        headers = [read(ref_of(path)) for path in sorted((tmp_path / "second").iterdir())]
        store.write(lambda db: add_readings(db, headers)).result()  # type: ignore[arg-type]
        copy_as_if_killed(paths, other.data)
    (other.data / "library.sqlite-wal").unlink()
    report = rebuild(other)
    assert report.read >= before
    assert faults(other) == ()
    fill(other, *sorted((tmp_path / "second").iterdir()))
    assert len(state(other)["instances"]) == before + 40


def test_a_library_of_version_1_is_made_anew(paths: Paths, tmp_path: Path) -> None:
    stack = make_stack(tmp_path / "in", 2)
    with closing(sqlite3.connect(paths.library, isolation_level=None)) as db:
        for statement in schema._statements(schema._V1):
            db.execute(statement)
        db.execute("PRAGMA user_version = 1")
        for number, path in enumerate(stack, start=1):
            db.execute(
                "INSERT INTO files VALUES (?, ?, ?, ?, 'added', '', 1)",
                (number, os.fsencode(path), path.stat().st_size, path.stat().st_mtime_ns),
            )
    whole = paths.library.read_bytes()
    assert rebuild(paths).read == 2
    expected = state(paths)
    assert len(expected["instances"]) == 2
    paths.library.write_bytes(whole)
    change(paths, "UPDATE files SET reason = CAST(x'ff' AS TEXT)", "UPDATE files SET outcome = 'x' WHERE id = 2")
    report = rebuild(paths)
    assert (report.read, report.damaged) == (1, True)
    assert state(paths)["instances"] < expected["instances"]


def _make_theirs(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE files (path)", "INSERT INTO files VALUES ('/x')"],
        ["PRAGMA application_id = 7", "CREATE TABLE studies (id)"],
        ["PRAGMA journal_mode = WAL", "CREATE TABLE theirs (id)"],
        ["PRAGMA user_version = 1", "CREATE TABLE theirs (id)"],
        [f"PRAGMA application_id = {schema.APPLICATION_ID}", "PRAGMA user_version = 99", "CREATE TABLE newer (id)"],
    ],
)
def test_what_is_not_ours_is_left_byte_for_byte(paths: Paths, statements: list[str]) -> None:
    _make_theirs(paths.library, *statements)
    before = snapshot(paths.data)
    for attempt in (lambda: rebuild(paths), lambda: open_store(paths)):
        with pytest.raises(InputError, match=r"another program's database|newer Negatoscope"):
            attempt()
        assert {name: data for name, data in snapshot(paths.data).items() if name != "library.lock"} == before


def test_another_programs_log_is_left_alone(paths: Paths, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(theirs, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE theirs (id)")
        for end in ("", "-wal"):
            shutil.copy(f"{theirs}{end}", f"{paths.library}{end}")
    before = snapshot(paths.data)
    assert before["library.sqlite-wal"]
    for attempt in (lambda: rebuild(paths), lambda: open_store(paths)):
        with pytest.raises(InputError, match="another program's database"):
            attempt()
        after = snapshot(paths.data)
        assert {name: after[name] for name in before} == before


def test_a_damaged_database_of_another_program_is_left_alone(paths: Paths) -> None:
    _make_theirs(paths.library, "PRAGMA application_id = 7", "CREATE TABLE theirs (id)")
    with paths.library.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 500)
    before = paths.library.read_bytes()
    with pytest.raises(InputError, match="another program's database"):
        rebuild(paths)
    assert paths.library.read_bytes() == before


def test_another_program_that_has_the_library_is_in_the_way(paths: Paths, tmp_path: Path) -> None:
    fill(paths, *make_stack(tmp_path / "in", 1))
    before = snapshot(paths.data)
    ownership = take_ownership(paths.lock)
    assert ownership is not None
    with ownership, pytest.raises(InputError, match="Another Negatoscope has this library open"):
        rebuild(paths)
    assert {name: data for name, data in snapshot(paths.data).items() if name != "library.lock"} == before


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["take_over", "_read_again", "_put_in_place"])
def test_one_that_is_interrupted_changes_nothing(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = make_all(paths, tmp_path)
    old = paths.library.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(rebuilding, where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            rebuild(paths)
    assert paths.library.read_bytes() == old
    assert "library.rebuilt.sqlite" not in files_of(paths)
    assert state(paths) == before
    assert rebuild(paths).read == 14


@pytest.mark.parametrize("damage", [None, "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)"])
def test_a_full_disk_changes_nothing(tmp_path: Path, damage: str | None) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        paths = find_paths(disk / "base").make()
        fill(paths, *make_stack(tmp_path / "in", 120))
        before = state(paths)["instances"]
        if damage:
            change(paths, damage)
        old = paths.library.read_bytes()
        free = shutil.disk_usage(disk).free
        (disk / "filler").write_bytes(bytes(free))
        with pytest.raises(InputError):
            rebuild(paths)
        assert paths.library.read_bytes() == old
        assert "library.rebuilt.sqlite" not in files_of(paths)
        (disk / "filler").unlink()
        rebuild(paths)
        assert state(paths)["instances"] == before


HOSTILE_NAMES = ["../../../mine.dcm", "/etc/passwd", "0123456789012345/../../x.dcm", "x", "\0", "a/b.dcm"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_row_makes_a_path_out_of_the_folder_of_copies(paths: Paths, tmp_path: Path, name: str) -> None:
    fill(paths, *make_stack(tmp_path / "in", 2), keep=Keep.COPY)
    with closing(sqlite3.connect(paths.library)) as db:
        db.execute("UPDATE files SET copy = ?", (name,))
        db.commit()
    report = rebuild(paths)
    assert (report.read, report.damaged) == (2, True)
    with closing(sqlite3.connect(paths.library)) as db:
        assert {copy for (copy,) in db.execute("SELECT copy FROM files")} == {
            path.relative_to(paths.copies).as_posix() for path in copies_of(paths)
        }


@pytest.mark.parametrize("column", ["path", "size", "mtime_ns", "medium", "copy", "copy_mtime_ns", "outcome"])
@pytest.mark.parametrize("value", ["NULL", "'text'", "x'00ff'", "1e300", "-1", "CAST(x'ff' AS TEXT)"])
def test_rows_of_any_type_are_salvaged_or_left_out(paths: Paths, tmp_path: Path, column: str, value: str) -> None:
    fill(paths, *make_stack(tmp_path / "in", 3))
    loose = "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'files'"
    change(paths, "PRAGMA writable_schema = ON", loose)
    change(paths, "PRAGMA foreign_keys = OFF", f"UPDATE files SET {column} = {value} WHERE id = 1")
    rebuild(paths)
    assert len(state(paths)["instances"]) >= 2
    assert faults(paths) == ()


def test_rows_behind_a_damaged_page_are_found(paths: Paths, tmp_path: Path) -> None:
    with open_store(paths) as store:
        row = {"size": 1, "mtime_ns": 1, "outcome": "added", "reason": "x" * 100, "reader": 1}
        more = {"medium": 1, "container": 0, "copy": "", "copy_mtime_ns": 0}
        names = ", ".join((*row, *more))
        values = json.dumps([*row.values(), *more.values()])[1:-1].replace('"', "'")
        store.write(
            lambda db: [
                db.execute(f"INSERT INTO files (path, {names}) VALUES (?, {values})", (b"/%05d" % number,))
                for number in range(3000)
            ]
        ).result()
    data = bytearray(paths.library.read_bytes())
    pages = [page for page in range(0, len(data), 4096) if data[page] == 13 and b"/01500" in data[page : page + 4096]]
    (page,) = pages
    data[page : page + 4096] = random.Random(1).randbytes(4096)
    paths.library.write_bytes(data)
    with Store(tmp_path / "fresh") as store:
        assert store.write(partial(take_over, path=paths.library)).result() is False
        found = [stored.file.path for stored in find_files(store.reader())]
        store.release()
    assert 2900 < len(found) < 3000
    assert (found[0], found[-1]) == ("/00000", "/02999")
    assert len(set(found)) == len(found)
