"""From the start of the program to the first image of a folder, new and known."""

import shutil
from pathlib import Path

from figures import Figures, Target
from program import run_program

_NEW, _KNOWN = Target(6, least=False), Target(4, least=False)


def measure_opening(figures: Figures, work: Path, folder: Path, runs: int) -> None:
    """Open ``folder`` in a window, with a new library and with one that knows it."""
    for _ in range(runs):
        for name, target in (("open, new: first image", _NEW), ("open, indexed: first image", _KNOWN)):
            figures.add(name, run_program(work / "base", "open", str(folder))["first_image_s"], "s", target)
        shutil.rmtree(work / "base")
