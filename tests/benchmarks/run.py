"""How fast the program is, on this computer, with warm caches. Run by ``python3 packaging/dev.py bench``.

Everything is measured in one run, several times in turn, and given as median, smallest and largest. Ratios to pydicom's
own reading on one core say more than seconds, since computers differ.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom

from desktop.services.sample import make_slices

COUNT, SIZE = 1000, 512
FILES_PER_SECOND, NEW_SECONDS, INDEXED_SECONDS = 1000, 6.0, 4.0
"""What is to be reached on two cores."""


def make_study(folder: Path, count: int) -> None:
    """Write ``count`` CT images of 0.5 MB."""
    folder.mkdir(parents=True)
    template = next(make_slices(1, SIZE))
    noise = np.random.default_rng(0).integers(0, 4000, (SIZE, SIZE), dtype=np.uint16)
    for number in range(count):
        template.InstanceNumber = number + 1
        template.SOPInstanceUID = f"{template.SeriesInstanceUID[:40]}.{number + 1}"
        template.ImagePositionPatient = [0, 0, number * 1.0]
        template.PixelData = np.roll(noise, number, axis=0).tobytes()
        template.save_as(folder / f"IM{number:05d}", enforce_file_format=True)


def run_program(base: Path, *words: str) -> dict[str, float]:
    """Run a command with --json; return what it told, and ``wall_s``."""
    environment = os.environ | {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    environment.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--ignore-gpu-blocklist --disable-gpu-compositing")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "desktop", "--base-dir", str(base), *words, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    wall = time.perf_counter() - started
    return json.loads(done.stdout) | {"wall_s": wall}


def read_with_pydicom(files: list[Path]) -> float:
    """Return how many headers a second pydicom reads on one core."""
    started = time.perf_counter()
    for file in files:
        pydicom.dcmread(file, stop_before_pixels=True)
    return len(files) / (time.perf_counter() - started)


class Figures:
    """Figures by name, printed with what is to be reached."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        """Add one measurement."""
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """Return the middle one."""
        return statistics.median(self.values[name])

    def show(self, name: str, unit: str, reach: str = "", good: Callable[[float], bool] | None = None) -> None:
        """Print one line."""
        values = self.values[name]
        verdict = "" if good is None else ("  reached" if good(self.median(name)) else "  NOT REACHED")
        spread = f"({min(values):,.2f} to {max(values):,.2f})"
        print(f"{name:<46} {self.median(name):>10,.2f} {unit:<8} {spread:<24} {reach}{verdict}")


def main() -> int:
    """Measure, print, and return 0; a missed figure is told, not failed: computers differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--files", type=int, default=COUNT, help="how many images (1000)")
    options = parser.parse_args()
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="negatoscope-bench-") as temporary:
        work = Path(temporary)
        folder = work / "study"
        make_study(folder, options.files)
        files = sorted(folder.iterdir())
        size = sum(file.stat().st_size for file in files) / len(files)
        print(f"{len(files):,} CT images of {size / 1e6:.2f} MB, {os.cpu_count()} cores, {platform.platform()}")
        read_with_pydicom(files)
        for _ in range(options.runs):
            shutil.rmtree(work / "base", ignore_errors=True)
            pydicom_rate = read_with_pydicom(files)
            told = run_program(work / "base", "import", str(folder))
            rate = told["found"] / told["seconds"]
            again = run_program(work / "base", "import", str(folder))
            figures.add("pydicom alone, headers, one core", pydicom_rate)
            figures.add("import, new", rate)
            figures.add("import, new, to pydicom alone", rate / pydicom_rate)
            figures.add("import, unchanged", again["found"] / again["seconds"])
            shutil.rmtree(work / "base")
            figures.add("open, new: first image", run_program(work / "base", "open", str(folder))["first_image_s"])
            figures.add("open, indexed: first image", run_program(work / "base", "open", str(folder))["first_image_s"])
    figures.show("pydicom alone, headers, one core", "files/s")
    reach = f"reach {FILES_PER_SECOND:,}"
    figures.show("import, new", "files/s", reach, lambda value: value >= FILES_PER_SECOND)
    figures.show("import, new, to pydicom alone", "times")
    figures.show("import, unchanged", "files/s")
    for name, limit in (("open, new: first image", NEW_SECONDS), ("open, indexed: first image", INDEXED_SECONDS)):
        figures.show(name, "s", f"reach {limit:g}", lambda value, limit=limit: value <= limit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
