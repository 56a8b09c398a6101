"""Files in, account out: find, skip what is known, read in batches, write in batches."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ..dicom.passwords import passwords
from ..dicom.records import FileRef, Header
from ..errors import InputError
from ..events import Events, LibraryChanged
from ..jobs import Job
from ..library.adding import add_readings
from ..library.charsets import find_charsets
from ..library.outcomes import VIEWABLE, FileOutcome, Outcome, Refusal
from ..library.places import find_lost_copies, has_copied_twin, known_copies, note_medium
from ..library.queries import KnownFile, known_files
from ..library.store import Store
from .containers import AskPassword, Containers
from .keeping import Keep, check_space
from .reading import Met, NotCopied, Order, ReaderPool, Reading
from .report import Account, ImportProgress, ImportReport
from .sources import Finder, Found

FIRST_BATCH, BATCH = 16, 100
"""Files for one worker at a time; the first batches are small, so that the first study shows at once."""

ImportJob = Job[ImportProgress, ImportReport]


Taken = Callable[[FileRef, FileOutcome], None]

_PATIENCE_SECONDS = 5.0
_NOT_WRITTEN = "It was read, but the library could not be written. Import it again."


class _Batch(NamedTuple):
    files: Sequence[FileRef]
    order: Order
    future: "Future[list[Reading]]"


class Pipeline:
    """Runs one import in the job's thread."""

    def __init__(
        self, store: Store, pool: ReaderPool, events: Events, order: Order, ask_password: AskPassword | None = None
    ) -> None:
        self._store = store
        self._pool = pool
        self._events = events
        self._order = order
        self._ask_password = ask_password
        self._account = Account()
        self._media: set[str] = set()
        self._found = 0
        self._done = 0
        self._finding = True
        self._reading: deque[_Batch] = deque()
        self._writing: deque[tuple[Sequence[tuple[FileRef, str]], Future[list[FileOutcome]]]] = deque()
        self._taken: Taken | None = None
        self._trouble = ""

    def run(self, job: ImportJob, finder: Finder, taken: Taken | None = None) -> ImportReport:
        """Import all files. When the job is cancelled, or the disk is full, what is read stays.

        Args:
            taken: told of each file once its outcome is in the library.
        """
        self._taken = taken
        started = time.monotonic()
        containers = Containers(finder, self._ask_password, looks_inside=self._order.keep is not Keep.TAKE)
        try:
            self._run(job, finder, containers)
        finally:
            for batch in self._reading:
                batch.future.cancel()
            self._store.release()
        return self._account.report(time.monotonic() - started, cancelled=job.cancelled, trouble=self._trouble)

    def _run(self, job: ImportJob, finder: Finder, containers: Containers) -> None:
        """Import until there is nothing left, or something is in the way."""
        try:
            if self._order.keep is Keep.COPY:
                self._see_to_room(job, finder)
            self._go_through(job, finder, containers)
        except InputError as error:
            self._stop(error.sentence)
        self._take_in_begun(finder, containers)
        self._collect_all(job)
        if not job.cancelled:
            self._write(containers.finish(self._account.viewable_paths))
            self._collect_all(job)
        job.report(self._progress, force=True)

    def _stop(self, sentence: str) -> None:
        """Begin nothing more: something is in the way. What is begun is brought to its end."""
        self._trouble = self._trouble or sentence

    def _rest(self, job: ImportJob, finder: Finder) -> None:
        """Wait while the job is paused. Meanwhile another disc may have been put in."""
        if job.paused:
            job.rest()
            self._stop(finder.find_gone())

    def _see_to_room(self, job: ImportJob, finder: Finder) -> None:
        """See that the disk has room for all copies, before the first one is made."""
        found: list[Found] = []
        while batch := finder.take(BATCH):
            found += batch
            self._rest(job, finder)
            if job.cancelled:
                return
        files = [item for item in found if isinstance(item, FileRef)]
        known = self._look_up(files, finder)
        check_space([file for file in files if not self._may_skip(known, file)], self._order.copies)
        finder.prefer(found)

    def _go_through(self, job: ImportJob, finder: Finder, containers: Containers) -> None:
        batches = 0
        while True:
            self._rest(job, finder)
            if job.cancelled or self._trouble:
                return
            found = finder.take(FIRST_BATCH if batches < self._pool.workers else BATCH)
            batches += 1
            self._finding = bool(found)
            if found:
                self._begin(found, finder)
            elif not self._reading:
                return
            most = 2 * self._pool.workers if found else len(self._reading) - 1
            while len(self._reading) > most and not (job.cancelled or self._trouble):
                self._take_in(finder, containers, lambda: job.cancelled)
            self._collect(job, wait=len(self._writing) > 4)
            job.report(self._progress)

    def _begin(self, found: Sequence[Found], finder: Finder) -> None:
        """Have files read; those that are known and unchanged are counted at once."""
        self._found += len(found)
        files = [item for item in found if isinstance(item, FileRef)]
        # First, since it notes the media that the others lie on too.
        known = self._look_up(files, finder)
        refusals = [(item.file, item) for item in found if isinstance(item, Refusal)]
        self._write(refusals)
        self._see_what_is_gone(refusals, finder)
        fresh = []
        for file in files:
            if self._may_skip(known, file):
                self._end(file, repeat_outcome(known[file]))
            else:
                fresh.append(file)
        if fresh:
            # Either may have come since the import began.
            order = replace(self._order, passwords=passwords(), charsets=find_charsets(self._store.reader()))
            self._reading.append(_Batch(fresh, order, self._pool.submit(fresh, order)))

    def _look_up(self, files: Sequence[FileRef], finder: Finder) -> dict[FileRef, KnownFile]:
        for identity in finder.media.keys() - self._media:
            # Its files may be in another place than the last time: that must be known before they are looked up.
            medium = finder.media[identity]
            self._store.write(partial(note_medium, medium=medium)).result()
            self._media.add(identity)
        known = known_files(self._store.reader(), files)
        copied = [file for file in known if known[file].is_copied]
        for file in find_lost_copies(self._store.reader(), copied):
            del known[file]
        return known

    def _may_skip(self, known: Mapping[FileRef, KnownFile], file: FileRef) -> bool:
        return file in known and may_skip(known[file], file, self._order.keep)

    def _take_in_begun(self, finder: Finder, containers: Containers) -> None:
        """Of an import that was cancelled or stopped, write what was begun: it may be copied already."""
        self._reading = deque(batch for batch in self._reading if not batch.future.cancel())
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._reading and self._take_in(finder, containers, lambda: time.monotonic() > end):
            pass

    def _take_in(self, finder: Finder, containers: Containers, given_up: Callable[[], bool]) -> bool:
        """Write what the oldest batch gave, and look into the archives and DICOMDIRs that were in it.

        Return whether it was there before all was given up.
        """
        batch = self._reading.popleft()
        readings = self._pool.result(batch.files, batch.future, batch.order, given_up)
        if readings is None:
            self._reading.appendleft(batch)
            return False
        kept: list[tuple[FileRef, Met]] = []
        for file, reading in zip(batch.files, readings, strict=True):
            if isinstance(reading, NotCopied):
                self._stop(reading.reason)
                self._account.add(FileOutcome(file.path, Outcome.REJECTED, reading.reason))
                self._done += 1
            else:
                kept.append((file, reading))
        plain = containers.take_out(kept)
        self._stop(containers.trouble)
        self._write(plain)
        self._see_what_is_gone(plain, finder)
        return True

    def _see_what_is_gone(self, readings: Sequence[tuple[FileRef, Header | Refusal]], finder: Finder) -> None:
        if any(isinstance(reading, Refusal) and reading.unreachable for _, reading in readings):
            self._stop(finder.find_gone())

    def _write(self, readings: Sequence[tuple[FileRef, Header | Refusal]]) -> None:
        if readings:
            future = self._store.write(partial(add_readings, readings=[reading for _, reading in readings]))
            self._writing.append(([(file, _copy_of(reading)) for file, reading in readings], future))

    def _collect_all(self, job: ImportJob) -> None:
        while self._writing:
            self._collect(job, wait=True)

    def _collect(self, job: ImportJob, *, wait: bool) -> None:
        changed = False
        while self._writing and (wait or self._writing[0][1].done()):
            files, future = self._writing.popleft()
            try:
                outcomes = future.result()
            except InputError as error:
                self._stop(error.sentence)
                for file, _ in files:
                    self._account.add(FileOutcome(file.path, Outcome.REJECTED, _NOT_WRITTEN))
                self._done += len(files)
                continue
            for (file, _), outcome in zip(files, outcomes, strict=True):
                self._end(file, outcome)
            self._drop_copies([(copy, outcome) for (_, copy), outcome in zip(files, outcomes, strict=True) if copy])
            changed = True
            wait = False
        if changed:
            self._events.publish(LibraryChanged())
            job.report(self._progress)

    def _drop_copies(self, made: Sequence[tuple[str, FileOutcome]]) -> None:
        """Take away copies that the library does not want: of what it could not note, or has a copy of already."""
        db = self._store.reader()
        names = {
            copy
            for copy, outcome in made
            if outcome.outcome not in VIEWABLE
            or (outcome.outcome is Outcome.DUPLICATE and has_copied_twin(db, outcome.path))
        }
        for name in names - known_copies(db, names):
            with contextlib.suppress(OSError):
                (self._order.copies / name).unlink(missing_ok=True)

    def _end(self, file: FileRef, outcome: FileOutcome) -> None:
        """Account for a file whose outcome is in the library."""
        self._done += 1
        self._account.add(outcome)
        if self._taken is not None:
            self._taken(file, outcome)

    def _progress(self) -> ImportProgress:
        return ImportProgress(self._found, self._done, len(self._account.studies), self._finding)


def _copy_of(reading: Header | Refusal) -> str:
    return reading.copy.name if isinstance(reading, Header) and reading.copy is not None else ""


def may_skip(known: KnownFile, file: FileRef, keep: Keep) -> bool:
    """Whether a file that was met before need not be read again.

    One that has changed must. One that could not be read may be readable now: rights and cables change without the
    file's own date. One that was there twice is looked at again, since the other one may be gone. What holds or lists
    other files is looked into each time. One that is to be copied must have a copy, and one that was taken an instance.
    """
    lost = known.outcome in (Outcome.ADDED, Outcome.UPDATED, Outcome.CONFLICT) and not known.study
    again = known.outcome in (Outcome.REJECTED, Outcome.DUPLICATE) or known.is_container or lost
    to_copy = keep is not Keep.IN_PLACE and known.outcome in VIEWABLE and not known.is_copied
    return known.file == file and not again and not to_copy


def repeat_outcome(known: KnownFile) -> FileOutcome:
    """Return the outcome of a file that is as it was."""
    same = known.outcome in (Outcome.ADDED, Outcome.UPDATED)
    outcome = Outcome.UNCHANGED if same else known.outcome
    return FileOutcome(known.file.path, outcome, known.reason, known.study)
