"""macOS: what ``/sbin/mount`` says, and what follows from it. Asks nothing of the system."""

import re

from .model import Medium, MediumKind, Volume, identity_of, name_of, storable
from .table import Mount

_LINE = re.compile(r"(?P<source>.+?) on (?P<point>/.*) \((?P<words>[^()]+)\)")
_DISC_TYPES = frozenset(["cd9660", "udf"])
_COUNTED = re.compile(r" \d+$")


def parse_mounts(text: str) -> dict[str, Mount]:
    """Return the mounts by mount point, from lines as ``/dev/disk4s1 on /Volumes/A B (msdos, local, nodev)``."""
    mounts = {}
    for line in text.split("\n"):
        if match := _LINE.fullmatch(line):
            kind, *words = match["words"].split(", ")
            network = "local" not in words and kind != "autofs"
            mounts[match["point"]] = Mount(match["point"], kind, match["source"], network)
    return mounts


def kind_of(mount: Mount) -> MediumKind:
    """Return what a mount is. All but the computer's own are below ``/Volumes``; a share may be anywhere."""
    if mount.network:
        return MediumKind.NETWORK
    if not mount.point.startswith("/Volumes/"):
        return MediumKind.COMPUTER
    return MediumKind.DISC if mount.type in _DISC_TYPES else MediumKind.REMOVABLE


def medium_of_share(mount: Mount) -> Medium:
    """Return the medium of a network mount. It is known by its source, without the user's name."""
    source = re.sub(r"^//[^/]*@", "//", mount.source).rstrip("/")
    return Medium(storable(f"network:{source}"), name_of(source, mount.point), mount.point, MediumKind.NETWORK)


def medium_of_volume(mount: Mount, kind: MediumKind, size: int, created: int) -> Medium:
    """Return the medium of a disc or another volume.

    Its identity is a digest of name, type, size and the time when its root folder was made: the mount table does not
    know the UUID. A volume that is renamed is a new one.

    Args:
        size: in bytes.
        created: when the root folder was made, in seconds.
    """
    name = name_of("", mount.point)
    # The second volume of a name is mounted as "NAME 1".
    volume = Volume(mount.type, label=_COUNTED.sub("", name), size=size, times=(created,))
    return Medium(identity_of(volume, kind), name, mount.point, kind)
