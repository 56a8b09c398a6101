"""Metadata of a study over WADO-RS, beside Orthanc with its plugin: the same files, in turn."""

import http.client
import json
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from figures import Figures, Target
from orthanc import CLIENTS

from desktop.app import App
from desktop.paths import find_paths
from desktop.services.importing import ImportAsk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from server.asking import make_viewer
from server.orthanc import run_orthanc

COUNT = 100
_TIMES = 10
_SECONDS = 60
_TO_ORTHANC = Target(0.2, least=False)


def measure_metadata(figures: Figures, work: Path, files: Sequence[Path], runs: int, peer: str) -> None:
    """Ask both for the metadata of the same study.

    Args:
        figures: are added to.
        work: an empty folder of our own.
        files: of one study; the first :data:`COUNT` are taken.
        runs: how often.
        peer: Orthanc's program.
    """
    folder = work / "metadata"
    (folder / "study").mkdir(parents=True)
    (folder / "peer").mkdir()
    for file in files[:COUNT]:
        shutil.copy(file, folder / "study")
    with App(find_paths(folder / "base").make()) as app, run_orthanc(peer, folder / "peer") as orthanc:
        app.serve(port=0, resources=make_viewer(folder / "viewer"))
        server, host = app.require_server()
        (uid,) = app.importing.start(ImportAsk((str(folder / "study"),))).wait().studies
        orthanc.store((file.read_bytes() for file in files[:COUNT]), CLIENTS)
        token = {"Authorization": f"Bearer {server.secrets.token}"}
        name, path = f"metadata of {COUNT} instances", f"/dicom-web/studies/{uid}/metadata"
        for _ in range(runs):
            times = [(_ask(host.port, path, token), _ask(orthanc.port, path, {})) for _ in range(_TIMES)]
            ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
            figures.add(name, ours, "ms")
            figures.add(f"{name}, Orthanc", theirs, "ms")
            figures.add(f"{name}, to Orthanc", ours / theirs, "times", _TO_ORTHANC)
    shutil.rmtree(folder)


def _ask(port: int, path: str, headers: Mapping[str, str]) -> float:
    """Return how many milliseconds the whole answer takes."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)) as connection:
        connection.connect()
        started = time.perf_counter()
        connection.request("GET", path, headers={"Accept": "application/dicom+json", **headers})
        answer = connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - started) * 1000
    if answer.status != 200 or len(json.loads(body)) != COUNT:
        raise SystemExit(f"{path}: {answer.status}")
    return took
