"""Files to be read from any place that are parts of other files."""

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Reader(io.RawIOBase):
    """What such files have in common: a subclass only says what stands at ``_at``."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may lie behind the end; what is not asked for is not read.

        Raises:
            ValueError: it lies before the beginning.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("that is before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read up to as many bytes as fit into the buffer; return how many."""
        view = memoryview(buffer).cast("B")
        length = min(len(view), self._size - self._at)
        data = self._read(length) if length > 0 else b""
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, length: int) -> bytes:
        """Return what stands at ``_at``: up to ``length`` bytes, all of them before the end."""
        raise NotImplementedError


class Window(Reader):
    """A part of another file, which it has for itself and closes when it is closed."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__(size)
        self._file = file
        self._start = start

    def _read(self, length: int) -> bytes:
        self._file.seek(self._start + self._at)
        return self._file.read(length)

    def close(self) -> None:
        """Close the other file too."""
        self._file.close()
        super().close()
