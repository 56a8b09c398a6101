"""Files that hold or list other files: archives are looked into, DICOMDIRs are compared with what is there."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from ..dicom import memberpaths
from ..dicom.directory import DirectoryEntry, sort_for_first_view
from ..dicom.passwords import unlock
from ..dicom.records import FileRef, Header
from ..errors import InputError, Unreadable
from ..library.outcomes import Outcome, Refusal
from .fileset import NOT_THERE, Located, Resolved, Unlocated, compare, resolve
from .reading import ArchiveMet, DirectoryMet, Met
from .sources import Finder, Found

AskPassword = Callable[[str, bool], str | None]
"""Given an archive's path as text, and whether the last password was wrong; None if the user has none.

An InputError that it raises stops the import."""

_LOCKED = "It lies in an archive that asks for a password. Open the archive again, and type it."
_PACKED = "It is a ZIP archive"
_DIRECTORY = "It is a DICOMDIR, a table of contents"
_MOST_NESTED = 200_000
"""Files in archives that lie within one archive: a small one may say that it holds very many."""


class Containers:
    """What was met of archives and DICOMDIRs in one import.

    Args:
        looks_inside: whether archives are looked into.

    Attributes:
        trouble: what stops the import, in a sentence; or empty.
    """

    def __init__(self, finder: Finder, ask_password: AskPassword | None, *, looks_inside: bool) -> None:
        self._finder = finder
        self._ask_password = ask_password
        self._looks_inside = looks_inside
        self.trouble = ""
        self._directories: list[tuple[DirectoryMet, Resolved]] = []
        self._members: dict[str, list[str]] = {}
        self._nested: Counter[str] = Counter()

    def take_out(self, readings: Iterable[tuple[FileRef, Met]]) -> list[tuple[FileRef, Header | Refusal]]:
        """Return what is neither archive nor DICOMDIR, and what became of the archives.

        What archives hold, and what DICOMDIRs list, is found next.
        """
        plain: list[tuple[FileRef, Header | Refusal]] = []
        for file, reading in readings:
            if isinstance(reading, ArchiveMet):
                plain.append((file, self._look_into(reading)))
            elif isinstance(reading, DirectoryMet) and self._looks_inside:
                self._follow(reading)
            elif isinstance(reading, DirectoryMet):
                plain.append((file, Refusal(file, Outcome.NOT_DICOM, f"{_DIRECTORY}.")))
            else:
                plain.append((file, reading))
        return plain

    def finish(self, viewable_paths: Sequence[str]) -> list[tuple[FileRef, Refusal]]:
        """Return what became of the DICOMDIRs, now that all that is there was met."""
        met_paths = [memberpaths.shown(path) for path in viewable_paths] if self._directories else ()
        ended = []
        for met, resolved in self._directories:
            said = compare(resolved, met_paths).sentence()
            reason = " ".join((f"{_DIRECTORY}.", *met.directory.notes, said))
            ended.append((met.file, Refusal(met.file, Outcome.NOT_DICOM, reason, container=True)))
        return ended

    def _follow(self, met: DirectoryMet) -> None:
        """Have the files that a DICOMDIR lists come next: those of the newest study first."""
        entries = sort_for_first_view(met.directory)
        if memberpaths.is_member(met.file.path):
            # All that is in the archive comes anyway.
            resolved = find_members(met.file.path, entries, self._members.get(memberpaths.container(met.file.path), ()))
        else:
            resolved = resolve(os.path.dirname(met.file.path), entries, self._finder.listing)  # noqa: PTH120
            self._finder.prefer(chain.from_iterable(self._finder.find(item.path) for item in resolved.found))
        self._finder.prefer(_refuse(item, resolved.root, met.file) for item in resolved.refused)
        self._directories.append((met, _show(resolved)))

    def _look_into(self, met: ArchiveMet) -> Refusal:
        """Have what an archive holds come next; return what became of the archive itself."""
        file, listing = met.file, met.listing
        if listing.what or not self._looks_inside:
            reason = f"It is {listing.what}, and was not looked into." if listing.what else f"{_PACKED}."
            # If the user names it the next time, it is looked into.
            return Refusal(file, Outcome.NOT_DICOM, reason, container=self._looks_inside)
        if memberpaths.is_member(file.path):
            self._nested[memberpaths.outermost(file.path)] += len(listing.members)
            if self._nested[memberpaths.outermost(file.path)] > _MOST_NESTED:
                reason = (
                    f"{_PACKED} in another one, and together they hold too many files. Unpack it, and open the folder."
                )
                return Refusal(file, Outcome.NOT_DICOM, reason, container=True)
        unlocked = not any(member.encrypted for member in listing.members) or self._unlock(file.path)
        found: list[Found] = []
        for member in listing.members:
            ref = FileRef(member.path, member.size, file.mtime_ns, file.medium)
            locked = member.encrypted and not unlocked
            found.append(Refusal(ref, Outcome.REJECTED, _LOCKED, unreachable=True) if locked else ref)
        for path, reason in listing.refused:
            found.append(Refusal(FileRef(path, 0, file.mtime_ns, file.medium), Outcome.REJECTED, reason))
        self._members[file.path] = [member.path for member in listing.members]
        self._finder.prefer(found)
        files = "1 file" if len(found) == 1 else f"{len(found):,} files"
        return Refusal(file, Outcome.NOT_DICOM, f"{_PACKED} with {files}, each of which is looked at.", container=True)

    def _unlock(self, path: str) -> bool:
        """Ask for an archive's password until it is right, or there is none."""
        try:
            if unlock(path, None):
                return True
            wrong = False
            while self._ask_password is not None:
                password = self._ask_password(memberpaths.shown(path), wrong)
                if password is None:
                    return False
                if unlock(path, password):
                    return True
                wrong = True
        except (OSError, Unreadable):
            # It was taken out meanwhile. Each of its files will say so.
            return True
        except InputError as error:
            self.trouble = error.sentence
        return False


def find_members(path: str, entries: Iterable[DirectoryEntry], members: Iterable[str]) -> Resolved:
    """Find what a DICOMDIR in an archive lists among the archive's members.

    Args:
        path: of the DICOMDIR.
        members: paths of all members of the same archive.
    """
    root = os.path.dirname(memberpaths.shown(path))  # noqa: PTH120
    by_name = {memberpaths.shown(member).casefold(): member for member in members}
    found: dict[str, Located] = {}
    refused: dict[tuple[str, ...], Unlocated] = {}
    for entry in entries:
        member = by_name.get("/".join((root, *entry.components)).casefold())
        if member is None:
            refused.setdefault(entry.components, Unlocated(entry, NOT_THERE))
        else:
            found.setdefault(member, Located(entry, member))
    return Resolved(root, tuple(found.values()), tuple(refused.values()))


def _show(resolved: Resolved) -> Resolved:
    """Return the same with paths as text: those of archives hold the members' numbers."""
    found = tuple(replace(item, path=memberpaths.shown(item.path)) for item in resolved.found)
    return replace(resolved, root=memberpaths.shown(resolved.root), found=found)


def _refuse(item: Unlocated, root: str, directory: FileRef) -> Refusal:
    # The path is told and noted, never opened: it may lead anywhere.
    path = os.path.join(root, "/".join(item.entry.components).replace("\0", "\ufffd"))  # noqa: PTH118
    return Refusal(FileRef(path, 0, 0, directory.medium), Outcome.REJECTED, item.reason, unreachable=True)
