"""Worker processes: threads of one process would halve the speed, and a crash stays outside."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

Result = TypeVar("Result")
Given = ParamSpec("Given")

_STOP_SECONDS = 2.0


def prepare_worker() -> None:
    """Make this process a worker: it ends with its program, and does not hear Ctrl-C."""
    # Ctrl-C reaches the whole process group; only the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose program was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _nothing() -> None:
    pass


class WorkerPool:
    """Spawned processes that run functions. They start with the first task, or with :meth:`warm_up`."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        return list(getattr(self._pool, "_processes", None) or {})

    def warm_up(self) -> None:
        """Start all workers, without waiting for them."""
        self.submit(_nothing)

    def submit(self, task: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> "Future[Result]":
        """Have a worker run a function of a module.

        The future raises BrokenProcessPool if the worker died over it. The next task starts new ones.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            try:
                return self._start().submit(task, *given, **named)
            except BrokenProcessPool:
                self._pool = None
                return self._start().submit(task, *given, **named)

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=prepare_worker
            )
            # All processes start now. Were one added later, just when another dies, Python's own thread for them
            # could fail, and nobody would ever answer.
            for _ in range(self.workers):
                self._pool.submit(_nothing)
        return self._pool

    def restart(self) -> None:
        """Kill the workers, one of which hangs.

        Futures of what they did raise BrokenProcessPool, of what waited for them CancelledError.
        """
        with self._lock:
            pool, self._pool = self._pool, None
        _end(pool, 0)

    def close(self) -> None:
        """End the workers; those that hang on a slow medium are killed. May be called twice."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        _end(pool, _STOP_SECONDS)


def _end(pool: ProcessPoolExecutor | None, patience: float) -> None:
    if pool is None:
        return
    processes = list(getattr(pool, "_processes", None) or {})
    mine = [child for child in multiprocessing.active_children() if child.pid in processes]
    pool.shutdown(wait=False, cancel_futures=True)
    # One deadline for all: those that have only just started need a moment before they can end by themselves.
    end = time.monotonic() + patience
    for child in mine:
        child.join(max(end - time.monotonic(), 0))
        if child.is_alive():
            child.kill()
            child.join()
