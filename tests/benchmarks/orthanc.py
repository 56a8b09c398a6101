"""Debian's Orthanc as the peer: started on a free port with a storage of its own, and fed over REST.

It stores each file and writes its index; Negatoscope reads headers in place. Both end with a library that answers. What
costs Orthanc time without need is switched off: checksums, fsync, plugins, DICOM's own port.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from program import children_seconds, settle

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
from dev_system import debian_packages, is_debian

CLIENTS = 4

_START_SECONDS, _STOP_SECONDS, _ANSWER_SECONDS = 30.0, 10.0, 60.0


@dataclass(frozen=True, slots=True)
class Ingest:
    """How an ingest went.

    Attributes:
        seconds: from the first request to the last answer.
        core: seconds of a core that Orthanc used, with its start and end.
        clients: seconds of a core that the clients used: they share the computer with Orthanc.
    """

    seconds: float
    core: float
    clients: float


def find_orthanc() -> str | None:
    """Return Orthanc's program, installed with apt-get if it can be; None if it is not there."""
    program = _find()
    if program is None and is_debian() and debian_packages(["orthanc"], "the comparison with Orthanc"):
        program = _find()
    return program


def measure_ingest(program: str, folder: Path, bodies: Sequence[bytes]) -> Ingest:
    """Start Orthanc with its storage in ``folder``, which is empty, send it all files, and end it.

    The clients are threads of this process that send bytes read before, each over one connection. Sending leaves
    Python's lock free, so threads do what processes would; that they are not what limits, :class:`Ingest` shows.
    """
    settle()
    before = children_seconds()
    with _running(program, folder) as port:
        shares = [bodies[number::CLIENTS] for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as threads:
            started, used = time.perf_counter(), time.process_time()
            list(threads.map(lambda share: _send(port, share), shares))
            seconds, clients = time.perf_counter() - started, time.process_time() - used
        (status,) = _ask(port, "/statistics")
    if status["CountInstances"] != len(bodies):
        raise SystemExit(f"Orthanc has taken {status['CountInstances']} of {len(bodies)} files.")
    return Ingest(seconds, children_seconds() - before, clients)


def _find() -> str | None:
    # Debian keeps it where only root looks.
    return shutil.which("Orthanc", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")


def _send(port: int, bodies: Sequence[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    for body in bodies:
        connection.request("POST", "/instances", body, {"Content-Type": "application/dicom"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"Orthanc answered {answer.status} {answer.reason}.")
    connection.close()


def _ask(port: int, *paths: str) -> list[dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    answers = []
    for path in paths:
        connection.request("GET", path)
        answers.append(json.load(connection.getresponse()))
    connection.close()
    return answers


@contextmanager
def _running(program: str, folder: Path) -> Iterator[int]:
    """Run Orthanc; yield its port."""
    port = _free_port()
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(_configuration(folder, port)), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(configuration)], cwd=folder, stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "log")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configuration(folder: Path, port: int) -> dict[str, object]:
    return {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [],
        "StoreMD5ForAttachments": False,
        "SyncStorageArea": False,
        "StorageCompression": False,
        "KeepAlive": True,
        "TcpNoDelay": True,
    }


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until it answers."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            _ask(port, "/system")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"Orthanc did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
