"""Two programs on one library, in one process: what the second asks, and what it is told."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, ask, make_image, make_stack, save
from unit.bench import Bench, counts
from unit.dicom.zips import make_aes

from desktop.errors import InputError
from desktop.handover import Listener, OwnerEnded, Request, hand_over, take_ownership
from desktop.importers.keeping import Keep
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportProgress, ImportReport
from desktop.jobs import Job, JobState
from desktop.library.imports import ImportState, find_imports
from desktop.library.store import Store
from desktop.services import requests
from desktop.services.requests import RemoteImporting, Requests, show_elsewhere

SECONDS = 30


class Pair(Bench):
    """A program that owns a library, and another one that reads it."""

    def __init__(self, base: Path, pool: ReaderPool) -> None:
        super().__init__(base, pool)
        self.lock = base / "library.lock"
        ownership = take_ownership(self.lock)
        assert ownership is not None
        self.ownership = ownership
        self.requests = Requests(self.importing)
        self.listener = Listener(ownership, self.requests.answer)
        self.reading = Store(base / "library.sqlite", self.copies, reads_only=True)
        self.remote = RemoteImporting(self.lock, self.reading)

    def ask(self, *paths: Path, **options: Any) -> ImportReport:
        return self.remote.start(ask(*paths, **options)).wait()

    def close(self) -> None:
        self.reading.close()
        self.listener.close()
        super().close()
        self.ownership.close()


@pytest.fixture
def pair(tmp_path: Path, pool: ReaderPool) -> Iterator[Pair]:
    made = Pair(tmp_path / "base", pool)
    yield made
    made.close()


def write_files(folder: Path) -> Path:
    first, *_ = make_stack(folder, 3)
    (folder / "the same again").write_bytes(first.read_bytes())
    (folder / "notes.txt").write_text("notes")
    (folder / "cut.dcm").write_bytes(first.read_bytes()[:400])
    return folder


def without_time(report: ImportReport) -> dict[str, Any]:
    return {**report.to_json(), "seconds": 0, "studies": report.studies}


def test_the_account_is_that_of_an_import_of_ones_own(pair: Pair, tmp_path: Path, pool: ReaderPool) -> None:
    folder = write_files(tmp_path / "in")
    seen: list[ImportProgress] = []
    report = pair.ask(folder, on_progress=seen.append)
    assert report.number == 1
    other = Bench(tmp_path / "other", pool)
    try:
        assert without_time(report) == without_time(other.run(folder))
    finally:
        other.close()
    assert report.studies == (ROOT_UID + "1",)
    assert all(progress.done <= progress.found for progress in seen)
    assert pair.instances() == 3


def test_copies_are_made_if_they_are_asked_for(pair: Pair, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "in", 2)
    assert counts(pair.ask(tmp_path / "in")) == {"added": 2}
    assert list(pair.copies.rglob("*.dcm")) == []
    assert counts(pair.ask(tmp_path / "in", keep=Keep.COPY)) == {"updated": 2}
    for path in paths:
        path.unlink()
    assert sum(pair.shown().values()) == 2
    assert [entry.copied for entry in find_imports(pair.store.reader())] == [True, False]


def test_paths_are_those_of_whoever_asks(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = os.fsdecode(b"odd\xff\n") if os.name != "nt" else "odd"
    save(make_image(), tmp_path / "here" / odd / "image")
    monkeypatch.chdir(tmp_path / "here")
    report = pair.remote.start(ask(Path(odd))).wait()
    assert counts(report) == {"added": 1}
    (entry,) = find_imports(pair.store.reader())
    assert entry.sources == (str(tmp_path / "here" / odd),)


def test_what_is_not_there_is_told(pair: Pair, tmp_path: Path) -> None:
    report = pair.ask(tmp_path / "nowhere")
    assert counts(report) == {"rejected": 1}
    assert report.reasons[0].reason == "There is no such file or folder."


def test_a_locked_archive_is_told_of(pair: Pair, tmp_path: Path) -> None:
    archive = make_aes(tmp_path / "a.zip", {"IM1": save(make_image(), tmp_path / "x").read_bytes()}, b"secret")
    report = pair.ask(Path(archive), ask_password=lambda _archive, _wrong: "secret")
    assert counts(report) == {"not_dicom": 1, "rejected": 1}
    assert "password" in report.reasons[1].reason


def many(folder: Path) -> Path:
    """Fill a folder with enough to have time for a change of mind."""
    make_stack(folder / "0", 100)
    for number in range(1, 40):
        (folder / str(number)).mkdir()
        for path in (folder / "0").iterdir():
            os.link(path, folder / str(number) / path.name)
    return folder


def begin(job: Callable[[], Job[ImportProgress, ImportReport]], begun: threading.Event) -> Any:
    started = job()
    assert begun.wait(SECONDS)
    return started


def test_a_change_of_mind_ends_the_import_and_gives_its_account(pair: Pair, tmp_path: Path) -> None:
    folder = many(tmp_path / "in")
    begun = threading.Event()
    job = begin(lambda: pair.remote.start(ask(folder, on_progress=lambda _: begun.set())), begun)
    job.cancel()
    report = job.wait()
    assert job.state is JobState.CANCELLED
    assert report.cancelled
    assert "It was cancelled before its end." in report.sentence()
    assert sum(report.to_json()[key] for key in report.counts) == report.found > 0
    (entry,) = find_imports(pair.store.reader())
    assert entry.state is ImportState.CANCELLED
    assert dict(entry.counts) == dict(report.counts)
    assert report.counts["added"] == pair.instances()


def test_a_change_of_mind_is_heard_where_nothing_goes_on(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stack(tmp_path / "in", 1)
    going = threading.Event()
    run = pair.importing._run

    def hang(job: Any, *rest: Any) -> ImportReport:
        going.set()
        while not job.cancelled:
            time.sleep(0.01)
        return run(job, *rest)

    monkeypatch.setattr(pair.importing, "_run", hang)
    job = begin(lambda: pair.remote.start(ask(tmp_path / "in")), going)
    job.cancel()
    assert job.wait().cancelled


def test_an_account_that_does_not_come_is_not_made_up(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stack(tmp_path / "in", 1)
    going, go = threading.Event(), threading.Event()
    run = pair.importing._run

    def hang(*arguments: Any) -> ImportReport:
        going.set()
        go.wait(SECONDS)
        return run(*arguments)

    monkeypatch.setattr(pair.importing, "_run", hang)
    monkeypatch.setattr(requests, "_PATIENCE_SECONDS", 0.3)
    job = begin(lambda: pair.remote.start(ask(tmp_path / "in")), going)
    job.cancel()
    with pytest.raises(InputError, match="library report"):
        job.wait()
    go.set()
    pair.requests.wait()


def test_who_is_answered_is_waited_for(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_stack(tmp_path / "in", 1)
    going, go, over = threading.Event(), threading.Event(), threading.Event()
    run = pair.importing._run

    def hang(*arguments: Any) -> ImportReport:
        going.set()
        go.wait(SECONDS)
        return run(*arguments)

    monkeypatch.setattr(pair.importing, "_run", hang)
    job = begin(lambda: pair.remote.start(ask(tmp_path / "in")), going)
    waiting = threading.Thread(target=lambda: (pair.requests.wait(), over.set()))
    waiting.start()
    assert not over.wait(0.2)
    go.set()
    assert counts(job.wait()) == {"added": 1}
    waiting.join(SECONDS)
    assert over.is_set()


def test_two_imports_at_once_keep_their_accounts_apart(pair: Pair, tmp_path: Path) -> None:
    make_stack(tmp_path / "one", 30)
    make_stack(tmp_path / "two", 20, StudyInstanceUID="1.2.2", SeriesInstanceUID="1.2.2.1")
    jobs = [pair.remote.start(ask(tmp_path / name)) for name in ("one", "two")]
    reports = [job.wait() for job in jobs]
    assert [counts(report) for report in reports] == [{"added": 30}, {"added": 20}]
    assert [report.studies for report in reports] == [(ROOT_UID + "1",), ("1.2.2",)]
    assert len({report.number for report in reports}) == 2


def test_an_import_that_fails_is_told_in_its_own_words(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> ImportReport:
        raise InputError("The disk is full.")

    monkeypatch.setattr(pair.importing, "_run", fail)
    with pytest.raises(InputError, match=r"The disk is full\."):
        pair.ask(tmp_path)


def test_a_bug_is_told_without_its_words(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = "Secretive^Hilda"

    def fail(*_: Any) -> ImportReport:
        raise KeyError(name)

    monkeypatch.setattr(pair.importing, "_run", fail)
    with pytest.raises(InputError, match="Negatoscope failed at this"):
        pair.ask(tmp_path)
    assert name not in caplog.text


def test_nobody_to_ask(pair: Pair, tmp_path: Path) -> None:
    pair.listener.close()
    pair.ownership.close()
    with pytest.raises(OwnerEnded):
        pair.ask(tmp_path)


def test_an_unknown_command_is_told(pair: Pair) -> None:
    with pytest.raises(InputError, match="does not know this command"):
        hand_over(pair.lock, Request("explode"))


@pytest.mark.parametrize("copy", [1, "yes", "true", False])
def test_only_true_means_copies(pair: Pair, tmp_path: Path, copy: Any) -> None:
    make_stack(tmp_path / "in", 1)
    hand_over(pair.lock, Request("import", (str(tmp_path / "in"),), {"copy": copy, "a newer option": 1}))
    assert list(pair.copies.rglob("*.dcm")) == []
    assert pair.instances() == 1


def test_a_window_shows_what_another_program_is_given(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert show_elsewhere(pair.lock, (str(tmp_path),)) is False
    shown: list[tuple[str, ...]] = []
    pair.requests.show = shown.append
    monkeypatch.chdir(tmp_path)
    assert show_elsewhere(pair.lock, ("a b", "/c")) is True
    assert show_elsewhere(pair.lock, ()) is True
    assert shown == [(str(tmp_path / "a b"), "/c"), ()]
    assert find_imports(pair.store.reader()) == []
