"""The program as a process, from its start to its end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import make_stack
from PySide6.QtGui import QColor, QImage

# Other tests run beside this one.
_END_SECONDS = 8.0
# What the web engine says of this computer, not of the program.
_OF_THE_ENGINE = (
    "Sandboxing disabled",
    "QRhiGles2",
    "Failed to create RHI",
    "This plugin does not support",
    "QVulkanInstance",
    "GBM is not supported",
    "GPUInfo not initialized",
    "dbus/bus.cc",
    "propagateSizeHints",
)


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _end_processes() -> Iterator[None]:
    """A test that fails must leave no process behind."""
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def start(tmp_path: Path, *words: str | Path) -> subprocess.Popen[str]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NEGATOSCOPE_BASE_DIR"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "desktop", "--base-dir", str(tmp_path / "base"), *map(str, words)],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    return process


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end; return standard output, and what the program itself wrote on standard error."""
    out, err = process.communicate(timeout=150)
    own = [line for line in err.splitlines() if line.strip() and not any(text in line for text in _OF_THE_ENGINE)]
    return out, "\n".join(own)


def colors(picture: Path) -> int:
    image = QImage(str(picture))
    assert not image.isNull()
    levels = {
        QColor(image.pixel(x, y)).lightness()
        for x in range(image.width() // 3, 2 * image.width() // 3, 7)
        for y in range(image.height() // 3, 2 * image.height() // 3, 7)
    }
    return len(levels)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_open_saves_a_picture_and_tells_what_it_found(tmp_path: Path):
    from desktop.services.sample import make_sample_study

    folder = make_sample_study(tmp_path / "Doe Jane 1970")
    (folder / "readme.txt").write_text("hello")
    (folder / "broken.dcm").write_bytes((folder / "CT001.dcm").read_bytes()[:500])
    before = files_below(folder)
    picture = tmp_path / "x.png"
    process = start(tmp_path, "open", folder, "--screenshot", picture, "--json")
    out, err = finish(process)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert set(told) == {
        "studies",
        "series",
        "instances",
        "skipped",
        "rejected",
        "display_sets",
        "indexed_s",
        "first_image_s",
        "renderer",
        "data_source",
    }
    expected = {"studies": 1, "series": 1, "instances": 40, "skipped": 1, "rejected": 1, "display_sets": 1}
    assert {key: told[key] for key in expected} == expected
    assert told["data_source"] == "dicom-json"
    assert told["first_image_s"] > told["indexed_s"] > 0
    assert told["renderer"]
    assert colors(picture) > 20
    assert err == ""
    assert files_below(folder) == before
    outside = [name for name in files_below(tmp_path) if not name.startswith(("base/", "Doe Jane 1970/", "x.png"))]
    assert [name for name in outside if ".cache/fontconfig" not in name and "mesa_shader_cache" not in name] == []
    log = (tmp_path / "base" / "logs" / "negatoscope.log").read_text()
    for secret in ("Sample^Sam", "SAMPLE1", "Doe Jane", str(folder)):
        assert secret not in log


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["open", "nothing-here"], 3, "Nothing to show. 1 file: 1 rejected."),
        (["open"], 2, "Name files and folders"),
        (["open", "--study", "1.2.3"], 1, "no such study in the library"),
    ],
)
def test_open_says_what_is_wrong(tmp_path: Path, words: list[str], code: int, sentence: str):
    process = start(tmp_path, *words)
    out, err = finish(process)
    assert process.returncode == code
    assert sentence in err
    assert out == ""
    assert "Traceback" not in err


def test_open_gives_up_in_time(tmp_path: Path):
    make_stack(tmp_path / "in", 2)
    process = start(tmp_path, "open", tmp_path / "in", "--timeout", "0.05", "--json")
    _, err = finish(process)
    assert process.returncode == 4
    assert "within 0.05 seconds" in err


def wait_for_server(tmp_path: Path, process: subprocess.Popen[Any]) -> None:
    log = tmp_path / "base" / "logs" / "negatoscope.log"
    end = time.monotonic() + 60
    while not (log.is_file() and "scriptToView" in log.read_text()):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to handle")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_window_cleanly(tmp_path: Path, number: signal.Signals):
    make_stack(tmp_path / "in", 30)
    process = start(tmp_path, tmp_path / "in")
    wait_for_server(tmp_path, process)
    group = _children(process.pid)
    assert group or sys.platform != "linux", "the web engine runs in processes of its own"
    process.send_signal(number)
    asked = time.monotonic()
    out, err = finish(process)
    assert time.monotonic() - asked < _END_SECONDS
    assert process.returncode == 0
    assert (out, err) == ("", "")
    while time.monotonic() - asked < _END_SECONDS and any(map(_is_running, group)):
        time.sleep(0.02)
    assert not [pid for pid in group if _is_running(pid)]


def test_without_a_screen_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if sys.platform != "linux":
        pytest.skip("elsewhere there is always a screen")
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    process = start(tmp_path)
    out, err = finish(process)
    assert process.returncode == 1
    assert "There is no screen" in err
    assert "--screenshot" in err
    assert out == ""


def test_the_doctor_finds_no_problem(tmp_path: Path):
    process = start(tmp_path, "doctor", "--json")
    out, err = finish(process)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert set(found) == {"versions", "paths", "graphics", "port", "codecs", "problems"}
    assert found["problems"] == []
    assert found["graphics"]["renderer"]
    assert str(tmp_path / "home") not in out


def _children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs; of Linux, where this is a file system."""
    children = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            children.append(int(folder.name))
    return children + [grandchild for child in children for grandchild in _children(child)]


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"
