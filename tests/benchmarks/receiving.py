"""C-STORE into a library, beside DCMTK's storescp, which writes the same files and nothing more, in turn.

DCMTK's storescu sends, with the longest PDUs that it knows, and without Nagle's algorithm, to both alike.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from figures import Figures, Target
from program import settle

_AET = "NEGATOSCOPE"
_PDU = "131072"
_SECONDS = 300
_TO_STORESCP = Target(0.6)
_SEVERAL = 4
_TO_ONE = Target(1)


def measure_receiving(figures: Figures, work: Path, files: Sequence[Path], runs: int) -> str:
    """Measure with these files.

    Args:
        figures: are added to.
        work: an empty folder of our own.
        files: of one study.
        runs: how often.

    Returns:
        why nothing was measured; empty if it was.
    """
    if shutil.which("storescu") is None or shutil.which("storescp") is None:
        return "DCMTK is not installed: receiving was not measured."
    for _ in range(runs):
        with _storescp(work / "storescp") as port:
            theirs = _send(port, files, 1)
            figures.add("C-STORE into DCMTK's storescp", theirs, "files/s")
            figures.add(f"C-STORE into DCMTK's storescp, {_SEVERAL} at once", _send(port, files, _SEVERAL), "files/s")
        rates = {}
        for count in (1, _SEVERAL):
            with _listening(work / "receiving") as program:
                name = "C-STORE into the library" + (f", {count} at once" if count > 1 else "")
                started = time.perf_counter()
                rates[count] = _send(program.port, files, count)
                figures.add(name, rates[count], "files/s")
                program.wait_for(len(files))
                figures.add(f"{name}, and announced", time.perf_counter() - started, "s")
        figures.add("C-STORE, to DCMTK's storescp", rates[1] / theirs, "times", _TO_STORESCP)
        figures.add(f"C-STORE, {_SEVERAL} at once to one", rates[_SEVERAL] / rates[1], "times", _TO_ONE)
    return ""


def _send(port: int, files: Sequence[Path], count: int) -> float:
    """Send all files over some associations at once; return files in a second."""
    settle()
    words = ["storescu", "-R", "-aec", _AET, "-pdu", _PDU, "--max-send-pdu", _PDU, "127.0.0.1", str(port)]
    started = time.perf_counter()
    senders = [
        subprocess.Popen([*words, *map(str, files[number::count])], env={**os.environ, "TCP_NODELAY": "1"})
        for number in range(count)
    ]
    codes = [sender.wait(_SECONDS) for sender in senders]
    if any(codes):
        raise SystemExit("storescu could not send all files.")
    return len(files) / (time.perf_counter() - started)


@contextmanager
def _storescp(folder: Path) -> Iterator[int]:
    """Run DCMTK's storescp, which writes into ``folder``; yield its port."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # +B: as it comes, which is what it does fastest, and what we do.
    words = ["storescp", "--fork", "+B", "-pdu", _PDU, "-od", str(folder), str(port)]
    process = subprocess.Popen(words, env={**os.environ, "TCP_NODELAY": "1"})
    try:
        end = time.monotonic() + _SECONDS
        while subprocess.run(["echoscu", "127.0.0.1", str(port)], capture_output=True, check=False).returncode:
            if time.monotonic() > end:
                raise SystemExit("storescp did not start.")
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


class _Program:
    """The program that listens."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.port = int(json.loads(self._lines.readline())["port"])

    def wait_for(self, count: int) -> None:
        """Wait until so many objects are announced."""
        received = 0
        while received < count:
            told = json.loads(self._lines.readline())
            if told["event"] != "study":
                raise SystemExit(f"Not all files were taken: {told}")
            received += told["received"]


@contextmanager
def _listening(base: Path) -> Iterator[_Program]:
    """Run the program with a library in ``base``."""
    words = [sys.executable, "-m", "desktop", "--base-dir", str(base), "pacs", "listen", "--port", "0", "--json"]
    process = subprocess.Popen([*words, "--aet", _AET], stdout=subprocess.PIPE, text=True)
    try:
        yield _Program(process)
        process.send_signal(signal.SIGTERM)
        process.wait(_SECONDS)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(base)
