"""Opens files, on a disk or inside archives, without ever waiting for one that is none."""

import io
import os
import stat
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import Locked, Unreadable
from ..paths import system_path
from .inflated import open_inflated
from .keyring import key_of
from .memberpaths import container, depth, index_and_name, is_member
from .readers import Window
from .recent import Recent
from .zipciphers import WrongPassword
from .zipdirectory import read_directory
from .zipentries import STORED, Directory, Entry
from .zipmembers import Unpacked, find_data

DEPTH_LIMIT = 3
"""Archives that may lie one within another."""

_BUFFER = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file, which is closed at the end of a ``with``.

    Attributes:
        file: at its beginning, seekable; for one thread.
        size: its bytes.
        mtime_ns: time of the last change, nanoseconds since 1970; of the archive if it is in one.
        crc: CRC-32 that its bytes must have, where nobody looks at it while they are read; None: none is known.
    """

    file: BinaryIO
    size: int
    mtime_ns: int
    crc: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()


def open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading, in bytes.

    Between the walk and the reading, a pipe may have taken its place; opening that would wait for ever.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    number = os.open(system_path(path), flags)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError("it is no regular file")  # noqa: TRY301 - the file is to be closed
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def open_source(path: str, *, streaming: bool = False) -> Source:
    """Open a file for reading, on a disk or inside an archive (:mod:`~desktop.dicom.memberpaths`).

    What an archive holds without compressing it is read in place. All else is either inflated as it is read, for those
    who read mostly forward, or once and then kept for all (:mod:`~desktop.dicom.inflated`). An archive is opened only
    as long as one of its files is, or until that is inflated. Checksums are compared when the last byte is inflated.

    Args:
        path: of the file.
        streaming: it is read mostly forward, and not again.

    Raises:
        OSError: it cannot be opened, or is no regular file, or its archive is another one than when it was listed.
        Locked: its archive asks for a password that is not known.
        Unreadable: its archive is damaged, or above a limit. Reading what is damaged in an archive raises it too.
    """
    if is_member(path):
        return _open_member(path, streaming=streaming)
    file = open_regular(path)
    status = os.fstat(file.fileno())
    return Source(file, status.st_size, status.st_mtime_ns)


def directory_of(path: str, archive: Source) -> Directory:
    """Return what an opened archive holds; that of the last archives is remembered.

    Raises:
        OSError, Unreadable: as :func:`~desktop.dicom.zipdirectory.read_directory`.
    """
    key = (path, archive.size, archive.mtime_ns)
    return _directories.get(key, lambda: read_directory(archive.file, archive.size))


def unpack(archive: Source, directory: Directory, entry: Entry, password: bytes) -> BinaryIO:
    """Return an entry's bytes as they are decrypted and inflated; it closes the archive.

    Raises:
        WrongPassword: it is.
        OSError, Unreadable: as :class:`~desktop.dicom.zipmembers.Unpacked`.
    """
    raw = Unpacked(archive.file, find_data(archive.file, directory, entry), entry, password)
    return io.BufferedReader(raw, _BUFFER)


def _open_member(path: str, *, streaming: bool) -> Source:
    if depth(path) > DEPTH_LIMIT:
        raise Unreadable(f"It is more than {DEPTH_LIMIT} archives deep. Unpack them, and open the folder.")
    name = container(path)
    archive = open_source(name)
    try:
        directory = directory_of(name, archive)
        entry = _find_entry(directory, path)
        file = _open_entry(path, archive, directory, entry, streaming=streaming)
    except BaseException:
        archive.file.close()
        raise
    return Source(file, entry.size, archive.mtime_ns, None if entry.encrypted else entry.crc)


def _find_entry(directory: Directory, path: str) -> Entry:
    index, name = index_and_name(path)
    if not 0 <= index < len(directory.entries) or directory.entries[index].name != name:
        raise OSError("its archive has changed since it was read; open the archive again")
    entry = directory.entries[index]
    if entry.refusal:
        raise Unreadable(entry.refusal)
    return entry


def _open_entry(path: str, archive: Source, directory: Directory, entry: Entry, *, streaming: bool) -> BinaryIO:
    if entry.method == STORED and not entry.encrypted:
        return io.BufferedReader(Window(archive.file, find_data(archive.file, directory, entry), entry.size), _BUFFER)
    if streaming:
        return _decrypt(path, archive, directory, entry)
    key = (path, archive.size, archive.mtime_ns)
    file = open_inflated(key, entry.size, lambda: _decrypt(path, archive, directory, entry))
    archive.file.close()
    return file


def _decrypt(path: str, archive: Source, directory: Directory, entry: Entry) -> BinaryIO:
    password = key_of(container(path))
    if entry.encrypted and password is None:
        raise Locked("Its archive asks for a password. Open the archive again, and type it.")
    try:
        return unpack(archive, directory, entry, password or b"")
    except WrongPassword:
        raise Locked("Its archive asks for another password. Open the archive again, and type it.") from None


def _weigh(directory: Directory) -> int:
    return len(directory.entries) + 1_000


_directories: Recent[Directory] = Recent(250_000, _weigh)
