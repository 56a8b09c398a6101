"""Imports, with the real library and the real worker processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, ask, make_image, make_stack, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.dicom.records import FileRef
from desktop.events import Event, Events, LibraryChanged
from desktop.importers import reading
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportReport
from desktop.jobs import JobState
from desktop.library.outcomes import Outcome
from desktop.library.store import Store
from desktop.services.importing import Importing
from desktop.services.presence import Presence
from desktop.services.viewing import Viewing


class Bench:
    """A library and what imports into it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "library.sqlite")
        self.pool = ReaderPool(2)
        self.events = Events()
        self.importing = Importing(self.store, self.pool, self.events, folder / "copies")
        self.viewing = Viewing(self.store, Presence(self.store, self.events))

    def run(self, *paths: Path, **options: Any) -> ImportReport:
        return self.importing.start(ask(*paths, **options)).wait()

    def close(self) -> None:
        self.importing.close()
        self.pool.close()
        self.store.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "base")
    yield made
    made.close()


def counts(report: ImportReport) -> dict[str, int]:
    return {outcome.value: count for outcome, count in report.counts.items() if count}


def outcomes(report: ImportReport) -> dict[str, tuple[Outcome, str]]:
    return {Path(item.path).name: (item.outcome, item.reason) for item in report.reasons}


def test_a_folder_is_imported_once(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_stack(tmp_path / "in", 30)
    assert counts(bench.run(tmp_path / "in")) == {"added": 30}

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is to be read again")

    monkeypatch.setattr(bench.pool, "submit", refuse)
    report = bench.run(tmp_path / "in")
    assert counts(report) == {"unchanged": 30}
    assert report.studies == (ROOT_UID + "1",)


def test_bad_input_gets_its_own_line_and_stops_nothing(bench: Bench, tmp_path: Path):
    folder = tmp_path / "in"
    good = make_stack(folder, 3)
    (folder / "text.dcm").write_text("no image")
    (folder / "empty.dcm").touch()
    (folder / "cut.dcm").write_bytes(good[0].read_bytes()[:400])
    (folder / "pixels cut").write_bytes(
        save(make_image(SOPInstanceUID=ROOT_UID + "5"), tmp_path / "whole").read_bytes()[:-20]
    )
    report = bench.run(folder, tmp_path / "nothing")
    assert counts(report) == {"added": 4, "not_dicom": 2, "rejected": 2}
    assert report.found == 8
    told = outcomes(report)
    assert told["text.dcm"] == (Outcome.NOT_DICOM, "It is a text.")
    assert told["empty.dcm"] == (Outcome.NOT_DICOM, "It is empty (0 bytes).")
    assert told["cut.dcm"][0] is Outcome.REJECTED
    assert "cut short" in told["cut.dcm"][1]
    assert told["pixels cut"][0] is Outcome.ADDED
    assert "108 of 128 bytes" in told["pixels cut"][1]
    assert told["nothing"] == (Outcome.REJECTED, "There is no such file or folder.")


def test_what_is_known_to_be_no_dicom_is_not_read_again_but_told_again(bench: Bench, tmp_path: Path):
    (tmp_path / "a.txt").write_text("x")
    assert counts(bench.run(tmp_path / "a.txt")) == {"not_dicom": 1}
    assert counts(bench.run(tmp_path / "a.txt")) == {"not_dicom": 1}
    assert outcomes(bench.run(tmp_path / "a.txt")) == {"a.txt": (Outcome.NOT_DICOM, "It is a text.")}


def test_a_file_that_has_changed_is_updated(bench: Bench, tmp_path: Path):
    path = save(make_image(SeriesDescription="before"), tmp_path / "a")
    bench.run(path)
    save(make_image(SeriesDescription="after, and longer", SOPInstanceUID=ROOT_UID + "7"), path)
    assert counts(bench.run(path)) == {"updated": 1}
    (made,) = bench.viewing.display_sets(ROOT_UID + "1")
    assert [instance.SOPInstanceUID for instance in made.instances] == [ROOT_UID + "7"]


def test_a_file_that_became_readable_is_taken(bench: Bench, tmp_path: Path):
    path = save(make_image(), tmp_path / "a")
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    assert counts(bench.run(path)) == {"rejected": 1}
    path.write_bytes(whole)
    assert counts(bench.run(path)) in ({"added": 1}, {"updated": 1})


def test_a_folder_that_has_moved_keeps_its_study(bench: Bench, tmp_path: Path):
    make_stack(tmp_path / "stick", 3)
    bench.run(tmp_path / "stick")
    (tmp_path / "stick").rename(tmp_path / "other")
    assert counts(bench.run(tmp_path / "other")) == {"updated": 3}
    (entry,) = bench.viewing.studies()
    assert entry.instances == 3


def test_duplicates_and_conflicts(bench: Bench, tmp_path: Path):
    one = save(make_image(SOPInstanceUID=ROOT_UID + "3"), tmp_path / "in" / "a")
    (tmp_path / "in" / "b").write_bytes(one.read_bytes())
    save(make_image(SOPInstanceUID=ROOT_UID + "3", WindowCenter=99), tmp_path / "in" / "c")
    report = bench.run(tmp_path / "in")
    assert counts(report) == {"added": 1, "duplicate": 1, "conflict": 1}
    (made,) = bench.viewing.display_sets(ROOT_UID + "1")
    assert len({instance.SOPInstanceUID for instance in made.instances}) == 2
    again = bench.run(tmp_path / "in")
    assert counts(again) == {"unchanged": 1, "duplicate": 1, "conflict": 1}


def test_progress_and_events(bench: Bench, tmp_path: Path):
    make_stack(tmp_path / "in", 40)
    seen: list[Any] = []
    events: list[Event] = []
    bench.events.subscribe(events.append)
    bench.run(tmp_path / "in", on_progress=seen.append)
    assert (seen[-1].found, seen[-1].done, seen[-1].studies, seen[-1].walking) == (40, 40, 1, False)
    assert LibraryChanged() in events


def test_cancelling_keeps_what_is_read(bench: Bench, tmp_path: Path):
    make_stack(tmp_path / "in", 400)
    first = threading.Event()
    unsubscribe = bench.events.subscribe(lambda _event: first.set())
    job = bench.importing.start(ask(tmp_path / "in"))
    assert first.wait(30)
    job.cancel()
    report = job.wait()
    unsubscribe()
    kept = sum(entry.instances for entry in bench.viewing.studies())
    assert job.state in (JobState.CANCELLED, JobState.DONE)
    assert report.viewable == kept > 0
    rest = bench.run(tmp_path / "in")
    assert rest.counts[Outcome.ADDED] + kept == 400
    assert rest.counts[Outcome.UNCHANGED] == kept


def test_closing_in_the_middle_leaves_no_process_and_a_whole_library(tmp_path: Path):
    make_stack(tmp_path / "in", 300)
    bench = Bench(tmp_path / "base")
    job = bench.importing.start(ask(tmp_path / "in"))
    bench.close()
    assert job.join(5)
    again = Bench(tmp_path / "base")
    try:
        assert again.run(tmp_path / "in").viewable == 300
    finally:
        again.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no signal that kills")
def test_a_worker_that_dies_is_replaced_and_its_files_are_read(bench: Bench, tmp_path: Path):
    make_stack(tmp_path / "in", 20)
    bench.pool.submit(()).result()
    for pid in bench.pool.pids:
        os.kill(pid, signal.SIGKILL)
    assert counts(bench.run(tmp_path / "in")) == {"added": 20}


def _die_over(refs: tuple[FileRef, ...], _order: object) -> list[Any]:
    if any(ref.path.endswith("poison") for ref in refs):
        os._exit(1)
    return [reading.read(ref) for ref in refs]


def test_the_file_over_which_workers_die_is_named(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_stack(tmp_path / "in", 3)
    save(make_image(), tmp_path / "in" / "poison")
    monkeypatch.setattr(reading, "_read_batch", _die_over)
    report = bench.run(tmp_path / "in")
    assert counts(report) == {"added": 3, "rejected": 1}
    assert "crashed the reader" in outcomes(report)["poison"][1]


_KINDS: dict[str, Callable[[Path, int], object]] = {
    "image": lambda path, number: save(make_image(SOPInstanceUID=f"{ROOT_UID}{number + 1}"), path),
    "same": lambda path, _number: save(make_image(SOPInstanceUID=f"{ROOT_UID}0", WindowCenter=1), path),
    "other": lambda path, number: save(make_image(SOPInstanceUID=f"{ROOT_UID}0", WindowCenter=number + 2), path),
    "text": lambda path, _number: path.write_text("text"),
    "empty": lambda path, _number: path.touch(),
    "cut": lambda path, number: path.write_bytes(
        save(make_image(SOPInstanceUID=f"{ROOT_UID}9{number}"), path).read_bytes()[:500]
    ),
}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(_KINDS)), max_size=12))
def test_every_file_ends_in_one_outcome(tmp_path_factory: pytest.TempPathFactory, kinds: list[str]):
    folder = tmp_path_factory.mktemp("import")
    (folder / "in").mkdir()
    for number, kind in enumerate(kinds):
        _KINDS[kind](folder / "in" / f"{number:02d} {kind}", number)
    bench = Bench(folder / "base")
    try:
        report, again = bench.run(folder / "in"), bench.run(folder / "in")
        shown = sum(entry.instances for entry in bench.viewing.studies())
    finally:
        bench.close()
    for account in (report, again):
        assert account.found == sum(account.counts.values()) == len(kinds)
        told = account.to_json()
        assert told["found"] == sum(told[outcome.value] for outcome in Outcome)
    assert report.viewable == again.viewable
    assert report.viewable == shown + report.counts[Outcome.DUPLICATE]
    assert again.counts[Outcome.ADDED] == 0
