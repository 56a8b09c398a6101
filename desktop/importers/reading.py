"""Reads headers in worker processes: threads of one process would halve the speed, and a crash stays outside.

The workers import nothing but the ``dicom`` ring, so they start fast.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from ..dicom.header import read_header
from ..dicom.records import FileRef, Header
from ..errors import NotDicom, Unreachable, Unreadable
from ..library.outcomes import Outcome, Refusal

log = logging.getLogger(__name__)

Reading = Header | Refusal

_STOP_SECONDS = 2.0


def read(ref: FileRef) -> Reading:
    """Read one file; a refusal says why there is no header."""
    try:
        return read_header(ref)
    except NotDicom as error:
        return Refusal(ref, Outcome.NOT_DICOM, error.sentence)
    except Unreachable as error:
        return Refusal(ref, Outcome.REJECTED, error.sentence, unreachable=True)
    except Unreadable as error:
        return Refusal(ref, Outcome.REJECTED, error.sentence)
    except RecursionError:
        return Refusal(ref, Outcome.REJECTED, "Its sequences are nested too deeply.")
    except MemoryError:
        return Refusal(ref, Outcome.REJECTED, "Its header is too large for this computer's memory.")
    except Exception as error:  # noqa: BLE001 - the edge of a worker: one file must not stop the rest
        return Refusal(
            ref,
            Outcome.REJECTED,
            f"Its header is damaged ({type(error).__name__}). Copy it again from its source.",
        )


def _read_batch(refs: Sequence[FileRef]) -> list[Reading]:
    return [read(ref) for ref in refs]


def _prepare_worker() -> None:
    # Ctrl-C reaches the whole process group; only the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose program was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class ReaderPool:
    """Worker processes that read batches of files. They start with the first batch, or with :meth:`warm_up`."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or min(os.cpu_count() or 1, 8)
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def workers(self) -> int:
        """How many processes read at once."""
        return self._workers

    def warm_up(self) -> None:
        """Start all workers, without waiting for them."""
        self.submit(())

    def submit(self, refs: Sequence[FileRef]) -> "Future[list[Reading]]":
        """Read a batch."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            try:
                return self._start().submit(_read_batch, tuple(refs))
            except BrokenProcessPool:
                self._pool = None
                return self._start().submit(_read_batch, tuple(refs))

    def result(self, refs: Sequence[FileRef], future: "Future[list[Reading]]") -> list[Reading]:
        """Return what a batch gave. If a worker died over it, its files are read one by one, to find the culprit."""
        try:
            return future.result()
        except BrokenProcessPool:
            log.error("a worker died while it read headers")  # noqa: TRY400 - the trace says nothing more
            return [self._read_alone(ref) for ref in refs]

    def _read_alone(self, ref: FileRef) -> Reading:
        try:
            return self.submit((ref,)).result()[0]
        except BrokenProcessPool:
            return Refusal(ref, Outcome.REJECTED, "Reading it crashed the reader. It is damaged in an unknown way.")

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
            )
            # All processes start now. Were one added later, just when another dies, Python's own thread for them
            # could fail, and nobody would ever answer.
            for _ in range(self._workers):
                self._pool.submit(_read_batch, ())
        return self._pool

    def close(self) -> None:
        """End the workers; those that hang on a slow medium are killed. May be called twice."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list(getattr(pool, "_processes", None) or {})
        mine = [child for child in multiprocessing.active_children() if child.pid in processes]
        pool.shutdown(wait=False, cancel_futures=True)
        # One deadline for all: those that have only just started need a moment before they can end by themselves.
        end = time.monotonic() + _STOP_SECONDS
        for child in mine:
            child.join(max(end - time.monotonic(), 0))
            if child.is_alive():
                child.kill()
                child.join()
