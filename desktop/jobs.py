"""Work that takes a while: one thread each, with progress, a way to cancel, and a result.

A job is started once and ends in exactly one of *done*, *cancelled* and *failed*. Its function is given the job and
looks at :attr:`Job.cancelled` between steps; what it has finished by then stays.
"""

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeVar, cast

from . import logs
from .errors import NegatoscopeError

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Progress = TypeVar("Progress")

PROGRESS_INTERVAL = 0.1
"""Seconds between two reports of progress: ten a second are all that anybody can read."""


class JobState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Job(Generic[Progress, Result]):
    """One piece of work in a thread of its own.

    Args:
        work: given the job; returns the result.
        on_progress: called in the job's thread, at most ten times a second.
        on_end: called in the job's thread when the state is final.
    """

    def __init__(
        self,
        name: str,
        work: Callable[["Job[Progress, Result]"], Result],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        on_end: Callable[["Job[Progress, Result]"], None] | None = None,
    ) -> None:
        self.name = name
        self.state = JobState.RUNNING
        self.result: Result | None = None
        self.error: BaseException | None = None
        self._work = work
        self._on_progress = on_progress
        self._on_end = on_end
        self._cancel = threading.Event()
        self._ended = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._reported = 0.0
        self._thread = threading.Thread(target=self._run, name=f"job {name}", daemon=True)

    def start(self) -> "Job[Progress, Result]":
        """Start the work, and return self."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; what is finished stays."""
        self._cancel.set()
        self._going.set()

    def pause(self) -> None:
        """Ask the work to rest at its next step."""
        if not self.cancelled:
            self._going.clear()

    def resume(self) -> None:
        """Let the work go on."""
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the work was asked to rest."""
        return not self._going.is_set()

    def rest(self) -> None:
        """Wait while the job is paused. The work calls this between its steps."""
        self._going.wait()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._cancel.is_set()

    def report(self, make_progress: Callable[[], Progress], *, force: bool = False) -> None:
        """Pass on progress, unless the last report is too young. ``make_progress`` is called only if it is wanted."""
        now = time.monotonic()
        if self._on_progress is None or (now - self._reported < PROGRESS_INTERVAL and not force):
            return
        self._reported = now
        self._on_progress(make_progress())

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the work has ended; return whether it has."""
        # Not the thread's own join: interrupted by Ctrl-C, Python 3.11 takes the thread for one that has ended.
        return self._ended.wait(timeout)

    def wait(self) -> Result:
        """Wait for the work and return its result, or raise what it raised."""
        self._ended.wait()
        if self.error is not None:
            raise self.error
        return cast(Result, self.result)

    def _run(self) -> None:
        try:
            self.result = self._work(self)
            self.state = JobState.CANCELLED if self.cancelled else JobState.DONE
        except NegatoscopeError as error:
            self.error, self.state = error, JobState.FAILED
        except Exception as error:  # noqa: BLE001 - the edge of a job
            # Where and what, but not the error's own words: they may hold patient data.
            log.error("the job %s failed\n%s", self.name, logs.say_where(error))  # noqa: TRY400
            self.error, self.state = error, JobState.FAILED
        try:
            if self._on_end is not None:
                self._on_end(self)
        finally:
            self._ended.set()
