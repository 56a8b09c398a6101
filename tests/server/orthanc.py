"""Debian's Orthanc, with its DICOMweb plugin where that is wanted: in a folder of its own, on a free loopback port.

The tests have it as a judge of our answers and as a client of our server; the benchmarks as the peer. What costs it
time without need is switched off: checksums, fsync, DICOM's own port. Nothing of Debian's configuration is read.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("orthanc", "orthanc-dicomweb")
"""Of Debian."""

DICOM_WEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

_START_SECONDS, _STOP_SECONDS, _ANSWER_SECONDS = 30.0, 10.0, 120.0


class OrthancError(Exception):
    """Orthanc did not start, or answered otherwise than it should."""


@dataclass(frozen=True)
class Reply:
    """What Orthanc answered."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """Return the value in an answer that must be a success."""
        if self.status != 200:
            raise OrthancError(f"Orthanc answered {self.status}: {self.body[:500]!r}")
        return json.loads(self.body)


class Orthanc:
    """One that runs."""

    def __init__(self, port: int, dicom_port: int = 0) -> None:
        self.port = port
        self.dicom_port = dicom_port

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
        """Ask over a connection of its own. Names of headers have underscores."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)) as connection:
            return _ask(
                connection, path, method, body, {name.replace("_", "-"): text for name, text in headers.items()}
            )

    def tell(self, path: str, value: object, method: str = "POST") -> Reply:
        """Send a JSON value."""
        return self.ask(path, method, json.dumps(value).encode(), Content_Type="application/json")

    def json(self, path: str) -> Any:
        """Return the JSON value at a path."""
        return self.ask(path).json()

    def store(self, bodies: Iterable[bytes], clients: int = 1) -> list[Any]:
        """Send files, each in a request; return what Orthanc said of each, in order: a status unless it took it."""
        held = list(bodies)
        shares = [range(number, len(held), clients) for number in range(clients)]
        told: list[Any] = [None] * len(held)

        def send(share: range) -> None:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)) as connection:
                for number in share:
                    reply = _ask(connection, "/instances", "POST", held[number], {"Content-Type": "application/dicom"})
                    told[number] = json.loads(reply.body) if reply.status == 200 else reply.status

        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(send, shares))
        return told


def find_orthanc(*, plugin: bool = True) -> str | None:
    """Return Orthanc's program; None if it is not there, or not its DICOMweb plugin, if that is wanted."""
    if plugin and not DICOM_WEB.exists():
        return None
    # Debian keeps it where only root looks.
    return shutil.which("Orthanc", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")


@contextmanager
def run_orthanc(program: str, folder: Path, *, plugin: bool = True, aet: str = "", **more: object) -> Iterator[Orthanc]:
    """Run Orthanc with its storage in ``folder``; it speaks DIMSE if it is given an AE title.

    Args:
        more: of its configuration.

    Raises:
        OrthancError: it does not start.
    """
    port, dicom_port = free_port(), free_port()
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(_configuration(folder, port, plugin=plugin) | _dicom(aet, dicom_port) | more), encoding="utf-8"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(configuration)], cwd=folder, stdout=log, stderr=log)
    try:
        orthanc = Orthanc(port, dicom_port)
        _wait(process, orthanc, folder / "log")
        yield orthanc
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ask(
    connection: http.client.HTTPConnection, path: str, method: str, body: bytes | None, headers: Mapping[str, str]
) -> Reply:
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    return Reply(answer.status, answer.getheader("Content-Type", ""), answer.read())


def _configuration(folder: Path, port: int, *, plugin: bool) -> dict[str, object]:
    return {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [str(DICOM_WEB)] if plugin else [],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False},
        "StoreMD5ForAttachments": False,
        "SyncStorageArea": False,
        "StorageCompression": False,
        "KeepAlive": True,
        "TcpNoDelay": True,
    }


def _dicom(aet: str, port: int) -> dict[str, object]:
    if not aet:
        return {}
    return {
        "DicomServerEnabled": True,
        "DicomAet": aet,
        "DicomPort": port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowFind": True,
    }


def _wait(process: "subprocess.Popen[bytes]", orthanc: Orthanc, log: Path) -> None:
    """Wait until it answers."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            orthanc.json("/system")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise OrthancError(f"Orthanc did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


def free_port() -> int:
    """Return a port of this computer that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
