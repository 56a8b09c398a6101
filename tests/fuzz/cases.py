"""Cases: a damaged file each, made anew from a seed and a number, always the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from .damages import STRUCTURAL
from .edits import RAW, Edit, apply
from .placing import Structural
from .sources import Source, is_directory


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged file.

    Attributes:
        source: the name of the file that it was.
        damages: their names, in the order in which they were done.
    """

    number: int
    source: str
    damages: tuple[str, ...]
    data: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The name of its file: the number, and what tells a DICOMDIR."""
        return f"{'DICOMDIR' if is_directory(self.source) else ''}{self.number:06d}"


def make_case(seed: int, number: int, sources: Sequence[Source], structural: Sequence[Structural] = STRUCTURAL) -> Case:
    """Make one case. The same seed, number, files and damages give the same bytes.

    Args:
        structural: the structural damages to choose from.
    """
    random = Random(f"{seed} {number}")
    (chosen,) = random.choices(sources, [source.weight for source in sources])
    source = Source(chosen.name, chosen.path)  # one that is dropped with all that it has read
    first, second = random.choice(((0, 1), (0, 3), (1, 0), (1, 0), (2, 0), (3, 0), (1, 1), (2, 2)))
    done: list[str] = []
    edits: list[Edit] = []
    for damage in random.sample(structural, first):
        found = damage(random, source)
        if found:
            edits += found
            done.append(damage.__name__)
    data = apply(source.data, edits)
    # What does not fit to this file is made up for by a damage that fits to all.
    for raw in random.choices(RAW, k=second or (0 if done else 1)):
        data = apply(data, raw(random, data))
        done.append(raw.__name__)
    return Case(number, source.name, tuple(done), data)
