"""ZIP archives of any size, made while they are sent (PS3.18 §8.7.3; PKWARE's APPNOTE)."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator

from ..pictures.transcoding import Whole

_SMALL = 1 << 31
"""Bytes below which a file needs no sizes of 64 bits."""


class _Sink(io.RawIOBase):
    """Takes what is written, until somebody fetches it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """As of files."""
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Keep a copy."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def write_archive(files: Iterable[tuple[str, Callable[[], Whole]]]) -> Iterator[bytes]:
    """Yield a ZIP archive in pieces; its files are not compressed: the way to the client is short.

    Args:
        files: the name of each, and what opens it. It is read as pieces are asked for, and what it raises goes on.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, open_whole in files:
            whole = open_whole()
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=whole.length >= _SMALL) as target:
                for piece in whole.pieces:
                    target.write(piece)
                    yield sink.take()
    yield sink.take()
