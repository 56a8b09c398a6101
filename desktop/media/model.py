"""Media as values: what they are called, how one is known again, and where its files are now."""

import hashlib
from dataclasses import astuple, dataclass
from enum import StrEnum


class MediumKind(StrEnum):
    """What a medium is."""

    COMPUTER = "computer"
    REMOVABLE = "removable"
    DISC = "disc"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Medium:
    """What a file lies on.

    Attributes:
        identity: the same at each mount and after a restart; "" is this computer, whose paths are stable. Two
            systems on one computer may give one medium two identities.
        name: what a user calls it: the volume's label, a share's address, else the last name of its mount point.
        mount: absolute path of its root folder now; "" for this computer.
        kind: what it is.
    """

    identity: str
    name: str
    mount: str
    kind: MediumKind


THIS_COMPUTER = Medium("", "this computer", "", MediumKind.COMPUTER)


@dataclass(frozen=True, slots=True)
class Volume:
    """What tells one file system from another.

    Attributes:
        type: the system's name of the file system's type.
        uuid: UUID or serial number; "" if there is none.
        label: the label; "" if there is none.
        size: in bytes.
        times: of the root folder, as far as they are stable.
    """

    type: str
    uuid: str = ""
    label: str = ""
    size: int = 0
    times: tuple[int, ...] = ()


def identity_of(volume: Volume, kind: MediumKind) -> str:
    """Return the identity of a disc or removable medium.

    It is the UUID. A digest of all there is takes its place if there is none, and on discs: those who burn discs write
    what stands for a UUID there (a date, a checksum), and some write the same on each.
    """
    if volume.uuid and kind is not MediumKind.DISC:
        return f"uuid:{volume.uuid.lower()}"
    return "digest:" + hashlib.sha256(repr(astuple(volume)).encode("utf-8", "replace")).hexdigest()[:32]


def name_of(label: str, mount: str) -> str:
    """Return what a user calls a medium, with U+FFFD for what would not be seen, or turn the line around."""
    name = label.strip() or mount.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def storable(identity: str) -> str:
    """Return an identity that a database takes, whatever bytes a mount table had in it."""
    return identity.encode("utf-8", "backslashreplace").decode()


def at_another_mount(path: str, medium: Medium, now: Medium) -> str:
    """Return where a file of ``medium`` is, now that the medium is mounted as ``now``.

    Args:
        path: absolute, below ``medium.mount``. One that is not leads there through a link, and stays as it is: whether
            the link still leads there, :func:`~.mounts.find_medium` tells.
        medium: as it was when the path was recorded.
        now: the same medium, as it is mounted now.

    Raises:
        ValueError: these are two media.
    """
    if medium.identity != now.identity:
        raise ValueError("this is another medium")
    windows = "\\" in medium.mount
    separator = "\\" if windows else "/"
    before, after = medium.mount.rstrip(separator), now.mount.rstrip(separator)
    head, rest = path[: len(before)], path[len(before) :]
    below = head.casefold() == before.casefold() if windows else head == before
    if not below or (rest and not rest.startswith(separator)):
        return path
    return after + rest
