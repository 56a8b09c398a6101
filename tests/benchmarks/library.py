"""A large library: whether the import keeps its speed, what is asked at the end, memory, and a folder read again."""

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from figures import Figures, Target
from program import check_added, run_program, run_script
from studies import STUDY_IMAGES, make_library

_KEEPS_SPEED = Target(0.8)
_QUESTION = Target(50, least=False, every=True)
_MEMORY = Target(400, least=False, every=True)
_AGAIN = Target(5, least=False)
_AGAIN_FILES = 100_000

Progress = Sequence[tuple[int, float, float]]
"""Files done, seconds since the start, and seconds of a core that the main process had used by then."""


def measure_library(figures: Figures, work: Path, count: int, runs: int) -> None:
    """Make ``count`` images (in whole studies), import them ``runs`` times, and ask."""
    studies = max(count // STUDY_IMAGES, 1)
    count = studies * STUDY_IMAGES
    again = min(_AGAIN_FILES // STUDY_IMAGES, studies)
    print(f"Making {count:,} files ...", flush=True)
    # What is read again lies in a folder of its own.
    folders = [work / "files" / ("first" if number < again else "rest") / f"{number:06d}" for number in range(studies)]
    make_library(folders)
    for run in range(runs):
        print(f"Importing {count:,} files ({run + 1} of {runs}) ...", flush=True)
        told = run_script("watching.py", str(work / "base"), str(work / "files"), str(studies))
        check_added(told, count)
        _add_import(figures, told, count)
        for question, times in told["questions"].items():
            for time in times:
                figures.add(question, time, "ms", _QUESTION)
        for _ in range(3):
            told = run_program(work / "base", "import", str(folders[0].parent))
            if told["unchanged"] != again * STUDY_IMAGES:
                raise SystemExit(f"A folder was not found unchanged: {told}")
            name = f"{told['found']:,} files unchanged"
            figures.add(name, told["seconds"], "s", _AGAIN if told["found"] == _AGAIN_FILES else None)
            figures.add(f"{name}, the whole process", told["wall_s"], "s")
        shutil.rmtree(work / "base")
    shutil.rmtree(work / "files")


def _add_import(figures: Figures, told: dict, count: int) -> None:
    name = f"{count:,} files"
    progress = [(0, 0.0, 0.0), *map(tuple, told["progress"])]
    tenths = [moment(progress, count * part / 10) for part in range(11)]
    walls = [end[0] - start[0] for start, end in pairwise(tenths)]
    # The first hundredth is the start of the workers.
    start, end = moment(progress, count * 0.01), moment(progress, count * 0.11)
    figures.add(f"{name}: import", count / told["seconds"], "files/s")
    for number in (0, 4, 9):
        figures.add(f"{name}: tenth {number + 1}", count / 10 / walls[number], "files/s")
    figures.add(f"{name}: speed, end to start", (end[0] - start[0]) / walls[-1], "times", _KEEPS_SPEED)
    work = (tenths[-1][1] - tenths[-2][1]) / (end[1] - start[1])
    figures.add(f"{name}: work of the main process, end to start", work, "times")
    for key, what in (("import_peak_bytes", "memory of the import"), ("peak_bytes", "memory with the questions")):
        if told[key] is not None:
            figures.add(f"{name}: {what}", told[key] / 1e6, "MB", _MEMORY)


def moment(progress: Progress, done: float) -> tuple[float, float]:
    """Return when so many files were done: seconds since the start, and seconds of a core used by then."""
    for (before, *old), (after, *new) in pairwise(progress):
        if after >= done > before:
            share = (done - before) / (after - before)
            return tuple(a + (b - a) * share for a, b in zip(old, new, strict=True))
    return (0.0, 0.0)
