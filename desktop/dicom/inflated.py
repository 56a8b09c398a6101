"""Keeps files inflated for those who read here and there in them, such as frames of an image.

What was read last is kept by this process: up to 256 MB of it in memory. Files above 64 MB are kept in temporary files
that have no name and go with the process, in the system's folder for those: up to 8 GB, and half of its free room.
"""

import io
import shutil
import tempfile
import threading
from collections.abc import Callable, Hashable
from typing import BinaryIO, Protocol, cast

from .readers import Reader
from .recent import Recent

MEMORY_LIMIT = 256 << 20
SPOOL_LIMIT = 8 * 10**9
IN_MEMORY = 64 << 20
"""Bytes of a file that is kept in memory."""

_BLOCK = 1 << 18
_BESIDES = 1 << 10
"""What a file takes in memory besides its bytes."""

_inflating = threading.Semaphore(4)


class _Kept(Protocol):
    """The bytes of a file, which any number of readers may open."""

    size: int

    def open(self) -> BinaryIO: ...


def open_inflated(key: Hashable, size: int, inflate: Callable[[], BinaryIO]) -> BinaryIO:
    """Open a file that is inflated once, for all who ask for it.

    Args:
        key: tells it, and its state, from all others.
        size: its bytes.
        inflate: opens it for being read once, from its beginning; it is closed then.

    Raises:
        OSError: there is no room for it, or what reading it raises.
    """
    if size <= IN_MEMORY:
        return _memory.get(key, lambda: _Held(size, inflate)).open()
    return _spool.get(key, lambda: _Spooled(size, inflate)).open()


def _copy(inflate: Callable[[], BinaryIO], target: BinaryIO) -> None:
    # It may itself lie in a file that is inflated first: that one is not to wait for this one.
    with inflate() as source, _inflating:
        shutil.copyfileobj(source, target, _BLOCK)


class _Held:
    """In memory."""

    def __init__(self, size: int, inflate: Callable[[], BinaryIO]) -> None:
        self.size = size
        target = io.BytesIO()
        _copy(inflate, target)
        self._data = target.getvalue()

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)


class _Spooled:
    """In a temporary file, which is closed with the last one who reads it."""

    def __init__(self, size: int, inflate: Callable[[], BinaryIO]) -> None:
        self.size = size
        self._lock = threading.Lock()
        if size > shutil.disk_usage(tempfile.gettempdir()).free // 2:
            raise OSError(f"there is no room to unpack it: it takes {size // 10**6:,} MB of the disk")
        self._file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - it outlives this call
        try:
            _copy(inflate, self._file)
        except BaseException:
            self._file.close()
            raise

    def open(self) -> BinaryIO:
        return io.BufferedReader(_SpoolReader(self))

    def read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


class _SpoolReader(Reader):
    def __init__(self, spooled: _Spooled) -> None:
        super().__init__(spooled.size)
        self._spooled = spooled

    def _read(self, length: int) -> bytes:
        return self._spooled.read(self._at, length)


def _weigh(kept: _Kept) -> int:
    return kept.size + _BESIDES


_memory: Recent[_Kept] = Recent(MEMORY_LIMIT, _weigh)
_spool: Recent[_Kept] = Recent(SPOOL_LIMIT, _weigh)
