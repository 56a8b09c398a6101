"""Studies that are let go, or read again in other letters, with the real library and the real worker processes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from send2trash import TrashPermissionError
from unit.bench import Bench, disc_in, make_disc, media_folder
from unit.dicom.zips import make_aes, make_zip

from desktop.dicom import keyring
from desktop.dicom.metadata import pack
from desktop.errors import InputError, UsageError
from desktop.events import Event, LibraryChanged
from desktop.importers.keeping import digest_of
from desktop.importers.reading import ReaderPool
from desktop.library.charsets import choose_charset, find_charsets
from desktop.library.places import is_copy_name
from desktop.library.queries import StudyEntry, find_instances, find_series, find_studies, search_studies
from desktop.library.store import Store
from desktop.library.stored import note_made_here
from desktop.media import mounts
from desktop.services import holding
from desktop.services.holding import Holding, Holdings

STUDY = ROOT_UID + "1"
OTHER = {"StudyInstanceUID": ROOT_UID + "2", "SeriesInstanceUID": ROOT_UID + "2.1", "PatientID": "P2"}


class Keeper(Bench):
    """A library, and what lets studies go."""

    def __init__(self, base: Path, pool: ReaderPool) -> None:
        super().__init__(base, pool)
        self.holdings = Holdings(self.store, pool, self.events, self.copies)
        self.changes: list[Event] = []
        self.events.subscribe(self.changes.append)

    def entries(self) -> dict[str, StudyEntry]:
        return {entry.study.StudyInstanceUID: entry for entry in find_studies(self.store.reader())}

    def uids(self) -> set[str]:
        """Return the UIDs under which everything is served."""
        db = self.store.reader()
        found = {entry.instance.SOPInstanceUID for entry in find_instances(db, None)}
        found |= {entry.series.SeriesInstanceUID for entry in find_series(db, None)}
        return found | set(self.entries())

    def all_rows(self) -> list[list[tuple[Any, ...]]]:
        tables = ("patients", "studies", "series", "instances", "files", "metadata", "charsets")
        return [self.rows(f"SELECT * FROM {table}") for table in tables]

    def named(self) -> str:
        (entry,) = self.entries().values()
        return entry.patient.PatientName


@pytest.fixture
def bench(tmp_path: Path, pool: ReaderPool) -> Iterator[Keeper]:
    made = Keeper(tmp_path / "base", pool)
    yield made
    made.close()


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_forgetting_leaves_the_files_and_brings_back_all_by_an_import(bench: Keeper, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 3)
    save(make_image(**OTHER), tmp_path / "in" / "other")
    before = snapshot(tmp_path / "in")
    bench.run(tmp_path / "in")
    assert bench.holdings.holding(STUDY) == Holding(in_place=3, copies=0)
    assert bench.holdings.forget(STUDY) == Holding(in_place=3, copies=0)
    assert set(bench.entries()) == {OTHER["StudyInstanceUID"]}
    assert search_studies(bench.store.reader(), "P1") == []
    assert snapshot(tmp_path / "in") == before
    assert bench.faults() == ()
    assert bench.changes[-1] == LibraryChanged()
    report = bench.run(tmp_path / "in")
    assert (report.counts["added"], report.counts["unchanged"]) == (3, 1)
    assert bench.entries()[STUDY].instances == 3


@pytest.mark.parametrize("uid", [ROOT_UID + "9", "", "' OR 1=1 --", "%"])
def test_what_is_not_there_is_told(bench: Keeper, tmp_path: Path, uid: str) -> None:
    make_stack(tmp_path / "in", 1)
    bench.copy(tmp_path / "in")
    before = bench.all_rows()
    for ask in (
        lambda: bench.holdings.holding(uid),
        lambda: bench.holdings.forget(uid),
        lambda: bench.holdings.delete(uid, permanently=True),
        lambda: bench.holdings.set_charset(uid, "ISO_IR 100"),
    ):
        with pytest.raises(InputError, match="not in the library"):
            ask()
    assert bench.all_rows() == before
    assert len(snapshot(bench.copies)) == 1


def test_a_study_of_which_there_are_copies_is_not_forgotten(bench: Keeper, tmp_path: Path) -> None:
    first, second = make_stack(tmp_path / "in", 2)
    bench.run(first)
    bench.copy(second)
    before = bench.all_rows()
    with pytest.raises(InputError, match=r"copies of 1 file of this study\. Delete it instead"):
        bench.holdings.forget(STUDY)
    assert bench.all_rows() == before


def test_deleting_takes_the_copies_of_one_study_and_no_file_in_place(bench: Keeper, tmp_path: Path) -> None:
    in_place, *copied = make_stack(tmp_path / "in", 3)
    bench.run(in_place)
    bench.copy(*copied)
    bench.copy(save(make_image(**OTHER), tmp_path / "in" / "other"))
    before = snapshot(tmp_path / "in")
    assert bench.holdings.delete(STUDY, permanently=True) == Holding(in_place=1, copies=2)
    assert snapshot(tmp_path / "in") == before
    assert set(bench.entries()) == {OTHER["StudyInstanceUID"]}
    assert len(snapshot(bench.copies)) == 1
    assert sum(bench.shown().values()) == 1
    assert bench.faults() == ()
    bench.copy(tmp_path / "in")
    assert bench.entries()[STUDY].instances == 3


def test_a_stranger_in_the_folder_of_copies_is_not_deleted(bench: Keeper, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 2)
    bench.copy(tmp_path / "in")
    (folder,) = bench.copies.iterdir()
    (folder / "mine.txt").write_text("kept")
    bench.holdings.delete(STUDY, permanently=True)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_copy_that_is_gone_already_keeps_nobody_from_deleting(bench: Keeper, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 2)
    bench.copy(tmp_path / "in")
    next(iter(snapshot(bench.copies))).unlink()
    bench.holdings.delete(STUDY, permanently=True)
    assert bench.entries() == {}
    assert snapshot(bench.copies) == {}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TrashPermissionError("disk"), "no trash for the disk of the library.*--permanently"),
        (PermissionError(13, "Permission denied"), "A copy cannot be deleted: Permission denied"),
        (OSError("told by no number"), "A copy cannot be deleted: unknown reason"),
    ],
)
def test_copies_that_cannot_be_taken_away_stay_in_the_list(
    bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    make_stack(tmp_path / "in", 2)
    bench.copy(tmp_path / "in")

    def refuse(_path: object) -> None:
        raise error

    monkeypatch.setattr(holding, "send2trash", refuse)
    with pytest.raises(InputError, match=said):
        bench.holdings.delete(STUDY)
    assert bench.entries()[STUDY].instances == 2
    assert sum(bench.shown().values()) == 2


def test_the_trash_gets_one_folder_that_the_library_would_know_again(
    bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stack(tmp_path / "in", 5)
    bench.copy(tmp_path / "in")
    trash = tmp_path / "trash"
    thrown: list[Path] = []

    def throw(path: Path) -> None:
        thrown.append(path)
        path.rename(trash)

    monkeypatch.setattr(holding, "send2trash", throw)
    bench.holdings.delete(STUDY)
    (folder,) = thrown
    assert all(is_copy_name(f"{folder.name}/{path.name}") for path in trash.iterdir())
    assert len(list(trash.iterdir())) == 5
    assert list(bench.copies.iterdir()) == []
    assert bench.entries() == {}


@pytest.mark.parametrize(
    ("copies", "change"),
    [
        (False, lambda holdings: holdings.forget(STUDY)),
        (True, lambda holdings: holdings.delete(STUDY, permanently=True)),
        (True, lambda holdings: holdings.set_charset(STUDY, "ISO_IR 101")),
    ],
    ids=["forget", "delete", "charset"],
)
def test_a_program_that_only_reads_changes_nothing(
    bench: Keeper, tmp_path: Path, copies: bool, change: Callable[[Holdings], None]
) -> None:
    (bench.copy if copies else bench.run)(*make_stack(tmp_path / "in", 2))
    before = bench.all_rows()
    with Store(tmp_path / "base" / "library.sqlite", bench.copies, reads_only=True) as store:
        second = Holdings(store, bench.pool, bench.events, bench.copies)
        with pytest.raises(InputError, match="Another Negatoscope has this library open"):
            change(second)
    assert bench.all_rows() == before
    assert sum(bench.shown().values()) == 2


# The same bytes are other letters in ISO 8859-5.
LATIN = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jürgen", "StudyDescription": "Schädel"}


def test_another_character_set_is_used_for_all_of_a_study(bench: Keeper, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 250, **LATIN)
    bench.run(tmp_path / "in")
    uids, version = bench.uids(), bench.entries()[STUDY].version
    bench.changes.clear()
    bench.holdings.set_charset(STUDY, "ISO_IR 144")
    entry = bench.entries()[STUDY]
    assert (entry.patient.PatientName, entry.study.StudyDescription) == ("Mќller^Jќrgen", "Schфdel")
    assert (bench.uids(), entry.instances) == (uids, 250)
    assert entry.version > version
    assert bench.changes == [LibraryChanged()]
    assert search_studies(bench.store.reader(), "muller") == []
    assert len(search_studies(bench.store.reader(), entry.patient.PatientName)) == 1
    again = entry.version
    bench.holdings.set_charset(STUDY, "")
    assert bench.named() == LATIN["PatientName"]
    assert bench.entries()[STUDY].version > again
    assert bench.uids() == uids
    assert find_charsets(bench.store.reader()) == {}
    assert bench.faults() == ()


def test_what_comes_later_is_read_in_the_chosen_character_set(bench: Keeper, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 2, **LATIN)
    bench.run(tmp_path / "in")
    bench.holdings.set_charset(STUDY, "ISO_IR 144")
    name = bench.named()
    save(make_image(SeriesInstanceUID=ROOT_UID + "1.7", **LATIN), tmp_path / "in" / "later")
    save(make_image(**OTHER, **LATIN), tmp_path / "in" / "of another study")
    bench.run(tmp_path / "in")
    assert bench.entries()[STUDY].patient.PatientName == name
    assert bench.entries()[STUDY].instances == 3
    assert bench.entries()[OTHER["StudyInstanceUID"]].patient.PatientName == LATIN["PatientName"]


def test_copies_are_read_again_too(bench: Keeper, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "in", 3, **LATIN)
    bench.copy(*paths)
    for path in paths:
        path.unlink()
    bench.holdings.set_charset(STUDY, "ISO_IR 144")
    assert bench.named() != LATIN["PatientName"]
    assert bench.holdings.holding(STUDY) == Holding(in_place=0, copies=3)
    assert sum(bench.shown().values()) == 3
    assert bench.faults() == ()


def test_what_lies_in_an_archive_is_read_again_too(bench: Keeper, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in make_stack(tmp_path / "in", 3, **LATIN)}
    archive = Path(make_zip(tmp_path / "a.zip", files))
    before = archive.read_bytes()
    bench.run(archive)
    bench.holdings.set_charset(STUDY, "ISO_IR 144")
    assert bench.named() != LATIN["PatientName"]
    assert sum(bench.shown().values()) == 3
    assert archive.read_bytes() == before


def test_a_locked_archive_must_be_unlocked_first(bench: Keeper, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in make_stack(tmp_path / "in", 2, **LATIN)}
    archive = Path(make_aes(tmp_path / "a.zip", files, b"secret"))
    bench.run(archive, ask_password=lambda _archive, _wrong: "secret")
    assert bench.named() == LATIN["PatientName"]
    fresh = ReaderPool(1)
    try:
        # Workers that have not met the archive are told its password.
        Holdings(bench.store, fresh, bench.events, bench.copies).set_charset(STUDY, "ISO_IR 144")
    finally:
        fresh.close()
    changed = bench.named()
    assert changed != LATIN["PatientName"]
    known = dict(keyring.keys())
    keyring._keys.clear()
    before = bench.all_rows()
    try:
        with pytest.raises(InputError, match=r"cannot be read now\. Nothing was changed"):
            bench.holdings.set_charset(STUDY, "")
    finally:
        keyring.keep_keys(known)
    assert bench.all_rows() == before


@pytest.mark.parametrize("charset", ["ISO_IR 999", "\\", "ISO_IR 100; DROP TABLE", "ISO 2022 IR", " "])
def test_an_unknown_character_set_is_wrong_usage(bench: Keeper, tmp_path: Path, charset: str) -> None:
    make_stack(tmp_path / "in", 1)
    bench.run(tmp_path / "in")
    before = bench.all_rows()
    with pytest.raises(UsageError):
        bench.holdings.set_charset(STUDY, charset)
    assert bench.all_rows() == before


def _remove(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _exchange(path: Path) -> None:
    save(make_image(**OTHER, PatientName="Somebody^Else"), path)


def _touch(path: Path) -> None:
    os.utime(path)


@pytest.mark.parametrize("change", [_remove, _cut, _exchange, _touch])
def test_a_study_is_read_again_whole_or_not_at_all(
    bench: Keeper, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    paths = make_stack(tmp_path / "in", 3, **LATIN)
    bench.run(*paths)
    before = bench.all_rows()
    change(paths[1])
    with pytest.raises(InputError, match=r"Nothing was changed"):
        bench.holdings.set_charset(STUDY, "ISO_IR 144")
    assert bench.all_rows() == before


def test_another_disc_with_the_same_names_is_not_taken_for_the_study(
    bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "MOMENT", 1e-9)
    mine = save(make_image(**LATIN), tmp_path / "one" / "IM1")
    theirs = save(make_image(**LATIN), tmp_path / "two" / "IM1")
    theirs.write_bytes(theirs.read_bytes().replace(b"P1", b"P2"))
    os.utime(theirs, ns=(mine.stat().st_mtime_ns,) * 2)
    assert theirs.stat().st_size == mine.stat().st_size
    one, two = (make_disc(tmp_path / f"{name}.img", tmp_path / name, name) for name in ("one", "two"))
    with media_folder() as folder:
        with disc_in(one, folder / "cd"):
            bench.run(folder / "cd")
        before = bench.all_rows()
        with disc_in(two, folder / "cd"), pytest.raises(InputError, match="Nothing was changed"):
            bench.holdings.set_charset(STUDY, "ISO_IR 144")
    assert bench.all_rows() == before


def test_two_patients_of_one_study_uid_stay_apart(bench: Keeper, tmp_path: Path) -> None:
    save(make_image(**LATIN, PatientID="A"), tmp_path / "in" / "a")
    save(make_image(**LATIN, PatientID="B", SeriesInstanceUID="1.2.9"), tmp_path / "in" / "b")
    bench.run(tmp_path / "in")
    for uid in tuple(bench.entries()):
        bench.holdings.set_charset(uid, "ISO_IR 144")
        assert {entry.patient.PatientID for entry in bench.entries().values()} == {"A", "B"}
        assert [entry.instances for entry in bench.entries().values()] == [1, 1]
    assert all(entry.shares_uid for entry in bench.entries().values())


# What comes while somebody decides


def test_what_came_meanwhile_is_not_deleted(bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_stack(tmp_path / "in", 2)
    bench.copy(first)
    remove = holding.remove_files

    def remove_late(*given: Any, **more: Any) -> None:
        bench.copy(second)
        remove(*given, **more)

    monkeypatch.setattr(holding, "remove_files", remove_late)
    bench.holdings.delete(STUDY, permanently=True)
    assert bench.entries()[STUDY].instances == 1
    assert list(snapshot(bench.copies).values()) == [second.read_bytes()]
    assert bench.faults() == ()


def test_a_study_of_which_copies_came_meanwhile_is_not_forgotten(
    bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_stack(tmp_path / "in", 2)
    bench.run(first)
    look = bench.holdings.holding

    def look_early(study_uid: str) -> Holding:
        found = look(study_uid)
        bench.copy(second)
        return found

    monkeypatch.setattr(bench.holdings, "holding", look_early)
    with pytest.raises(InputError, match="copies of 1 file"):
        bench.holdings.forget(STUDY)
    assert bench.entries()[STUDY].instances == 2


def test_a_study_that_changed_meanwhile_is_not_read_in_other_letters(
    bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_stack(tmp_path / "in", 2)
    bench.run(first)
    read = bench.holdings._read

    def read_early(*given: Any) -> Any:
        headers = read(*given)
        bench.run(second)
        return headers

    monkeypatch.setattr(bench.holdings, "_read", read_early)
    with pytest.raises(InputError, match="changed meanwhile"):
        bench.holdings.set_charset(STUDY, "ISO_IR 101")
    assert bench.entries()[STUDY].instances == 2
    assert find_charsets(bench.store.reader()) == {}


def test_no_letters_are_chosen_while_files_come(bench: Keeper, tmp_path: Path) -> None:
    bench.run(*make_stack(tmp_path / "in", 1))
    busy = Holdings(bench.store, bench.pool, bench.events, bench.copies, is_importing=lambda: True)
    with pytest.raises(InputError, match="being imported"):
        busy.set_charset(STUDY, "ISO_IR 101")


def test_a_private_library_throws_nothing_into_the_trash(
    bench: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.copy(*make_stack(tmp_path / "in", 1))
    monkeypatch.setattr(holding, "send2trash", lambda path: pytest.fail(f"{path} is in the trash"))
    Holdings(bench.store, bench.pool, bench.events, bench.copies, is_private=True).delete(STUDY)
    assert list(bench.copies.iterdir()) == []


def test_duplicates_stay_duplicates_when_a_study_is_read_again(bench: Keeper, tmp_path: Path) -> None:
    (image,) = make_stack(tmp_path / "in", 1)
    twin = tmp_path / "twin"
    twin.write_bytes(image.read_bytes())
    bench.run(image, twin)
    before = bench.rows("SELECT path FROM files WHERE twin IS NOT NULL")
    bench.holdings.set_charset(STUDY, "ISO_IR 101")
    assert bench.rows("SELECT path FROM files WHERE twin IS NOT NULL") == before == [(os.fsencode(twin),)]


def served(bench: Keeper) -> dict[str, tuple[str, int]]:
    """Return under which UID each file's instance is served, and whether it is a conflict, by the file's digest."""
    rows = bench.rows("SELECT copy_path(copy), path, copy, uid, conflict FROM instances JOIN files ON files.id = file")
    return {
        digest_of(Path(os.fsdecode(place if copy else path))): (uid, conflict)
        for place, path, copy, uid, conflict in rows
    }


@pytest.mark.parametrize("other", [{}, {"StudyInstanceUID": STUDY + ".9", "SeriesInstanceUID": STUDY + ".9.1"}])
def test_conflicts_keep_their_uids_when_a_study_is_read_again(
    bench: Keeper, tmp_path: Path, other: dict[str, str]
) -> None:
    """Whatever the order in which its files are read: somebody may have measured in what has the UID."""
    one = save(make_image(SOPInstanceUID="1.2.3"), tmp_path / "a")
    two = save(make_image(SOPInstanceUID="1.2.3", InstanceNumber=2, **other), tmp_path / "b")
    bench.run(one)
    bench.run(two)
    # A copy of the first comes to stand behind the second.
    bench.copy(one)
    before = served(bench)
    assert before[digest_of(one)] == ("1.2.3", 0)
    assert before[digest_of(two)][1] == 1
    for charset in ("ISO_IR 101", "ISO_IR 100", ""):
        bench.holdings.set_charset(STUDY, charset)
        assert served(bench) == before
    assert bench.faults() == ()


def test_what_the_viewer_made_stays_with_its_study_whatever_came_first(bench: Keeper, tmp_path: Path) -> None:
    name = "Иванов"
    plain = save(make_image(PatientName="x" * len(name)), tmp_path / "a")
    plain.write_bytes(plain.read_bytes().replace(b"x" * len(name), name.encode("iso8859-5")))
    made = save(
        make_image(PatientName=name, SpecificCharacterSet="ISO_IR 192", SeriesInstanceUID=STUDY + ".7"), tmp_path / "b"
    )
    bench.copy(made)
    ((copy,),) = bench.rows("SELECT copy FROM files")
    bench.store.write(lambda db: note_made_here(db, str(copy))).result()
    bench.store.write(lambda db: choose_charset(db, STUDY, "ISO_IR 144")).result()
    bench.copy(plain)
    for charset in ("ISO_IR 100", "ISO_IR 144", ""):
        bench.holdings.set_charset(STUDY, charset)
        assert [(uid, entry.instances) for uid, entry in bench.entries().items()] == [(STUDY, 2)]


def test_a_copy_that_somebody_relies_on_stays(bench: Keeper, tmp_path: Path) -> None:
    """A conflicting file is taken again after it has gone from where it was: then the copy is all there is of it."""
    one = save(make_image(SOPInstanceUID="1.2.3"), tmp_path / "a")
    two = save(make_image(SOPInstanceUID="1.2.3", InstanceNumber=2), tmp_path / "b")
    bench.run(one)
    bench.run(two)
    two.rename(tmp_path / "c")
    # What it was is read in other letters now: nobody can tell that it is the same, but by its bytes.
    bench.store.write(lambda db: db.execute("UPDATE metadata SET dicom_json = ?", (pack("{}"),))).result()
    bench.copy(tmp_path / "c")
    (tmp_path / "c").unlink()
    assert bench.rows("SELECT count(*) FROM instances") == [(2,)]
    assert digest_of(tmp_path / "a") in served(bench)
    assert bench.rows("SELECT count(*) FROM instances JOIN files ON files.id = file WHERE copy != ''") == [(1,)]
