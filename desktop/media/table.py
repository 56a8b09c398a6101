"""The mount table of Linux and macOS: on which mount a path lies, found without waiting for a network."""

import os
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from .model import Medium, MediumKind

_AUTOMOUNTER = "autofs"
_DESKTOP_SHARES = "fuse.gvfsd-fuse"
_MAX_LINKS = 40
"""As many as Linux follows in one path."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table.

    Attributes:
        point: absolute path of the mount point.
        type: the file system's type.
        source: a device's path, a share's address, or any other word.
        network: whether the files are on another computer.
        device: ``major:minor``; "" if the system does not say.
        root: the folder of the file system that is mounted, ``/`` for all of it.
    """

    point: str
    type: str
    source: str
    network: bool = False
    device: str = ""
    root: str = "/"

    @property
    def slow(self) -> bool:
        """Whether a look at anything in it may wait for a network."""
        return self.network or self.type == _AUTOMOUNTER


def share_of(mount: Mount, folder: str) -> Mount:
    """Return the share that a folder of GNOME's shares stands for, such as ``smb-share:server=nas,share=images``."""
    scheme, _, text = folder.partition(":")
    values = {key: unquote(value) for key, _, value in (pair.partition("=") for pair in text.split(","))}
    smb = scheme == "smb-share" and "server" in values and "share" in values
    source = f"//{values['server']}/{values['share']}" if smb else folder
    return replace(mount, point=posixpath.join(mount.point, folder), source=source, type="")


def _read_link(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115
    except OSError:
        return None


class MountTable:
    """The mounts of one moment, with what was found of them. Safe to use from any thread.

    Args:
        mounts: those that can be seen, by mount point.
        describe: returns a mount's medium; may look at this mount, if it is not slow, and at no other.
        read_link: returns where a link leads, or None if this is no link.
    """

    def __init__(
        self,
        mounts: Mapping[str, Mount],
        describe: Callable[[Mount], Medium],
        read_link: Callable[[str], str | None] = _read_link,
    ) -> None:
        self._mounts = {"/": Mount("/", "", ""), **mounts}
        self._describe = describe
        self._read_link = read_link
        self._folders: dict[str, tuple[str, Mount]] = {}
        self._media: dict[Mount, Medium] = {}

    def find(self, path: str) -> Medium | None:
        """Return the medium of an absolute path, links resolved in its folders, not in its last name.

        Returns:
            None for what an automounter has not mounted yet.
        """
        folder, name = posixpath.split(path)
        if name in ("", ".", ".."):
            folder, name = path, ""
        found = self._folders.get(folder)
        if found is None:
            found = self._folders[folder] = self._resolve(folder)
        place, mount = found
        if name:
            place = posixpath.join(place, name)
            mount = self._mounts.get(place, mount)
        if mount.type == _AUTOMOUNTER:
            return None
        if mount.type == _DESKTOP_SHARES and place != mount.point:
            mount = share_of(mount, place[len(mount.point) + 1 :].partition("/")[0])
        return self._medium_of(mount)

    def media(self) -> list[Medium]:
        """Return all media that are not this computer, in the order of the table."""
        mounts: list[Mount] = []
        for mount in self._mounts.values():
            if mount.type == _DESKTOP_SHARES:
                mounts += [share_of(mount, folder) for folder in _list_names(mount.point)]
            else:
                mounts.append(mount)
        media = [self._medium_of(mount) for mount in mounts]
        return [medium for medium in media if medium.kind is not MediumKind.COMPUTER]

    def _medium_of(self, mount: Mount) -> Medium:
        medium = self._media.get(mount)
        if medium is None:
            medium = self._media[mount] = self._describe(mount)
        return medium

    def _resolve(self, folder: str) -> tuple[str, Mount]:
        # As os.path.realpath, but it leaves links on slow mounts alone: a dead server would be waited for.
        place, mount = "/", self._mounts["/"]
        left = folder.split("/")[::-1]
        links = 0
        while left:
            part = left.pop()
            if part == "..":
                place = posixpath.dirname(place)
                mount = self._mount_of(place)
            elif part not in ("", "."):
                here = posixpath.join(place, part)
                mount_here = self._mounts.get(here, mount)
                target = None if mount_here.slow or links == _MAX_LINKS else self._read_link(here)
                if target is None:
                    place, mount = here, mount_here
                    continue
                links += 1
                left += target.split("/")[::-1]
                if target.startswith("/"):
                    place, mount = "/", self._mounts["/"]
        return place, mount

    def _mount_of(self, place: str) -> Mount:
        while place not in self._mounts:
            place = posixpath.dirname(place)
        return self._mounts[place]


def _list_names(folder: str) -> list[str]:
    # This asks the desktop's own process, which knows its shares; none of them is looked at.
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
