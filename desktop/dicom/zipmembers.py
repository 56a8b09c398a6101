"""Reads the bytes of one entry of a ZIP archive."""

import lzma
import zlib
from typing import BinaryIO

from ..errors import Unreadable
from .readers import Reader
from .zipciphers import Decrypter, make_decrypter
from .zipentries import LOCAL_LENGTH, Directory, Entry
from .zipmethods import make_inflater

_CHUNK = 1 << 16
_DAMAGED = "It is damaged in its archive. Copy the archive again from its source."


def find_data(archive: BinaryIO, directory: Directory, entry: Entry) -> int:
    """Return the offset of an entry's bytes, those of its encryption included.

    Raises:
        Unreadable: they are not where the central directory says.
        OSError: the archive cannot be read.
    """
    archive.seek(entry.offset)
    header = archive.read(LOCAL_LENGTH)
    if len(header) < LOCAL_LENGTH or not header.startswith(b"PK\3\4"):
        raise Unreadable(_DAMAGED)
    start = entry.offset + LOCAL_LENGTH + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    if start + entry.packed > directory.start:
        raise Unreadable(_DAMAGED)
    return start


class Unpacked(Reader):
    """An entry that is decrypted and inflated as it is read, never beyond the size that the archive gives.

    Steps back begin anew. CRC and authentication are checked when its last byte is read. It has the archive's file for
    itself, and closes it when it is closed.

    Raises:
        WrongPassword: when it is made: the password is wrong.
        Unreadable: when it is read: it is damaged.
        OSError: the archive cannot be read.
    """

    def __init__(self, archive: BinaryIO, start: int, entry: Entry, password: bytes) -> None:
        super().__init__(entry.size)
        self._archive = archive
        self._entry = entry
        self._start = start
        self._password = password
        self._begin()

    def _begin(self) -> None:
        entry = self._entry
        self._archive.seek(self._start)
        self._left = entry.packed - entry.head - entry.tail
        self._decrypter: Decrypter | None = None
        if entry.encrypted:
            self._decrypter = make_decrypter(entry, self._password, self._take(entry.head))
        self._inflater = make_inflater(entry)
        self._done = 0
        self._crc = 0

    def _read(self, length: int) -> bytes:
        if not length:
            return b""
        if self._at < self._done:
            self._begin()
        while self._done < self._at:
            self._inflate(min(self._at - self._done, _CHUNK))
        return self._inflate(min(length, _CHUNK))

    def _inflate(self, limit: int) -> bytes:
        """Return what comes next: at least one byte."""
        data = b""
        while not data:
            packed = self._next_packed() if self._inflater.needs_input else b""
            if self._inflater.eof or (self._inflater.needs_input and not packed):
                raise Unreadable(_DAMAGED)
            try:
                data = self._inflater.decompress(packed, limit)
            except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                raise Unreadable(_DAMAGED) from error
        self._done += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._done == self._size:
            self._check()
        return data

    def _check(self) -> None:
        if self._decrypter is not None:
            # Its code is of all packed bytes.
            while self._next_packed():
                pass
            if not self._decrypter.fits(self._take(self._entry.tail)):
                raise Unreadable(_DAMAGED)
        if self._entry.crc not in (None, self._crc):
            raise Unreadable(_DAMAGED)

    def _next_packed(self) -> bytes:
        data = self._take(min(self._left, _CHUNK))
        self._left -= len(data)
        return self._decrypter.update(data) if data and self._decrypter else data

    def _take(self, length: int) -> bytes:
        data = self._archive.read(length)
        if len(data) < length:
            raise OSError("its archive became shorter while it was read")
        return data

    def close(self) -> None:
        """Close the archive's file too."""
        self._archive.close()
        super().close()
