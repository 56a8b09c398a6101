"""Receives what others send over the network: the listener, the inbox behind it, and what is said of what came."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ..callers import Callers
from ..errors import InputError
from ..events import CallRefused, Events
from ..library.outcomes import FileOutcome
from ..pacs.failures import explain_cancel
from ..pacs.intake import Sender
from ..pacs.listener import Listener, Listening, make_tls
from ..pacs.nodes import DimseNode
from ..settings import Settings
from ..sites import find_way
from .arrivals import Arrivals
from .inbox import Inbox

_LOOK_SECONDS = 0.25
_STOP_SECONDS = 2.0


class Receiving:
    """The Storage SCP, with all that belongs to it.

    Each object goes into the inbox; who sends it is answered then. The inbox takes it into the library by itself, and
    a study of which nothing more comes is announced by :class:`~desktop.events.StudyReceived`.
    """

    def __init__(self, inbox: Inbox, events: Events, arrivals: Arrivals | None = None) -> None:
        self._inbox = inbox
        self._events = events
        self._arrivals = arrivals or Arrivals()
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._is_permanent = False
        self._turn = threading.Lock()
        self._something = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int | None:
        """Where we listen; None if we do not."""
        return None if self._listener is None else self._listener.port

    def listen(self, settings: Settings) -> int:
        """Listen as the settings say, until closed; return the port.

        Raises:
            InputError: the port cannot be opened, or the certificate cannot be used.
        """
        with self._turn:
            if self._listener is None:
                self._listener = self._open(settings)
                self._is_permanent = True
            return self._listener.port

    def _open(self, settings: Settings) -> Listener:
        made = Listener(_plan(settings), self)
        if self._thread is None:
            self._thread = threading.Thread(target=self._announce, name="receiving", daemon=True)
            self._thread.start()
        return made

    @contextlib.contextmanager
    def awaiting(
        self, settings: Settings, node: DimseNode, given_up: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Listen for what a node sends because it was asked to by C-MOVE, in the ``with`` block.

        If we do not listen anyway, only that node may call, and only meanwhile; others have their turn after it.

        Args:
            given_up: asked while it waits for its turn.

        Raises:
            InputError: the port cannot be opened, or we listen under another AE title than the node knows.
            PeerError: it was given up.
        """
        if self._is_permanent:
            if settings.listen_aet != node.our_aet:
                raise InputError(
                    f"{node.name} knows this program as {node.our_aet}, but it receives as {settings.listen_aet}. "
                    "Make them the same: in the setting listen_aet, or by adding the node with --our-aet."
                )
            yield
            return
        try:
            ours, theirs = find_way(node.host)
        except (OSError, UnicodeError) as error:
            raise InputError(f"There is no way to {node.host}. Check its name, and the network.") from error
        told = replace(settings, listen_aet=node.our_aet, listen_address=ours, listen_callers=(theirs,))
        while not self._turn.acquire(timeout=_LOOK_SECONDS):
            if given_up():
                raise explain_cancel(node)
        try:
            self._listener = self._open(told)
            try:
                yield
            finally:
                self._listener.close()
                self._listener = None
        finally:
            self._turn.release()

    def settle(self, seconds: float) -> None:
        """Wait so long for the library to take what came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._arrivals.waiting:
            time.sleep(_LOOK_SECONDS / 5)

    def finish(self, seconds: float) -> None:
        """Stop listening, wait so long for the library to take what came, and announce all of it."""
        if self._listener is not None:
            self._listener.close()
        self.settle(seconds)
        with self._lock:
            rest = self._arrivals.take_all()
        for event in rest:
            self._events.publish(event)

    def close(self) -> None:
        """End all associations, and stop. May be called twice."""
        if self._listener is not None:
            self._listener.close()
        self._stop.set()
        self._something.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def room(self) -> int:
        """Return how many bytes may still be written."""
        return self._inbox.room()

    @contextlib.contextmanager
    def put(self, sender: Sender) -> Iterator[BinaryIO]:
        """Write one object into the inbox; see :class:`~desktop.pacs.intake.Intake`."""
        number = 0
        try:
            with self._inbox.put(lambda outcome: self._note_outcome(number, outcome)) as file:
                yield file
                with self._lock:
                    number = self._arrivals.note_come(sender.aet, time.monotonic())
        except BaseException:
            with self._lock:
                self._arrivals.note_lost(number)
            raise

    def note_refused(self, sender: Sender, reason: str) -> None:
        """Announce that somebody was not let in."""
        self._events.publish(CallRefused(sender.aet, sender.address, reason))

    def _note_outcome(self, number: int, outcome: FileOutcome) -> None:
        with self._lock:
            self._arrivals.note_outcome(number, outcome)
        self._something.set()

    def _announce(self) -> None:
        while True:
            self._something.wait()
            if self._stop.wait(_LOOK_SECONDS):
                return
            with self._lock:
                due = self._arrivals.take_due(time.monotonic())
                if self._arrivals.is_empty:
                    self._something.clear()
            for event in due:
                self._events.publish(event)


def _plan(settings: Settings) -> Listening:
    tls = None
    if settings.listen_certificate:
        authorities = settings.listen_authorities
        tls = make_tls(Path(settings.listen_certificate), Path(authorities) if authorities else None)
    return Listening(
        settings.listen_aet,
        settings.listen_address,
        settings.listen_port,
        Callers(settings.listen_callers),
        settings.listen_associations,
        tls,
    )
