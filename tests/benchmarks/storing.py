"""Storing over HTTP (STOW-RS), beside Orthanc's own REST, with the same files and the same number of clients."""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from figures import Figures, Target
from orthanc import CLIENTS, measure_ingest
from program import children_seconds, settle

_BATCH = 25
"""Files of one request: clients send a series in some requests."""

_TO_ORTHANC = Target(0.5)
_ANSWER_SECONDS = 60.0


def measure_storing(figures: Figures, work: Path, files: Sequence[Path], runs: int, peer: str | None) -> None:
    """Measure with these files.

    Args:
        figures: are added to.
        work: an empty folder of our own.
        files: of one study.
        runs: how often.
        peer: Orthanc's program; None if it is not there.
    """
    bodies = [file.read_bytes() for file in files]
    for _ in range(runs):
        before = children_seconds()
        rate = len(bodies) / _store(work / "stored", bodies)
        figures.add(f"STOW, {CLIENTS} clients, {_BATCH} files a request", rate, "files/s")
        figures.add("STOW, work of all processes, with their start", children_seconds() - before, "s")
        if peer is not None:
            with tempfile.TemporaryDirectory(prefix="negatoscope-bench-", dir=work) as folder:
                ingest = measure_ingest(peer, Path(folder), bodies)
            figures.add("STOW, Orthanc's work", ingest.core, "s")
            figures.add("STOW, to Orthanc's own REST", rate * ingest.seconds / len(bodies), "times", _TO_ORTHANC)


def _store(base: Path, bodies: Sequence[bytes]) -> float:
    """Return how many seconds it takes until all files are stored, in a library of their own."""
    batches = [bodies[start : start + _BATCH] for start in range(0, len(bodies), _BATCH)]
    settle()
    command = [sys.executable, "-m", "desktop", "--base-dir", str(base), "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        try:
            told = json.loads(program.stdout.readline())
            # The workers start with the first one.
            _send(told, [bodies[:1]])
            with ThreadPoolExecutor(CLIENTS) as threads:
                started = time.perf_counter()
                list(threads.map(lambda number: _send(told, batches[number::CLIENTS]), range(CLIENTS)))
                return time.perf_counter() - started
        finally:
            program.terminate()
            program.wait()
            shutil.rmtree(base)


def _send(told: dict[str, str], batches: Sequence[Sequence[bytes]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(told["port"]), timeout=_ANSWER_SECONDS)
    headers = {
        "Authorization": f"Bearer {told['token']}",
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
    }
    for batch in batches:
        parts = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n" for body in batch)
        connection.request("POST", "/dicom-web/studies", parts + b"--b--\r\n", headers)
        answer = connection.getresponse()
        stored = json.loads(answer.read())["00081199"]["Value"]
        if answer.status != 200 or len(stored) != len(batch):
            raise SystemExit(f"Of {len(batch)} files, {len(stored)} were stored: {answer.status}")
    connection.close()
