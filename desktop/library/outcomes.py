"""What becomes of each file that an import meets. Every file ends in exactly one outcome."""

from dataclasses import dataclass
from enum import StrEnum

from ..dicom.memberpaths import is_member, shown
from ..dicom.records import FileRef


class Outcome(StrEnum):
    """The seven ends that a file can come to."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NOT_DICOM = "not_dicom"
    REJECTED = "rejected"


VIEWABLE = frozenset({Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.DUPLICATE, Outcome.CONFLICT})
"""Outcomes of files whose instance is in the library."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that has no header to add.

    Attributes:
        unreachable: the disk or network did not give it. What is known of it stays: it may be there again.
        container: it is looked into at each import, since it holds or lists other files.
    """

    file: FileRef
    outcome: Outcome
    reason: str
    unreachable: bool = False
    container: bool = False


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file.

    Attributes:
        reason: a sentence, or empty if there is nothing to say.
        study: the UID of the study that it belongs to, or empty.
    """

    path: str
    outcome: Outcome
    reason: str = ""
    study: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as the command line prints it: with the path as it is, unless it leads into an archive."""
        path = shown(self.path) if is_member(self.path) else self.path
        return {"path": path, "outcome": self.outcome.value, "reason": self.reason}
