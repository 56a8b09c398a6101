"""Publish and subscribe between the rings, without Qt.

Events are frozen dataclasses named by past-tense facts. Listeners are called in the publisher's thread, so they
return at once: the window's listener only queues.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all facts that are announced."""


@dataclass(frozen=True, slots=True)
class LibraryChanged(Event):
    """Studies were added or changed."""


@dataclass(frozen=True, slots=True)
class StudyReceived(Event):
    """A study came over the network, and nothing more of it came for a while.

    Attributes:
        senders: AE titles.
        received: how many objects; the counts below are of some of them.
        duplicates: were here already.
        conflicts: have the SOP Instance UID of another object; both are kept.
    """

    study_uid: str
    senders: tuple[str, ...]
    received: int
    duplicates: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class ObjectsRefused(Event):
    """Objects came over the network that the library cannot take. They are kept aside.

    Attributes:
        senders: AE titles.
        reasons: sentences.
    """

    senders: tuple[str, ...]
    count: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallRefused(Event):
    """Somebody wanted to send, and was not let in.

    Attributes:
        reason: a sentence.
    """

    aet: str
    address: str
    reason: str


class Events:
    """Where facts are announced. Safe to use from any thread."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._lock = threading.Lock()

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``listener`` for each event from now on; returns the function that ends this."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Announce ``event`` to all listeners, in the caller's thread."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(event)
