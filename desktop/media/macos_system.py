"""macOS: asks the system what is mounted, and a mount what it is."""

import os
import subprocess
import sys

from .macos import kind_of, medium_of_share, medium_of_volume, parse_mounts
from .model import THIS_COMPUTER, Medium, MediumKind
from .table import Mount, MountTable

assert sys.platform != "win32"  # lets mypy look at it elsewhere alone

_SECONDS = 5


def read_table() -> MountTable:
    """Return what is mounted now.

    Raises:
        OSError: the system does not tell.
    """
    try:
        done = subprocess.run(
            ["/sbin/mount"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True
        )
    except subprocess.SubprocessError as error:
        raise OSError("the system does not tell what is mounted") from error
    return MountTable(parse_mounts(os.fsdecode(done.stdout)), _describe)


def _describe(mount: Mount) -> Medium:
    kind = kind_of(mount)
    if kind is MediumKind.COMPUTER:
        return THIS_COMPUTER
    if kind is MediumKind.NETWORK:
        return medium_of_share(mount)
    try:
        space, status = os.statvfs(mount.point), os.stat(mount.point)  # noqa: PTH116
    except OSError:
        return medium_of_volume(mount, kind, 0, 0)
    return medium_of_volume(mount, kind, space.f_blocks * space.f_frsize, int(getattr(status, "st_birthtime", 0)))
