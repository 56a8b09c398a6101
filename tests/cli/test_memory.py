"""How much memory the server takes while it serves an object of 2 GB: no more than for small ones."""

import http.client
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image
from cli.running import SECONDS, Program
from cli.test_serve import Running, serve

LIMIT = 300_000_000
"""Bytes, at most, that the server's process has in memory at once."""

ROWS, FRAMES = 512, 4096
FRAME = ROWS * ROWS * 2
MARK = b"frame %06d"

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells of memory")


def write_large(path: Path) -> Path:
    """Write a native image of 2 GB. It has a hole for most of its pixels, and takes no room on the disk."""
    image = make_image(
        Rows=ROWS,
        Columns=ROWS,
        NumberOfFrames=1,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7.3",
        BitsStored=16,
        HighBit=15,
        SOPInstanceUID=f"{ROOT_UID}9",
    )
    image.NumberOfFrames = f"{FRAMES}"
    image.save_as(path, enforce_file_format=True)
    with path.open("r+b") as file:
        start = path.stat().st_size - FRAME
        file.seek(start - 4)
        file.write((FRAME * FRAMES).to_bytes(4, "little"))
        file.truncate(start + FRAME * FRAMES)
        for number in range(FRAMES):
            file.seek(start + number * FRAME)
            file.write(MARK % (number + 1))
    assert path.stat().st_size > 1 << 31
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A server with that image, in a process of its own."""
    folder = tmp_path_factory.mktemp("memory")
    path = write_large(folder / "large.dcm")
    with serve(Program(folder / "program"), path) as started:
        assert started.process.stderr is not None
        assert started.process.stderr.readline() == "1 file: 1 added.\n"
        yield started, path
        started.end()
    path.unlink()


@contextmanager
def watched(running: Running) -> Iterator[None]:
    """Check that what happens meanwhile takes no more memory than :data:`LIMIT`."""
    process = Path("/proc") / str(running.process.pid)
    # 5 forgets the largest size there was.
    (process / "clear_refs").write_text("5")
    yield
    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert peak is not None
    assert int(peak[1]) * 1024 < LIMIT


def place_of(running: Running) -> str:
    (found,) = running.json("/dicom-web/instances")
    study, series, instance = (found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    return f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"


@contextmanager
def asked(running: Running, path: str, accept: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", running.said["port"], timeout=SECONDS)
    with closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {running.said['token']}", "Accept": accept})
        with connection.getresponse() as answer:
            assert answer.status == 200, answer.read()
            yield answer


def ask(running: Running, path: str, accept: str) -> bytes:
    with asked(running, path, accept) as answer:
        return answer.read()


def test_frames_from_all_over_it(running: tuple[Running, Path]) -> None:
    server, _ = running
    place, single = place_of(server), "application/octet-stream; transfer-syntax=*"
    several = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'

    def get(number: int) -> bytes:
        return ask(server, f"{place}/frames/{number}", single)

    numbers = [*range(1, FRAMES, 64), FRAMES]
    with watched(server), ThreadPoolExecutor(6) as threads:
        for number, frame in zip(numbers, threads.map(get, numbers), strict=True):
            assert len(frame) == FRAME
            assert frame.startswith(MARK % number)
        many = ask(server, f"{place}/frames/1,2048,{FRAMES}", several)
        assert many.count(b"frame 00") == 3
        assert len(many) > 3 * FRAME


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom; transfer-syntax=*",
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        "application/zip; transfer-syntax=*",
    ],
)
def test_the_whole_object_for_those_who_read_slowly(running: tuple[Running, Path], accept: str) -> None:
    server, path = running
    place = place_of(server)

    def read(_number: int) -> int:
        got = 0
        with asked(server, place, accept) as answer:
            # The server could have read the rest long since, if nothing held it back.
            for _ in range(20):
                got += len(answer.read(1 << 20))
                time.sleep(0.05)
        return got

    with watched(server), ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, range(4))) == [20 << 20] * 4
        got = 0
        with asked(server, place, accept) as answer:
            while chunk := answer.read(1 << 22):
                got += len(chunk)
        assert got >= path.stat().st_size
