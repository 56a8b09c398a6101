"""Files in, account out: walk, skip what is known, read in batches, write in batches."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice

from ..dicom.records import FileRef
from ..events import Events, LibraryChanged
from ..jobs import Job
from ..library.adding import add_readings
from ..library.outcomes import FileOutcome, Outcome, Refusal
from ..library.queries import KnownFile, known_files
from ..library.store import Store
from .reading import ReaderPool, Reading
from .report import Account, ImportProgress, ImportReport
from .sources import Found

FIRST_BATCH, BATCH = 16, 100
"""Files for one worker at a time; the first batches are small, so that the first study shows at once."""

_Pending = tuple[Sequence[FileRef], "Future[list[Reading]]"]


class Pipeline:
    """Runs one import in the job's thread."""

    def __init__(self, store: Store, pool: ReaderPool, events: Events) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._account = Account()
        self._found = 0
        self._done = 0
        self._walking = True

    def run(self, job: Job[ImportProgress, ImportReport], found: Iterable[Found]) -> ImportReport:
        """Import all files; when the job is cancelled, what is read stays."""
        try:
            return self._run(job, found)
        finally:
            self._store.release()

    def _run(self, job: Job[ImportProgress, ImportReport], found: Iterable[Found]) -> ImportReport:
        started = time.monotonic()
        reading: deque[_Pending] = deque()
        writing: deque[Future[list[FileOutcome]]] = deque()
        for refs, refusals in self._batches(job, found):
            if refusals:
                writing.append(self._write(refusals))
            if refs:
                reading.append((refs, self._pool.submit(refs)))
            while len(reading) > 2 * self._pool.workers:
                writing.append(self._write(self._pool.result(*reading.popleft())))
            self._collect(writing, job, wait=len(writing) > 4)
        self._walking = False
        while reading and not job.cancelled:
            writing.append(self._write(self._pool.result(*reading.popleft())))
            self._collect(writing, job, wait=len(writing) > 4)
        for _, future in reading:
            future.cancel()
        while writing:
            self._collect(writing, job, wait=True)
        job.report(self._progress, force=True)
        return self._account.report(time.monotonic() - started, cancelled=job.cancelled)

    def _batches(
        self, job: Job[ImportProgress, ImportReport], found: Iterable[Found]
    ) -> Iterator[tuple[list[FileRef], list[Refusal]]]:
        """Yield files to read, and refusals to note; files that are known and unchanged are counted at once."""
        files = iter(found)
        size = FIRST_BATCH
        number = 0
        while batch := list(islice(files, size)):
            if job.cancelled:
                return
            self._found += len(batch)
            yield self._sort_out(batch)
            job.report(self._progress)
            number += 1
            size = FIRST_BATCH if number < self._pool.workers else BATCH

    def _sort_out(self, batch: Sequence[Found]) -> tuple[list[FileRef], list[Refusal]]:
        refs = [item for item in batch if isinstance(item, FileRef)]
        refusals = [item for item in batch if isinstance(item, Refusal)]
        known = known_files(self._store.reader(), [ref.path for ref in refs])
        fresh = []
        for ref in refs:
            before = known.get(ref.path)
            if before is not None and before.file == ref and may_skip(before):
                self._account.add(repeat_outcome(before))
                self._done += 1
            else:
                fresh.append(ref)
        return fresh, refusals

    def _write(self, readings: Sequence[Reading]) -> "Future[list[FileOutcome]]":
        task: Callable[..., list[FileOutcome]] = lambda db: add_readings(db, readings)  # noqa: E731
        return self._store.write(task)

    def _collect(
        self,
        writing: "deque[Future[list[FileOutcome]]]",
        job: Job[ImportProgress, ImportReport],
        *,
        wait: bool,
    ) -> None:
        changed = False
        while writing and (wait or writing[0].done()):
            outcomes = writing.popleft().result()
            for outcome in outcomes:
                self._account.add(outcome)
            self._done += len(outcomes)
            changed = True
            wait = False
        if changed:
            self._events.publish(LibraryChanged())
            job.report(self._progress)

    def _progress(self) -> ImportProgress:
        return ImportProgress(self._found, self._done, len(self._account.studies), self._walking)


def may_skip(known: KnownFile) -> bool:
    """Whether a file that has not changed need not be read again.

    One that could not be read may be readable now: rights and cables change without the file's own date. One that
    was there twice is looked at again, since the other one may be gone.
    """
    return known.outcome not in (Outcome.REJECTED, Outcome.DUPLICATE)


def repeat_outcome(known: KnownFile) -> FileOutcome:
    """Return the outcome of a file that is as it was."""
    same = known.outcome in (Outcome.ADDED, Outcome.UPDATED)
    outcome = Outcome.UNCHANGED if same else known.outcome
    return FileOutcome(known.file.path, outcome, known.reason, known.study)
