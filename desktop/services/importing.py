"""Import paths into the library, one import after another, each with an account that is kept."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from .. import logs
from ..errors import InputError
from ..events import Events
from ..importers.containers import AskPassword
from ..importers.keeping import Keep, remove_parts
from ..importers.pipeline import ImportJob, Pipeline, Taken
from ..importers.reading import Order, ReaderPool
from ..importers.report import ImportProgress, ImportReport
from ..importers.sources import Finder
from ..jobs import Job
from ..library.imports import ImportState, begin_import, end_import, note_interrupted
from ..library.store import Store
from .gate import Gate


@dataclass(frozen=True, slots=True)
class ImportAsk:
    """What is to be imported, and whom to tell. The callbacks are called in the import's thread.

    Attributes:
        keep: what becomes of the files.
        ask_password: asked for the passwords of archives.
    """

    paths: tuple[str, ...]
    keep: Keep = Keep.IN_PLACE
    on_progress: Callable[[ImportProgress], None] | None = None
    on_end: Callable[[ImportJob], None] | None = None
    ask_password: AskPassword | None = None


class Imports(Protocol):
    """Starts imports: in this process, or in the one that owns the library."""

    def start(self, ask: ImportAsk) -> ImportJob:
        """Import files and folders, in a thread."""


class Importing:
    """Starts imports and knows those that run.

    Args:
        gate: who else makes copies or takes them away.
    """

    def __init__(self, store: Store, pool: ReaderPool, events: Events, copies: Path, gate: Gate | None = None) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._copies = copies
        self._gate = gate or Gate()
        self._jobs: list[ImportJob] = []
        self._lock = threading.Lock()

    def start(self, ask: ImportAsk) -> ImportJob:
        """Import files and folders, in a thread."""
        finder = Finder(ask.paths)
        # Names of folders and files are often those of patients.
        logs.hide(finder.paths)
        return self._start(ask, finder, Order(ask.keep, self._copies, named=frozenset(finder.paths)))

    @property
    def is_running(self) -> bool:
        """Whether files are being imported."""
        with self._lock:
            return any(not job.join(0) for job in self._jobs)

    def start_taking(
        self,
        finder: Finder,
        taken: Taken,
        *,
        on_end: Callable[[ImportJob], None] | None = None,
        study_uid: str = "",
        made_here: bool = False,
    ) -> ImportJob:
        """Take files that other parts of the program have put into the inbox.

        Args:
            finder: has the files.
            taken: told of each file whose outcome is in the library.
            on_end: called in the import's thread.
            study_uid, made_here: as of :class:`~desktop.importers.reading.Order`.
        """
        order = Order(Keep.TAKE, self._copies, study_uid=study_uid, made_here=made_here)
        return self._start(ImportAsk((), Keep.TAKE, on_end=on_end), finder, order, taken)

    def note_interrupted(self) -> None:
        """Note which imports an earlier program did not bring to their end. None may run."""
        remove_parts(self._copies)
        self._store.write(note_interrupted).result()

    def _start(self, ask: ImportAsk, finder: Finder, order: Order, taken: Taken | None = None) -> ImportJob:
        job: ImportJob = Job(
            "import",
            lambda job: self._run(job, ask, finder, order, taken),
            on_progress=ask.on_progress,
            on_end=ask.on_end,
        )
        with self._lock:
            self._jobs = [running for running in self._jobs if not running.join(0)]
            self._jobs.append(job)
            return job.start()

    def _run(self, job: ImportJob, ask: ImportAsk, finder: Finder, order: Order, taken: Taken | None) -> ImportReport:
        beginning = partial(begin_import, sources=finder.paths, copied=ask.keep is not Keep.IN_PLACE)
        # If the library cannot be written, nothing is begun.
        number = self._store.write(beginning).result()
        pipeline = Pipeline(self._store, self._pool, self._events, order, ask.ask_password)
        with ExitStack() as stack:
            if order.keep is not Keep.IN_PLACE:
                stack.enter_context(self._gate.making())
            report = pipeline.run(job, finder, taken)
        return self._end(replace(report, number=number))

    def _end(self, report: ImportReport) -> ImportReport:
        state = ImportState.DONE
        if report.trouble:
            state = ImportState.STOPPED
        elif report.cancelled:
            state = ImportState.CANCELLED
        ending = partial(
            end_import,
            number=report.number,
            state=state,
            seconds=report.seconds,
            counts=report.counts,
            reasons=report.reasons,
            trouble=report.trouble,
        )
        try:
            self._store.write(ending).result()
        except InputError as error:
            # The disk is full: the report is shown, and says so. The import stands as interrupted at the next start.
            return replace(report, trouble=report.trouble or error.sentence)
        return report

    def close(self) -> None:
        """Cancel what runs, and wait for it a little."""
        with self._lock:
            jobs = tuple(self._jobs)
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.join(2.0)
