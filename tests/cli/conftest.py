"""The program as a process, and in this one."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.running import Finished, Program

from desktop import app
from desktop.__main__ import main
from desktop.importers.reading import ReaderPool
from desktop.services import rebuilding


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program as a process of its own, in a home of its own."""
    return Program(tmp_path / "program")


class SharedPool(ReaderPool):
    """Workers that outlive the library which they read for: the tests share them."""

    def __init__(self, pool: ReaderPool) -> None:
        self._pool = pool._pool
        self.warm_up = pool.warm_up
        self.close = lambda: None


@pytest.fixture
def call(
    base_dir: Path, capfd: pytest.CaptureFixture[str], pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Finished]]:
    """The program in this process, which is quicker; its folders are below the test's."""
    level = logging.getLogger().level
    for module in (app, rebuilding):
        monkeypatch.setattr(module, "ReaderPool", lambda: SharedPool(pool))

    def run(*words: str | Path) -> Finished:
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Finished(code, out, err)

    yield run
    logging.getLogger().setLevel(level)


@pytest.fixture
def settings(base_dir: Path) -> Callable[[object], Path]:
    """Writes the settings: text as it is, anything else as JSON."""

    def write(value: object) -> Path:
        path = base_dir / "config" / "settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    return write
