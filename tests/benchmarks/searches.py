"""Searches over DICOMweb in a library of many studies, beside Orthanc with its plugin: the same files, in turn."""

import http.client
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from figures import Figures, Target
from orthanc import CLIENTS
from studies import make_studies

from desktop.app import App
from desktop.paths import find_paths
from desktop.services.importing import ImportAsk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from server.asking import make_viewer
from server.orthanc import run_orthanc

_TIMES = 3
_PATIENCE_SECONDS = 300
_TO_ORTHANC = Target(0.5, least=False)
_PAGE = "limit=101&offset=0&fuzzymatching=false&includefield=00081030,00080060,00080090,00100030"
_QUESTIONS = {
    "first page of studies": f"{_PAGE}",
    "studies, a name": f"PatientName=*hoffm*&{_PAGE}",
    "studies, a year": f"StudyDate=20110101-20111231&{_PAGE}",
    "studies, a Patient ID": f"00100020=62000123&{_PAGE}",
}

Ask = Callable[[str], tuple[float, int]]


def measure_searches(figures: Figures, work: Path, count: int, runs: int, peer: str | None) -> None:
    """Make ``count`` studies, and ask for them as OHIF's study list does."""
    print(f"Making and importing {count:,} studies ...", flush=True)
    files = make_studies(work / "many", count)
    with _ours(work, work / "many") as ask:
        if peer is None:
            _measure(figures, count, runs, {"": ask})
        else:
            (work / "peer").mkdir()
            with run_orthanc(peer, work / "peer") as orthanc:
                orthanc.store((file.read_bytes() for file in files), CLIENTS)
                _measure(figures, count, runs, {"": ask, ", Orthanc": partial(_ask, orthanc.port, {})})
            shutil.rmtree(work / "peer")
    for folder in ("many", "searched"):
        shutil.rmtree(work / folder)


def _measure(figures: Figures, count: int, runs: int, peers: dict[str, Ask]) -> None:
    for question, query in _QUESTIONS.items():
        name = f"{count:,} studies: {question}"
        for _ in range(runs):
            times: dict[str, list[float]] = {peer: [] for peer in peers}
            found = set()
            for _ in range(_TIMES):
                for peer, ask in peers.items():
                    took, number = ask(f"/dicom-web/studies?{query}")
                    times[peer].append(took)
                    found.add(number)
            if len(found) != 1:
                raise SystemExit(f"{name}: so many were found: {sorted(found)}")
            middle = {peer: statistics.median(values) for peer, values in times.items()}
            for peer, value in middle.items():
                figures.add(f"{name}{peer}", value, "ms")
            if len(middle) > 1:
                ours, theirs = middle.values()
                figures.add(f"{name}, to Orthanc", ours / theirs, "times", _TO_ORTHANC)


@contextmanager
def _ours(work: Path, folder: Path) -> Iterator[Ask]:
    with App(find_paths(work / "searched").make()) as app:
        app.serve(port=0, resources=make_viewer(work / "searched" / "viewer"))
        server, host = app.require_server()
        app.importing.start(ImportAsk((str(folder),))).wait()
        yield partial(_ask, host.port, {"Authorization": f"Bearer {server.secrets.token}"})


def _ask(port: int, headers: dict[str, str], path: str) -> tuple[float, int]:
    """Return how many milliseconds an answer takes, and how many were found."""
    # Neither keeps a connection for as long as the other may take.
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)) as connection:
        connection.connect()
        started = time.perf_counter()
        connection.request("GET", path, headers={"Accept": "application/dicom+json", **headers})
        answer = connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - started) * 1000
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        return took, len(json.loads(body))
