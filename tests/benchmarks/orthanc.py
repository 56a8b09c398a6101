"""Debian's Orthanc as the peer: started on a free port with a storage of its own, and fed over REST.

It stores each file and writes its index; Negatoscope reads headers in place. Both end with a library that answers.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from program import children_seconds, settle

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
from server.orthanc import PACKAGES, run_orthanc
from server.orthanc import find_orthanc as find_installed

from dev_system import debian_packages, is_debian

CLIENTS = 4


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
    program = find_installed()
    if program is None and is_debian() and debian_packages(PACKAGES, "the comparison with Orthanc"):
        program = find_installed()
    return program


def measure_ingest(program: str, folder: Path, bodies: Sequence[bytes]) -> Ingest:
    """Start Orthanc with its storage in ``folder``, which is empty, send it all files, and end it.

    The clients are threads of this process that send bytes read before, each over one connection. Sending leaves
    Python's lock free, so threads do what processes would; that they are not what limits, :class:`Ingest` shows.
    """
    settle()
    before = children_seconds()
    with run_orthanc(program, folder, plugin=False) as orthanc:
        started, used = time.perf_counter(), time.process_time()
        told = orthanc.store(bodies, CLIENTS)
        seconds, clients = time.perf_counter() - started, time.process_time() - used
        status = orthanc.json("/statistics")
    refused = [reply for reply in told if isinstance(reply, int)]
    if refused or status["CountInstances"] != len(bodies):
        raise SystemExit(f"Orthanc has taken {status['CountInstances']} of {len(bodies)} files, and said {refused}.")
    return Ingest(seconds, children_seconds() - before, clients)
