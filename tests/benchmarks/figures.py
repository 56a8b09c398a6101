"""Figures by name, with what is to be reached: printed as a table, and written as JSON."""

import statistics
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to reach.

    Attributes:
        least: the figure is to be at least ``limit``; else at most.
        aim: what would be better still.
        every: each single value counts, not only the median.
    """

    limit: float
    least: bool = True
    aim: float | None = None
    every: bool = False

    def __str__(self) -> str:
        text = f"{'at least' if self.least else 'at most'} {self.limit:g}"
        return text if self.aim is None else f"{text}, aim {self.aim:g}"

    def judge(self, values: list[float]) -> str:
        """Return the verdict on a figure's values."""
        middle = statistics.median(values)
        if not self._reached(middle, self.limit):
            return "NOT REACHED"
        if self.every and not all(self._reached(value, self.limit) for value in values):
            return "NOT REACHED by the worst"
        if self.aim is None:
            return "reached"
        return "reached, and the aim" if self._reached(middle, self.aim) else "reached, not the aim"

    def _reached(self, value: float, limit: float) -> bool:
        return value >= limit if self.least else value <= limit


@dataclass(slots=True)
class _Figure:
    unit: str
    target: Target | None
    values: list[float] = field(default_factory=list)


class Figures:
    """All figures of one run, in the order in which they were first met."""

    def __init__(self) -> None:
        self._figures: dict[str, _Figure] = {}

    def add(self, name: str, value: float, unit: str, target: Target | None = None) -> None:
        """Add one measurement; the first one of a name decides on unit and target."""
        self._figures.setdefault(name, _Figure(unit, target)).values.append(value)

    def show(self) -> None:
        """Print one line for each: median, smallest and largest, and the verdict."""
        for name, figure in self._figures.items():
            values = figure.values
            spread = f"({min(values):,.2f} to {max(values):,.2f})"
            verdict = "" if figure.target is None else f"{figure.target}: {figure.target.judge(values)}"
            line = f"{name:<48} {statistics.median(values):>10,.2f} {figure.unit:<8} {spread:<26} {verdict}"
            print(line.rstrip(), flush=True)

    def to_json(self) -> list[dict[str, Any]]:
        """Return them with all single values."""
        return [
            {
                "name": name,
                "unit": figure.unit,
                "median": statistics.median(figure.values),
                "min": min(figure.values),
                "max": max(figure.values),
                "values": figure.values,
                "target": None if figure.target is None else str(figure.target),
                "verdict": None if figure.target is None else figure.target.judge(figure.values),
            }
            for name, figure in self._figures.items()
        ]
