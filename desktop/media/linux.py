"""Linux: what the mount table says (proc_pid_mountinfo(5)), and what follows from it. Asks nothing of the system."""

import re
from collections.abc import Iterator
from dataclasses import replace

from .model import Medium, MediumKind, Volume, identity_of, name_of, storable
from .table import Mount

_NETWORK_TYPES = frozenset(
    [
        "9p", "afs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.curlftpfs", "fuse.gvfsd-fuse",
        "fuse.glusterfs", "fuse.google-drive-ocamlfuse", "fuse.onedriver", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
        "fuse.vmhgfs-fuse", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "smb3", "smbfs",
        "vboxsf", "virtiofs",
    ]
)  # fmt: skip
_DISC_TYPES = frozenset(["iso9660", "udf"])
_REMOVABLE_FOLDERS = ("/media/", "/run/media/", "/mnt/")
_OCTAL = re.compile(r"\\([0-7]{3})")
_HEX = re.compile(rb"\\x([0-9a-fA-F]{2})")


def parse_mountinfo(text: str) -> dict[str, Mount]:
    """Return the mounts that can be seen, by mount point; what another mount hides is left out.

    What the computer itself was started from is never a network, whatever it is on.
    """
    rows = [row for row in map(_parse_line, text.split("\n")) if row is not None]
    ids = {own for own, _, _ in rows}
    # The root's parent, and those outside a chroot, are not in the table.
    children = {
        (parent if parent in ids and parent != own else "", mount.point): (own, mount) for own, parent, mount in rows
    }
    seen = {mount.point: mount for _, _, mount in rows if _top(children, mount.point) is mount}
    root = seen.get("/")
    for point, mount in seen.items():
        if root and mount.device == root.device:
            seen[point] = replace(mount, network=False)
    return seen


def _parse_line(line: str) -> tuple[str, str, Mount] | None:
    # "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw": optional fields end with a dash.
    left, _, right = line.partition(" - ")
    first, last = left.split(" "), right.split(" ")
    if len(first) < 5 or len(last) < 2:
        return None
    own, parent, device, root, point = first[:5]
    kind, source = last[0], _unescape(last[1])
    network = kind in _NETWORK_TYPES or "://" in source
    return own, parent, Mount(_unescape(point), kind, source, network, device, _unescape(root))


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def _top(children: dict[tuple[str, str], tuple[str, Mount]], point: str) -> Mount | None:
    """Return the mount that a path lies on, going down from the root as the kernel does."""
    at, mount = "", None
    for prefix in _prefixes(point):
        while (at, prefix) in children:
            at, mount = children[at, prefix]
    return mount


def _prefixes(path: str) -> Iterator[str]:
    yield "/"
    if path != "/":
        for end in (*(index for index, letter in enumerate(path) if letter == "/" and index), len(path)):
            yield path[:end]


def kind_of(mount: Mount, device: str, root_device: str, *, external: bool) -> MediumKind:
    """Return what a mount is.

    Args:
        device: ``major:minor`` of its block device, or "".
        root_device: that of the root folder, or "".
        external: whether the device hangs on USB, or its medium can be taken out.
    """
    if mount.network:
        return MediumKind.NETWORK
    if not device or device == root_device:
        return MediumKind.COMPUTER
    if mount.type in _DISC_TYPES:
        return MediumKind.DISC
    if external or f"{mount.point}/".startswith(_REMOVABLE_FOLDERS):
        return MediumKind.REMOVABLE
    return MediumKind.COMPUTER


def medium_of_share(mount: Mount) -> Medium:
    """Return the medium of a network mount. It is known by its source; the mount itself is not looked at."""
    source = mount.source.rstrip("/")
    return Medium(
        storable(f"network:{source}{_below(mount)}"), name_of(source, mount.point), mount.point, MediumKind.NETWORK
    )


def medium_of_volume(mount: Mount, kind: MediumKind, volume: Volume) -> Medium:
    """Return the medium of a disc, or of another block device."""
    identity = storable(identity_of(volume, kind) + _below(mount))
    return Medium(identity, name_of(volume.label, mount.point), mount.point, kind)


def _below(mount: Mount) -> str:
    # A folder mounted for itself (bind, subvolume) has other paths than the whole.
    return mount.root.rstrip("/")


def unescape_link(name: str) -> str:
    r"""Return the label or UUID that a link in ``/dev/disk`` is named by; udev writes ``\x20`` for a space."""
    data = _HEX.sub(lambda match: bytes([int(match[1], 16)]), name.encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "replace")
