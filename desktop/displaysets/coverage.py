"""How much of a study its display sets show."""

from collections.abc import Iterable
from dataclasses import dataclass

from .model import DisplaySet, MessageCode

_LOSSES = frozenset(
    {MessageCode.UNSUPPORTED_SOP_CLASS_UID, MessageCode.MISSING_SOP_CLASS_UID, MessageCode.IMAGES_WITHOUT_PIXELS}
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Images shown of all.

    Attributes:
        reasons: what is not shown, and why, in sentences; empty if everything is.
    """

    shown: int
    whole: int
    reasons: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """It in words: "60 of 60 images shown"."""
        return f"{self.shown:,} of {self.whole:,} images shown"


def find_coverage(sets: Iterable[DisplaySet]) -> Coverage:
    """Return how much of a study is shown; ``sets`` are all of its display sets."""
    made = list(sets)
    series = {one.SeriesInstanceUID: (one.imagesShown, one.imagesInSeries) for one in made}
    reasons = [
        f"{one.label}: {message.sentence or 'no handler shows its SOP class.'}"
        for one in made
        for message in one.messages
        if message.code in _LOSSES
    ]
    return Coverage(
        sum(shown for shown, _ in series.values()), sum(whole for _, whole in series.values()), tuple(reasons)
    )
