"""Studies that are not here now, and come back."""

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.bench import Bench, disc_in, make_disc, media_folder
from unit.dicom.zips import make_zip

from desktop.events import Event, Events, LibraryChanged
from desktop.importers.reading import ReaderPool
from desktop.library.store import Store
from desktop.media import Medium, mounts
from desktop.services import presence as module
from desktop.services.presence import Presence
from desktop.services.reporting import find_remarks
from desktop.services.viewing import Viewing

STUDY = ROOT_UID + "1"
SECONDS = 20


class Watcher(Bench):
    """A library, and what knows which studies are here."""

    def __init__(self, base: Path, pool: ReaderPool) -> None:
        super().__init__(base, pool)
        self.presence = Presence(self.store, self.events)
        self.viewing = Viewing(self.store, self.presence)
        self.changed = threading.Event()
        self.events.subscribe(lambda _event: self.changed.set())

    def look(self) -> dict[str, str]:
        """Look once, in this thread."""
        self.presence._look()
        return dict(self.presence.away)

    def remarks(self) -> list[str]:
        (entry,) = self.viewing.studies()
        return find_remarks(entry)

    def close(self) -> None:
        self.presence.close()
        super().close()


@pytest.fixture
def bench(tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    monkeypatch.setattr(mounts, "MOMENT", 1e-9)
    made = Watcher(tmp_path / "base", pool)
    yield made
    made.close()


def test_a_folder_that_is_gone_is_named_and_comes_back(bench: Watcher, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "CT Müller"
    make_stack(folder, 3)
    bench.run(tmp_path / "in")
    assert bench.look() == {}
    assert bench.remarks() == []
    folder.rename(tmp_path / "elsewhere")
    assert bench.look() == {STUDY: str(folder)}
    assert bench.remarks() == [f"not here now ({folder})"]
    entry = bench.viewing.study(STUDY)
    assert entry is not None
    assert entry.away == str(folder)
    assert [found.away for found in bench.viewing.studies("doe")] == [str(folder)]
    (tmp_path / "elsewhere").rename(folder)
    assert bench.look() == {}
    assert bench.remarks() == []


def test_a_study_of_which_one_series_is_gone_is_not_whole(bench: Watcher, tmp_path: Path) -> None:
    make_stack(tmp_path / "in" / "one", 2)
    make_stack(tmp_path / "in" / "two", 2, SeriesInstanceUID=ROOT_UID + "1.2")
    bench.run(tmp_path / "in")
    shutil.rmtree(tmp_path / "in" / "two")
    assert bench.look() == {STUDY: str(tmp_path / "in" / "two")}


def test_a_file_that_is_gone_from_a_folder_that_is_there_is_away(bench: Watcher, tmp_path: Path) -> None:
    save(make_image(), tmp_path / "in" / "one")
    save(make_image(StudyInstanceUID=ROOT_UID + "2", SeriesInstanceUID="1.2.2"), tmp_path / "in" / "two")
    bench.run(tmp_path / "in")
    (tmp_path / "in" / "one").unlink()
    assert bench.look() == {STUDY: str(tmp_path / "in")}


def test_an_archive_that_is_gone_is_named(bench: Watcher, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in make_stack(tmp_path / "in", 2)}
    archive = Path(make_zip(tmp_path / "disc of Jane.zip", files))
    bench.run(archive)
    assert bench.look() == {}
    archive.rename(tmp_path / "moved.zip")
    assert bench.look() == {STUDY: str(archive)}


def test_copies_are_always_here(bench: Watcher, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 2)
    bench.copy(tmp_path / "in")
    shutil.rmtree(tmp_path / "in")
    assert bench.look() == {}
    assert sum(bench.shown().values()) == 2


def test_a_disc_that_is_out_is_named_and_is_known_again_in_another_drive(bench: Watcher, tmp_path: Path) -> None:
    make_stack(tmp_path / "content", 2)
    make_stack(tmp_path / "other", 2, StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1")
    disc = make_disc(tmp_path / "disc.img", tmp_path / "content", "CD of Jane")
    other = make_disc(tmp_path / "other.img", tmp_path / "other", "CD of Jane")
    with media_folder() as folder:
        with disc_in(disc, folder / "a"):
            bench.run(folder / "a")
            assert bench.look() == {}
        assert bench.look() == {STUDY: "CD of Jane"}
        assert bench.remarks() == ["not here now (CD of Jane)"]
        with disc_in(other, folder / "a"):
            # A disc of the same name, with files of the same names.
            assert bench.look() == {STUDY: "CD of Jane"}
            assert sum(bench.shown().values()) == 0
        with disc_in(disc, folder / "b"):
            assert bench.look() == {}
            assert sum(bench.shown().values()) == 2
        assert bench.look() == {STUDY: "CD of Jane"}
    assert bench.rows("SELECT count(*) FROM media") == [(2,)]


def test_a_program_that_only_reads_notes_nothing(bench: Watcher, tmp_path: Path) -> None:
    make_stack(tmp_path / "content", 2)
    disc = make_disc(tmp_path / "disc.img", tmp_path / "content")
    with (
        media_folder() as folder,
        Store(tmp_path / "base" / "library.sqlite", reads_only=True) as store,
    ):
        second = Presence(store, Events())
        with disc_in(disc, folder / "a"):
            bench.run(folder / "a")
        second._look()
        assert dict(second.away) == {STUDY: "DICOM CD"}
        before = bench.rows("SELECT * FROM media")
        with disc_in(disc, folder / "b"):
            second._look()
            assert bench.rows("SELECT * FROM media") == before


def wait_until(condition: Callable[[], bool]) -> None:
    end = threading.Event()
    for _ in range(SECONDS * 50):
        if condition():
            return
        end.wait(0.02)
    raise AssertionError("it did not happen")


def test_it_looks_soon_when_it_is_asked_to_and_tells_of_changes_only(bench: Watcher, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 1)
    bench.run(tmp_path / "in")
    bench.presence.watch()
    assert bench.presence.wait(SECONDS)
    bench.changed.clear()
    (tmp_path / "in").rename(tmp_path / "gone")
    bench.presence.look()
    assert bench.changed.wait(SECONDS)
    assert dict(bench.presence.away) == {STUDY: str(tmp_path / "in")}
    bench.changed.clear()
    bench.presence.look()
    assert not bench.changed.wait(0.3)


def test_what_another_program_writes_is_told_of(bench: Watcher, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 1)
    told: list[Event] = []
    events = Events()
    events.subscribe(told.append)
    with Store(tmp_path / "base" / "library.sqlite", reads_only=True) as store:
        second = Presence(store, events)
        second.watch()
        try:
            assert second.wait(SECONDS)
            wait_until(lambda: second._version is not None)
            bench.run(tmp_path / "in")
            wait_until(lambda: LibraryChanged() in told)
        finally:
            second.close()


def test_one_thread_watches_and_ends(bench: Watcher) -> None:
    bench.presence.watch()
    bench.presence.watch()
    assert [thread.name for thread in threading.enumerate()].count("presence") == 1
    bench.presence.close()
    bench.presence.close()
    assert "presence" not in [thread.name for thread in threading.enumerate()]


def test_a_share_that_hangs_keeps_nobody_waiting(bench: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()

    def find_away(_samples: object) -> dict[str, str]:
        hang.wait(SECONDS)
        return {}

    monkeypatch.setattr(module, "find_away", find_away)
    bench.presence.watch()
    assert not bench.presence.wait(0.1)
    assert bench.viewing.studies() == []
    hang.set()
    assert bench.presence.wait(SECONDS)


def test_a_library_that_is_closed_ends_it_without_a_word(bench: Watcher, caplog: pytest.LogCaptureFixture) -> None:
    bench.presence.watch()
    assert bench.presence.wait(SECONDS)
    bench.store.close()
    bench.presence.look()
    assert bench.presence._thread is not None
    bench.presence._thread.join(SECONDS)
    assert not bench.presence._thread.is_alive()
    assert caplog.records == []


def test_one_look_that_fails_is_not_the_last(bench: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_stack(tmp_path / "in", 1)
    bench.run(tmp_path / "in")
    shutil.rmtree(tmp_path / "in")
    failed: list[int] = []

    def fail() -> list[Medium]:
        # The system may not tell just now what is mounted.
        failed.append(1)
        raise OSError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(module, "mounted_media", fail)
        bench.presence.watch()
        wait_until(lambda: bool(failed))
    bench.presence.look()
    wait_until(lambda: dict(bench.presence.away) == {STUDY: str(tmp_path / "in")})


def test_what_goes_wrong_is_logged_without_its_words(
    bench: Watcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = "Secretive^Hilda"

    def fail(_samples: object) -> dict[str, str]:
        raise ValueError(name)

    monkeypatch.setattr(module, "find_away", fail)
    with caplog.at_level(logging.INFO):
        bench.presence.watch()
        wait_until(lambda: bool(caplog.records))
    assert "could not tell what is here" in caplog.text
    assert name not in caplog.text
