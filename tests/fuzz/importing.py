"""The real import of many damaged files at once: the walk, the worker processes, the library and its display sets."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from desktop.events import Events
from desktop.importers.reading import ReaderPool
from desktop.importers.report import Account, ImportReport
from desktop.library import adding
from desktop.library.outcomes import VIEWABLE, FileOutcome, Outcome
from desktop.library.queries import find_instances
from desktop.library.store import Store
from desktop.services.importing import ImportAsk, Importing
from desktop.services.presence import Presence
from desktop.services.viewing import Viewing

from .examining import Trouble, make_trouble, noting

EDGE = re.compile(r"Its header is damaged \((\w+)\)|Reading it crashed|nested too deeply\.$|this computer's memory")
"""What the edges of reading and adding say of an exception that nobody expected."""

_SECONDS = 5
_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the files.

    Attributes:
        counts: how many came to each outcome, in the first of two imports.
        troubles: what must not happen, each with the name of its file, or none if it is of all.
    """

    counts: Counter[str]
    troubles: tuple[tuple[str, Trouble], ...]


def import_twice(folder: Path, base: Path, pool: ReaderPool) -> Imported:
    """Import all files of ``folder`` into a new library below ``base``, twice, and compare every account."""
    troubles: list[tuple[str, Trouble]] = []
    unexpected: list[Trouble] = []
    paths = {str(path) for path in folder.iterdir()}
    with ExitStack() as closing:
        store = closing.enter_context(Store(base / "library.sqlite"))
        importing = Importing(store, pool, Events(), base / "copies")
        closing.callback(importing.close)
        closing.enter_context(noting(adding._Adder, "add", unexpected))
        reports = []
        for _ in range(2):
            with _accounts() as accounted:
                job = importing.start(ImportAsk((str(folder),)))
                if not job.join(_PATIENCE + _SECONDS * len(paths) / pool.workers):
                    return Imported(Counter(), (("", Trouble("import", "time")),))
            troubles += [("", trouble) for trouble in unexpected]
            if job.result is None:
                error = job.error or AssertionError("no report")
                return Imported(Counter(), (*troubles, ("", make_trouble("import", error))))
            reports.append(job.result)
            troubles += _check_account(job.result, accounted, paths)
        troubles += _check_again(*reports)
        try:
            _check_display_sets(store)
        except Exception as error:  # noqa: BLE001 - each is a finding
            troubles.append(("", make_trouble("display sets", error)))
    counts = Counter({outcome.value: count for outcome, count in reports[0].counts.items() if count})
    return Imported(counts, tuple(troubles))


@contextmanager
def _accounts() -> Iterator[list[FileOutcome]]:
    """Gather the outcome of each file; a report names those only of which there is something to say."""
    gathered: list[FileOutcome] = []
    inner = Account.add

    def add(account: Account, outcome: FileOutcome) -> None:
        gathered.append(outcome)
        inner(account, outcome)

    with mock.patch.object(Account, "add", add):
        yield gathered


def _check_account(
    report: ImportReport, accounted: list[FileOutcome], paths: set[str]
) -> Iterator[tuple[str, Trouble]]:
    times = Counter(outcome.path for outcome in accounted)
    # Others are what archives hold, and what DICOMDIRs list and is not there, which each DICOMDIR tells anew.
    for path in paths | {path for path in times if "\0" in path}:
        if times[path] != 1:
            yield Path(path).name, Trouble("account", f"{times[path]} outcomes")
    if report.trouble:
        yield "", Trouble("import", f"stopped: {report.trouble}")
    if report.found != len(accounted):
        yield "", Trouble("account", "the sum of the outcomes is not the number of files")
    for outcome in accounted:
        if outcome.outcome not in VIEWABLE and not outcome.reason:
            yield Path(outcome.path).name, Trouble("account", "a refusal without a reason")
        if (edge := EDGE.search(outcome.reason)) is not None:
            yield Path(outcome.path).name, Trouble("import", edge[1] or edge[0])


def _check_again(first: ImportReport, second: ImportReport) -> Iterator[tuple[str, Trouble]]:
    if first.viewable != second.viewable:
        yield "", Trouble("account", "the second import takes others than the first")
    if second.counts[Outcome.ADDED] or second.counts[Outcome.UPDATED]:
        yield "", Trouble("account", "the second import adds what is there already")


def _check_display_sets(store: Store) -> None:
    """Each instance of the library is in exactly one display set of its study."""
    viewing = Viewing(store, Presence(store, Events()))
    for entry in viewing.studies():
        uid = entry.study.StudyInstanceUID
        sets = viewing.display_sets(uid)
        json.dumps([made.to_json() for made in sets], allow_nan=False)
        shown = Counter(instance.SOPInstanceUID for made in sets for instance in made.instances)
        if shown != Counter(found.instance.SOPInstanceUID for found in find_instances(store.reader(), uid)):
            raise AssertionError("an instance is shown more than once, or not at all")


def peak_memory(pool: ReaderPool) -> int:
    """Return the highest resident set that a worker process of the pool has had, in bytes; 0 where nobody tells."""
    if sys.platform != "linux":
        return 0
    peaks = [0]
    for pid in pool.pids:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) * 1024)
    return max(peaks)
