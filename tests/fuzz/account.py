"""Gathers what the cases came to, and says it in a page."""

from collections import Counter
from collections.abc import Iterable

from .examining import Trouble
from .importing import Imported
from .watching import Watched

_NAMED = 8
"""Cases that are named for each kind of trouble."""


class Summary:
    """The account of a run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._cases = 0
        self._read: Counter[str] = Counter()
        self._imported: Counter[str] = Counter()
        self._damages: Counter[str] = Counter()
        self._slowest: Watched | None = None
        self._largest: Watched | None = None
        self._workers = 0
        self._troubles: dict[tuple[str, str, str], list[str]] = {}

    @property
    def failed(self) -> bool:
        """Whether anything happened that must not."""
        return bool(self._troubles)

    def add_watched(self, watched: Watched) -> None:
        """Add one case that was read by itself."""
        self._cases += 1
        self._read[watched.found.outcome or "ended"] += 1
        self._damages.update(watched.damages)
        if self._slowest is None or watched.seconds > self._slowest.seconds:
            self._slowest = watched
        if self._largest is None or watched.memory > self._largest.memory:
            self._largest = watched
        self._add(str(watched.number), watched.found.troubles)

    def add_imported(self, imported: Imported, peak: int) -> None:
        """Add one batch that was imported; ``peak`` is the highest memory of a worker process, in bytes."""
        self._imported += imported.counts
        self._workers = max(self._workers, peak)
        for name, trouble in imported.troubles:
            self._add(name.removeprefix("DICOMDIR").lstrip("0"), [trouble])

    def _add(self, name: str, troubles: Iterable[Trouble]) -> None:
        for trouble in troubles:
            cases = self._troubles.setdefault((trouble.step, trouble.kind, trouble.where), [])
            cases.append(name)

    def lines(self) -> list[str]:
        """Return the page."""
        lines = [
            f"seed {self._seed}: {self._cases:,} cases",
            f"damages: {_counted(self._damages)}",
            f"read, each by itself: {_counted(self._read)}",
            f"imported: {_counted(self._imported)}; {self._imported.total():,} files have an outcome",
        ]
        if self._slowest is not None:
            lines.append(f"slowest: {self._slowest.seconds:.2f} s, {_named(self._slowest)}")
        if self._largest is not None:
            lines.append(
                f"highest memory above the base: {self._largest.memory / 2**20:,.0f} MB, {_named(self._largest)}"
            )
        lines.append(f"highest memory of a worker of the import: {self._workers / 2**20:,.0f} MB")
        lines.append(f"kinds of trouble: {len(self._troubles)}")
        for (step, kind, where), cases in sorted(self._troubles.items(), key=lambda entry: -len(entry[1])):
            named = ", ".join(case for case in dict.fromkeys(cases) if case)
            shown = ", ".join(named.split(", ")[:_NAMED])
            lines.append(
                f"  {len(cases)} times {step}: {kind} at {where or '?'}; cases {shown or 'of the whole batch'}"
            )
        return lines


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) or "none"


def _named(watched: Watched) -> str:
    return f"case {watched.number} ({watched.source}: {', '.join(watched.damages)})"
