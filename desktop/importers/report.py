"""The account of an import: every file met, in exactly one outcome."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..library.outcomes import VIEWABLE, FileOutcome, Outcome

_WORDS = {
    Outcome.ADDED: "added",
    Outcome.UPDATED: "updated",
    Outcome.UNCHANGED: "unchanged",
    Outcome.DUPLICATE: "there already",
    Outcome.CONFLICT: "with a UID that another file has",
    Outcome.NOT_DICOM: "not DICOM",
    Outcome.REJECTED: "rejected",
}


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        found: files met by now.
        done: files whose outcome is known.
        walking: more may be found.
    """

    found: int
    done: int
    studies: int
    walking: bool


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of all files.

    Attributes:
        reasons: the outcomes of which there is something to say.
        studies: UIDs of the studies that the files belong to, in the order in which they were met.
        trouble: what stopped the import before its end, in a sentence; or empty.
        number: of the import in the library; 0 before it is kept there.
    """

    counts: dict[Outcome, int]
    reasons: tuple[FileOutcome, ...]
    studies: tuple[str, ...]
    seconds: float
    cancelled: bool = False
    trouble: str = ""
    number: int = 0

    @property
    def found(self) -> int:
        """Number of files met: the sum of the outcomes."""
        return sum(self.counts.values())

    @property
    def viewable(self) -> int:
        """Number of files whose instance is in the library."""
        return sum(self.counts[outcome] for outcome in VIEWABLE)

    @property
    def remarks(self) -> int:
        """Number of files that were taken, and of which there is something to say: missing pixels, missing UIDs."""
        taken = (Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED)
        return sum(item.outcome in taken for item in self.reasons)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``negatoscope import --json`` prints it."""
        reasons = [item.to_json() for item in self.reasons]
        counts = {outcome.value: self.counts[outcome] for outcome in Outcome}
        return {
            "found": self.found,
            **counts,
            "seconds": round(self.seconds, 3),
            "reasons": reasons,
            "cancelled": self.cancelled,
            "trouble": self.trouble,
        }

    def sentence(self) -> str:
        """Return the account in one line."""
        parts = [f"{self.counts[outcome]:,} {_WORDS[outcome]}" for outcome in Outcome if self.counts[outcome]]
        files = "1 file" if self.found == 1 else f"{self.found:,} files"
        remarks = f" {self.remarks:,} of them with a remark." if self.remarks else ""
        ended = f" {self.trouble}" if self.trouble else " It was cancelled before its end." if self.cancelled else ""
        if not parts and self.trouble:
            return self.trouble
        return (f"{files}: {', '.join(parts)}.{remarks}" if parts else "No files were found.") + ended


@dataclass(slots=True)
class Account:
    """Gathers outcomes while an import runs."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    reasons: list[FileOutcome] = field(default_factory=list)
    studies: dict[str, None] = field(default_factory=dict)
    viewable_paths: list[str] = field(default_factory=list)

    def add(self, outcome: FileOutcome) -> None:
        """Count one file."""
        self.counts[outcome.outcome] += 1
        if outcome.reason:
            self.reasons.append(outcome)
        if outcome.outcome in VIEWABLE:
            self.viewable_paths.append(outcome.path)
        if outcome.study:
            self.studies.setdefault(outcome.study)

    def report(self, seconds: float, *, cancelled: bool, trouble: str = "") -> ImportReport:
        """Return the finished account."""
        counts = {outcome: self.counts[outcome] for outcome in Outcome}
        return ImportReport(counts, tuple(self.reasons), tuple(self.studies), seconds, cancelled, trouble)
