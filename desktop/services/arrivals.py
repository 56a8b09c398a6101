"""Decides when a study that comes over the network is all here, as far as one can tell."""

from collections import Counter
from dataclasses import dataclass, field

from ..events import Event, ObjectsRefused, StudyReceived
from ..library.outcomes import VIEWABLE, FileOutcome, Outcome

QUIET_SECONDS = 5.0


@dataclass(slots=True)
class _Arrival:
    aet: str
    came: float


@dataclass(slots=True)
class _Group:
    """What came of one study, or was refused (no study)."""

    last: float = 0.0
    senders: set[str] = field(default_factory=set)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


class Arrivals:
    """Keeps account of what came, from its last byte until it is announced. All times are in seconds."""

    def __init__(self, quiet: float = QUIET_SECONDS) -> None:
        self._quiet = quiet
        self._pending: dict[int, _Arrival] = {}
        self._groups: dict[str, _Group] = {}
        self._count = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to announce, now or later."""
        return not self._groups

    @property
    def waiting(self) -> int:
        """How many objects came whose outcome is not known yet."""
        return len(self._pending)

    def note_come(self, aet: str, now: float) -> int:
        """Note an object that came from ``aet``; return its number. ``now`` never goes back."""
        self._count += 1
        self._pending[self._count] = _Arrival(aet, now)
        return self._count

    def note_lost(self, number: int) -> None:
        """Note that an object could not be kept after all: its sender was told so."""
        self._pending.pop(number, None)

    def note_outcome(self, number: int, outcome: FileOutcome) -> None:
        """Note what became of an object."""
        arrival = self._pending.pop(number)
        group = self._groups.setdefault(outcome.study if outcome.outcome in VIEWABLE else "", _Group())
        group.last = max(group.last, arrival.came)
        group.senders.add(arrival.aet)
        group.outcomes[outcome.outcome] += 1
        if outcome.outcome not in VIEWABLE:
            group.reasons[outcome.reason] += 1

    def take_due(self, now: float) -> list[Event]:
        """Return what is to be announced: that of which nothing came for the quiet time.

        What came before the oldest object that waits for its outcome is all known; what came since may belong to any
        study. So a study is never announced while there may be more of it.
        """
        known_until = next(iter(self._pending.values())).came if self._pending else now
        due = [study for study, group in self._groups.items() if known_until - group.last >= self._quiet]
        return [_announce(study, self._groups.pop(study)) for study in due]

    def take_all(self) -> list[Event]:
        """Return all that is known, before its time."""
        known, self._groups = self._groups, {}
        return [_announce(study, group) for study, group in known.items()]


def _announce(study: str, group: _Group) -> Event:
    senders = tuple(sorted(group.senders))
    if not study:
        return ObjectsRefused(senders, group.outcomes.total(), tuple(sorted(group.reasons)))
    return StudyReceived(
        study,
        senders,
        group.outcomes.total(),
        sum(group.outcomes[kind] for kind in VIEWABLE - {Outcome.ADDED, Outcome.CONFLICT}),
        group.outcomes[Outcome.CONFLICT],
    )
