"""The development environment: `.venv` with everything in it, made once and then only checked."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dev_system
import fetch_ohif
from dev_system import DevError

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = "packaging/constraints.txt"

# What decides about the content of the environment; relative to ROOT.
INPUTS = ("pyproject.toml", CONSTRAINTS, "packaging/fetch_ohif.py", "packaging/hatch_build.py")


@dataclass(frozen=True, slots=True)
class Venv:
    """A virtual environment and where its programs are."""

    folder: Path
    windows: bool = sys.platform == "win32"

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.program("python")

    @property
    def stamp(self) -> Path:
        """The file that says for what the environment was made; there only if it is complete."""
        return self.folder / "negatoscope.json"

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self.folder / "Scripts" / f"{name}.exe" if self.windows else self.folder / "bin" / name


def prepare() -> Venv:
    """Return the environment, made or renewed if need be; raises DevError.

    With nothing to do it takes some hundredths of a second, runs no pip and needs no network.
    """
    venv = Venv(ROOT / ".venv")
    dev_system.ensure_qt_libraries()
    wanted = wanted_stamp()
    if read_stamp(venv) != wanted:
        _make(venv, wanted)
    elif not fetch_ohif.is_complete():
        _restore_ohif(venv)
    return venv


def wanted_stamp() -> dict[str, str]:
    """Return what the stamp of an up-to-date environment says."""
    return {
        "python": platform.python_version(),
        "root": str(ROOT),
        "inputs": digest((name, (ROOT / name).read_bytes()) for name in INPUTS),
    }


def read_stamp(venv: Venv) -> dict[str, str]:
    """Return what the stamp says, or nothing if the environment is not complete."""
    if not venv.python.exists():
        return {}
    try:
        return dict(json.loads(venv.stamp.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Return one hash over names and contents."""
    total = hashlib.sha256()
    for name, content in files:
        total.update(f"{name}:{len(content)}:".encode() + content)
    return total.hexdigest()


def must_be_new(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Say whether an environment with this stamp is of another Python or another place, so of no use."""
    return any(found.get(key, wanted[key]) != wanted[key] for key in ("python", "root"))


def make_venv(venv: Venv) -> None:
    """Make an empty environment with pip, in the place of whatever is there; raises DevError."""
    dev_system.ensure_venv_module()
    run_quietly(
        [sys.executable, "-m", "venv", "--clear", str(venv.folder)],
        f"The environment {venv.folder} can't be made",
    )


def run_quietly(command: Sequence[str], failure: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in ROOT and return its output; raises DevError with the output if it fails.

    `environment` is added to this process's own.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise DevError(f"{done.stdout.rstrip()}\n{failure} (see above).")
    return done.stdout


def _make(venv: Venv, wanted: dict[str, str]) -> None:
    started = time.monotonic()
    found = read_stamp(venv)
    venv.stamp.unlink(missing_ok=True)
    if must_be_new(found, wanted) or not _works(venv):
        print(f"Making {venv.folder} with Python {wanted['python']} ...", flush=True)
        make_venv(venv)
    print("Installing the packages and OHIF (a minute or two the first time) ...", flush=True)
    _install(venv)
    dev_system.report_missing_libraries(_site_packages(venv))
    venv.stamp.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
    print(f"The environment is ready ({time.monotonic() - started:.0f} s).", flush=True)


def _works(venv: Venv) -> bool:
    """Say whether the environment runs, is of this Python, and has pip: a half-made one does not."""
    if not venv.python.exists():
        return False
    code = "import pip, platform; print(platform.python_version())"
    try:
        done = subprocess.run([venv.python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == platform.python_version()


def _install(venv: Venv) -> None:
    # The build hook brings OHIF with it. -c does not reach the build, which has an environment of its own;
    # these variables do, in older and newer pip. The name is relative because pip splits them at blanks.
    environment = {"PIP_CONSTRAINT": CONSTRAINTS, "PIP_BUILD_CONSTRAINT": CONSTRAINTS}
    command = [str(venv.python), "-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, "-e", ".[dev]"]
    run_quietly(command, "pip could not install the packages", environment)


def _restore_ohif(venv: Venv) -> None:
    """Bring a deleted viewer back: from the cache or with npm, else by the build, which asks PyPI for npm."""
    print("Bringing OHIF back ...", flush=True)
    try:
        fetch_ohif.ensure_ohif()
    except fetch_ohif.OhifError:
        _install(venv)


def _site_packages(venv: Venv) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('platlib'))"
    return Path(run_quietly([str(venv.python), "-c", code], "The environment does not run").strip())
