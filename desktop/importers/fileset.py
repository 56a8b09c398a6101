"""Finds the files that a DICOMDIR lists, on the medium on which it lies (PS3.10 §8.2).

No path is made of what the directory says: its names are looked for among those that are there.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dicom.directory import DirectoryEntry

NOT_THERE = "The DICOMDIR lists it, but it is not there."
LEADS_OUT = "It would lead out of the medium."

MAX_NAMES = 10
"""Names that a report gives of each kind."""

_NAME_LENGTH = 100
_VERSION = re.compile(r";[0-9]+\Z")
_OF_PATHS = re.compile(r"[/\\:\0]")

_Listing = Callable[[str], "Sequence[os.DirEntry[str]] | None"]
_Names = dict[str, "os.DirEntry[str]"]


@dataclass(frozen=True, slots=True)
class Located:
    """A listed file that is there.

    Attributes:
        path: below the root, as the walk meets it.
    """

    entry: DirectoryEntry
    path: str


@dataclass(frozen=True, slots=True)
class Unlocated:
    """A listed file that is not there, or must not be looked for.

    Attributes:
        reason: :data:`NOT_THERE` or :data:`LEADS_OUT`.
    """

    entry: DirectoryEntry
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of the files that a DICOMDIR lists, each once, in its order.

    Attributes:
        root: the folder in which the DICOMDIR lies.
    """

    root: str
    found: tuple[Located, ...]
    refused: tuple[Unlocated, ...]


@dataclass(frozen=True, slots=True)
class FilesetReport:
    """How a DICOMDIR and the files on its medium differ.

    Attributes:
        listed: number of files that it lists.
        missing: number of those that are not there.
        outside: number of those that would lead out of the medium.
        unlisted: number of DICOM files that are there without being listed.
        missing_names: the first :data:`MAX_NAMES` of them, fit to be shown; likewise the other two.
    """

    listed: int
    missing: int
    outside: int
    unlisted: int
    missing_names: tuple[str, ...]
    outside_names: tuple[str, ...]
    unlisted_names: tuple[str, ...]

    def sentence(self) -> str:
        """Return the report in one line, on "it", the DICOMDIR."""
        parts = [f"It lists {self.listed:,} {'file' if self.listed == 1 else 'files'}."]
        if self.missing:
            verb = "is" if self.missing == 1 else "are"
            parts.append(f"{self.missing:,} of them {verb} not there: {_enumerate(self.missing_names, self.missing)}")
        if self.outside:
            names = _enumerate(self.outside_names, self.outside)
            parts.append(f"{self.outside:,} of them would lead out of the medium: {names}")
        if self.listed and not self.missing and not self.outside:
            parts.append("None is missing.")
        if self.unlisted:
            files = "DICOM file is" if self.unlisted == 1 else "DICOM files are"
            names = _enumerate(self.unlisted_names, self.unlisted)
            parts.append(f"{self.unlisted:,} {files} here that it does not list: {names}")
        return " ".join(parts)


def resolve(root: str, entries: Iterable[DirectoryEntry], listing: _Listing) -> Resolved:
    """Find the listed files below ``root``.

    Names fit without regard to letter case, and in the forms that systems make of ISO 9660's: with a version
    (``IM1;1``) or a point behind. The exact name goes before others. Links are followed within ``root`` only.

    Args:
        root: the folder in which the DICOMDIR lies, absolute.
        listing: what is in a folder, or None if it cannot be read; asked at most once for each folder.
    """
    medium = _Medium(root, listing)
    found: dict[str, Located] = {}
    refused: dict[tuple[str, ...], Unlocated] = {}
    for entry in entries:
        try:
            path = medium.find(entry.components)
        except _LeadsOut:
            refused.setdefault(_keys(entry), Unlocated(entry, LEADS_OUT))
            continue
        if path is None:
            refused.setdefault(_keys(entry), Unlocated(entry, NOT_THERE))
        else:
            found.setdefault(path, Located(entry, path))
    return Resolved(root, tuple(found.values()), tuple(refused.values()))


def compare(resolved: Resolved, met_paths: Iterable[str]) -> FilesetReport:
    """Compare what a DICOMDIR lists with what is there.

    Args:
        met_paths: of the files that turned out to be DICOM. Those that are not below the root do not count.
    """
    missing = [item.entry for item in resolved.refused if item.reason == NOT_THERE]
    outside = [item.entry for item in resolved.refused if item.reason == LEADS_OUT]
    listed = {item.path for item in resolved.found}
    below = _join(resolved.root, "")
    unlisted = [path for path in dict.fromkeys(met_paths) if path.startswith(below) and path not in listed]
    return FilesetReport(
        listed=len(resolved.found) + len(resolved.refused),
        missing=len(missing),
        outside=len(outside),
        unlisted=len(unlisted),
        missing_names=_name_some(missing),
        outside_names=_name_some(outside),
        unlisted_names=tuple(_show(path[len(below) :].replace(os.sep, "/")) for path in unlisted[:MAX_NAMES]),
    )


class _LeadsOut(Exception):  # noqa: N818 - a finding about a name
    """A name, or a link that it names, leads out of the medium."""


class _Medium:
    """The folders below the root, as far as they were asked for."""

    def __init__(self, root: str, listing: _Listing) -> None:
        self._root = root
        self._real_root = Path(os.path.realpath(root))
        self._listing = listing
        self._contents: dict[str, tuple[_Names, _Names]] = {}
        self._real: dict[str, str | None] = {}
        self._entered: dict[str, str] = {str(self._real_root): root}

    def find(self, components: Sequence[str]) -> str | None:
        """Return the path of the file that has these names; None if there is none.

        Raises:
            _LeadsOut: it would lie elsewhere.
        """
        if not components or any(name in ("", ".", "..") or _OF_PATHS.search(name) for name in components):
            raise _LeadsOut
        folder = self._root
        for name in components[:-1]:
            entry = _pick(self._list(folder)[0], name)
            if entry is None:
                return None
            path = _join(folder, entry.name)
            # Each folder is known by the path that first led to it: links may lead in circles.
            folder = self._entered.setdefault(self._resolve(path), path)
        entry = _pick(self._list(folder)[1], components[-1])
        if entry is None:
            return None
        path = _join(folder, entry.name)
        if entry.is_symlink():
            self._resolve(path)
        return path

    def _list(self, folder: str) -> tuple[_Names, _Names]:
        """Return the folders and the files in a folder, by their names and by what else fits."""
        if folder not in self._contents:
            entries = self._listing(folder) or ()
            folders = _index(entry for entry in entries if _is(entry.is_dir))
            files = _index(entry for entry in entries if _is(entry.is_file))
            self._contents[folder] = folders, files
        return self._contents[folder]

    def _resolve(self, path: str) -> str:
        # A folder may be a junction, which Python 3.11 does not tell from a folder: so all are resolved.
        if path not in self._real:
            real = os.path.realpath(path)
            self._real[path] = real if Path(real).is_relative_to(self._real_root) else None
        resolved = self._real[path]
        if resolved is None:
            raise _LeadsOut
        return resolved


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:
        # A link that leads to itself.
        return False


def _index(entries: "Iterable[os.DirEntry[str]]") -> _Names:
    names = {entry.name: entry for entry in entries}
    for entry in tuple(names.values()):
        names.setdefault(_key(entry.name), entry)
    return names


def _pick(names: _Names, name: str) -> "os.DirEntry[str] | None":
    return names.get(name) or names.get(_key(name))


def _key(name: str) -> str:
    """Return what all forms of a name have in common."""
    return _VERSION.sub("", name).removesuffix(".").lower()


def _keys(entry: DirectoryEntry) -> tuple[str, ...]:
    return tuple(_key(name) for name in entry.components)


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118 - quicker, and names may be any


def _name_some(entries: Sequence[DirectoryEntry]) -> tuple[str, ...]:
    return tuple(_show("/".join(entry.components)) for entry in entries[:MAX_NAMES])


def _show(name: str) -> str:
    """Return a name as it may stand in a sentence: names on a medium may be anything."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[:_NAME_LENGTH])
    return shown if len(name) <= _NAME_LENGTH else f"{shown}…"


def _enumerate(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (", …" if count > len(names) else ".")
