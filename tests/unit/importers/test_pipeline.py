"""One import from its beginning to its end, whatever happens meanwhile: pauses, discs that come and go, full disks."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from builders import make_image, make_stack, save
from unit.bench import (
    Bench,
    counts,
    disc_in,
    make_disc,
    make_many,
    media_folder,
    mounted,
    small_disk,
    told,
    unmount,
)
from unit.dicom.zips import make_zip

from desktop import workers
from desktop.dicom.records import FileRef
from desktop.importers import pipeline, reading
from desktop.importers.keeping import Keep
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportProgress, ImportReport
from desktop.importers.sources import Finder
from desktop.jobs import JobState
from desktop.library.outcomes import Outcome
from desktop.media import mounts

ROOT = Path(__file__).resolve().parents[3]
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone mounts like this")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 files, some are not begun when the first are in the library."""
    monkeypatch.setattr(pipeline, "FIRST_BATCH", 5)
    monkeypatch.setattr(pipeline, "BATCH", 10)


@pytest.fixture
def media(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where media are put in; what is put in or taken out is noticed at once."""
    monkeypatch.setattr(mounts, "MOMENT", 1e-9)
    with media_folder() as folder:
        yield folder


class Following:
    """Does something once, when the first files are in the library."""

    def __init__(self, bench: Bench, action: Any) -> None:
        self.done = False
        self._action = action
        bench.events.subscribe(self._see)

    def _see(self, _event: object) -> None:
        if not self.done:
            self.done = True
            self._action()


def end_of(seen: list[ImportProgress]) -> tuple[int, int, bool]:
    return seen[-1].found, seen[-1].done, seen[-1].walking


# Pause, go on, cancel


@pytest.mark.parametrize("keep", [Keep.IN_PLACE, Keep.COPY])
def test_a_pause_is_a_pause_and_nothing_is_left_out(keep: Keep, bench: Bench, tmp_path: Path) -> None:
    make_many(tmp_path / "in", 200)
    seen: list[ImportProgress] = []
    job = bench.start(tmp_path / "in", keep=keep, on_progress=seen.append)
    Following(bench, job.pause)
    while not job.paused:
        assert not job.join(0.01)
    time.sleep(0.2)
    done = len(seen)
    assert not job.join(0.2)
    assert len(seen) == done
    assert 0 < bench.instances() < 200
    job.resume()
    assert counts(job.wait()) == {"added": 200}
    assert end_of(seen) == (200, 200, False)
    assert bench.faults() == ()


def test_a_paused_import_can_be_cancelled(bench: Bench, tmp_path: Path) -> None:
    make_many(tmp_path / "in", 200)
    job = bench.start(tmp_path / "in")
    job.pause()
    job.cancel()
    report = job.wait()
    assert (report.cancelled, report.trouble, job.state) == (True, "", JobState.CANCELLED)
    assert report.viewable == bench.instances()
    assert bench.rows("SELECT state FROM imports") == [("cancelled",)]


def test_what_was_begun_before_cancelling_is_in_the_library(bench: Bench, tmp_path: Path) -> None:
    make_many(tmp_path / "in", 200)
    job = bench.start(tmp_path / "in", keep=Keep.COPY)
    Following(bench, job.cancel)
    report = job.wait()
    assert report.cancelled
    assert 0 < report.viewable == report.found == bench.instances() < 200
    assert (bench.faults(), bench.parts()) == ((), []), "each copy is in the list"
    rest = bench.copy(tmp_path / "in")
    assert counts(rest) == {"added": 200 - report.found, "unchanged": report.found}
    assert sum(bench.shown().values()) == 200


def test_the_look_for_room_can_be_cancelled(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_stack(tmp_path / "in", 1)
    for number in range(1000):
        (tmp_path / "in" / f"{number}").touch()
    taken: list[int] = []
    begun, going = threading.Event(), threading.Event()
    take = Finder.take

    def take_slowly(finder: Finder, count: int) -> Any:
        taken.append(count)
        begun.set()
        assert going.wait(10)
        return take(finder, count)

    monkeypatch.setattr(Finder, "take", take_slowly)
    job = bench.start(tmp_path / "in", keep=Keep.COPY)
    assert begun.wait(10)
    job.cancel()
    going.set()
    assert (job.wait().found, len(taken)) == (0, 1)


def _hang(refs: tuple[FileRef, ...], _order: object) -> list[object]:
    if refs:
        threading.Event().wait()
    return []


def test_a_share_that_hangs_does_not_keep_who_cancels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_read_batch", _hang)
    monkeypatch.setattr(workers, "_STOP_SECONDS", 0.05)
    monkeypatch.setattr(pipeline, "_PATIENCE_SECONDS", 0.1)
    make_stack(tmp_path / "in", 3)
    pool = ReaderPool(1)
    bench = Bench(tmp_path / "base", pool)
    try:
        job = bench.start(tmp_path / "in")
        while not bench.rows("SELECT 1 FROM imports"):
            time.sleep(0.01)
        time.sleep(0.2)
        job.cancel()
        assert job.join(5)
        assert counts(job.wait()) == {}
    finally:
        pool.close()
        bench.close()


def test_two_imports_of_one_folder_at_once_are_as_one(bench: Bench, tmp_path: Path) -> None:
    files = make_many(tmp_path / "in", 150)
    jobs = [bench.start(tmp_path / "in", keep=keep) for keep in (Keep.COPY, Keep.IN_PLACE, Keep.COPY)]
    reports = [job.wait() for job in jobs]
    assert [report.viewable for report in reports] == [150] * 3
    assert set(bench.shown()) == {path.read_bytes() for path in files}
    assert bench.instances() == 150
    assert (bench.faults(), bench.parts()) == ((), [])


# Media


def stack_on_disc(tmp_path: Path, number: int, count: int) -> tuple[Path, set[bytes]]:
    """Write a disc; those of other numbers have files of the same names, sizes and dates."""
    content = tmp_path / f"content{number}"
    files = make_many(content / "DICOM", count, number)
    for file in files:
        os.utime(file, ns=(10**18, 10**18))
    return make_disc(tmp_path / f"disc{number}", content), {file.read_bytes() for file in files}


def test_a_second_disc_at_the_same_place_is_not_the_first(bench: Bench, tmp_path: Path, media: Path) -> None:
    (one, ones), (two, twos) = (stack_on_disc(tmp_path, number, 5) for number in (1, 2))
    with disc_in(one, media / "cd") as place:
        assert counts(bench.run(place)) == {"added": 5}
        assert set(bench.shown()) == ones
    assert bench.shown() == {}
    with disc_in(two, media / "cd") as place:
        assert bench.shown() == {}, "the other disc is out"
        assert bench.run(place).counts[Outcome.ADDED] == 5
        assert set(bench.shown()) == twos
    with disc_in(one, media / "cd") as place:
        assert set(bench.shown()) == ones
        assert bench.run(place).counts[Outcome.UNCHANGED] == 5
    assert bench.instances() == 10


@pytest.mark.parametrize("keep", [Keep.IN_PLACE, Keep.COPY])
def test_a_disc_at_another_place_brings_its_files_back(keep: Keep, bench: Bench, tmp_path: Path, media: Path) -> None:
    disc, data = stack_on_disc(tmp_path, 1, 3)
    make_zip(tmp_path / "content1" / "a.zip", {"IM": save(make_image(), tmp_path / "a").read_bytes()})
    disc = make_disc(disc, tmp_path / "content1")
    with disc_in(disc, media / "one") as place:
        first = bench.run(place, keep=keep)
        assert first.counts[Outcome.ADDED] == 4
    with disc_in(disc, media / "two") as place:
        assert bench.run(place, keep=keep).counts[Outcome.UNCHANGED] == 4
        assert data < set(bench.shown())
        assert sum(bench.shown().values()) == bench.instances() == 4
    assert sum(bench.shown().values()) == (4 if keep is Keep.COPY else 0)
    assert bench.faults() == ()


def test_a_stick_that_is_there_twice_confuses_nobody(bench: Bench, tmp_path: Path, media: Path) -> None:
    disc, data = stack_on_disc(tmp_path, 1, 3)
    with disc_in(disc, media / "one") as one, mounted(media / "two", "--bind", one) as two:
        for paths in ((one, two), (two, one), (one,), (two,)):
            # No folder is entered twice.
            assert bench.run(*paths).viewable == 3
            assert (set(bench.shown()), bench.instances()) == (data, 3)
    with disc_in(disc, media / "two") as two:
        assert bench.run(two).viewable == 3
        assert (set(bench.shown()), bench.instances()) == (data, 3)
    assert bench.faults() == ()


def test_what_cannot_be_read_on_a_stick_is_told(bench: Bench, tmp_path: Path, media: Path) -> None:
    (tmp_path / "content").mkdir()
    with disc_in(make_disc(tmp_path / "disc", tmp_path / "content"), media / "stick") as place:
        os.mkfifo(place / "pipe")
        report = bench.run(place / "pipe")
        assert counts(report) == {"not_dicom": 1}
        assert counts(bench.run(place)) == {"not_dicom": 1}


@pytest.mark.parametrize("keep", [Keep.IN_PLACE, Keep.COPY])
def test_a_stick_that_is_pulled_out_is_told_and_the_rest_is_read_the_next_time(
    keep: Keep, bench: Bench, tmp_path: Path, media: Path
) -> None:
    disc, data = stack_on_disc(tmp_path, 1, 200)
    place = media / "cd"
    with disc_in(disc, place):
        following = Following(bench, lambda: unmount(place))
        report = bench.run(place, keep=keep)
    assert following.done
    assert report.trouble == (
        "DICOM CD cannot be reached any more. What was read of it stays. "
        "Put it in or connect it again, and open it once more: the rest is read then."
    )
    assert 0 < report.viewable == bench.instances() < 200
    assert report.found == sum(report.counts.values())
    assert bench.rows("SELECT state, trouble FROM imports") == [("stopped", report.trouble)]
    assert (bench.faults(), bench.parts()) == ((), [])
    with disc_in(disc, place):
        again = bench.run(place, keep=keep)
        assert again.counts[Outcome.ADDED] + again.counts[Outcome.UPDATED] == 200 - report.viewable
        assert (again.viewable, again.trouble) == (200, "")
        assert set(bench.shown()) == data
    assert bench.faults() == ()


def test_a_stick_that_is_pulled_out_while_folders_are_listed_is_told(bench: Bench, tmp_path: Path, media: Path) -> None:
    for number in range(60):
        make_many(tmp_path / "content" / f"{number:02d}", 5, number + 1)
    place = media / "cd"
    with disc_in(make_disc(tmp_path / "disc", tmp_path / "content"), place):
        job = bench.start(place)
        Following(bench, lambda: (job.pause(), unmount(place)))
        while not job.paused:
            assert not job.join(0.01)
        job.resume()
        report = job.wait()
    assert report.trouble.startswith("DICOM CD cannot be reached any more.")
    assert 0 < report.viewable == bench.instances() < 300


def test_one_of_two_sticks_may_be_pulled_out(bench: Bench, tmp_path: Path, media: Path) -> None:
    (one, _), (two, _) = (stack_on_disc(tmp_path, number, 200) for number in (1, 2))
    with disc_in(one, media / "one") as first, disc_in(two, media / "two"):
        Following(bench, lambda: unmount(first))
        report = bench.run(media)
    assert report.trouble.startswith("DICOM CD cannot be reached any more.")
    assert 0 < report.viewable == bench.instances() < 200


def test_a_disc_that_is_exchanged_during_a_pause_is_noticed(bench: Bench, tmp_path: Path, media: Path) -> None:
    (one, ones), (two, twos) = (stack_on_disc(tmp_path, number, 200) for number in (1, 2))
    place = media / "cd"
    with disc_in(one, place):
        job = bench.start(place)
        Following(bench, job.pause)
        while not job.paused:
            assert not job.join(0.01)
        time.sleep(0.5)
        unmount(place)
        with disc_in(two, place):
            job.resume()
            report = job.wait()
            assert report.trouble.startswith("DICOM CD cannot be reached any more.")
            assert not set(bench.shown()) & twos
            assert bench.run(place).counts[Outcome.ADDED] == 200
            assert set(bench.shown()) == twos
    with disc_in(one, place):
        assert bench.run(place).viewable == 200
        assert set(bench.shown()) == ones
    assert bench.instances() == 400


# Troubles


def test_a_folder_that_is_gone_in_the_middle_is_told(bench: Bench, tmp_path: Path) -> None:
    make_many(tmp_path / "in", 200)
    Following(bench, lambda: shutil.rmtree(tmp_path / "in"))
    report = bench.run(tmp_path / "in")
    assert report.trouble.startswith(f"{tmp_path / 'in'} cannot be reached any more.")
    assert 0 < report.viewable == bench.instances() < 200
    assert bench.faults() == ()


@needs_linux
@pytest.mark.parametrize("keep", [Keep.IN_PLACE, Keep.COPY])
def test_a_library_on_a_full_disk_stays_sound(keep: Keep, tmp_path: Path, pool: ReaderPool) -> None:
    make_many(tmp_path / "in", 200)
    with small_disk(tmp_path / "disk", 1) as disk:
        bench = Bench(disk / "base", pool, tmp_path / "copies")
        try:
            seen: list[ImportProgress] = []
            report = bench.run(tmp_path / "in", keep=keep, on_progress=seen.append)
            assert report.trouble == (
                "The library cannot be written: database or disk is full. What was written before is kept."
            )
            assert 0 < report.viewable == bench.instances() < 200
            assert report.found == report.viewable + report.counts[Outcome.REJECTED]
            assert "Import it again" in told(report)[next(iter(told(report)))][1]
            assert end_of(seen)[1] == report.found
            assert sum(bench.shown().values()) == report.viewable
            lists = [fault for fault in bench.faults() if "in no list" not in fault]
            assert (lists, bench.parts()) == ([], [])
            subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
            again = bench.run(tmp_path / "in", keep=keep)
            assert (again.viewable, again.trouble) == (200, "")
            assert sum(bench.shown().values()) == bench.instances() == 200
            assert bench.faults() == ()
        finally:
            bench.close()


@needs_linux
def test_a_full_library_is_told_at_once(tmp_path: Path, pool: ReaderPool) -> None:
    make_stack(tmp_path / "in", 50)
    with small_disk(tmp_path / "disk", 1) as disk:
        bench = Bench(disk / "base", pool, tmp_path / "copies")
        try:
            with (disk / "filling").open("wb", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    if os.statvfs(disk).f_bavail == 0:
                        break
            job = bench.start(tmp_path / "in", keep=Keep.COPY)
            job.join(20)
            said = job.result.trouble if job.result else str(job.error)
            assert "The library cannot be written: " in said
            assert bench.parts() == []
            (disk / "filling").unlink()
            assert counts(bench.copy(tmp_path / "in")) == {"added": 50}
            assert bench.faults() == ()
        finally:
            bench.close()


@needs_linux
def test_copies_that_cannot_be_written_any_more_are_told(bench: Bench, tmp_path: Path) -> None:
    make_many(tmp_path / "in", 200)
    with ExitStack() as stack:
        Following(bench, lambda: stack.enter_context(mounted(bench.copies, "-t", "tmpfs", "-o", "ro", "none")))
        report = bench.copy(tmp_path / "in")
    assert report.trouble.startswith(f"No copies can be made in {bench.copies}: ")
    assert 0 < report.viewable == bench.instances() < 200
    assert report.found == report.viewable + report.counts[Outcome.REJECTED]
    assert bench.faults() == ()
    assert bench.copy(tmp_path / "in").viewable == sum(bench.shown().values()) == 200


@needs_linux
def test_what_may_not_be_read_or_written_is_told(tmp_path: Path) -> None:
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        pytest.skip("only root may start a program with fewer rights, by setpriv")
    make_stack(tmp_path / "in", 3)
    (tmp_path / "in" / "IM0001").chmod(0)
    save(make_image(), tmp_path / "in" / "closed" / "IM")
    (tmp_path / "in" / "closed").chmod(0)

    def program(*words: str) -> Any:
        # Root without these rights is somebody like others.
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "desktop"]
        done = subprocess.run(
            [*command, "--base-dir", str(tmp_path / "base"), *words, "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    report = program("import", str(tmp_path / "in"))
    assert (report["found"], report["rejected"], report["trouble"]) == (4, 2, "")
    reasons = {Path(item["path"]).name: item["reason"] for item in report["reasons"]}
    assert reasons == dict.fromkeys(["IM0001", "closed"], "It cannot be read: Permission denied.")
    (tmp_path / "in" / "IM0001").chmod(0o644)
    (tmp_path / "in" / "closed").chmod(0o755)
    (tmp_path / "base" / "data" / "copies").mkdir(mode=0o500)
    report = program("import", str(tmp_path / "in"), "--copy")
    assert report["trouble"].startswith(f"No copies can be made in {tmp_path / 'base' / 'data' / 'copies'}: Permission")
    assert report["added"] == report["updated"] == 0
    report = program("import", str(tmp_path / "in"))
    assert (report["added"], report["unchanged"], report["trouble"]) == (2, 2, "")


def _die_when_told(refs: tuple[FileRef, ...], order: reading.Order) -> list[Any]:
    found = []
    for ref in refs:
        if ref.path.endswith("poison"):
            os._exit(1)
        found.append(reading.read(ref, order))
    return found


def test_a_worker_that_dies_while_it_copies_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_read_batch", _die_when_told)
    files = make_stack(tmp_path / "in", 40)
    files[7].rename(tmp_path / "in" / "poison")
    pool = ReaderPool(1)
    bench = Bench(tmp_path / "base", pool)
    try:
        report = bench.copy(tmp_path / "in")
        assert counts(report) == {"added": 39, "rejected": 1}
        assert bench.faults() == ()
    finally:
        bench.close()
        pool.close()


def test_a_file_that_vanishes_or_changes_in_between_is_accounted_for(bench: Bench, tmp_path: Path) -> None:
    files = make_many(tmp_path / "in", 200)

    def happen() -> None:
        for file in files[100:150]:
            file.unlink()
        for file in files[150:175]:
            file.write_text("no image any more")
        for file in files[175:]:
            file.write_bytes(file.read_bytes()[:200])

    following = Following(bench, happen)
    report: ImportReport = bench.run(tmp_path / "in")
    assert following.done
    assert report.trouble == ""
    assert 150 <= report.found <= 200
    assert report.viewable == bench.instances()
    again = bench.run(tmp_path / "in")
    assert counts(again) == {"unchanged": 100, "not_dicom": 25, "rejected": 25}
    assert sum(bench.shown().values()) == 100
