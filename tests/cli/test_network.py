"""No connection leaves the machine: the program in a network with nothing but loopback, under strace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.network import alone, count_probes, find_outgoing, traced, why_not
from cli.running import Program
from PIL import Image
from viewer.alone import count_levels

from desktop.paths import find_resources

SECONDS = 150

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.skipif(not (find_resources() / "ohif" / "index.html").is_file(), reason="OHIF has not been fetched"),
]


def run(command: list[str], trace: Path, **environment: str) -> tuple[str, str]:
    """Run a command alone and traced; return its standard output, and the trace."""
    done = subprocess.run(
        alone(traced(command, trace)),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, trace.read_text(encoding="utf-8", errors="replace")


def test_what_leaves_is_seen(tmp_path: Path) -> None:
    # Addresses for documentation (RFC 5737, RFC 3849), and datagrams with and without a connection.
    script = """
import contextlib, socket
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, "192.0.2.1"),
    (socket.AF_INET, socket.SOCK_DGRAM, "192.0.2.2"),
    (socket.AF_INET6, socket.SOCK_STREAM, "2001:db8::3"),
    (socket.AF_INET6, socket.SOCK_STREAM, "2001:4860:4860::8888"),
):
    with contextlib.suppress(OSError), socket.socket(family, kind) as one:
        one.connect((address, 443))
with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.sendto(b"?", ("192.0.2.4", 53))
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
    with contextlib.suppress(OSError):
        one.connect(("2001:4860:4860::8888", 443))
    one.connect(("::1", 9))
    with contextlib.suppress(OSError):
        one.send(b"?")
"""
    _, trace = run([sys.executable, "-c", script], tmp_path / "trace")
    found = find_outgoing(trace)
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::3", "2001:4860:4860::8888", "192.0.2.4"):
        assert sum(f'"{address}"' in line for line in found) == 1, (address, found)
    assert len(found) == 6, found
    assert count_probes(trace) == 1


def test_the_window_reaches_nobody(program: Program, tmp_path: Path, pydicom_files: Path) -> None:
    picture = tmp_path / "picture.png"
    words = ["open", pydicom_files / "CT_small.dcm", "--screenshot", picture, "--json"]
    out, trace = run(program.command(words), tmp_path / "trace", HOME=str(program.home))
    assert json.loads(out)["first_image_s"] > 0
    assert find_outgoing(trace) == []
    # The page asks our server, and so it was watched.
    assert 'inet_addr("127.0.0.1")' in trace
    with Image.open(picture) as image:
        assert count_levels(image) > 30


def test_the_server_and_a_browser_reach_nobody(program: Program, tmp_path: Path, pydicom_files: Path) -> None:
    script = Path(__file__).resolve().parents[1] / "viewer" / "alone.py"
    trace = tmp_path / "trace"
    served = traced(program.command(["serve", pydicom_files / "CT_small.dcm", "--port", "0", "--json"]), trace)
    done = subprocess.run(
        alone([sys.executable, str(script), json.dumps(served)]),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["levels"] > 30
    assert told["elsewhere"] == []
    text = trace.read_text(encoding="utf-8", errors="replace")
    assert find_outgoing(text) == []
    assert count_probes(text) == 0
