"""Lists what is in ZIP archives. None is ever unpacked: :mod:`~desktop.dicom.files` opens its files in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import Unreachable, Unreadable
from .files import DEPTH_LIMIT, directory_of, open_source
from .memberpaths import depth, member_path
from .zipentries import Entry


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        path: as :mod:`~desktop.dicom.memberpaths` has it.
        size: bytes, unpacked.
        encrypted: it asks for a password.
    """

    path: str
    size: int
    encrypted: bool


class Refused(NamedTuple):
    """A file in an archive that cannot be read, and why."""

    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in an archive, in its own order.

    Attributes:
        members: all files that can be read. Hidden ones are among them, folders are not.
        refused: all files that cannot.
        what: what else the archive is, in words, such as "a Java program"; nothing is listed then.
    """

    members: tuple[Member, ...] = ()
    refused: tuple[Refused, ...] = ()
    what: str = ""


def list_archive(path: str, *, asked: bool = False) -> Listing:
    """List an archive.

    Args:
        path: of the archive, on a disk or within another one.
        asked: the user named the archive itself: it is listed whatever it is.

    Raises:
        Unreadable: it is no archive, or damaged, or above a limit; the sentence says what to do.
        Locked: it lies in an archive that asks for a password.
        Unreachable: it cannot be read now.
    """
    if depth(path) >= DEPTH_LIMIT:
        raise Unreadable(f"It is more than {DEPTH_LIMIT} archives deep. Unpack them, and open the folder.")
    try:
        with open_source(path) as source:
            entries = directory_of(path, source).entries
    except OSError as error:
        raise Unreachable(f"It cannot be read: {error.strerror or error}.") from error
    what = "" if asked else _recognise(entries)
    if what:
        return Listing(what=what)
    files = [(member_path(path, at, entry.name), entry) for at, entry in enumerate(entries) if not entry.is_folder]
    return Listing(
        members=tuple(Member(name, entry.size, entry.encrypted) for name, entry in files if not entry.refusal),
        refused=tuple(Refused(name, entry.refusal) for name, entry in files if entry.refusal),
    )


def _recognise(entries: Sequence[Entry]) -> str:
    """Tell a program or document that is a ZIP archive by the files that it must have; empty for all others."""
    names = {entry.name for entry in entries}
    first = [entry.name for entry in entries[:2]]
    if "AndroidManifest.xml" in names:
        return "an Android program"
    if "META-INF/MANIFEST.MF" in first:
        return "a Java program"
    if "[Content_Types].xml" in names:
        return "an office document"
    if first[:1] == ["mimetype"]:
        return "an office document or a book"
    return ""
