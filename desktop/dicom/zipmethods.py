"""The methods of compression in ZIP archives that are read: none, deflate, bzip2, LZMA (APPNOTE §4.4.5)."""

import lzma
import zlib
from bz2 import BZ2Decompressor
from typing import Protocol

from ..errors import Unreadable
from .zipentries import BZIP2, DEFLATED, LZMA, Entry

_DICTIONARY_LIMIT = 1 << 28
_LZMA_HEAD = 9


class Inflater(Protocol):
    """Inflates a stream piece by piece, as Python's own classes for bzip2 and LZMA do."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to be had without more input."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take in ``data`` and return up to ``max_length`` bytes; perhaps none."""


def make_inflater(entry: Entry) -> Inflater:
    """Return what inflates an entry that is not refused; its errors are those of zlib, bz2 and lzma."""
    if entry.method == DEFLATED:
        return _Deflate()
    if entry.method == BZIP2:
        return BZ2Decompressor()
    return _Lzma(entry.size) if entry.method == LZMA else _Stored()


class _Stored:
    def __init__(self) -> None:
        self._waiting = b""
        self.eof = False

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._waiting or data
        self._waiting = data[max_length:]
        return data[:max_length]


class _Deflate:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    def decompress(self, data: bytes, max_length: int) -> bytes:
        inflated = self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)
        # What fits no more waits in the inflater, even where all input is used up.
        self.needs_input = not self._inflater.unconsumed_tail and len(inflated) < max_length
        return inflated


class _Lzma:
    """LZMA with the properties before its stream (APPNOTE §5.8.8)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = b""
        self._inflater: lzma.LZMADecompressor | None = None

    @property
    def needs_input(self) -> bool:
        return self._inflater is None or self._inflater.needs_input

    @property
    def eof(self) -> bool:
        return self._inflater is not None and self._inflater.eof

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._inflater is None:
            # Version, length of the properties (always 5), the properties.
            self._head += data
            if len(self._head) < _LZMA_HEAD:
                return b""
            self._inflater = lzma.LZMADecompressor(
                lzma.FORMAT_RAW, filters=[self._properties(self._head[4:_LZMA_HEAD])]
            )
            data = self._head[_LZMA_HEAD:]
        return self._inflater.decompress(data, max_length)

    def _properties(self, five: bytes) -> dict[str, int]:
        number, lc = divmod(five[0], 9)
        pb, lp = divmod(number, 5)
        # Nothing refers further back than to the beginning: the stated dictionary may be larger than all there is.
        dictionary = min(int.from_bytes(five[1:], "little"), self._size)
        if dictionary > _DICTIONARY_LIMIT:
            raise Unreadable("Unpacking it takes too much memory. Unpack its archive and open the folder.")
        return {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 1 << 12), "lc": lc, "lp": lp, "pb": pb}
