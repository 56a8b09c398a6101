"""What medium a path lies on: mount tables of three systems as text, and real mounts where they are allowed."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.media import (
    THIS_COMPUTER,
    Medium,
    MediumKind,
    at_another_mount,
    find_medium,
    library_risk,
    linux,
    macos,
    mounted_media,
    mounts,
    windows,
)
from desktop.media.model import Volume, identity_of, name_of
from desktop.media.risks import cloud_service
from desktop.media.table import Mount, MountTable

# Identities, names and places


VOLUME = Volume("iso9660", "2024-01-01-00-00-00-00", "IMAGES", 4096, (1, 2))


def test_a_stick_is_known_by_its_uuid_alone():
    stick = identity_of(replace(VOLUME, uuid="12AB-34CD"), MediumKind.REMOVABLE)
    assert stick == identity_of(Volume("vfat", "12ab-34cd", "RENAMED", 1, (9,)), MediumKind.REMOVABLE)
    assert stick != identity_of(replace(VOLUME, uuid="12AB-34CE"), MediumKind.REMOVABLE)


@pytest.mark.parametrize("other", [{"uuid": "x"}, {"label": "x"}, {"size": 1}, {"times": (1, 3)}, {"type": "udf"}])
@pytest.mark.parametrize(("kind", "uuid"), [(MediumKind.DISC, VOLUME.uuid), (MediumKind.REMOVABLE, "")])
def test_discs_and_what_has_no_uuid_are_known_by_all_there_is(other: dict[str, object], kind: MediumKind, uuid: str):
    volume = replace(VOLUME, uuid=uuid)
    assert identity_of(volume, kind) == identity_of(replace(volume), kind)
    assert identity_of(volume, kind) != identity_of(replace(volume, **other), kind)


@pytest.mark.parametrize(
    ("label", "mount", "name"),
    [
        ("Röntgen CD", "/media/cdrom", "Röntgen CD"),
        ("  ", "/media/cd rom", "cd rom"),
        ("", "D:\\", "D:"),
        ("a\nb\u202ec\udcff", "/m", "a\ufffdb\ufffdc\ufffd"),
    ],
)
def test_a_medium_is_called_by_its_label(label: str, mount: str, name: str):
    assert name_of(label, mount) == name


def disc(mount: str, identity: str = "uuid:1") -> Medium:
    return Medium(identity, "IMAGES", mount, MediumKind.DISC)


@pytest.mark.parametrize(
    ("path", "before", "now", "moved"),
    [
        ("/media/cdrom/A/1", "/media/cdrom", "/run/media/me/X", "/run/media/me/X/A/1"),
        ("/media/cdrom", "/media/cdrom", "/media/cdrom1", "/media/cdrom1"),
        ("/media/cdrom1/A", "/media/cdrom", "/mnt", "/media/cdrom1/A"),
        ("/home/me/link/A", "/media/cdrom", "/mnt", "/home/me/link/A"),
        ("/mnt/a\\b", "/mnt", "/media/x", "/media/x/a\\b"),
        ("D:\\A\\1", "D:\\", "E:\\", "E:\\A\\1"),
        ("d:\\A", "D:\\", "E:\\", "E:\\A"),
        ("D:\\", "D:\\", "E:\\", "E:\\"),
        ("\\\\Nas\\i\\A", "\\\\nas\\I", "\\\\NAS\\I", "\\\\NAS\\I\\A"),
        ("\\\\nas\\images\\A", "\\\\nas\\i", "\\\\nas\\j", "\\\\nas\\images\\A"),
    ],
)
def test_files_go_where_their_medium_goes(path: str, before: str, now: str, moved: str):
    assert at_another_mount(path, disc(before), disc(now)) == moved


def test_another_medium_is_never_taken_for_it():
    with pytest.raises(ValueError, match="another medium"):
        at_another_mount("/media/cdrom/1", disc("/media/cdrom"), disc("/media/cdrom", "uuid:2"))


# Linux: the mount table


MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
28 27 0:30 / /tmp rw - tmpfs tmpfs rw
30 27 259:3 / /home rw master:2 shared:9 - ext4 /dev/nvme0n1p3 rw
31 27 8:17 / /media/me/R\303\266ntgen\040CD rw - vfat /dev/sdb1 rw
32 27 11:0 / /media/cdrom ro - iso9660 /dev/sr0 ro
33 27 0:44 / /srv/nas rw - nfs4 nas:/export/ rw
34 27 0:45 / /srv/smb\134x rw - cifs //nas/images rw
35 30 8:17 /DICOM /home/me/dicom rw - vfat /dev/sdb1 rw
36 27 0:46 / /var/lib/docker/overlay rw - overlay overlay rw
37 27 0:47 / /run/user/1/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw
38 27 0:48 / /auto rw - autofs systemd-1 rw
39 27 259:2 /srv /mnt/srv rw - ext4 /dev/nvme0n1p2 rw
40 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
41 27 7:2 / /mnt/image rw - ext4 /dev/loop2 rw
42 27 0:49 / /mnt/dav rw - fuse https://nas/dav rw
43 27 8:33 / /backup rw - ext4 /dev/sdc1 rw
44 27 0:50 / /mnt/ram rw - tmpfs  rw
""".replace(r"\303\266", "ö")


def describe(mount: Mount) -> Medium:
    """As the program does, with what the system would be asked for put in."""
    device = "" if mount.device.startswith("0:") else mount.device
    kind = linux.kind_of(mount, device, "259:2", external=device.startswith("8:"))
    if kind is MediumKind.COMPUTER:
        return THIS_COMPUTER
    if kind is MediumKind.NETWORK:
        return linux.medium_of_share(mount)
    return linux.medium_of_volume(mount, kind, Volume(mount.type, uuid=device))


def table_of(text: str, links: dict[str, str] | None = None) -> MountTable:
    return MountTable(linux.parse_mountinfo(text), describe, (links or {}).get)


@pytest.mark.parametrize(
    ("path", "kind", "mount"),
    [
        ("/", "computer", ""),
        ("/tmp/x/y", "computer", ""),
        ("/home/me/x", "computer", ""),
        ("/media/me/Röntgen CD/A/1", "removable", "/media/me/Röntgen CD"),
        ("/media/me/Röntgen CD", "removable", "/media/me/Röntgen CD"),
        ("/media/me/Röntgen CD/", "removable", "/media/me/Röntgen CD"),
        ("/media/me/Röntgen CDs", "computer", ""),
        ("/media/cdrom/x", "disc", "/media/cdrom"),
        ("/media/./cdrom/A/..", "disc", "/media/cdrom"),
        ("/media/cdrom/../x", "computer", ""),
        ("//media//cdrom//x", "disc", "/media/cdrom"),
        ("/srv/nas/a/b", "network", "/srv/nas"),
        ("/srv/smb\\x/a", "network", "/srv/smb\\x"),
        ("/home/me/dicom/1", "removable", "/home/me/dicom"),
        ("/var/lib/docker/overlay/x", "computer", ""),
        ("/mnt/srv/x", "computer", ""),
        ("/snap/core/x", "computer", ""),
        ("/mnt/image/x", "removable", "/mnt/image"),
        ("/mnt/dav/x", "network", "/mnt/dav"),
        ("/backup/x", "removable", "/backup"),
        ("/mnt/ram/x", "computer", ""),
    ],
)
def test_the_nearest_mount_above_a_path_is_its_medium(path: str, kind: str, mount: str):
    medium = table_of(MOUNTINFO).find(path)
    assert medium is not None
    assert (medium.kind, medium.mount) == (kind, mount)
    assert (medium.identity == "") == (kind == "computer")


def test_all_media_are_listed_but_not_this_computer():
    names = [medium.name for medium in table_of(MOUNTINFO).media()]
    assert names == [
        "Röntgen CD", "cdrom", "nas:/export", "//nas/images", "dicom", "image", "https://nas/dav", "backup",
    ]  # fmt: skip


def test_a_folder_that_is_mounted_for_itself_is_another_medium_than_the_whole():
    table = table_of(MOUNTINFO)
    whole, part = table.find("/media/me/Röntgen CD/1"), table.find("/home/me/dicom/1")
    assert whole is not None
    assert part is not None
    assert part.identity == whole.identity + "/DICOM"


HIDING = """
1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:17 / /mnt/a rw - vfat /dev/sdb1 rw
3 2 8:33 / /mnt/a/b rw - vfat /dev/sdc1 rw
4 2 8:49 / /mnt/a rw - vfat /dev/sdd1 rw
"""


def test_what_is_mounted_on_top_is_what_is_seen():
    seen = linux.parse_mountinfo(HIDING)
    assert {point: mount.device for point, mount in seen.items()} == {"/": "8:1", "/mnt/a": "8:49"}


@pytest.mark.parametrize("text", ["", "\n", "1 2 3", "1 2 3 4 5 - ", "nonsense - x y z"])
def test_lines_that_are_none_are_left_out(text: str):
    assert linux.parse_mountinfo(text) == {}
    assert table_of(text).find("/x/y") == THIS_COMPUTER


def test_in_a_chroot_the_root_may_be_missing():
    table = table_of("9 5 8:17 / /media/x rw - vfat /dev/sdb1 rw\n")
    assert [medium.mount for medium in table.media()] == ["/media/x"]


def test_a_computer_that_starts_from_a_network_is_no_network():
    seen = linux.parse_mountinfo("1 0 0:9 / / rw - virtiofs root rw\n2 1 0:9 /e /etc/x rw - virtiofs root rw\n")
    assert [mount.network for mount in seen.values()] == [False, False]


def test_a_separator_of_lines_may_be_in_a_name():
    seen = linux.parse_mountinfo("1 0 8:17 / /media/a\u2028b\x0cc rw - vfat /dev/sdb1 rw\n")
    assert list(seen) == ["/media/a\u2028b\x0cc"]


def test_an_identity_can_be_stored_whatever_its_bytes_are():
    medium = table_of("1 0 0:9 / /srv/x rw - nfs nas:/M\udcfcller rw\n").find("/srv/x/1")
    assert medium is not None
    assert medium.identity.encode() == rb"network:nas:/M\udcfcller"
    assert medium.name == "nas:/M\ufffdller"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (r"R\x20\xc3\xb6\x2f", "R ö/"),
        ("Röntgen", "Röntgen"),
        (r"\xff", "\ufffd"),
        (r"\x5cx20", r"\x20"),
    ],
)
def test_names_of_udev_are_decoded(name: str, text: str):
    assert linux.unescape_link(name) == text


# Linux: links, networks that do not answer, shares of the desktop


LINKS = {
    "/home/me/cd": "/media/cdrom",
    "/home/me/up": "../../media",
    "/home/me/loop": "loop",
    "/home/me/chain": "up/cdrom",
    "/home/me/nas": "/srv/nas/a",
}


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/home/me/cd/x", "/media/cdrom"),
        ("/home/me/cd/", "/media/cdrom"),
        ("/home/me/cd", ""),
        ("/home/me/up/cdrom/x", "/media/cdrom"),
        ("/home/me/chain/x", "/media/cdrom"),
        ("/home/me/cd/../me/Röntgen CD/x", "/media/me/Röntgen CD"),
        ("/home/me/loop/x", ""),
        ("/home/me/nas/x", "/srv/nas"),
    ],
)
def test_links_are_followed_in_folders(path: str, mount: str):
    medium = table_of(MOUNTINFO, LINKS).find(path)
    assert medium is not None
    assert medium.mount == mount


def test_nothing_on_a_network_is_looked_at():
    asked: list[str] = []
    table = MountTable(linux.parse_mountinfo(MOUNTINFO), describe, asked.append)
    for path in ("/srv/nas/a/b/c", "/auto/x/y", "/run/user/1/gvfs/x/y/z", "/srv/nas/a/../b/c"):
        table.find(path)
    assert set(asked) == {"/srv", "/run", "/run/user", "/run/user/1"}


def test_a_folder_is_asked_for_its_links_once():
    asked: list[str] = []
    table = MountTable(linux.parse_mountinfo(MOUNTINFO), describe, asked.append)
    for number in range(100):
        table.find(f"/home/me/{number}")
    assert asked == ["/home", "/home/me"]


def test_what_the_automounter_has_not_mounted_yet_is_not_known():
    assert table_of(MOUNTINFO).find("/auto/nas/x") is None


@pytest.mark.parametrize(
    ("folder", "identity", "name"),
    [
        ("smb-share:server=nas,share=r%C3%B6,user=me", "network://nas/rö", "//nas/rö"),
        ("sftp:host=nas", "network:sftp:host=nas", "sftp:host=nas"),
        ("smb-share:server=nas", "network:smb-share:server=nas", "smb-share:server=nas"),
    ],
)
def test_each_folder_of_the_desktops_shares_is_a_share(folder: str, identity: str, name: str):
    place = f"/run/user/1/gvfs/{folder}"
    for path in (place, f"{place}/a/b"):
        assert table_of(MOUNTINFO).find(path) == Medium(identity, name, place, MediumKind.NETWORK)


def test_the_desktops_shares_are_listed(tmp_path: Path):
    (tmp_path / "smb-share:server=nas,share=i").mkdir()
    (tmp_path / "sftp:host=nas").mkdir()
    table = table_of(f"1 0 0:9 / {tmp_path} rw - fuse.gvfsd-fuse gvfsd-fuse rw\n")
    assert [medium.name for medium in table.media()] == ["sftp:host=nas", "//nas/i"]


# macOS


MAC = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect, root data)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
/dev/disk4s1 on /Volumes/A (B) on C (msdos, local, nodev, nosuid, noowners)
/dev/disk5 on /Volumes/IMAGES 1 (cd9660, local, nodev, nosuid, read-only, noowners)
//GUEST:@nas._smb._tcp.local/images on /Volumes/images (smbfs, nodev, nosuid, mounted by me)
nas:/export on /Users/me/nas (nfs, nodev)
"""


def describe_mac(mount: Mount) -> Medium:
    kind = macos.kind_of(mount)
    if kind is MediumKind.COMPUTER:
        return THIS_COMPUTER
    return macos.medium_of_share(mount) if mount.network else macos.medium_of_volume(mount, kind, 4096, 1)


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/Users/me/x", "computer", "this computer"),
        ("/System/Volumes/Data/x", "computer", "this computer"),
        ("/Volumes/Macintosh HD/x", "computer", "this computer"),
        ("/Volumes/A (B) on C/x", "removable", "A (B) on C"),
        ("/Volumes/IMAGES 1/x", "disc", "IMAGES 1"),
        ("/Volumes/images/x", "network", "//nas._smb._tcp.local/images"),
        ("/Users/me/nas/x", "network", "nas:/export"),
    ],
)
def test_volumes_of_a_mac(path: str, kind: str, name: str):
    table = MountTable(macos.parse_mounts(MAC), describe_mac, {"/Volumes/Macintosh HD": "/"}.get)
    medium = table.find(path)
    assert medium is not None
    assert (medium.kind, medium.name) == (kind, name)


def test_a_second_disc_of_a_name_is_the_one_that_was_first_before():
    def identity(point: str, created: int) -> str:
        mount = Mount(point, "cd9660", "/dev/disk5")
        return macos.medium_of_volume(mount, MediumKind.DISC, 4096, created).identity

    assert identity("/Volumes/IMAGES 1", 1) == identity("/Volumes/IMAGES", 1)
    assert identity("/Volumes/IMAGES", 2) != identity("/Volumes/IMAGES", 1)


# Windows


STICK = Volume("FAT32", "12ab34cd", "STICK", 4096)
DRIVES = {
    drive.root: drive
    for drive in (
        windows.Drive("C:\\", 3, bus=17, volume=Volume("NTFS", "1", "", 1)),
        windows.Drive("D:\\", 5, volume=Volume("CDFS", "2", "IMAGES", 1)),
        windows.Drive("E:\\", 5),
        windows.Drive("F:\\", 2, volume=STICK),
        windows.Drive("G:\\", 3, bus=7, volume=Volume("NTFS", "3", "", 1)),
        windows.Drive("H:\\", 6, volume=Volume("NTFS", "4", "", 1)),
        windows.Drive("Y:\\", 4),
        windows.Drive("Z:\\", 4, remote="\\\\NAS\\Images"),
    )
}


def ask(root: str) -> windows.Drive:
    return DRIVES.get(root, windows.Drive(root, 1))


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("D:\\A\\1", "D:\\"),
        ("d:/A", "D:\\"),
        ("D:", "D:\\"),
        ("\\\\?\\D:\\A", "D:\\"),
        ("\\\\nas\\Images\\A", "\\\\nas\\Images"),
        ("//nas/Images/A", "\\\\nas\\Images"),
        ("\\\\?\\UNC\\nas\\Images\\A", "\\\\nas\\Images"),
        ("\\\\nas\\Images", "\\\\nas\\Images"),
        ("\\\\nas", ""),
        ("\\\\?\\Volume{1-2}\\A", ""),
        ("", ""),
    ],
)
def test_the_drive_or_share_of_a_path(path: str, root: str):
    assert windows.root_of(path) == root


@pytest.mark.parametrize(
    ("path", "kind", "name", "mount"),
    [
        ("C:\\x", "computer", "this computer", ""),
        ("D:\\x", "disc", "IMAGES", "D:\\"),
        ("E:\\x", "computer", "this computer", ""),
        ("F:\\x", "removable", "STICK", "F:\\"),
        ("G:\\x", "removable", "G:", "G:\\"),
        ("H:\\x", "computer", "this computer", ""),
        ("Q:\\x", "computer", "this computer", ""),
        ("Y:\\x", "network", "Y:\\", "Y:\\"),
        ("Z:\\x", "network", "\\\\NAS\\Images", "Z:\\"),
        ("\\\\nas\\Images\\x", "network", "\\\\nas\\Images", "\\\\nas\\Images"),
    ],
)
def test_drives_of_windows(path: str, kind: str, name: str, mount: str):
    medium = windows.DriveTable(list(DRIVES), ask).find(path)
    assert (medium.kind, medium.name, medium.mount) == (kind, name, mount)
    assert (medium.identity == "") == (kind == "computer")


def test_a_share_is_the_same_with_and_without_a_letter():
    table = windows.DriveTable(list(DRIVES), ask)
    assert table.find("Z:\\x").identity == table.find("\\\\nas\\IMAGES\\y").identity == "\\\\nas\\images"


def test_a_stick_is_the_same_at_another_letter():
    other = windows.Drive("X:\\", 2, volume=replace(STICK, label="RENAMED"))
    assert windows.medium_of_drive(other).identity == windows.medium_of_drive(DRIVES["F:\\"]).identity


def test_drives_are_listed_and_asked_once():
    asked: list[str] = []

    def note(root: str) -> windows.Drive:
        asked.append(root)
        return ask(root)

    table = windows.DriveTable(list(DRIVES), note)
    for _ in range(2):
        assert [medium.mount[:1] for medium in table.media()] == ["D", "F", "G", "Y", "Z"]
    assert asked == list(DRIVES)


# This system


not_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other paths, and links for few")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone mounts images like this")


@not_windows
def test_the_mount_table_is_read_once_in_a_moment(monkeypatch: pytest.MonkeyPatch):
    tables: list[str] = []

    def read() -> MountTable:
        tables.append("read")
        return table_of(MOUNTINFO)

    monkeypatch.setattr(mounts, "read_table", read)
    now = [1_000_000.25]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    mounts._table.cache_clear()
    try:
        for _ in range(5):
            assert find_medium("/media/cdrom/x").kind is MediumKind.DISC
        assert len(tables) == 1
        now[0] += mounts.MOMENT
        assert find_medium("/media/cdrom/x").kind is MediumKind.DISC
        assert len(tables) == 2
        assert find_medium("/auto/nas/x") == THIS_COMPUTER
        assert len(tables) == 3, "what the automounter mounts may be newer than the table"
    finally:
        mounts._table.cache_clear()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every question read the mount table anew."""
    monkeypatch.setattr(mounts, "MOMENT", 1e-9)


def test_the_folder_of_the_tests_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    medium = find_medium(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_medium("x/y") == find_medium(str(tmp_path / "not" / "there")) == medium


@needs_linux
def test_the_links_of_udev_are_read(tmp_path: Path):
    from desktop.media.linux_system import linked_name

    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    (tmp_path / "a\\x20ö").symlink_to("/dev/null")
    assert linked_name(tmp_path, Path("/dev/null").stat().st_rdev) == "a ö"
    assert linked_name(tmp_path, os.makedev(250, 250)) == ""
    assert linked_name(tmp_path / "none", Path("/dev/null").stat().st_rdev) == ""


@needs_linux
@pytest.mark.parametrize(
    ("device", "source", "found"),
    [
        ("8:17", "/dev/null", "8:17"),
        ("0:44", "/dev/null", "1:3"),
        ("0:44", "/dev/not there", ""),
        ("0:44", "../dev/null", ""),
        ("0:44", "//nas/images", ""),
    ],
)
def test_the_device_of_btrfs_is_its_source(device: str, source: str, found: str):
    from desktop.media.linux_system import _device_of

    assert _device_of(Mount("/media/x", "btrfs", source, device=device)) == found


Mounter = Callable[..., Path]


@pytest.fixture
def mount_at(at_once: None) -> Iterator[Mounter]:
    """Mounts with ``mount`` and some arguments at a new folder of /media, and takes all off afterwards."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root of Linux may mount")
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not here")
    if not os.access("/media", os.W_OK):
        pytest.skip("there is no /media to mount below")
    folders: list[Path] = []

    def mount(*arguments: object, at: Path | None = None) -> Path:
        point = at or Path(tempfile.mkdtemp(prefix="negatoscope ", dir="/media"))
        if at is None:
            folders.append(point)
        done = subprocess.run(["mount", *map(str, arguments), str(point)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        return point

    yield mount
    for folder in folders:
        if os.path.ismount(folder):
            unmount(folder)
        folder.rmdir()


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


def make_image(path: Path, label: str) -> Path:
    with path.open("wb") as file:
        file.truncate(2_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-L", label, str(path)], check=True, stderr=subprocess.DEVNULL)
    return path


LABEL = "Röntgen CD 1"


@needs_linux
def test_a_stick_is_the_same_at_another_place(tmp_path: Path, mount_at: Mounter):
    image = make_image(tmp_path / "a", LABEL)
    first_place = mount_at("-o", "loop", image)
    (first_place / "A").mkdir()
    first = find_medium(first_place / "A" / "1")
    assert (first.name, first.mount, first.kind) == (LABEL, str(first_place), MediumKind.REMOVABLE)
    assert first in mounted_media()
    unmount(first_place)
    assert find_medium(first_place / "A" / "1") == find_medium("/media")
    assert first not in mounted_media()

    second_place = mount_at("-o", "loop", image)
    second = find_medium(second_place)
    assert second == replace(first, mount=str(second_place))
    assert at_another_mount(f"{first_place}/A/1", first, second) == f"{second_place}/A/1"


@needs_linux
def test_another_stick_at_the_same_place_is_another_medium(tmp_path: Path, mount_at: Mounter):
    place = mount_at("-o", "loop", make_image(tmp_path / "a", LABEL))
    first = find_medium(place / "1")
    unmount(place)
    mount_at("-o", "loop", make_image(tmp_path / "b", LABEL), at=place)
    second = find_medium(place / "1")
    assert (second.name, second.mount) == (first.name, first.mount)
    assert second.identity != first.identity


@needs_linux
def test_a_link_to_a_stick_leads_to_it(tmp_path: Path, mount_at: Mounter):
    place = mount_at("-o", "loop", make_image(tmp_path / "a", LABEL))
    (tmp_path / "link").symlink_to(place)
    assert find_medium(tmp_path / "link" / "1") == find_medium(f"{tmp_path}/link/") == find_medium(place)
    assert find_medium(tmp_path / "link") == find_medium(tmp_path)


@needs_linux
def test_memory_is_this_computer(mount_at: Mounter):
    place = mount_at("-t", "tmpfs", "none")
    assert find_medium(place / "1") == THIS_COMPUTER


@pytest.fixture
def dead_share(at_once: None) -> Iterator[Path]:
    """A mounted share whose server never answers: whoever looks at it waits until the test is over."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root of Linux may mount")
    try:
        server = open("/dev/fuse", "r+b", buffering=0)  # noqa: PTH123, SIM115
    except OSError as error:
        pytest.skip(f"FUSE is not here: {error.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    place = Path(tempfile.mkdtemp(prefix="negatoscope-", dir="/mnt"))
    options = f"fd={server.fileno()},rootmode=40000,user_id=0,group_id=0".encode()
    failed = libc.mount(b"nas:/images", bytes(place), b"fuse.sshfs", 0, options)
    # A look at it ends with an error when its server is gone.
    end = threading.Timer(20, server.close)
    end.start()
    try:
        if failed:
            pytest.skip(f"nothing can be mounted here: {os.strerror(ctypes.get_errno())}")
        yield place
    finally:
        end.cancel()
        end.join()
        server.close()
        if not failed:
            libc.umount2(bytes(place), 2)
        place.rmdir()


@needs_linux
def test_a_dead_share_is_not_waited_for(dead_share: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(dead_share)
    begun = time.monotonic()
    share = Medium("network:nas:/images", "nas:/images", str(dead_share), MediumKind.NETWORK)
    assert find_medium(dead_share / "A" / "1") == find_medium(tmp_path / "link" / "A" / "1") == share
    assert share in mounted_media()
    assert find_medium(tmp_path) != share
    risk = library_risk(dead_share / "data")
    assert risk is not None
    assert "on a network share (nas:/images)" in risk
    assert time.monotonic() - begun < 5


# Where the library should not lie


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("/home/me/Dropbox/x", "Dropbox"),
        ("/home/me/Dropbox (Clinic)/x", "Dropbox"),
        ("C:\\Users\\me\\OneDrive\\x", "OneDrive"),
        ("C:\\Users\\me\\OneDrive - Clinic\\x", "OneDrive"),
        ("/Users/me/Library/CloudStorage/OneDrive-Clinic/x", "OneDrive"),
        ("/Users/me/Library/CloudStorage/GoogleDrive-me@example.org/My Drive", "Google Drive"),
        ("/Users/me/Library/CloudStorage/Other-me", "a cloud service"),
        ("C:\\Users\\me\\Google Drive", "Google Drive"),
        ("G:\\My Drive\\x", "Google Drive"),
        ("/Users/me/Library/Mobile Documents/com~apple~CloudDocs", "iCloud Drive"),
        ("C:\\Users\\me\\iCloudDrive", "iCloud Drive"),
        ("/home/me/Nextcloud/x", "Nextcloud"),
        ("/home/me/ownCloud/x", "ownCloud"),
        ("/home/me/Box/x", "Box"),
        ("/home/me/Box Sync/x", "Box"),
        ("/home/me/pCloud Drive/x", "pCloud"),
        ("/home/me/pCloudDrive/x", "pCloud"),
        ("/home/me/Seafile/x", "Seafile"),
        ("/home/me/MEGA/x", "MEGA"),
        ("D:\\Work\\Clinic\\x", "OneDrive"),
        ("d:\\work\\clinic", "OneDrive"),
        ("D:\\Work\\Clinics", None),
        ("/home/me/.local/share/negatoscope", None),
        ("/home/me/Boxes/omega/x", None),
        ("C:\\Users\\me\\AppData\\Local\\negatoscope", None),
        ("/", None),
    ],
)
def test_folders_that_are_copied_between_computers_are_known(folder: str, service: str | None):
    assert cloud_service(folder, {"OneDriveCommercial": "D:\\Work\\Clinic", "OneDrive": ""}) == service


@pytest.mark.parametrize(
    ("mark", "is_folder", "service"),
    [
        (".stfolder", True, "Syncthing"),
        (".stfolder", False, "Syncthing"),
        (".dropbox", False, "Dropbox"),
        (".dropbox.cache", True, "Dropbox"),
        (".dropbox", True, None),
        (".other", False, None),
    ],
)
def test_folders_that_are_marked_are_known(tmp_path: Path, mark: str, is_folder: bool, service: str | None):
    path = tmp_path / mark
    path.mkdir() if is_folder else path.touch()
    risk = library_risk(tmp_path / "not" / "there")
    if service is None:
        assert risk is None
    else:
        assert risk is not None
        assert f"in a folder that {service} synchronises" in risk
        assert "--base-dir" in risk


@not_windows
def test_a_link_into_a_marked_folder_is_seen_through(tmp_path: Path):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "shared" / ".stfolder").touch()
    (tmp_path / "link").symlink_to(tmp_path / "shared" / "data")
    assert library_risk(tmp_path / "link") == library_risk(tmp_path / "shared" / "data") is not None
