"""What can go wrong, in three kinds.

    NegatoscopeError          has a sentence for the user and a stable code
     ├── InputError           the user's file, disk or network
     │    ├── NotDicom        the file is something else
     │    │    └── Packed     it is an archive, in which there may be files
     │    └── Unreadable      the file is DICOM, or meant to be, and cannot be read
     │         ├── Unreachable   the disk or network did not give it; it may be as it was
     │         └── Locked        an archive asks for a password
     ├── PeerError            another node did not do what it was asked
     │    └── PeerSilent      it did not answer in time
     ├── UsageError           the command was called wrongly
     └── SetupError           a part of the program itself is missing

Everything else that is raised is a bug. Broad catches stand only at the edges (a job, an HTTP request, Qt's
excepthook), and they log.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says when it ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING_VIEWABLE = 3
    TIMED_OUT = 4


class NegatoscopeError(Exception):
    """A failure that has a sentence for the user.

    Args:
        sentence: what happened and what to do next; may name the user's file, so it is shown, never logged.
    """

    code = "failed"
    exit_code = ExitCode.FAILED

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InputError(NegatoscopeError):
    """The user's file, disk or network."""

    code = "input"


class NotDicom(InputError):  # noqa: N818 - a finding about a file, not a fault
    """The file is something else than DICOM."""

    code = "not_dicom"


class Packed(NotDicom):
    """The file is an archive, in which there may be DICOM files."""

    code = "packed"


class Unreadable(InputError):  # noqa: N818
    """The file is DICOM, or meant to be, and cannot be read."""

    code = "unreadable"


class Unreachable(Unreadable):
    """The disk or network did not give the file; it may be as it was."""

    code = "unreachable"


class Locked(Unreadable):
    """The file is in an archive that asks for a password."""

    code = "locked"


class PeerError(NegatoscopeError):
    """Another node did not do what it was asked.

    Args:
        kind: a stable word for what went wrong.
    """

    code = "peer"

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class PeerSilent(PeerError):  # noqa: N818 - a finding about a peer
    """Another node did not answer in time."""

    code = "peer_silent"
    exit_code = ExitCode.TIMED_OUT


class UsageError(NegatoscopeError):
    """The command was called wrongly."""

    code = "usage"
    exit_code = ExitCode.USAGE


class SetupError(NegatoscopeError):
    """A part of the program itself is missing."""

    code = "setup"
