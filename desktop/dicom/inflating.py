"""Deflated data sets as files that can be read from any place, but are never in memory as a whole (PS3.5 §A.5)."""

import zlib
from typing import BinaryIO

from .readers import Reader

_CHUNK = 1 << 16
_MEASURED = 1 << 20
_UNKNOWN = 1 << 62


class Inflated(Reader):
    """What a file holds from an offset on, inflated as it is read. Steps back begin anew.

    It moves the file, and does not close it. Data that are cut short end where they end.

    Raises:
        zlib.error: when it is read: the data are damaged.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__(_UNKNOWN)
        self._file = file
        self._start = start
        self._begin()

    def _begin(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._packed_at = self._start
        self._done = 0

    def measure(self, limit: int) -> int:
        """Return the size in bytes; one that is above ``limit`` is not told exactly."""
        while self._done <= limit and self._inflate(_MEASURED):
            pass
        return self._done

    def _read(self, length: int) -> bytes:
        if self._at < self._done:
            self._begin()
        while self._done < self._at:
            if not self._inflate(min(self._at - self._done, _MEASURED)):
                return b""
        return self._inflate(length)

    def _inflate(self, limit: int) -> bytes:
        """Return what comes next, up to ``limit`` bytes; nothing at the end."""
        data = b""
        packed = self._inflater.unconsumed_tail
        while not data and not self._inflater.eof:
            packed = packed or self._read_packed()
            # Without input, it gives what it still holds.
            data = self._inflater.decompress(packed, limit)
            if not packed:
                break
            packed = self._inflater.unconsumed_tail
        self._done += len(data)
        return data

    def _read_packed(self) -> bytes:
        self._file.seek(self._packed_at)
        packed = self._file.read(_CHUNK)
        self._packed_at += len(packed)
        return packed
