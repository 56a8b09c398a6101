"""Two programs on one library: the first answers what the second asks of it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..handover import Answering, Request, hand_over
from ..importers.keeping import Keep
from ..importers.pipeline import ImportJob
from ..importers.report import ImportProgress, ImportReport
from ..jobs import Job
from ..library.imports import ImportState, find_imports, get_import
from ..library.store import Store
from .importing import ImportAsk, Importing

_IMPORT, _SHOW = "import", "show"
_BEAT_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0


class _Cancelled(Exception):  # noqa: N818 - leaves the conversation
    pass


class Requests:
    """Answers other programs, in the program that owns the library.

    Attributes:
        show: shows paths in the window (none: only the window itself); None where there is no window.
    """

    def __init__(self, importing: Importing) -> None:
        self.show: Callable[[tuple[str, ...]], None] | None = None
        self._importing = importing
        self._answering = 0
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Wait until nothing is being answered: whoever asked counts on this program."""
        with self._changed:
            self._changed.wait_for(lambda: not self._answering)

    def answer(self, request: Request, answering: Answering) -> None:
        """Do what is asked; runs in a thread of its own."""
        self._count(1)
        try:
            self._answer(request, answering)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._changed:
            self._answering += more
            self._changed.notify_all()

    def _answer(self, request: Request, answering: Answering) -> None:
        if request.command == _SHOW:
            if self.show is not None:
                self.show(request.paths)
            answering.finish({"shown": self.show is not None})
        elif request.command == _IMPORT:
            keep = Keep.COPY if request.options.get("copy") is True else Keep.IN_PLACE
            self._import(
                ImportAsk(request.paths, keep, on_progress=lambda progress: _tell(answering, progress)), answering
            )
        else:
            answering.fail("The program that has the library does not know this command. Use one version of it only.")

    def _import(self, ask: ImportAsk, answering: Answering) -> None:
        job = self._importing.start(ask)
        while not job.join(_BEAT_SECONDS):
            # Also where nothing goes on: so the asker, who waits for answers, comes to think of going.
            answering.progress({})
            if answering.gone:
                job.cancel()
        report = job.wait()
        answering.finish({"number": report.number, "studies": list(report.studies)})


def _tell(answering: Answering, progress: ImportProgress) -> None:
    answering.progress(
        {"found": progress.found, "done": progress.done, "studies": progress.studies, "walking": progress.walking}
    )


class RemoteImporting:
    """Has the program that owns the library import.

    Args:
        lock: the file by which the library is owned.
        store: where the account is found when it is done.
    """

    def __init__(self, lock: Path, store: Store) -> None:
        self._lock = lock
        self._store = store

    def start(self, ask: ImportAsk) -> ImportJob:
        """Import files and folders; the passwords of archives cannot be asked for."""
        job: ImportJob = Job(
            "import elsewhere", lambda job: self._run(job, ask), on_progress=ask.on_progress, on_end=ask.on_end
        )
        return job.start()

    def _run(self, job: ImportJob, ask: ImportAsk) -> ImportReport:
        paths = tuple(os.path.abspath(path) for path in ask.paths)  # noqa: PTH100 - resolves no links

        def follow(state: dict[str, Any]) -> None:
            if job.cancelled:
                raise _Cancelled
            if state:
                job.report(lambda: _progress(state))

        request = Request(_IMPORT, paths, {"copy": ask.keep is Keep.COPY})
        try:
            before = max((entry.number for entry in find_imports(self._store.reader())), default=0)
            answer = hand_over(self._lock, request, follow)
            return _find_report(self._store, answer)
        except _Cancelled:
            return self._wait_for_account(before, paths)
        finally:
            self._store.release()

    def _wait_for_account(self, before: int, paths: tuple[str, ...]) -> ImportReport:
        """Return the account of an import that was given up: the other program brings it to an end in good order.

        Args:
            before: the number of the newest import that was there already.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            for entry in find_imports(self._store.reader()):
                if entry.number > before and entry.sources == paths and entry.state is not ImportState.RUNNING:
                    return _find_report(self._store, {"number": entry.number})
            time.sleep(_BEAT_SECONDS)
        raise InputError("The import is being cancelled. Its account: negatoscope library report")


def show_elsewhere(lock: Path, paths: tuple[str, ...]) -> bool:
    """Have the program that owns the library show paths in its window; return whether it has one."""
    absolute = tuple(os.path.abspath(path) for path in paths)  # noqa: PTH100 - resolves no links
    return hand_over(lock, Request(_SHOW, absolute), timeout=10.0).get("shown") is True


def _progress(state: dict[str, Any]) -> ImportProgress:
    found, done, studies = (int(state.get(name) or 0) for name in ("found", "done", "studies"))
    return ImportProgress(found, done, studies, bool(state.get("walking")))


def _find_report(store: Store, answer: dict[str, Any]) -> ImportReport:
    number = int(answer.get("number") or 0)
    found = get_import(store.reader(), number)
    if found is None:
        raise InputError("The import is done, but its account could not be read.")
    entry, reasons = found
    return ImportReport(
        counts=dict(entry.counts),
        reasons=tuple(reasons),
        studies=tuple(str(uid) for uid in answer.get("studies") or ()),
        seconds=entry.seconds,
        cancelled=entry.state is ImportState.CANCELLED,
        trouble=entry.trouble,
        number=number,
    )
