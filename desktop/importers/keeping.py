"""Keeps files: where they are, or as copies in the library, verified by size and digest."""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from ..dicom.files import Source, open_source
from ..dicom.records import Copy, FileRef, Header
from ..dicom.sniff import HEAD_LENGTH, Kind, sniff
from ..dicom.uids import make_uid
from ..errors import InputError, Unreachable, Unreadable

_PART = ".part"
_BLOCK = 1 << 20
_RESERVE = 256 << 20
"""Bytes that are to stay free on the disk: for the index, and for the system."""


class Keep(StrEnum):
    """What becomes of the files that are imported."""

    IN_PLACE = "in place"
    COPY = "copy"
    """They are copied into the library."""
    TAKE = "take"
    """The library has them, and they are gone from where they were: the way of the inbox."""


class NotKept(InputError):  # noqa: N818
    """No copies can be made. That stops an import."""

    code = "not_kept"


class DiskFull(NotKept):
    """There is no room for copies."""

    code = "disk_full"


def copy_name(header: Header, digest: str) -> str:
    """Return where a file's copy belongs: a folder for each study, no patient's data in any name."""
    study = make_uid(header.study.StudyInstanceUID)
    return f"{study[-16:]}/{_stem(digest)}.dcm"


def find_copies(path: Path, copies: Path) -> list[Path]:
    """Return the copies in the library that have a file's bytes, if it can be read."""
    try:
        return sorted(copies.glob(f"*/{_stem(digest_of(path))}.dcm"))
    except OSError:
        return []


def _stem(digest: str) -> str:
    return digest[:48]


def copy_source(source: Source, header: Header, copies: Path) -> Copy:
    """Copy an opened file into the library: written beside its place, read again, and only then put there.

    Raises:
        NotKept: there is no room, or the library's folder cannot be written.
        Unreadable: the file cannot be read, or has changed meanwhile.
    """
    part = copies / f"{uuid.uuid4().hex}{_PART}"
    try:
        copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = _write(source, part)
        if digest_of(part) != digest:
            raise NotKept(f"A copy differs from its file. Is the disk with the library damaged ({copies})?")
        return _put(part, copies, copy_name(header, digest), digest)
    except OSError as error:
        raise _explain(error, copies) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def take_file(source: Source, path: str, header: Header, copies: Path) -> Copy:
    """Give a file of the inbox a second name in the library; the first one goes when the library has it.

    Nothing is written twice. Where the disk knows no second names, it is copied.

    Raises:
        NotKept, Unreadable: as :func:`copy_source`.
    """
    part = copies / f"{uuid.uuid4().hex}{_PART}"
    try:
        copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Of a file with several names, somebody else may have one, and write into it. Windows renames no open file.
        if os.name == "nt" or Path(path).stat().st_nlink > 1:
            return copy_source(source, header, copies)
        part.hardlink_to(path)
    except OSError:
        return copy_source(source, header, copies)
    try:
        digest = hashlib.sha256()
        for block in _read(source):
            digest.update(block)
        with part.open("rb+") as file:
            # Whoever sent it relies on it.
            os.fsync(file.fileno())
        return _put(part, copies, copy_name(header, digest.hexdigest()), digest.hexdigest())
    except OSError as error:
        raise _explain(error, copies) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def remove_parts(copies: Path) -> None:
    """Remove the copies that a program began before it was killed. None may be in the making."""
    with contextlib.suppress(OSError):
        for part in copies.glob(f"*{_PART}"):
            part.unlink(missing_ok=True)


def _explain(error: OSError, copies: Path) -> NotKept:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk with the library is full ({copies}). What was copied is kept. Make room, and import again."
        )
    return NotKept(f"No copies can be made in {copies}: {error.strerror or error}. Mend that, and import again.")


def _put(part: Path, copies: Path, name: str, digest: str) -> Copy:
    target = copies / name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    # The name is its digest. One that is there may be shown just now; or it is damaged.
    if not (target.is_file() and digest_of(target) == digest):
        part.replace(target)
    return Copy(name, target.stat().st_mtime_ns)


def _write(source: Source, part: Path) -> str:
    digest = hashlib.sha256()
    part.touch(mode=0o600, exist_ok=False)
    with part.open("wb") as file:
        for block in _read(source):
            digest.update(block)
            file.write(block)
        file.flush()
        # Whoever throws the disc away after copying relies on it.
        os.fsync(file.fileno())
    return digest.hexdigest()


def _read(source: Source) -> Iterator[bytes]:
    """Read a file whole. What hinders that is told from what hinders writing."""
    size = crc = 0
    try:
        source.file.seek(0)
        while block := source.file.read(_BLOCK):
            size += len(block)
            if source.crc is not None:
                crc = zlib.crc32(block, crc)
            yield block
    except OSError as error:
        raise Unreachable(f"It cannot be read: {error.strerror or error}.") from error
    if size != source.size:
        raise Unreachable("It changed while it was copied. Import it again.")
    if source.crc not in (None, crc):
        raise Unreadable(
            "It is damaged: its archive's checksum is another one. Copy the archive again from its source."
        )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_space(files: Iterable[FileRef], copies: Path) -> None:
    """See that there is room for copies of files.

    Raises:
        DiskFull: there is not; the sentence gives both figures.
        NotKept: the library's folder cannot be made.
    """
    try:
        copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(copies).free - _RESERVE
    except OSError as error:
        raise _explain(error, copies) from error
    files = tuple(files)
    if sum(file.size for file in files) <= free:
        return
    # Much of it may be something else than DICOM. Only now is it worth a look into each.
    needed = sum(file.size for file in files if _may_be_dicom(file))
    if needed > free:
        raise DiskFull(
            f"There is not enough room for copies in {copies}: {_gigabytes(needed)} are needed, "
            f"{_gigabytes(max(free, 0))} are free. Make room, or open the files where they are."
        )


def _may_be_dicom(file: FileRef) -> bool:
    try:
        with open_source(file.path, streaming=True) as source:
            return sniff(source.file.read(HEAD_LENGTH)).kind is not Kind.OTHER
    except (OSError, InputError):
        return False


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
