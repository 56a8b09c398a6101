"""Whether the window goes on moving while OHIF loads a study."""

import statistics
from pathlib import Path
from typing import Any

from figures import Figures, Target
from program import run_script

_LATE = Target(50, least=False)


def measure_moving(figures: Figures, work: Path, folder: Path, runs: int) -> None:
    """Load the study in ``folder``, all one series, in a window; a timer shows how long its thread is held up."""
    for run in range(runs):
        told: dict[str, Any] = run_script("smoothness.py", str(work / f"moving-{run}"), str(folder))
        if told["failed"]:
            raise SystemExit(f"{told['failed']} images could not be loaded.")
        name = f"{told['images']:,} slices loaded"
        figures.add(name, told["seconds"], "s")
        figures.add(f"{name}: a timer of 16 ms, late, 99 of 100", _percentile(told["late_ms"]), "ms", _LATE)
        figures.add(f"{name}: a timer of 16 ms, late, median", statistics.median(told["late_ms"]), "ms")
        figures.add("nothing done: a timer of 16 ms, late, 99 of 100", _percentile(told["idle_late_ms"]), "ms")


def _percentile(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]
