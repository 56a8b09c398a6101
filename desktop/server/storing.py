"""Who stores and deletes; the server does not know how."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import InputError

OUT_OF_RESOURCES = 0xA700
OTHER_STUDY = 0xA900
NOT_UNDERSTOOD = 0xC000
PROCESSING_FAILURE = 0x0110
"""Why an instance was not stored (PS3.18 Table 10.5.3-3)."""


COERCED = 0xB000
NOT_OF_ITS_CLASS = 0xB007
"""What is to be said of an instance that was stored (PS3.18 Table 10.5.3-2): some values are served otherwise than they
were sent; it does not match its SOP class."""


class NotTheOwner(InputError):  # noqa: N818 - what the program is not
    """Another program has the library."""

    code = "not_the_owner"


class NoRoom(InputError):  # noqa: N818 - a finding about a disk
    """The disk of the library is full."""

    code = "no_room"


class NothingThere(InputError):  # noqa: N818 - a finding
    """There is no such study, series or instance."""

    code = "nothing_there"


@dataclass(frozen=True, slots=True)
class Wish:
    """How files are to be stored.

    Attributes:
        study_uid: the study to which all of them must belong; empty for any.
        made_here: they were made by the viewer of this program, of what it is served.
    """

    study_uid: str = ""
    made_here: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one file.

    Attributes:
        SOPClassUID, SOPInstanceUID: as it has them; empty where it cannot be read.
        place: the UIDs of study, series and instance under which it is served; None if it is not stored.
        reason: a failure reason of PS3.18 Table 10.5.3-3; 0 if it is stored.
        warning: a warning reason of PS3.18 Table 10.5.3-2, beside that of ``original``; 0 if there is none.
        sentence: what is to be said of it; or empty.
        original: its own UIDs, where they were made.
    """

    SOPClassUID: str = ""
    SOPInstanceUID: str = ""
    place: tuple[str, str, str] | None = None
    reason: int = 0
    warning: int = 0
    sentence: str = ""
    original: tuple[str, str, str] | None = None


class Delivery(Protocol):
    """Files on their way into the library."""

    def new_file(self) -> Path:
        """Make an empty file, that only this user can read.

        Raises:
            NoRoom: the disk is full.
        """
        ...

    def check_room(self) -> None:
        """See that there is still room on the disk.

        Raises:
            NoRoom: there is not.
        """
        ...

    def take(self, files: Sequence[Path], wish: Wish) -> "Future[list[Stored]]":
        """Take files into the library; what became of each comes when it is there. They are gone by then."""
        ...

    def close(self) -> None:
        """Remove the files that were not given to be taken."""
        ...


class Storing(Protocol):
    """Stores and deletes instances."""

    def begin(self, size: int) -> Delivery:
        """Begin to receive files.

        Args:
            size: how many bytes are said to come; 0 if that is not known.

        Raises:
            NotTheOwner: this program may not write.
            NoRoom: they would not fit on the disk.
        """
        ...

    def delete(self, study_uid: str, series_uid: str | None, instance_uid: str | None) -> int:
        """Delete what the library has copies of; return how many instances these were.

        Raises:
            NotTheOwner: this program may not write.
            NothingThere: there is nothing of these UIDs.
            InputError: some of it lies in the user's own folders, or cannot be taken away. Then nothing is deleted.
        """
        ...
