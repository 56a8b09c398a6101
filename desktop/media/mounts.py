"""What medium a path lies on, and which media are here now.

The mount table is read once in a moment, since many paths are asked for: what is put in or taken out is noticed within
:data:`MOMENT` seconds.
"""

import os
import sys
import time
from functools import lru_cache
from typing import Protocol

from .model import THIS_COMPUTER, Medium

if sys.platform == "win32":
    from .windows_system import read_table
elif sys.platform == "darwin":
    from .macos_system import read_table
else:
    from .linux_system import read_table

MOMENT = 1.0
"""Seconds for which a mount table is believed."""


class _Table(Protocol):
    def find(self, path: str) -> Medium | None: ...

    def media(self) -> list[Medium]: ...


def find_medium(path: str | os.PathLike[str]) -> Medium:
    """Return the medium of a path; it need not exist.

    Links are followed in its folders, but not on Windows. A link that is its last name is followed only if a slash is
    behind it, so that no file is touched. No mount but its own is looked at, and a network not at all, so it waits
    for no server. A folder that an automounter has not mounted yet, and an empty drive, are this computer.

    Raises:
        OSError: the system does not tell what is mounted.
    """
    place = os.fspath(path)
    if not os.path.isabs(place):  # noqa: PTH117
        # Not normalised: ".." behind a link leads elsewhere than it seems.
        place = os.path.join(os.getcwd(), place)  # noqa: PTH109, PTH118
    moment = _moment()
    medium = _table(moment).find(place)
    if medium is None:
        # A look into the folder mounts it: the table may be older than that.
        _table.cache_clear()
        medium = _table(moment).find(place)
    return medium or THIS_COMPUTER


def mounted_media() -> list[Medium]:
    """Return all media that are here now and are not this computer, perhaps one at several mount points.

    Discs and disks are looked at (a drive may have to start for it), network shares are not.

    Raises:
        OSError: the system does not tell what is mounted.
    """
    return _table(_moment()).media()


def _moment() -> int:
    return int(time.monotonic() / MOMENT)


@lru_cache(maxsize=1)
def _table(moment: int) -> _Table:  # noqa: ARG001 - it is the key
    return read_table()
