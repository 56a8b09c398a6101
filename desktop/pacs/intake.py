"""Where objects go that come over the network: the listener is given it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends.

    Attributes:
        aet: the AE title by which it calls itself.
        address: where it is.
    """

    aet: str
    address: str


class Intake(Protocol):
    """Takes objects. Called by several threads at once."""

    def room(self) -> int:
        """Return how many bytes may still be written."""

    def put(self, sender: Sender) -> AbstractContextManager[BinaryIO]:
        """Write one file, that is there as a whole when the ``with`` block ends well, and else not at all.

        Raises:
            OSError: it cannot be written.
        """

    def note_refused(self, sender: Sender, reason: str) -> None:
        """Be told that somebody was not let in; ``reason`` is a sentence."""
