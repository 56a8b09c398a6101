"""Finds files: a walk over folders, with one stat for each file and none twice."""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ..dicom import memberpaths
from ..dicom.records import FileRef
from ..library.outcomes import Outcome, Refusal
from ..media import Medium, find_medium
from ..paths import system_path

Found = FileRef | Refusal


class Finder:
    """Finds every file below some paths, each once, in the order of its name, a folder's own files before deeper ones.

    Content decides later what a file is; names, extensions and hidden marks do not. Only a file named DICOMDIR comes
    first in its folder, since it tells what else is there. Links are followed, but no folder is entered twice. What
    cannot be reached is found as a refusal.

    Attributes:
        media: the discs, sticks and shares on which files were found, by identity.
    """

    def __init__(
        self, paths: Sequence[str | os.PathLike[str]], medium_of: Callable[[str], Medium] = find_medium
    ) -> None:
        # abspath resolves no links.
        self.paths = tuple(os.path.abspath(os.fspath(path)) for path in paths)  # noqa: PTH100
        self.media: dict[str, Medium] = {}
        self._medium_of = medium_of
        self._preferred: deque[Found] = deque()
        self._listings: dict[str, list[os.DirEntry[str]] | OSError] = {}
        self._folders: set[tuple[int, int]] = set()
        self._files: set[str] = set()
        self._devices: dict[int | str, str] = {}
        self._found: list[str] = []
        self._walk = self._walk_all()

    def take(self, count: int) -> list[Found]:
        """Return the next files; none if there are no more."""
        taken = [self._preferred.popleft() for _ in range(min(count, len(self._preferred)))]
        return taken + list(islice(self._walk, count - len(taken)))

    def prefer(self, found: Iterable[Found]) -> None:
        """Have these come next."""
        self._preferred.extend(found)

    def find_gone(self) -> str:
        """Say what is not there any more, of the media and of the paths, in a sentence; empty if all are."""
        gone = [medium.name for medium in self.media.values() if self._medium_of(medium.mount) != medium]
        gone += [memberpaths.shown(path) for path in self._found if not os.path.exists(system_path(path))]  # noqa: PTH110
        if not gone:
            return ""
        return (
            f"{gone[0]} cannot be reached any more. What was read of it stays. "
            "Put it in or connect it again, and open it once more: the rest is read then."
        )

    def listing(self, folder: str) -> Sequence[os.DirEntry[str]] | None:
        """Return what is in a folder, which is asked once only; None if it cannot be read."""
        entries = self._list(folder)
        return None if isinstance(entries, OSError) else entries

    def find(self, path: str) -> Iterator[Found]:
        """Find one file in a folder whose listing is known, if it was not found before."""
        folder, name = os.path.split(path)
        for entry in self.listing(folder) or ():
            if entry.name == name:
                yield from self._entry(path, entry)

    def _walk_all(self) -> Iterator[Found]:
        for path in self.paths:
            # What is below another path may be another share, though on the same device.
            self._devices.clear()
            try:
                status = os.stat(system_path(path))  # noqa: PTH116
            except OSError as error:
                yield refuse(path, error)
                continue
            medium = self._note_medium(path, status)
            self._found.append(path)
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk_folder(path, status)
            else:
                yield from self._file(path, status, medium)

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
            entries = self._list(path)
            self._listings.pop(path, None)
            if isinstance(entries, OSError):
                yield refuse(path, entries)
                continue
            deeper: list[tuple[str, os.stat_result]] = []
            for entry in entries:
                yield from self._entry(os.path.join(path, entry.name), entry, deeper)  # noqa: PTH118
            folders += reversed(deeper)

    def _list(self, folder: str) -> "list[os.DirEntry[str]] | OSError":
        if folder not in self._listings:
            try:
                with os.scandir(system_path(folder)) as entries:
                    self._listings[folder] = sorted(entries, key=lambda entry: (not _is_directory(entry), entry.name))
            except OSError as error:
                self._listings[folder] = error
        return self._listings[folder]

    def _entry(
        self, path: str, entry: "os.DirEntry[str]", deeper: list[tuple[str, os.stat_result]] | None = None
    ) -> Iterator[Found]:
        if path in self._files:
            return
        try:
            status = entry.stat()
        except OSError as error:
            self._files.add(path)
            yield refuse(path, error)
            return
        if not stat.S_ISDIR(status.st_mode):
            yield from self._file(path, status, self._note_medium(path, status))
        elif deeper is not None and (status.st_ino or not entry.is_symlink()):
            deeper.append((path, status))

    def _file(self, path: str, status: os.stat_result, medium: str) -> Iterator[Found]:
        if path in self._files:
            return
        self._files.add(path)
        ref = FileRef(path, status.st_size, status.st_mtime_ns, medium)
        if stat.S_ISREG(status.st_mode):
            yield ref
        else:
            # Reading from a pipe or a device would wait for ever.
            yield Refusal(ref, Outcome.NOT_DICOM, "It is no regular file.")

    def _note_medium(self, path: str, status: os.stat_result) -> str:
        """Return the identity of the medium that a path lies on; each device is asked once."""
        # Windows gives no device with a directory entry.
        device = status.st_dev or os.path.splitdrive(path)[0]
        if device not in self._devices:
            # The status is that of a link's target.
            medium = self._medium_of(os.path.realpath(path))
            if medium.identity:
                self.media[medium.identity] = medium
            self._devices[device] = medium.identity
        return self._devices[device]


def refuse(path: str, error: OSError) -> Refusal:
    """Say why a path cannot be reached."""
    ref = FileRef(path, 0, 0)
    if isinstance(error, FileNotFoundError):
        return Refusal(ref, Outcome.REJECTED, "There is no such file or folder.", unreachable=True)
    reason = f"It cannot be read: {error.strerror or type(error).__name__}."
    return Refusal(ref, Outcome.REJECTED, reason, unreachable=True)


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    return entry.name.upper().startswith("DICOMDIR")
