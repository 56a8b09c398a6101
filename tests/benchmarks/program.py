"""Starts the program, and scripts of this folder, in processes of their own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def keep_bytecode(folder: Path) -> None:
    """Keep Python's bytecode in ``folder`` for all that is started from now on: an installed program has it too."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    subprocess.run([sys.executable, "-c", "import desktop.cli, desktop.ui.start"], check=True)


def run_program(base: Path, *words: str) -> dict[str, Any]:
    """Run a command of the program with --json; return what it told, and how long the whole process took.

    That is ``wall_s`` from start to end, and ``core_s`` of a core, for it and its workers.
    """
    return _run([sys.executable, "-m", "desktop", "--base-dir", str(base), *words, "--json"])


def run_script(name: str, *words: str) -> dict[str, Any]:
    """Run a script of this folder; return the JSON that it printed, and times as :func:`run_program`."""
    return _run([sys.executable, str(_HERE / name), *words])


def show_script(name: str, *words: str) -> int:
    """Run a script of this folder that prints for people; return its exit code."""
    return subprocess.run([sys.executable, str(_HERE / name), *words], check=False).returncode


def check_added(told: dict[str, Any], count: int) -> None:
    """See to it that an import took all files: a figure of another kind of work would be worse than none."""
    if told["added"] != count:
        raise SystemExit(f"Of {count:,} files, {told['added']:,} were added: {told}")


def children_seconds() -> float:
    """Return the seconds of a core that this process's children have used, those that have ended."""
    return sum(os.times()[2:4])


def settle() -> None:
    """Let the disk finish what others have written: it must not count for what comes next."""
    if hasattr(os, "sync"):
        os.sync()


def _run(command: list[str]) -> dict[str, Any]:
    settle()
    started, used = time.perf_counter(), children_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout) | {"wall_s": wall, "core_s": children_seconds() - used}
