"""Sends studies, series, single objects and what was made here to other archives, and keeps account of each object."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ..dicom.frames import NoFrame
from ..dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from ..errors import InputError, NegatoscopeError, PeerError
from ..events import Events, LibraryChanged
from ..jobs import Job
from ..library.sendable import Sendable, find_sendable
from ..library.store import Store
from ..library.stored import note_sent
from ..pacs.leash import Leash
from ..pacs.nodes import Node, WebNode
from ..pacs.parcels import Delivered, NotSendable, Parcel
from ..pacs.secrets import Secrets
from ..pacs.sending import store, stow
from ..pictures.service import Pictures
from ..pictures.stored import Stored, find_stored
from .conversing import Take
from .persisting import ATTEMPTS, PASSING, converse, wait_before


@dataclass(frozen=True, slots=True)
class SendAsk:
    """What is to be sent.

    Attributes:
        study_uids: under which studies are served; none: of all studies, where only what was made here is sent.
        series_uid, instance_uid: only this one of the study; empty for all.
        unsent: only what the viewer made and was not sent anywhere yet.
    """

    node: Node
    study_uids: tuple[str, ...] = ()
    series_uid: str = ""
    instance_uid: str = ""
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class SendProgress:
    """How far it is: objects that were sent, of how many, and their bytes."""

    objects: int
    total: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SendReport:
    """What came of it.

    Attributes:
        outcomes: of each object, in order, with the UIDs under which it is served here.
        error: why it ended before its time.
    """

    node: str
    outcomes: tuple[tuple[tuple[str, str, str], Delivered], ...]
    seconds: float
    error: NegatoscopeError | None = None

    @property
    def sent(self) -> int:
        """How many objects the node has now."""
        return sum(delivered.is_there for _, delivered in self.outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether it has all of them."""
        return self.error is None and self.sent == len(self.outcomes)


SendJob = Job[SendProgress, SendReport]


class Sending:
    """Sends on behalf of window and command line."""

    def __init__(self, store: Store, pictures: Pictures, events: Events) -> None:
        self._store = store
        self._pictures = pictures
        self._events = events

    def start(
        self, ask: SendAsk, secrets: Secrets, on_progress: Callable[[SendProgress], None] | None = None
    ) -> SendJob:
        """Send, in a thread."""
        run = _Run(ask, secrets, self._store, self._pictures, self._events)
        return Job("send", run.run, on_progress=on_progress).start()


class _Run:
    """One sending."""

    def __init__(self, ask: SendAsk, secrets: Secrets, store: Store, pictures: Pictures, events: Events) -> None:
        self._ask = ask
        self._secrets = secrets
        self._store = store
        self._pictures = pictures
        self._events = events
        self._outcomes: dict[int, Delivered] = {}
        self._bytes = 0

    def run(self, job: SendJob) -> SendReport:
        """Send, in the job's thread.

        Raises:
            InputError: there is nothing to be sent.
        """
        started, ask = time.monotonic(), self._ask
        try:
            found = find_sendable(
                self._store.reader(), ask.study_uids, ask.series_uid, ask.instance_uid, unsent=ask.unsent
            )
            if not found:
                raise InputError(_NOTHING_MADE if ask.unsent else _NOTHING)
            parcels = {number: self._wrap(number, one) for number, one in enumerate(found)}
            error = self._try(job, found, parcels)
        finally:
            self._store.release()
        lost = Delivered("", is_there=False, status=None, sentence="It was not sent: this was ended before.")
        outcomes = tuple((one.place, self._outcomes.get(number, lost)) for number, one in enumerate(found))
        return SendReport(ask.node.name, outcomes, time.monotonic() - started, error)

    def _try(
        self, job: SendJob, found: Sequence[Sendable], parcels: dict[int, Parcel | None]
    ) -> NegatoscopeError | None:
        """Send what has no outcome yet, again and again where the node may do better the next time."""
        for attempt in range(1, ATTEMPTS + 1):
            waiting = [(number, parcel) for number, parcel in parcels.items() if number not in self._outcomes]
            try:
                self._send(job, found, [(number, parcel) for number, parcel in waiting if parcel is not None])
            except PeerError as error:
                if job.cancelled or error.kind not in PASSING or attempt == ATTEMPTS:
                    return error
                wait_before(job, attempt)
            else:
                return None
        raise AssertionError("the last attempt ends it")

    def _send(self, job: SendJob, found: Sequence[Sendable], waiting: Sequence[tuple[int, Parcel]]) -> None:
        if not waiting:
            return

        def send(node: Node, secret: str, leash: Leash, take: Take[Delivered]) -> bool:
            parcels = [parcel for _, parcel in waiting]

            def tell(delivered: Delivered) -> None:
                take([delivered])

            if isinstance(node, WebNode):
                stow(node, secret, leash, parcels, tell)
            else:
                store(node, secret, leash, parcels, tell)
            return True

        # Objects are told of one by one; those of one UID, in their order.
        left: dict[str, list[int]] = {}
        for number, parcel in waiting:
            left.setdefault(parcel.sop_instance, []).append(number)

        def on_delivered(some: Sequence[Delivered]) -> None:
            copies = []
            for delivered in some:
                number = left[delivered.sop_instance].pop(0)
                self._outcomes[number] = delivered
                self._bytes += delivered.bytes
                if delivered.is_there and found[number].copy:
                    copies.append(found[number].copy)
            if copies:
                self._store.write(partial(note_sent, copies=copies)).result()
                self._events.publish(LibraryChanged())
            job.report(lambda: SendProgress(len(self._outcomes), len(found), self._bytes))

        converse(job, self._ask.node, self._secrets, send, on_delivered)

    def _wrap(self, number: int, one: Sendable) -> Parcel | None:
        """Make a parcel of an object; None if it cannot be sent, which is noted."""
        from ..pictures.transcoding import can_write

        stored = find_stored(self._store.reader(), one.place)
        sentence = find_obstacle(one, stored)
        if sentence or stored is None:
            self._outcomes[number] = Delivered(one.SOPInstanceUID, is_there=False, status=None, sentence=sentence)
            return None
        return Parcel(
            stored.instance.SOPClassUID,
            one.SOPInstanceUID,
            stored.pixels.TransferSyntaxUID,
            can_write(stored.pixels, EXPLICIT_VR_LITTLE_ENDIAN),
            partial(self._open, stored),
        )

    def _open(self, stored: Stored, syntax: str) -> Iterator[bytes]:
        from ..pictures.transcoding import read_stored, transcode

        try:
            if syntax == stored.pixels.TransferSyntaxUID:
                whole = read_stored(stored.located)
            else:
                whole = transcode(stored, syntax, self._pictures.decode_plain)
            yield from whole.pieces
        except (NoFrame, InputError) as error:
            raise NotSendable(str(error)) from error
        except OSError as error:
            raise NotSendable("Its file cannot be read now. Was its disc or stick taken out?") from error


_NOTHING = "There is nothing of that in the library."
_NOTHING_MADE = "There is nothing that was made here and not sent yet."


def find_obstacle(one: Sendable, stored: Stored | None) -> str:
    """Return why an object cannot be sent at all; empty if it can."""
    if stored is None:
        return "It is not in the library any more."
    if not one.SOPInstanceUID or not stored.instance.SOPClassUID:
        return "Its file has no SOP Instance UID or SOP Class UID of its own, so no archive would take it."
    if one.is_made_here and one.is_known_otherwise:
        return "It was made for a study that is shown here under another UID than it has, and names that one."
    return ""
