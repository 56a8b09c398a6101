"""Import in place of CT images, warm, beside Orthanc's ingest and pydicom's own reading of the same files, in turn."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pydicom
from figures import Figures, Target
from orthanc import CLIENTS, measure_ingest
from program import check_added, run_program

_IMPORT, _WHOLE = "import, new", "import, new, the whole process"
_MEMORY = Path("/dev/shm")
_RATE = Target(1000)
_TO_ORTHANC = Target(2, aim=5)


def measure_importing(figures: Figures, work: Path, files: Sequence[Path], runs: int, peer: str | None) -> None:
    """Measure with these files.

    Args:
        figures: are added to.
        work: an empty folder of our own.
        files: all in one folder.
        runs: how often.
        peer: Orthanc's program; None if it is not there.
    """
    # Whatever comes first must not be the one that reads from the disk.
    bodies = [file.read_bytes() for file in files]
    _read_with_pydicom(files)
    for _ in range(runs):
        pydicom_rate = _read_with_pydicom(files)
        told = run_program(work / "base", "import", str(files[0].parent))
        check_added(told, len(files))
        again = run_program(work / "base", "import", str(files[0].parent))
        shutil.rmtree(work / "base")
        rate, whole = len(files) / told["seconds"], len(files) / told["wall_s"]
        figures.add(_IMPORT, rate, "files/s", _RATE)
        figures.add(_WHOLE, whole, "files/s")
        figures.add("import, new, work of all processes", told["core_s"], "s")
        figures.add("import, unchanged", len(files) / again["seconds"], "files/s")
        figures.add("pydicom alone, headers, one core", pydicom_rate, "files/s")
        figures.add(f"{_IMPORT}, to pydicom alone", rate / pydicom_rate, "times")
        if peer is None:
            continue
        peer_rate = _measure_orthanc(figures, "Orthanc", peer, work, bodies)
        figures.add(f"{_IMPORT}, to Orthanc", rate / peer_rate, "times", _TO_ORTHANC)
        figures.add(f"{_WHOLE}, to Orthanc", whole / peer_rate, "times", _TO_ORTHANC)
        if _has_room(bodies):
            peer_rate = _measure_orthanc(figures, "Orthanc in memory", peer, _MEMORY, bodies)
            figures.add(f"{_IMPORT}, to Orthanc in memory", rate / peer_rate, "times")


def _measure_orthanc(figures: Figures, name: str, peer: str, where: Path, bodies: Sequence[bytes]) -> float:
    """Measure an ingest with the storage in a folder below ``where``; return files in a second."""
    with tempfile.TemporaryDirectory(prefix="negatoscope-bench-", dir=where) as folder:
        ingest = measure_ingest(peer, Path(folder), bodies)
    rate = len(bodies) / ingest.seconds
    figures.add(f"{name}, ingest over REST, {CLIENTS} clients", rate, "files/s")
    figures.add(f"{name}, work", ingest.core, "s")
    figures.add(f"{name}, work of the clients", ingest.clients, "s")
    return rate


def _has_room(bodies: Sequence[bytes]) -> bool:
    """Whether there is a file system in memory, with room enough: Orthanc there shows what the disk costs it."""
    return _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2 * sum(map(len, bodies))


def _read_with_pydicom(files: Sequence[Path]) -> float:
    """Return how many headers a second pydicom reads on one core."""
    started = time.perf_counter()
    for file in files:
        pydicom.dcmread(file, stop_before_pixels=True)
    return len(files) / (time.perf_counter() - started)
