"""What all tests share: a folder of their own, and the files to try things on."""

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from desktop.importers.reading import ReaderPool

ROOT = Path(__file__).resolve().parent.parent
RESOURCES = ROOT / "resources"

# Qt and the web engine read these when they start. Without a screen, pictures stay black without the flags.
if sys.platform == "linux":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--ignore-gpu-blocklist --disable-gpu-compositing")
    if os.geteuid() == 0:
        os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin each half of the tests with long ones: short ones are left for the end, so no process waits for another.

    Of two processes, each begins with a half (pytest-xdist's ``--dist worksteal``).
    """

    def is_in(item: pytest.Item, folder: str) -> bool:
        return item.path.is_relative_to(ROOT / "tests" / folder)

    first, second = ([item for item in items if is_in(item, folder)] for folder in ("viewer", "ui"))
    rest = [item for item in items if not is_in(item, "viewer") and not is_in(item, "ui")]
    cut = max(0, len(items) // 2 - len(first))
    items[:] = first + rest[:cut] + second + rest[cut:]


def find_corpus() -> Path | None:
    """Return the folder of real DICOM files, if it is there."""
    told = os.environ.get("NEGATOSCOPE_CORPUS")
    folder = Path(told) if told else ROOT.parent / "shared" / "data"
    return folder if (folder / "INVENTORY.tsv").is_file() else None


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real DICOM files; the test is skipped where it is not."""
    folder = find_corpus()
    if folder is None:
        pytest.skip("the folder of real DICOM files is not here (NEGATOSCOPE_CORPUS)")
    return folder


@pytest.fixture(scope="session")
def pydicom_files() -> Path:
    """The test files in pydicom's own package."""
    import pydicom.data

    return Path(str(pydicom.data.__file__)).parent / "test_files"


@pytest.fixture(scope="session")
def pool() -> "Iterator[ReaderPool]":
    """Workers that read: they take a second to start, so tests share them."""
    from unit.bench import start_pool

    made = start_pool()
    yield made
    made.close()


@pytest.fixture
def base_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder below which the program keeps all of its files in this test."""
    folder = tmp_path / "base"
    monkeypatch.setenv("NEGATOSCOPE_BASE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _users_files_untouched() -> Iterator[None]:
    """Fail the run if a test writes where the program keeps the files of whoever runs the tests."""
    from desktop.paths import find_paths

    own = find_paths()
    folders = (own.config, own.data, own.cache, own.logs)
    before = _list_files(folders)
    yield
    assert _list_files(folders) == before


def _list_files(folders: tuple[Path, ...]) -> dict[Path, int]:
    # The cache below may hold OHIF's package, which is got when the environment is made.
    return {
        path: path.stat().st_mtime_ns
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "ohif" not in path.parts
    }


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread of the program running."""
    before = set(threading.enumerate())
    yield
    # Qt's own threads are no Python threads; pytest-timeout's and hypothesis' are.
    ours = (
        *("library writer", "server", "job ", "handover", "presence", "inbox", "preloading", "pacs ", "receiving"),
        *("ThreadPoolExecutor", "ExecutorManagerThread", "QueueFeederThread"),
    )
    left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith(ours)]
    for thread in left:
        thread.join(3)
    alive = sorted(thread.name for thread in left if thread.is_alive())
    assert not alive, f"threads left running: {alive}"


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """Give each test a log without handlers of the program's own, and nothing hidden by another test."""
    from desktop import logs

    yield
    logs.stop_logging()
    logs._hidden.clear()


warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
