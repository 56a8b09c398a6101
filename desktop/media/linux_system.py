"""Linux: asks the system what is mounted, and a mount what it is."""

import fcntl
import os
import sys
from itertools import pairwise
from pathlib import Path

from .linux import kind_of, medium_of_share, medium_of_volume, parse_mountinfo, unescape_link
from .model import THIS_COMPUTER, Medium, MediumKind, Volume
from .table import Mount, MountTable

assert sys.platform != "win32"  # lets mypy look at it elsewhere alone

_DISKS = Path("/dev/disk")
_GET_UUID, _GET_LABEL, _GET_FAT_SERIAL = 0x80111500, 0x81009431, 0x80047213
"""FS_IOC_GETFSUUID (a length and 16 bytes), FS_IOC_GETFSLABEL (256 bytes), FAT_IOCTL_GET_VOLUME_ID (a number)."""


def read_table() -> MountTable:
    """Return what is mounted now.

    Raises:
        OSError: the system does not tell.
    """
    mounts = parse_mountinfo(os.fsdecode(Path("/proc/self/mountinfo").read_bytes()))
    root = mounts.get("/")
    root_device = _device_of(root) if root else ""
    return MountTable(mounts, lambda mount: _describe(mount, root_device))


def _describe(mount: Mount, root_device: str) -> Medium:
    device = _device_of(mount)
    kind = kind_of(mount, device, root_device, external=_is_external(device))
    if kind is MediumKind.COMPUTER:
        return THIS_COMPUTER
    return medium_of_share(mount) if kind is MediumKind.NETWORK else medium_of_volume(mount, kind, _ask(mount, device))


def _device_of(mount: Mount) -> str:
    if not mount.device.startswith("0:"):
        return mount.device
    # btrfs has a number of its own, and names the device as its source.
    if not mount.source.startswith("/dev/"):
        return ""
    try:
        number = os.stat(mount.source).st_rdev  # noqa: PTH116
    except OSError:
        return ""
    return f"{os.major(number)}:{os.minor(number)}" if number else ""


def _is_external(device: str) -> bool:
    if not device:
        return False
    link = f"/sys/dev/block/{device}"
    try:
        if "/usb" in os.readlink(link):  # noqa: PTH115
            return True
    except OSError:
        return False
    # A partition has no such mark, the disk above it has.
    return any(_read(f"{link}/{place}") == "1\n" for place in ("removable", "../removable"))


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _ask(mount: Mount, device: str) -> Volume:
    major, minor = map(int, device.split(":"))
    number = os.makedev(major, minor)
    uuid, label = linked_name(_DISKS / "by-uuid", number), linked_name(_DISKS / "by-label", number)
    try:
        folder = os.open(mount.point, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return Volume(mount.type, uuid, label)
    try:
        space, status = os.fstatvfs(folder), os.fstat(folder)
        uuid = uuid or _ask_uuid(folder)
        label = label or _control(folder, _GET_LABEL, 256).rstrip(b"\0").decode("utf-8", "replace")
    finally:
        os.close(folder)
    return Volume(mount.type, uuid, label, space.f_blocks * space.f_frsize, (status.st_mtime_ns, status.st_ctime_ns))


def linked_name(folder: Path, number: int) -> str:
    """Return the name of the link in a folder of ``/dev/disk`` that leads to a device, "" if there is none."""
    try:
        with os.scandir(folder) as links:
            for link in links:
                if _number_of(link) == number:
                    return unescape_link(link.name)
    except OSError:
        pass
    return ""


def _number_of(link: "os.DirEntry[str]") -> int:
    try:
        return link.stat().st_rdev
    except OSError:
        return 0


def _ask_uuid(folder: int) -> str:
    # Without udev, as in containers, the kernel knows it of many file systems. Written as udev writes it.
    answer = _control(folder, _GET_UUID, 17)
    if any(answer[1:]):
        digits = answer[1 : 1 + answer[0]].hex()
        return "-".join(digits[start:end] for start, end in pairwise((0, 8, 12, 16, 20, 32)))
    serial = int.from_bytes(_control(folder, _GET_FAT_SERIAL, 4), "little")
    return f"{serial >> 16:04x}-{serial & 0xFFFF:04x}" if serial else ""


def _control(folder: int, request: int, size: int) -> bytes:
    answer = bytearray(size)
    try:
        fcntl.ioctl(folder, request, answer)
    except OSError:
        return b""
    return bytes(answer)
