"""Where the library should not lie: on a share, or where a program copies files between computers."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from .model import MediumKind
from .mounts import find_medium

_SERVICES = {
    "Dropbox": r"Dropbox( ?\(.+\)|-.+)?",
    "OneDrive": r"OneDrive( ?- ?.+)?",
    "Google Drive": r"Google ?Drive(-.+)?|My Drive",
    "iCloud Drive": r"iCloud ?Drive|Mobile Documents",
    "Nextcloud": r"Nextcloud",
    "ownCloud": r"ownCloud",
    "Box": r"Box( Sync|-Box)?",
    "pCloud": r"pCloud ?(Drive)?",
    "Seafile": r"Seafile",
    "MEGA": r"MEGA(sync)?",
    "a cloud service": r"CloudStorage",
}
"""What the folders are called that each service keeps alike on several computers; the most telling ones first."""

_ONEDRIVE_VARIABLES = ("OneDrive", "OneDriveCommercial", "OneDriveConsumer")


def library_risk(folder: Path) -> str | None:
    """Return a sentence if the library's database is in danger in this folder, which need not exist.

    Raises:
        OSError: the system does not tell what is mounted.
    """
    medium = find_medium(folder / "library.sqlite")
    if medium.kind is MediumKind.NETWORK:
        share = medium.name.strip("/\\")
        return (
            f"The library lies on a network share ({share}). Databases break there, because locks of files do not work "
            "reliably between computers. Move it to this computer with --base-dir."
        )
    # Not before: this looks at the folder.
    told, real = folder.absolute(), folder.resolve()
    service = cloud_service(str(real), os.environ) or cloud_service(str(told), os.environ) or _find_mark(real)
    if service is None:
        return None
    return (
        f"The library lies in a folder that {service} synchronises. Databases break there, because half-written ones "
        "are uploaded and the copies of two computers get mixed. Move it to another folder of this computer with "
        "--base-dir."
    )


def cloud_service(folder: str, environment: Mapping[str, str]) -> str | None:
    """Return who copies a folder between computers, judged by its absolute path and OneDrive's variables."""
    parts = _parts(folder)
    for service, pattern in _SERVICES.items():
        if any(re.fullmatch(pattern, part) for part in parts):
            return service
    for variable in _ONEDRIVE_VARIABLES:
        root = _parts(environment.get(variable, ""))
        if root and [part.casefold() for part in parts[: len(root)]] == [part.casefold() for part in root]:
            return "OneDrive"
    return None


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[\\/]", path) if part]


def _find_mark(folder: Path) -> str | None:
    for place in (folder, *folder.parents):
        # A folder named .dropbox is in the home folder of everyone who uses it, and marks nothing.
        if os.path.isfile(place / ".dropbox") or os.path.isdir(place / ".dropbox.cache"):  # noqa: PTH112, PTH113
            return "Dropbox"
        if os.path.lexists(place / ".stfolder"):
            return "Syncthing"
    return None
