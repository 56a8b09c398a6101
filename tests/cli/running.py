"""Runs the program as a process of its own, in a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_KEPT = ("PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "LANG")

SECONDS = 60
"""How long a test waits for a process before it fails."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the one JSON value on standard output."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        assert self.out.isascii()
        return json.loads(self.out)

    def sentence(self) -> str:
        """Return what stands on standard error for the user; nothing is told of the program's insides."""
        assert "Traceback" not in self.err, self.err
        assert "Exception ignored" not in self.err, self.err
        assert 'File "' not in self.err, self.err
        return self.err


class Program:
    """The program, with all its folders, the home and the current folder below one folder."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "base"
        self.home = folder / "home"
        self.current = folder / "current"
        for made in (self.home, self.current):
            made.mkdir(parents=True)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {"HOME": str(self.home), "USERPROFILE": str(self.home), "PYTHONWARNINGS": "error"} | more

    def command(self, words: Sequence[str | os.PathLike[str]]) -> list[str]:
        """Return the command line; the base folder stands before the words, unless they say another."""
        return [sys.executable, "-m", "desktop", "--base-dir", str(self.base), *map(os.fspath, words)]

    def run(self, *words: str | os.PathLike[str], **environment: str) -> Finished:
        """Run to the end."""
        done = subprocess.run(
            self.command(words),
            cwd=self.current,
            env=self.environment(**environment),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        encoding = environment.get("PYTHONIOENCODING", "utf-8")
        return Finished(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))

    @contextmanager
    def start(self, *words: str | os.PathLike[str], **popen: Any) -> Iterator["subprocess.Popen[str]"]:
        """Start it; it is killed if it is still there at the end."""
        process = subprocess.Popen(
            self.command(words),
            cwd=self.current,
            env=self.environment(),
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "encoding": "utf-8",
                **popen,
            },
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(SECONDS)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    @property
    def log(self) -> str:
        """The log file's text; empty if there is none."""
        file = self.base / "logs" / "negatoscope.log"
        return file.read_text(encoding="utf-8") if file.is_file() else ""


def list_files(*folders: Path) -> dict[str, tuple[int, int]]:
    """Return all files and folders below, with what tells whether one was written to."""
    found = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mtime_ns, status.st_size if path.is_file() else 0)
    return found
