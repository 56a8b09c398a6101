"""What can be answered without waiting: bytes that the system has in memory already, of files on this computer's disk.

To hand a request over to a thread costs more than to answer it, so the server's own thread does that where it can be
sure not to wait. It never waits for a disk: what is not in memory, or lies on a stick, a share or in an archive, is
left to the threads.
"""

import os
import sqlite3
import stat

import numpy as np

from ..dicom.frames import is_native
from ..dicom.memberpaths import is_member
from ..dicom.records import FileRef
from ..dicom.sniff import HEAD_LENGTH, Kind, sniff
from ..dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from ..errors import InputError
from ..library.queries import Located, locate
from ..library.store import Store
from ..pictures.stored import Place
from .fileparts import FilePart

LIMIT = 1 << 21
"""Bytes that are read at once: to copy more would keep others waiting."""

_KEPT = 1 << 12
_LOOKED_AT = 1 << 17
_NO_WAITING = getattr(os, "RWF_NOWAIT", 0)


class Quick:
    """Knows where instances are that were asked for before, as long as the library stays as it is. For one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._copies = f"{store.copies}{os.sep}"
        self._db: sqlite3.Connection | None = None
        self._version = -1
        self._known: dict[Place, Located] = {}

    def find(self, place: Place) -> Located | None:
        """Return where an instance is; None if there is none, or nobody could say without waiting."""
        if not _NO_WAITING:
            return None
        try:
            return self._find(place)
        except (sqlite3.Error, InputError):
            # Somebody has the library to himself just now, or it is closed.
            return None

    def is_copy(self, located: Located) -> bool:
        """Whether an instance's file is a copy in the library, that nobody ever writes to."""
        return located.file.path.startswith(self._copies)

    def _find(self, place: Place) -> Located | None:
        if self._db is None:
            self._db = self._store.reader()
            self._db.execute("PRAGMA busy_timeout = 0")
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._known) > _KEPT:
            self._known.clear()
            self._version = version
        found = self._known.get(place)
        if found is None:
            found = locate(self._db, *place)
            if found is not None:
                self._known[place] = found
        return found


def find_native_frame(located: Located, number: int) -> tuple[int, int] | None:
    """Return offset and length of a frame whose bytes are sent as they stand in the file; None if they are not."""
    pixels = located.pixels
    size, rest = divmod(pixels.frame_bits, 8)
    is_plain = (
        is_native(pixels)
        and pixels.offset >= 0
        and size > 0
        and not rest
        and not pixels.big_endian
        and pixels.TransferSyntaxUID != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    )
    end = number * size
    if not is_plain or not 1 <= number <= pixels.frames or end > (pixels.length or 0):
        return None
    return pixels.offset + end - size, size


def open_now(file: FileRef) -> FilePart | None:
    """Return a whole DICOM file that was indexed, if nobody has to wait for its bytes; else None.

    What is sent is what it holds when the client reads it. So it must be one that is never written to.

    Whether they are in memory is looked at here and there, where the system keeps them in blocks.
    """
    if file.size > LIMIT or file.medium or is_member(file.path):
        return None
    number = _open(file)
    if number is None:
        return None
    part = FilePart(number, 0, file.size)
    head, byte = bytearray(HEAD_LENGTH), bytearray(1)
    try:
        length = os.preadv(number, [head], 0, _NO_WAITING)
        places = (*range(_LOOKED_AT, file.size, _LOOKED_AT), file.size - 1)
        is_here = all(os.preadv(number, [byte], place, _NO_WAITING) for place in places)
    except OSError:
        return None
    return part if is_here and sniff(bytes(head[:length])).kind is Kind.PART10 else None


def _open(file: FileRef) -> int | None:
    """Open a file, if it is still what it was."""
    try:
        number = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(number)
        if stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns):
            return number
    except OSError:
        pass
    os.close(number)
    return None


def read_now(file: FileRef, offset: int, length: int, before: bytes = b"", behind: bytes = b"") -> memoryview | None:
    """Read a part of a file that was indexed, if nobody has to wait for it.

    Args:
        file: the file; it is looked at whether it is still what it was.
        offset, length: of the part.
        before, behind: what is put around it.

    Returns:
        All of it in one, or None.
    """
    if length > LIMIT or file.medium or is_member(file.path):
        return None
    # Not filled with zeros first, as a bytearray would be.
    body: memoryview = np.empty(len(before) + length + len(behind), np.uint8).data
    number = _open(file)
    if number is None:
        return None
    try:
        part = body[len(before) : len(before) + length]
        if os.preadv(number, [part], offset, _NO_WAITING) != length:
            return None
    except OSError:
        return None
    finally:
        os.close(number)
    body[: len(before)] = before
    if behind:
        body[-len(behind) :] = behind
    return body
