"""A script: shows where the time of an import goes, in a worker and in the main process.

    python profiles.py WORK FOLDER

First the command as it is tells how much each of them works. Then it runs in this process without workers: once their
work is done and kept, once what was kept is taken. All is in one thread then, since Python's profiler follows one:
first without it for the figures, then with it for the lists. It makes small functions look dearer than they are.
"""

import contextlib
import cProfile
import io
import pickle
import pstats
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from program import run_script

from desktop.__main__ import main as run
from desktop.importers import reading
from desktop.jobs import Job
from desktop.library import store as library
from desktop.library.store import Store

_TOP = 25

_Around = AbstractContextManager[object]


def main(work: str, folder: str) -> None:
    """Measure and print."""
    base = Path(work) / "base"
    told = run_script("watching.py", str(base), folder, "0")
    shutil.rmtree(base)
    count, first = told["found"], told["progress"][0]
    print(f"An import of {count:,} files: {told['seconds']:.2f} s; {first[0]} files were there after {first[1]:.2f} s")
    print(f"  the process with its start and end {told['wall_s']:6.2f} s")
    print(f"  work of the main process           {told['main_s']:6.2f} s of a core")
    print(f"  work of all workers                {told['workers_s']:6.2f} s of a core, with their start")

    clock, answers = _Clock(), []
    _import(base, folder, lambda: _Workers(answers, clock))
    size = sum(map(len, answers))
    print(f"In one thread: {clock.seconds / count * 1e6:6.0f} µs of a core for each file in a worker")
    clock = _Clock()
    _import(base, folder, lambda: _Answers(answers), clock)
    print(f"               {clock.seconds / count * 1e6:6.0f} µs of a core for each file in the main process")
    print(f"               {size / count:6,.0f} bytes for each file from one to the other")

    worker, main_process = cProfile.Profile(), cProfile.Profile()
    _import(base, folder, lambda: _Workers([], worker))
    _show("A worker: reads headers, and packs what it answers", worker)
    _import(base, folder, lambda: _Answers(answers), main_process)
    _show("The main process: finds files, unpacks answers, writes rows", main_process)


class _Clock:
    """Adds up the seconds of a core that this thread spends within: others may use the computer too."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._started = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.thread_time() - self._started


class _Workers(Executor):
    """Does the workers' work at once, and keeps their answers as they would go through the pipe."""

    def __init__(self, answers: list[bytes], around: _Around) -> None:
        self._answers = answers
        self._around = around

    def submit(self, work: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        with self._around:
            self._answers.append(pickle.dumps(work(*args)))
        return _done(pickle.loads(self._answers[-1]))


class _Answers(Executor):
    """Answers what was kept."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = iter(answers)

    def submit(self, _work: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        pickle.dumps(args)
        return _done(pickle.loads(next(self._answers)))


def _done(result: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def _write(store: Store, task: Callable[[sqlite3.Connection], Any]) -> "Future[Any]":
    """Write in the thread that asks."""
    future: Future[Any] = Future()
    if not hasattr(store, "_now"):
        store._now = store._connect_writer()
        store._readers.append(store._now)
    library._run(store._now, task, future)
    return future


def _import(base: Path, folder: str, make_executor: Callable[[], Executor], around: _Around | None = None) -> None:
    """Run the command in this process; its job within ``around``."""
    run_job = Job._run

    def run_within(job: Job[Any, Any]) -> None:
        with around or contextlib.nullcontext():
            run_job(job)

    with _patched(make_executor, run_within), contextlib.redirect_stdout(io.StringIO()):
        run(["--base-dir", str(base), "import", folder, "--json"])
    shutil.rmtree(base)


@contextmanager
def _patched(make_executor: Callable[[], Executor], run_job: Callable[..., None]) -> Iterator[None]:
    with (
        patch.object(reading, "ProcessPoolExecutor", lambda *_args, **_settings: make_executor()),
        patch.object(Store, "write", _write),
        patch.object(Job, "_run", run_job),
    ):
        yield


def _show(title: str, profile: cProfile.Profile) -> None:
    print(f"\n{title}")
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(_TOP)


if __name__ == "__main__":
    main(*sys.argv[1:])
