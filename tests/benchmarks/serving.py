"""How many whole instances and frames a second the server gives, beside Orthanc with its DICOMweb plugin.

Both serve the same files to the same client: six connections that stay open, by Debian's wrk. Whole instances are
compared with Orthanc's own ``/instances/{id}/file``, which is quicker than its WADO-RS; frames with its WADO-RS.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figures import Figures, Target
from program import check_added, run_program
from pydicom import dcmread
from studies import make_study

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
from server.orthanc import find_orthanc, run_orthanc

from dev_system import debian_packages, is_debian

CONNECTIONS = 6
_SECONDS = 4
_FILES = 100
_HUGE = 2 << 30
"""Bytes of the pixels of a large object."""

_WHOLE, _FRAMES, _MEMORY = Target(0.9), Target(3.5), Target(300, least=False)
_FILE = "application/dicom; transfer-syntax=*"
_PARTS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and the addresses of each instance in it."""

    port: int
    headers: dict[str, str]
    files: Sequence[str]
    frames: Sequence[str]


def measure_serving(figures: Figures, work: Path, runs: int, orthanc: str | None) -> None:
    """Serve the same files by both, in turn, and count requests."""
    wrk = find_wrk()
    files = make_study(work / "served", _FILES)
    with _negatoscope(work / "serving", work / "served", files) as ours:
        if wrk is not None:
            if orthanc is None or find_orthanc() is None:
                _count(figures, wrk, work, runs, ours, None)
            else:
                (work / "peer").mkdir()
                with _orthanc(orthanc, work / "peer", files) as theirs:
                    _count(figures, wrk, work, runs, ours, theirs)
    huge = make_huge(work / "huge" / "image", files[0])
    with _negatoscope(work / "large", huge.parent, [huge]) as ours:
        measure_memory(figures, ours)


def find_wrk() -> str | None:
    """Return the client, installed with apt-get if it can be; None if it is not there."""
    if shutil.which("wrk") is None and is_debian():
        debian_packages(["wrk"], "counting requests")
    return shutil.which("wrk")


def _count(figures: Figures, wrk: str, work: Path, runs: int, ours: Peer, theirs: Peer | None) -> None:
    for _ in range(runs):
        for name, accept, attribute, target in (
            ("whole instances of 0.5 MB", _FILE, "files", _WHOLE),
            ("frames of 0.5 MB by WADO-RS", _PARTS, "frames", _FRAMES),
        ):
            own = count_requests(wrk, work, ours, getattr(ours, attribute), accept)
            figures.add(name, own, "/s")
            if theirs is not None:
                other = count_requests(wrk, work, theirs, getattr(theirs, attribute), accept)
                figures.add(f"{name}, Orthanc", other, "/s")
                figures.add(f"{name}, to Orthanc's", own / other, "times", target)


def count_requests(wrk: str, work: Path, peer: Peer, paths: Sequence[str], accept: str) -> float:
    """Return how many requests a second are answered, over connections that stay open."""
    headers = {**peer.headers, "Accept": accept}
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    listed = ", ".join(json.dumps(path) for path in paths)
    script = work / "wrk.lua"
    script.write_text(
        "\n".join(
            [
                *lines,
                f"local paths = {{{listed}}}",
                "local at = 0",
                "request = function() at = at % #paths + 1 return wrk.format('GET', paths[at]) end",
            ]
        ),
        encoding="utf-8",
    )
    script.chmod(0o600)
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(script), f"http://127.0.0.1:{peer.port}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"Not all was answered:\n{done.stdout}")
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def measure_memory(figures: Figures, peer: Peer) -> None:
    """Fetch an object of 2 GB, and tell how large the server's process gets."""
    for name, accept, path in (
        ("file", _FILE, peer.files[0]),
        ("file in implicit VR", "application/dicom; transfer-syntax=1.2.840.10008.1.2", peer.files[0]),
        ("bulk data", "application/octet-stream", f"{peer.files[0]}/bulkdata/7FE00010"),
        ("archive", "application/zip", peer.files[0]),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
        connection.request("GET", path, headers={**peer.headers, "Accept": accept})
        answer = connection.getresponse()
        received, most = 0, 0
        while piece := answer.read(1 << 24):
            received += len(piece)
            most = max(most, _resident(int(peer.headers["X-Process"])))
        connection.close()
        if answer.status != 200 or received < _HUGE:
            raise SystemExit(f"The {name} did not come: {answer.status}, {received:,} bytes.")
        if most:
            figures.add(f"memory while 2 GB are sent, {name}", most / 1e6, "MB", _MEMORY)


def _resident(process: int) -> int:
    """Return the memory of a process in bytes; 0 where the system does not say."""
    told = Path(f"/proc/{process}/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if told.exists() else 0


def make_huge(path: Path, template: Path) -> Path:
    """Write an image of 2 GB, most of which takes no room on the disk."""
    ds = dcmread(template)
    ds.NumberOfFrames = _HUGE // (ds.Rows * ds.Columns * 2)
    ds.PixelData = b"\0\0"
    path.parent.mkdir(parents=True)
    ds.save_as(path)
    data = path.read_bytes()
    head = b"\xe0\x7f\x10\x00OW\0\0"
    start = data.index(head) + len(head)
    with path.open("wb") as file:
        file.write(data[:start] + np.uint32(_HUGE).tobytes())
        file.truncate(start + 4 + _HUGE)
    return path


@contextmanager
def _negatoscope(base: Path, folder: Path, files: Sequence[Path]) -> Iterator[Peer]:
    """Copy a folder into a library, as the other one does, and serve that by a program of its own."""
    check_added(run_program(base, "import", "--copy", str(folder)), len(files))
    command = [sys.executable, "-m", "desktop", "--base-dir", str(base), "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            paths = [_address(file) for file in files]
            # The process is no header that anybody reads: it tells whose memory is looked at.
            headers = {"Authorization": f"Bearer {told['token']}", "X-Process": str(process.pid)}
            yield Peer(told["port"], headers, paths, [f"{path}/frames/1" for path in paths])
        finally:
            process.terminate()
            process.wait(30)


def _address(file: Path) -> str:
    ds = dcmread(file, stop_before_pixels=True)
    return f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


@contextmanager
def _orthanc(program: str, folder: Path, files: Sequence[Path]) -> Iterator[Peer]:
    with run_orthanc(program, folder) as orthanc:
        told = orthanc.store(file.read_bytes() for file in files)
        whole = [f"/instances/{reply['ID']}/file" for reply in told]
        yield Peer(orthanc.port, {}, whole, [f"{_address(file)}/frames/1" for file in files])
