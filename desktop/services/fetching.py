"""Fetches studies from other archives into the library, until all that is there is here, or it is known what is not."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import BinaryIO, TypeVar

from ..counting import count_of
from ..errors import InputError, NegatoscopeError, PeerError
from ..jobs import Job
from ..library.held import find_held_instances
from ..library.outcomes import VIEWABLE, FileOutcome
from ..library.store import Store
from ..library.transfers import TransferState, begin_transfer, end_transfer, find_unfinished
from ..pacs.failures import Failure
from ..pacs.intake import Sender
from ..pacs.leash import Leash
from ..pacs.listing import Listing, list_instances
from ..pacs.nodes import DimseNode, Node, Retrieve, WebNode
from ..pacs.retrieving import Tally, Wanted, get, move, wado
from ..pacs.secrets import Secrets
from ..settings import Settings
from .conversing import Take
from .inbox import Inbox
from .persisting import ATTEMPTS, PASSING, converse, wait_before
from .receiving import Receiving

_SETTLE_SECONDS = 120.0
_OTHER_WAY = frozenset({Failure.NO_CONTEXT, Failure.REFUSED})
"""Why another way of fetching may work."""

_NOT_SO = frozenset({Failure.ABORTED, Failure.CUT_OFF})
"""How some nodes say that they do not do this, before they have sent anything."""

Result = TypeVar("Result")


class Way(StrEnum):
    """How images are fetched."""

    GET = "C-GET"
    MOVE = "C-MOVE"
    WADO = "WADO-RS"


@dataclass(frozen=True, slots=True)
class FetchAsk:
    """What is to be fetched.

    Attributes:
        series_uid: empty for the whole study.
        instance_uid: of the series; empty for all of it.
        retrieve: over DIMSE; None for what the node's entry says.
        title: for people, where transfers are listed.
    """

    node: Node
    study_uid: str
    series_uid: str = ""
    instance_uid: str = ""
    retrieve: Retrieve | None = None
    title: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far it is.

    Attributes:
        images: that are here, those that were here before among them.
        total: None while nobody knows.
        seconds_left: None while nobody can tell.
    """

    images: int
    total: int | None
    bytes: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What came of it.

    Attributes:
        listed: instances that the node has; None if it does not tell.
        before: how many of them were here before.
        fetched: how many came.
        missing: SOP Instance UIDs of those that are listed and not here.
        uncertain: the node did not list its instances, so nobody can tell whether all are here.
        refused: why objects that came are not in the library, with how many.
        ways: by which it was tried.
        notes: sentences.
        bytes: of data sets that came to us directly.
    """

    node: str
    study_uid: str
    listed: int | None
    before: int
    fetched: int
    missing: tuple[str, ...]
    uncertain: bool
    refused: tuple[tuple[str, int], ...]
    ways: tuple[Way, ...]
    notes: tuple[str, ...]
    bytes: int
    seconds: float
    error: NegatoscopeError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every instance that the node lists is here."""
        return not self.missing and not self.uncertain and self.error is None


FetchJob = Job[FetchProgress, FetchReport]


class Fetching:
    """Fetches on behalf of window and command line."""

    def __init__(self, store: Store, inbox: Inbox, receiving: Receiving) -> None:
        self._store = store
        self._inbox = inbox
        self._receiving = receiving
        self._ending = threading.Event()

    def end(self) -> None:
        """The program ends: what is stopped from now on goes on at the next start."""
        self._ending.set()

    def start(
        self,
        ask: FetchAsk,
        secrets: Secrets,
        settings: Settings,
        on_progress: Callable[[FetchProgress], None] | None = None,
        on_end: Callable[["FetchJob"], None] | None = None,
    ) -> FetchJob:
        """Fetch, in a thread. What has come stays, however it ends."""
        run = _Run(ask, secrets, settings, self._store, self._inbox, self._receiving, self._ending)
        return Job("fetch", run.run, on_progress=on_progress, on_end=on_end).start()

    def find_unfinished(self, nodes: Sequence[Node]) -> list[FetchAsk]:
        """Return what was being fetched when the program was ended, as far as the archives are still known."""
        by_name = {node.name: node for node in nodes}
        try:
            entries = find_unfinished(self._store.reader())
        finally:
            self._store.release()
        return [
            FetchAsk(
                by_name[entry.node],
                entry.study_uid,
                entry.series_uid,
                entry.instance_uid,
                Retrieve(entry.retrieve) if entry.retrieve else None,
                entry.title,
            )
            for entry in entries
            if entry.node in by_name
        ]


class _Intake:
    """Puts what comes into the inbox, and keeps account of what became of it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self.pending = 0
        self.refused: Counter[str] = Counter()

    def room(self) -> int:
        return self._inbox.room()

    @contextlib.contextmanager
    def put(self, _sender: Sender) -> Iterator[BinaryIO]:
        with self._lock:
            self.pending += 1
        try:
            with self._inbox.put(self._note) as file:
                yield file
        except BaseException:
            with self._changed:
                self.pending -= 1
                self._changed.notify_all()
            raise

    def note_refused(self, _sender: Sender, _reason: str) -> None:
        raise AssertionError("nobody calls over an association of ours")

    def _note(self, outcome: FileOutcome) -> None:
        with self._changed:
            self.pending -= 1
            if outcome.outcome not in VIEWABLE:
                self.refused[outcome.reason] += 1
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """Wait until the library has all that came."""
        with self._changed:
            self._changed.wait_for(lambda: not self.pending, seconds)


class _Run:
    """One fetching."""

    def __init__(
        self,
        ask: FetchAsk,
        secrets: Secrets,
        settings: Settings,
        store: Store,
        inbox: Inbox,
        receiving: Receiving,
        ending: threading.Event,
    ) -> None:
        self._ask = ask
        self._secrets = secrets
        self._settings = settings
        self._store = store
        self._receiving = receiving
        self._ending = ending
        self._intake = _Intake(inbox)
        self._listing: Listing | None = None
        self._before: set[str] = set()
        self._notes: dict[str, None] = {}
        self._used: dict[Way, None] = {}
        self._bytes = 0
        self._done_bytes = 0
        self._objects = 0
        self._started = time.monotonic()

    def run(self, job: FetchJob) -> FetchReport:
        """Fetch, in the job's thread."""
        ask = self._ask
        beginning = partial(
            begin_transfer,
            node=ask.node.name,
            study_uid=ask.study_uid,
            series_uid=ask.series_uid,
            instance_uid=ask.instance_uid,
            retrieve="" if ask.retrieve is None else ask.retrieve.value,
            title=ask.title,
        )
        number = self._store.write(beginning).result()
        error: NegatoscopeError | None = None
        try:
            error = self._try(job)
        finally:
            self._store.release()
        report = self._report(error)
        if not (job.cancelled and self._ending.is_set()):
            self._note_end(number, report, cancelled=job.cancelled)
        return report

    def _note_end(self, number: int, report: FetchReport, *, cancelled: bool) -> None:
        ending = partial(
            end_transfer,
            number=number,
            state=find_state(report, cancelled=cancelled),
            fetched=report.fetched,
            missing=len(report.missing),
            trouble="" if report.error is None else report.error.sentence,
        )
        # If the library cannot be written, it is tried again at the next start.
        with contextlib.suppress(InputError):
            self._store.write(ending).result()

    def _try(self, job: FetchJob) -> NegatoscopeError | None:
        """Fetch by one way after the other; return why it ended before its time."""
        ways = list(find_ways(self._ask))
        while True:
            error = self._try_way(job, ways[0], is_last=len(ways) == 1)
            if job.cancelled or len(ways) == 1 or self._listing is None:
                return error
            if isinstance(error, PeerError) and self._may_go_otherwise(error):
                self._note(error.sentence)
            elif error is not None or not self._listing.is_whole or not self._wanted():
                return error
            self._note(f"What did not come by {ways[0].value} is asked for by {ways[1].value}.")
            del ways[0]

    def _may_go_otherwise(self, error: PeerError) -> bool:
        return error.kind in _OTHER_WAY or (error.kind in _NOT_SO and not self._objects)

    def _try_way(self, job: FetchJob, way: Way, *, is_last: bool) -> NegatoscopeError | None:
        """Fetch by one way, again and again where the node may do better the next time."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._listing is None:
                    self._listing = self._list(job)
                    self._before = self._held()
                if self._wanted():
                    self._fetch(job, way)
            except PeerError as error:
                gives_up = error.kind not in PASSING or attempt == ATTEMPTS
                if job.cancelled or gives_up or (self._used and not is_last and self._may_go_otherwise(error)):
                    return error
                self._note(error.sentence)
                wait_before(job, attempt)
            except InputError as error:
                return error
            else:
                return None
        raise AssertionError("the last attempt ends it")

    def _list(self, job: FetchJob) -> Listing:
        ask = self._ask

        def search(node: Node, secret: str, leash: Leash, _take: Take[Tally]) -> Listing:
            return list_instances(node, secret, leash, ask.study_uid, ask.series_uid)

        try:
            found = self._converse(job, search)
        except PeerError as error:
            if error.kind not in _OTHER_WAY:
                raise
            # It has no search, but may send what is named.
            self._note(error.sentence)
            found = Listing({}, (), None, is_whole=False)
        if ask.instance_uid:
            series = {uid: of for uid, of in found.series.items() if uid == ask.instance_uid}
            found = replace(found, series=series, count=len(series) or None)
        if found.is_whole and not found.series:
            raise InputError(f"{ask.node.name} has no such study, series or image.")
        if not found.is_whole:
            self._note(f"{ask.node.name} does not list the images of this study: whether all came cannot be told.")
        return found

    def _wanted(self) -> tuple[Wanted, ...]:
        assert self._listing is not None
        return choose_wanted(self._ask, self._listing, self._held())

    def _fetch(self, job: FetchJob, way: Way) -> None:
        self._used[way] = None
        self._objects = 0
        wanted = self._wanted()
        assert self._listing is not None
        classes = self._listing.classes
        with contextlib.ExitStack() as stack:
            if way is Way.MOVE:
                assert isinstance(self._ask.node, DimseNode)
                stack.enter_context(self._receiving.awaiting(self._settings, self._ask.node, lambda: job.cancelled))

            def fetch(node: Node, secret: str, leash: Leash, take: Take[Tally]) -> Tally:
                def tell(tally: Tally) -> None:
                    take([replace(tally)])

                if isinstance(node, WebNode):
                    return wado(node, secret, leash, wanted, self._intake, tell)
                if way is Way.MOVE:
                    return move(node, secret, leash, wanted, self._intake, tell)
                return get(node, secret, leash, wanted, classes, self._intake, tell)

            try:
                tally = self._converse(job, fetch)
            finally:
                self._done_bytes = self._bytes
                # What has come is here before anybody counts.
                self._intake.settle(_SETTLE_SECONDS)
                if way is Way.MOVE:
                    self._receiving.settle(_SETTLE_SECONDS)
        for note in tally.notes:
            self._note(note)
        if tally.failed:
            self._note(f"{self._ask.node.name} says that it could not send {count_of(tally.failed, 'image')}.")

    def _converse(self, job: FetchJob, ask: Callable[[Node, str, Leash, Take[Tally]], Result]) -> Result:
        def on_tallies(tallies: Sequence[Tally]) -> None:
            self._objects, self._bytes = tallies[-1].objects, self._done_bytes + tallies[-1].bytes
            job.report(self._progress)

        return converse(job, self._ask.node, self._secrets, ask, on_tallies)

    def _progress(self) -> FetchProgress:
        assert self._listing is not None or not self._objects
        total = None if self._listing is None else self._listing.count
        here = len(self._before & set(self._listing.series)) if self._listing is not None else 0
        images = here + self._objects
        passed = time.monotonic() - self._started
        left = None if not total or not self._objects else passed / self._objects * max(total - images, 0)
        return FetchProgress(min(images, total) if total else images, total, self._bytes, left)

    def _held(self) -> set[str]:
        patient = "" if self._listing is None else self._listing.PatientID
        return find_held_instances(self._store.reader(), self._ask.study_uid, patient)

    def _note(self, sentence: str) -> None:
        self._notes[sentence] = None

    def _report(self, error: NegatoscopeError | None) -> FetchReport:
        held = self._held()
        self._store.release()
        listing = self._listing
        listed = set() if listing is None else set(listing.series)
        count = None if listing is None else listing.count
        # A count says nothing of a part.
        counted = count is not None and not self._ask.series_uid and len(held) >= count
        is_certain = listing is not None and (listing.is_whole or counted)
        return FetchReport(
            self._ask.node.name,
            self._ask.study_uid,
            count,
            len(self._before & listed) if listing is not None and listing.is_whole else len(self._before),
            len(held - self._before),
            tuple(sorted(listed - held)),
            not is_certain,
            tuple(sorted(self._intake.refused.items())),
            tuple(self._used),
            tuple(self._notes),
            self._bytes,
            time.monotonic() - self._started,
            error,
        )


def find_state(report: FetchReport, *, cancelled: bool) -> TransferState:
    """Return how a fetching has ended."""
    if report.is_complete:
        return TransferState.COMPLETE
    if cancelled:
        return TransferState.CANCELLED
    return TransferState.FAILED if report.error is not None else TransferState.INCOMPLETE


def find_ways(ask: FetchAsk) -> Iterable[Way]:
    """Return by which ways something is fetched, the first one first."""
    if isinstance(ask.node, WebNode):
        return (Way.WADO,)
    chosen = ask.retrieve or ask.node.retrieve
    if chosen is Retrieve.MOVE:
        return (Way.MOVE,)
    return (Way.GET,) if chosen is Retrieve.GET else (Way.GET, Way.MOVE)


def choose_wanted(ask: FetchAsk, listing: Listing, held: set[str]) -> tuple[Wanted, ...]:
    """Decide what is asked for, so that nothing is sent that is here.

    Args:
        held: SOP Instance UIDs of the study that are here.
    """
    if not listing.is_whole:
        uids = (ask.instance_uid,) if ask.instance_uid else ()
        return (Wanted(ask.study_uid, ask.series_uid, uids),)
    missing: dict[str, list[str]] = {}
    sizes: Counter[str] = Counter()
    for uid, series in listing.series.items():
        sizes[series] += 1
        if uid not in held:
            missing.setdefault(series, []).append(uid)
    if not ask.series_uid and sum(map(len, missing.values())) == len(listing.series):
        return (Wanted(ask.study_uid),)
    is_all = {series: len(uids) == sizes[series] and not ask.instance_uid for series, uids in missing.items()}
    return tuple(
        Wanted(ask.study_uid, series, () if is_all[series] else tuple(uids)) for series, uids in missing.items()
    )
