"""Reading in worker processes: whatever happens to a file, there is an answer for it."""

import os
import sys
import threading
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from builders import make_image, make_stack, save
from unit.helpers import file_ref

from desktop import workers
from desktop.dicom.likeness import Likenesses
from desktop.dicom.records import FileRef, Header
from desktop.importers import reading
from desktop.importers.reading import Order, ReaderPool, read
from desktop.library.outcomes import Outcome, Refusal


def test_a_file_is_read_or_refused(tmp_path: Path) -> None:
    image = save(make_image(), tmp_path / "a")
    text = tmp_path / "b"
    text.write_text("text")
    cut = tmp_path / "c"
    cut.write_bytes(image.read_bytes()[:400])
    found = read(file_ref(image))
    assert isinstance(found, Header)
    assert found.file == file_ref(image)
    assert read(file_ref(text)) == Refusal(file_ref(text), Outcome.NOT_DICOM, "It is a text.")
    refused = read(file_ref(cut))
    assert isinstance(refused, Refusal)
    assert (refused.outcome, refused.unreachable) == (Outcome.REJECTED, False)


def test_a_file_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    refused = read(FileRef(str(tmp_path / "none"), 1, 1))
    assert isinstance(refused, Refusal)
    assert (refused.outcome, refused.unreachable) == (Outcome.REJECTED, True)


@pytest.mark.parametrize("error", [RecursionError(), MemoryError(), KeyError("Doe^Jane"), ValueError("Doe^Jane")])
def test_a_bug_in_reading_costs_one_file_and_tells_no_value(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Header:
        raise error

    # A file that is like one before is read in another way.
    monkeypatch.setattr(reading, "_likenesses", Likenesses())
    monkeypatch.setattr(reading, "make", fail)
    refused = read(file_ref(save(make_image(), tmp_path / "a")))
    assert isinstance(refused, Refusal)
    assert refused.outcome is Outcome.REJECTED
    assert "Doe" not in refused.reason
    assert "Doe" not in caplog.text


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="asks for processes by signal")


@needs_signals
def test_a_pool_answers_in_the_order_of_its_files(tmp_path: Path) -> None:
    refs = [file_ref(path) for path in make_stack(tmp_path, 7)]
    pool = ReaderPool(2)
    try:
        assert pool.pids == [], "nothing starts before there is work"
        futures = [pool.submit(batch) for batch in (refs[:3], refs[3:], ())]
        found = [pool.result((), future) for future in futures]
        assert [header.file for batch in found for header in batch] == refs
        assert [len(batch) for batch in found] == [3, 4, 0]
        started = pool.pids
        assert len(started) == 2
        assert not any(map(is_gone, started))
    finally:
        pool.close()
        pool.close()
    assert all(map(is_gone, started))
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(refs)
    assert pool.pids == []


def test_closing_a_pool_that_did_nothing() -> None:
    pool = ReaderPool(2)
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.warm_up()


@needs_signals
def test_closing_while_workers_are_busy_leaves_none(tmp_path: Path) -> None:
    refs = [file_ref(path) for path in make_stack(tmp_path, 3)] * 400
    pool = ReaderPool(1)
    futures = [pool.submit(refs) for _ in range(4)]
    started = pool.pids
    pool.close()
    assert started
    assert all(map(is_gone, started))
    for future in futures:
        # Each one ends, in one way or another: nobody waits for ever.
        error = future.exception(timeout=60) if not future.cancelled() else CancelledError()
        assert error is None or isinstance(error, BrokenProcessPool | CancelledError)


def _hang(refs: tuple[FileRef, ...], _order: Order) -> list[object]:
    for ref in refs:
        Path(ref.path).touch()
        threading.Event().wait()
    return []


@needs_signals
def test_a_worker_that_hangs_on_a_slow_medium_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_read_batch", _hang)
    monkeypatch.setattr(workers, "_STOP_SECONDS", 0.05)
    pool = ReaderPool(1)
    begun = tmp_path / "begun"
    future = pool.submit([FileRef(str(begun), 1, 1)])
    while not begun.exists():
        assert not future.done()
    started = pool.pids
    pool.close()
    assert all(map(is_gone, started))
    with pytest.raises(BrokenProcessPool):
        future.result()


def _die(refs: tuple[FileRef, ...], _order: Order) -> list[object]:
    if any(ref.path.endswith("poison") for ref in refs):
        os._exit(1)
    return [read(ref) for ref in refs]


def test_the_culprit_is_named_and_the_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = [file_ref(path) for path in make_stack(tmp_path, 3)]
    poison = FileRef(str(tmp_path / "poison"), 1, 1)
    monkeypatch.setattr(reading, "_read_batch", _die)
    pool = ReaderPool(1)
    try:
        batches = [(good[0], poison, good[1]), (good[2],)]
        pending = [(batch, pool.submit(batch)) for batch in batches]
        found = [pool.result(*one) for one in pending]
        assert [type(one) for one in found[0]] == [Header, Refusal, Header]
        assert [type(one) for one in found[1]] == [Header]
        assert found[0][1].file == poison
        assert "crashed the reader" in found[0][1].reason
    finally:
        pool.close()
