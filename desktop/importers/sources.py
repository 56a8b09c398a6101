"""Finds files: a walk over folders, with one stat for each file and none twice."""

import os
import stat
from collections.abc import Iterator, Sequence

from ..dicom.records import FileRef
from ..library.outcomes import Outcome, Refusal

Found = FileRef | Refusal


def walk(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Found]:
    """Yield every file below ``paths``, each once, in the order of its name, folders' own files before deeper ones.

    Content decides later; names, extensions and hidden marks do not. Links are followed, but no folder is entered
    twice. What cannot be reached is yielded as a refusal.
    """
    walker = _Walker()
    for path in paths:
        yield from walker.walk(os.path.abspath(os.fspath(path)))  # noqa: PTH100 - resolves no links


class _Walker:
    def __init__(self) -> None:
        self._folders: set[tuple[int, int]] = set()
        self._files: set[str] = set()

    def walk(self, path: str) -> Iterator[Found]:
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError as error:
            yield _refuse(path, error)
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self._walk_folder(path, status)
        else:
            yield from self._file(path, status)

    def _walk_folder(self, path: str, status: os.stat_result) -> Iterator[Found]:
        # An explicit stack: folders may be nested more deeply than Python's calls.
        folders = [(path, status)]
        while folders:
            path, status = folders.pop()
            identity = (status.st_dev, status.st_ino)
            # Windows gives no inode with a directory entry; there, links to folders are not entered.
            if status.st_ino and identity in self._folders:
                continue
            self._folders.add(identity)
            try:
                with os.scandir(path) as entries:
                    names = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                yield _refuse(path, error)
                continue
            deeper = []
            for entry in names:
                try:
                    status = entry.stat()
                except OSError as error:
                    yield _refuse(entry.path, error)
                    continue
                if not stat.S_ISDIR(status.st_mode):
                    yield from self._file(entry.path, status)
                elif status.st_ino or not entry.is_symlink():
                    deeper.append((entry.path, status))
            folders += reversed(deeper)

    def _file(self, path: str, status: os.stat_result) -> Iterator[Found]:
        if path in self._files:
            return
        self._files.add(path)
        ref = FileRef(path, status.st_size, status.st_mtime_ns)
        if stat.S_ISREG(status.st_mode):
            yield ref
        else:
            # Reading from a pipe or a device would wait for ever.
            yield Refusal(ref, Outcome.NOT_DICOM, "It is no regular file.")


def _refuse(path: str, error: OSError) -> Refusal:
    ref = FileRef(path, 0, 0)
    if isinstance(error, FileNotFoundError):
        return Refusal(ref, Outcome.REJECTED, "There is no such file or folder.", unreachable=True)
    reason = f"It cannot be read: {error.strerror or type(error).__name__}."
    return Refusal(ref, Outcome.REJECTED, reason, unreachable=True)
