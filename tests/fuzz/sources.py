"""The real files that are damaged, and where in each its lengths, VRs and values stand.

Another reader's files (archives, directories) come in by one more function in :data:`FOLDERS`.
"""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pydicom.data
from conftest import find_corpus

from desktop.dicom.elements import UNDEFINED, Cut, Element, Malformed, Walker
from desktop.dicom.fragments import scan_fragments
from desktop.dicom.parsing import Parsed, parse
from desktop.dicom.sniff import HEAD_LENGTH, Encoding, sniff
from desktop.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from desktop.errors import InputError

SIZE_LIMIT = 2_000_000
"""Bytes of the largest file that is damaged."""

RARE = 5
"""How many times as often as other files a DICOMDIR is damaged, of which there are few."""

_ITEM = 0xFFFEE000
_ITEMS_OF_EACH = 20


@dataclass(frozen=True, slots=True)
class Place:
    """One element or item of a file.

    Attributes:
        at: offset of its tag.
        vr: as written; empty in implicit VR, and for items.
        length_at: offset of its length.
        length_size: bytes of its length, 2 or 4.
        start: offset of its value.
        end: offset behind its value; ``start`` for pixels and items, whose values are not told.
        top: it is of the top level, not in a sequence.
    """

    at: int
    tag: int
    vr: str
    length_at: int
    length_size: int
    start: int
    end: int
    top: bool


@dataclass(frozen=True)
class Source:
    """A file to damage."""

    name: str
    path: Path

    @property
    def weight(self) -> int:
        """How often it is taken, to others."""
        return RARE if is_directory(self.name) else 1

    @cached_property
    def data(self) -> bytes:
        """All of its bytes."""
        return self.path.read_bytes()

    @cached_property
    def _parsed(self) -> Parsed | None:
        try:
            return parse(io.BytesIO(self.data), len(self.data))
        except InputError:
            return None

    @cached_property
    def order(self) -> str:
        """The byte order of its data set, as ``struct`` has it."""
        return self._parsed.walker.order if self._parsed else "<"

    @cached_property
    def meta(self) -> tuple[Place, ...]:
        """Its File Meta Information; none if it is no DICOM file, or has none."""
        if self._parsed is None or not self._parsed.meta:
            return ()
        walker = Walker(self.data, Encoding(implicit_vr=False, little_endian=True))
        elements = walker.elements(sniff(self.data[:HEAD_LENGTH]).start, len(self.data), implicit=False)
        places = []
        # Behind it may stand what this walker cannot read: a deflated or big-endian data set.
        with suppress(Cut, Malformed):
            for element in elements:
                if element.tag >> 16 != 2:
                    break
                places.append(_place(self.data, "<", element, top=True))
        return tuple(places)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The elements and items of its data set, in no order; none if it cannot be read, or is deflated."""
        parsed = self._parsed
        if parsed is None or parsed.syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            return ()
        found = list(_places(parsed.walker, parsed.elements, depth=0))
        if parsed.pixels is not None:
            found.append(_place(parsed.walker.data, self.order, parsed.pixels, top=True))
            if parsed.pixels.length == UNDEFINED:
                spans = scan_fragments(parsed.stream, parsed.pixels.start).spans
                found += [_item(start) for start, _ in spans[:_ITEMS_OF_EACH]]
        return tuple(found)

    @cached_property
    def implicit(self) -> bool:
        """Whether its data set is in implicit VR."""
        return bool(self.places) and not any(place.vr for place in self.places)

    @cached_property
    def dataset(self) -> int:
        """The offset of its data set."""
        return min((place.at for place in self.places), default=self.meta[-1].end if self.meta else 0)

    @cached_property
    def header_end(self) -> int:
        """The offset of its pixels, or of its end."""
        return max((place.start for place in self.places), default=len(self.data))


def is_directory(name: str) -> bool:
    """Whether a file is a DICOMDIR, by its name."""
    return name.rpartition("/")[2].upper().startswith("DICOMDIR")


def _places(walker: Walker, elements: tuple[Element, ...], depth: int) -> Iterator[Place]:
    for element in elements:
        yield _place(walker.data, walker.order, element, top=not depth)
        if element.vr != "SQ":
            continue
        try:
            spans = list(walker.items(element.start, element.end, implicit=element.implicit, depth=depth + 1))
            for start, end in spans[:_ITEMS_OF_EACH]:
                yield _item(start)
                inner = walker.elements(start, end, implicit=element.implicit, depth=depth + 1)
                yield from _places(walker, tuple(inner), depth + 1)
        except (Cut, Malformed):
            continue


def _place(data: bytes, order: str, element: Element, *, top: bool) -> Place:
    tag = struct.pack(order + "HH", element.tag >> 16, element.tag & 0xFFFF)
    at = element.start - (8 if data[element.start - 8 : element.start - 4] == tag else 12)
    written = data[at + 4 : at + 6]
    vr = written.decode() if written.isalpha() and written.isupper() and written.isascii() else ""
    long = not vr or element.start - at == 12
    size = 4 if long else 2
    return Place(at, element.tag, vr, element.start - size, size, element.start, element.end, top)


def _item(start: int) -> Place:
    return Place(start - 8, _ITEM, "", start - 4, 4, start, start, top=False)


def pydicom_files() -> Path:
    """Return the folder of test files in pydicom's own package."""
    return Path(str(pydicom.data.__file__)).parent / "test_files"


FOLDERS: tuple[Callable[[], Path | None], ...] = (pydicom_files, find_corpus)
"""Where the files are; None stands for a folder that is not here."""


def find_sources(folders: tuple[Callable[[], Path | None], ...] = FOLDERS) -> list[Source]:
    """Return all files of at most :data:`SIZE_LIMIT` bytes, in the order of their names."""
    return [
        Source(f"{folder.name}/{path.relative_to(folder).as_posix()}", path)
        for find in folders
        if (folder := find()) is not None
        for path in sorted(folder.rglob("*"))
        if path.is_file() and 0 < path.stat().st_size <= SIZE_LIMIT
    ]
