"""Windows: what a path's drive or share is. Asks nothing of the system."""

import ntpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from .model import THIS_COMPUTER, Medium, MediumKind, Volume, identity_of, name_of, storable

_PREFIXES = (("\\\\?\\unc\\", "\\\\"), ("\\\\?\\", ""), ("\\\\.\\", ""))


class DriveType(IntEnum):
    """What GetDriveTypeW returns."""

    UNKNOWN = 0
    NO_ROOT = 1
    REMOVABLE = 2
    FIXED = 3
    REMOTE = 4
    CDROM = 5
    RAMDISK = 6


_OUTSIDE = frozenset([4, 7])
"""STORAGE_BUS_TYPE of what is plugged in: IEEE 1394, USB. Windows calls an external disk a fixed drive."""


@dataclass(frozen=True, slots=True)
class Drive:
    r"""What the system says of a drive.

    Attributes:
        root: as ``D:\``.
        type: what GetDriveTypeW returns.
        bus: STORAGE_BUS_TYPE; 0 if it was not asked for.
        remote: the share that a network drive stands for, as ``\\server\share``.
        volume: what is in it; None for nothing, and for a network drive, which is not looked at.
    """

    root: str
    type: int
    bus: int = 0
    remote: str = ""
    volume: Volume | None = None


def root_of(path: str) -> str:
    r"""Return ``D:\`` or ``\\server\share`` of an absolute path, "" for what is on neither."""
    path = path.replace("/", "\\")
    for prefix, instead in _PREFIXES:
        if path.lower().startswith(prefix):
            path = instead + path[len(prefix) :]
            break
    drive = ntpath.splitdrive(path)[0]
    if len(drive) == 2 and drive[1] == ":":
        return drive.upper() + "\\"
    return drive if len(drive.strip("\\").split("\\")) == 2 and drive.startswith("\\\\") else ""


def kind_of(drive: Drive) -> MediumKind:
    """Return what a drive is."""
    if drive.type == DriveType.REMOTE:
        return MediumKind.NETWORK
    if drive.type == DriveType.CDROM:
        return MediumKind.DISC
    if drive.type == DriveType.REMOVABLE or (drive.type == DriveType.FIXED and drive.bus in _OUTSIDE):
        return MediumKind.REMOVABLE
    return MediumKind.COMPUTER


def medium_of_share(address: str, mount: str) -> Medium:
    r"""Return the medium of ``\\server\share``. Windows does not tell capital letters from small ones."""
    return Medium(storable(address.lower()), name_of(address, mount), mount, MediumKind.NETWORK)


def medium_of_drive(drive: Drive) -> Medium:
    """Return the medium of a drive. An empty one holds no files, and counts as this computer."""
    kind = kind_of(drive)
    if kind is MediumKind.NETWORK:
        return medium_of_share(drive.remote or drive.root, drive.root)
    if kind is MediumKind.COMPUTER or drive.volume is None:
        return THIS_COMPUTER
    return Medium(identity_of(drive.volume, kind), name_of(drive.volume.label, drive.root), drive.root, kind)


class DriveTable:
    r"""The drives of one moment, with what was found of them. Safe to use from any thread.

    Args:
        roots: of all drives, as ``D:\``.
        ask: returns what the system says of a drive.
    """

    def __init__(self, roots: Sequence[str], ask: Callable[[str], Drive]) -> None:
        self._roots = roots
        self._ask = ask
        self._media: dict[str, Medium] = {}

    def find(self, path: str) -> Medium:
        """Return the medium of an absolute path; links to other drives are not followed."""
        root = root_of(path)
        return self._medium_of(root) if root else THIS_COMPUTER

    def media(self) -> list[Medium]:
        """Return all media that are not this computer and have a letter."""
        media = [self._medium_of(root) for root in self._roots]
        return [medium for medium in media if medium.kind is not MediumKind.COMPUTER]

    def _medium_of(self, root: str) -> Medium:
        medium = self._media.get(root)
        if medium is None:
            share = root.startswith("\\\\")
            medium = medium_of_share(root, root) if share else medium_of_drive(self._ask(root))
            self._media[root] = medium
        return medium
