"""The inbox: what other parts of the program put there is taken into the library, and nothing is thrown away."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.bench import Bench, counts, small_disk
from unit.dicom.test_directory import dicomdir, record
from unit.dicom.zips import make_zip
from unit.helpers import files_below

from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportReport
from desktop.jobs import JobState
from desktop.library.outcomes import Outcome
from desktop.services import inbox as module
from desktop.services.inbox import Inbox

SECONDS = 20


@pytest.fixture
def inbox(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(module, "_TROUBLE_SECONDS", 0.05)
    made = Inbox(tmp_path / "inbox", bench.importing)
    yield made
    made.close()


def image(folder: Path, number: int = 1, **more: object) -> bytes:
    made = make_image(**{"SOPInstanceUID": f"{ROOT_UID}{number}", "InstanceNumber": number, **more})
    return save(made, folder / "aside").read_bytes()


def put(inbox: Inbox, *files: bytes) -> None:
    for data in files:
        with inbox.put() as file:
            file.write(data)


def take(inbox: Inbox) -> ImportReport:
    job = inbox.take()
    assert job is not None
    return job.wait()


def wait_for(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_put_in_is_taken_and_leaves(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    assert inbox.take() is None
    data = [image(tmp_path, number) for number in range(1, 6)]
    put(inbox, *data)
    assert counts(take(inbox)) == {"added": 5}
    assert files_below(tmp_path / "inbox") == []
    assert bench.shown() == dict.fromkeys(data, 1)
    assert len(files_below(bench.copies)) == 5
    assert inbox.take() is None
    assert bench.faults() == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_names_are_ours_and_nobody_else_may_look(inbox: Inbox, tmp_path: Path) -> None:
    with inbox.put() as file:
        (part,) = files_below(tmp_path / "inbox")
        assert part.suffix == ".part"
        assert [stat.S_IMODE(path.stat().st_mode) for path in (part, part.parent)] == [0o600, 0o700]
        assert inbox.take() is None, "half a file is none"
        file.write(b"x")
    (whole,) = files_below(tmp_path / "inbox")
    assert (whole.stem, whole.suffix) == (part.stem, ".dcm")


def test_a_sender_that_breaks_off_leaves_nothing(inbox: Inbox, tmp_path: Path) -> None:
    def send() -> None:
        with inbox.put() as file:
            file.write(b"half of it")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        send()
    assert files_below(tmp_path / "inbox") == []


def test_the_same_again_and_the_same_uid_are_told_apart(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    one, other = image(tmp_path), image(tmp_path, WindowCenter=7)
    for data, viewable in ((one, 1), (one, 1), (other, 1), (other, 1)):
        put(inbox, data)
        assert take(inbox).viewable == viewable
        assert files_below(tmp_path / "inbox") == []
    put(inbox, one, one, other)
    assert take(inbox).viewable == 3
    assert bench.shown() == {one: 1, other: 1}
    assert bench.faults() == ()


def test_what_is_known_in_place_is_copied_and_its_file_stays(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    (path,) = make_stack(tmp_path / "in", 1)
    data = path.read_bytes()
    bench.run(path)
    put(inbox, data)
    assert take(inbox).viewable == 1
    assert path.read_bytes() == data
    path.unlink()
    assert bench.shown() == {data: 1}
    assert bench.faults() == ()


def test_nothing_is_thrown_away(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"IM": image(tmp_path)})
    refused = [b"no image", b"", image(tmp_path)[:300], Path(archive).read_bytes()]
    put(inbox, *refused, image(tmp_path, 2))
    report = take(inbox)
    assert counts(report) == {"added": 1, "not_dicom": 3, "rejected": 1}
    assert sorted(path.read_bytes() for path in files_below(inbox.refused)) == sorted(refused)
    assert inbox.take() is None
    assert bench.instances() == 1


def test_what_a_killed_program_left_is_taken_or_removed(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    put(inbox, image(tmp_path), b"no image")
    whole, spoilt = sorted(files_below(folder), key=lambda path: path.stat().st_size)[::-1]
    for name, age in (("old", 90_000), ("young", 80_000)):
        (folder / f"{name}.part").write_bytes(b"half")
        os.utime(folder / f"{name}.part", (time.time() - age,) * 2)
    # It was killed when the library had the files, before they left.
    kept = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (whole, spoilt)}
    take(inbox)
    for path, (data, mtime_ns) in kept.items():
        path.write_bytes(data)
        os.utime(path, ns=(mtime_ns, mtime_ns))
    for path in files_below(inbox.refused):
        path.unlink()
    report = take(inbox)
    assert (report.viewable, report.found) == (1, 2)
    assert [path.read_bytes() for path in files_below(folder)] == [b"no image", b"half"]
    assert bench.instances() == 1
    assert bench.faults() == ()


def test_what_is_no_file_is_left_alone(inbox: Inbox, tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    (folder / "folder").mkdir(parents=True)
    (folder / "folder" / "IM").write_bytes(image(tmp_path))
    if sys.platform != "win32":
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to(tmp_path / "aside")
    assert inbox.take() is None
    assert (tmp_path / "aside").exists()


# Watching


def test_what_comes_is_taken_by_itself(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    put(inbox, image(tmp_path, 1))
    inbox.watch()
    inbox.watch()
    wait_for(lambda: bench.instances() == 1)
    for number in range(2, 30):
        put(inbox, image(tmp_path, number))
    wait_for(lambda: bench.instances() == 29)
    wait_for(lambda: not files_below(tmp_path / "inbox"))
    inbox.close()
    inbox.close()
    put(inbox, image(tmp_path, 30))
    time.sleep(0.1)
    assert len(files_below(tmp_path / "inbox")) == 1, "it is taken at the next start"


def test_what_cannot_be_put_away_is_not_forgotten(inbox: Inbox, tmp_path: Path) -> None:
    put(inbox, b"no image")
    # The folder of what is refused cannot be made.
    inbox.refused.symlink_to(tmp_path / "nothing" / "there")
    for _ in range(3):
        assert counts(take(inbox)) == {"not_dicom": 1}
    inbox.refused.unlink()
    take(inbox)
    assert inbox.take() is None
    assert [path.read_bytes() for path in files_below(inbox.refused)] == [b"no image"]


def test_a_full_disk_is_waited_for(tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(module, "_TROUBLE_SECONDS", 0.05)
    with small_disk(tmp_path / "disk", 3) as disk:
        bench = Bench(tmp_path / "base", pool, disk / "copies")
        inbox = Inbox(tmp_path / "inbox", bench.importing)
        try:
            data = [image(tmp_path, number, Rows=256, Columns=256) for number in range(1, 9)]
            filling = disk / "filling"
            filling.write_bytes(bytes((os.statvfs(disk).f_bavail - 100) * 4096))
            put(inbox, *data)
            inbox.watch()
            wait_for(lambda: bench.rows("SELECT count(*) FROM imports WHERE state = 'stopped'") > [(1,)])
            there = [path.read_bytes() for path in files_below(tmp_path / "inbox")]
            assert set(there) | set(bench.shown()) == set(data)
            assert not inbox.refused.exists()
            filling.unlink()
            wait_for(lambda: not files_below(tmp_path / "inbox"))
            assert bench.shown() == dict.fromkeys(data, 1)
            assert bench.faults() == ()
        finally:
            inbox.close()
            bench.close()


def test_a_library_that_cannot_be_written_for_a_while_is_waited_for(inbox: Inbox, bench: Bench, tmp_path: Path) -> None:
    put(inbox, image(tmp_path))
    bench.store.write(lambda db: db.execute("ALTER TABLE imports RENAME TO moved").fetchall()).result()
    job = inbox.take()
    assert job is not None
    assert job.join(SECONDS)
    assert job.state is JobState.FAILED
    inbox.watch()
    time.sleep(0.2)
    assert len(files_below(tmp_path / "inbox")) == 1
    bench.store.write(lambda db: db.execute("ALTER TABLE moved RENAME TO imports").fetchall()).result()
    wait_for(lambda: not files_below(tmp_path / "inbox"))
    assert bench.instances() == 1


def test_closing_the_library_under_it_is_no_trouble(bench: Bench, inbox: Inbox, tmp_path: Path) -> None:
    inbox.watch()
    put(inbox, *(image(tmp_path, number) for number in range(1, 40)))
    inbox.close()
    bench.close()
    left = len(files_below(tmp_path / "inbox"))
    again = Bench(tmp_path / "base", bench.pool)
    try:
        assert again.instances() >= 39 - left
        later = Inbox(tmp_path / "inbox", again.importing)
        if left:
            take(later)
        assert again.instances() == sum(again.shown().values()) == 39
        assert again.outcomes()
        assert set(again.outcomes().values()) <= {Outcome.ADDED, Outcome.UPDATED}
    finally:
        again.close()


def test_a_dicomdir_touches_nothing_that_it_names(bench: Bench, inbox: Inbox, tmp_path: Path) -> None:
    mine = save(make_image(), tmp_path / "home" / "mine")
    names = (
        "..\\home\\mine",
        *("\\".join(("", *path.parts[1:])) for path in (mine, tmp_path / "base" / "library.sqlite")),
    )
    put(inbox, dicomdir(*(record("IMAGE", name.encode()) for name in names)), image(tmp_path))
    report = take(inbox)
    assert counts(report) == {"added": 1, "not_dicom": 1}
    assert mine.exists()
    assert (tmp_path / "base" / "library.sqlite").exists()
    (refused,) = inbox.refused.iterdir()
    assert refused.read_bytes() == dicomdir(*(record("IMAGE", name.encode()) for name in names))


def test_nothing_that_was_refused_is_written_over(inbox: Inbox, tmp_path: Path) -> None:
    folder = inbox.refused.parent
    for text in ("one", "two"):
        folder.mkdir(exist_ok=True)
        (folder / "same.dcm").write_text(text)
        take(inbox)
    assert sorted(path.read_text() for path in inbox.refused.iterdir()) == ["one", "two"]
