"""Import paths into the library."""

import os
from collections.abc import Callable, Sequence

from .. import logs
from ..events import Events
from ..importers.pipeline import Pipeline
from ..importers.reading import ReaderPool
from ..importers.report import ImportProgress, ImportReport
from ..importers.sources import walk
from ..jobs import Job
from ..library.store import Store

ImportJob = Job[ImportProgress, ImportReport]


class Importing:
    """Starts imports and knows those that run."""

    def __init__(self, store: Store, pool: ReaderPool, events: Events) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._jobs: list[ImportJob] = []

    def start(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        on_progress: Callable[[ImportProgress], None] | None = None,
        on_end: Callable[[ImportJob], None] | None = None,
    ) -> ImportJob:
        """Import files and folders, in a thread; both callbacks are called in it."""
        # Names of folders and files are often those of patients.
        logs.hide(os.path.abspath(path) for path in paths)  # noqa: PTH100 - resolves no links
        pipeline = Pipeline(self._store, self._pool, self._events)
        job: ImportJob = Job(
            "import", lambda job: pipeline.run(job, walk(paths)), on_progress=on_progress, on_end=on_end
        )
        self._jobs = [running for running in self._jobs if not running.join(0)]
        self._jobs.append(job)
        return job.start()

    def close(self) -> None:
        """Cancel what runs, and wait for it a little."""
        for job in self._jobs:
            job.cancel()
        for job in self._jobs:
            job.join(2.0)
