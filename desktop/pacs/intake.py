"""Where objects go that come over the network: the listener is given it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ..errors import InputError


class NoRoom(InputError):  # noqa: N818 - a finding about a disk
    """There is no room for what comes."""

    code = "no_room"

    def __init__(self) -> None:
        super().__init__("The disk of the library is full. What has come is kept. Make room, and fetch the rest again.")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends.

    Attributes:
        aet: the AE title by which it calls itself.
        address: where it is.
    """

    aet: str
    address: str


class NoIntake:
    """Takes nothing, over associations on which nothing comes."""

    def room(self) -> int:
        """None."""
        return 0

    def put(self, sender: Sender) -> AbstractContextManager[BinaryIO]:
        """Never called, as there is no room."""
        raise AssertionError(sender)

    def note_refused(self, sender: Sender, reason: str) -> None:
        """Never called, as nobody calls."""
        raise AssertionError(sender, reason)


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
