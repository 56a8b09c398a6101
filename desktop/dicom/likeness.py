"""Reads files that are like one before: of its series, and byte for byte the same but for the values of some elements.

The images of a series have most of their header in common. What is the same in bytes is the same in meaning, so what
was made of it is used again, and only the rest is read. A file that is like none is read as any other. The outcome is
the same in both ways (``tests/unit/importers/test_likeness.py``).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from ..errors import Unreadable
from . import uids
from .elements import Cut, Element, Malformed, Walker
from .encoding import PIXEL_REPRESENTATION, SPECIFIC_CHARACTER_SET, encode_dataset, reserved_block
from .extract import value_text
from .header import LISTED, Made, compose
from .layout import find_differences, is_usual, make_layout
from .metadata import Fragments, bulk_data_place
from .naturalize import Model
from .parsing import Parsed
from .records import FileRef, Header
from .text import parse_charset

_KEPT = 32
"""Files that are remembered to compare others with."""

_SLACK = 4096
"""Bytes by which the headers of a series may differ in length."""

_META_LENGTH, _META_SOP_INSTANCE = 0x00020000, 0x00020003
_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_TELLING = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION})
"""They tell how others are read, as private creators do."""

_SAME = frozenset({_SOP_CLASS, _STUDY, _SERIES, *LISTED}) | _TELLING
"""A file has these in common with one that it is like."""


class _File(NamedTuple):
    """A file that was read by itself.

    Attributes:
        charset: that was used instead of the file's.
    """

    parsed: Parsed
    made: Made
    charset: str | None


_Key = tuple[str, int]
"""Series Instance UID, and number of elements: it tells kinds of images apart."""


class Likenesses:
    """The last series of which files were read, for one thread."""

    def __init__(self) -> None:
        self._files: OrderedDict[_Key, _File] = OrderedDict()
        self._known: OrderedDict[_Key, _Likeness] = OrderedDict()

    def read(self, ref: FileRef, file: BinaryIO, head: bytes, charsets: Mapping[str, str]) -> Header | None:
        """Return the header of a file that is like one before; None if it is not.

        Args:
            ref: the file, with the size that it has now.
            file: the same, open.
            head: its first :data:`~desktop.dicom.parsing.FIRST_READ` bytes.
            charsets: Specific Character Set to use instead of the file's, by Study Instance UID.
        """
        for key, likeness in reversed(self._known.items()):
            header = likeness.read(ref, file, head, charsets)
            if header is not None:
                self._known.move_to_end(key)
                return header
        return None

    def note(self, parsed: Parsed, made: Made, charset: str | None) -> None:
        """Note a file that was read by itself, so that others can be like it.

        Args:
            parsed: its elements.
            made: its header, made of them.
            charset: that was used instead of the file's.
        """
        named = made.named and uids.is_uid(value_text(parsed.value(_SOP_INSTANCE)))
        if not named or not is_usual(parsed):
            return
        key = made.header.series.SeriesInstanceUID, len(parsed.elements)
        file, known = _File(parsed, made, charset), self._known.pop(key, None)
        first = self._files.pop(key, None) if known is None else known.file
        differing = None if first is None else _find_differing(first, file)
        if first is None or differing is None:
            self._files[key] = file
        else:
            self._known[key] = _Likeness(first, differing if known is None else differing | known.differing)
        for kept in (self._files, self._known):
            if len(kept) > _KEPT:
                kept.popitem(last=False)


class _Likeness:
    """What files have in common with one of them.

    Attributes:
        differing: tags of the elements that differ.
    """

    def __init__(self, file: _File, differing: frozenset[int]) -> None:
        self.file = file
        self.differing = differing
        parsed, (header, fragments, _), charset = file
        # Where it is not met, nothing else needs to be compared.
        self._mark, self._reach = header.series.SeriesInstanceUID.encode(), header.pixels.offset + _SLACK
        # The URIs of bulk data hold the instance's UID.
        place = self._bulk_place(header.instance.SOPInstanceUID)
        gaps = differing | {tag for tag, fragment in fragments.items() if place in fragment.dicom}
        blocks = {tag & 0xFFFFFF00 for tag in gaps}
        creators = {element.tag for element in parsed.elements if reserved_block(element.tag) in blocks}
        self._layout = make_layout(parsed, gaps, _TELLING | creators)
        self._encodings = parse_charset(charset) if charset else None
        self._model: Model = {f"{tag:08X}": fragment.element for tag, fragment in fragments.items()}
        self._dicom = _Text([(tag, fragment.dicom) for tag, fragment in sorted(fragments.items())], gaps)
        self._plain = _Text([(tag, fragment.plain) for tag, fragment in fragments.items()], gaps)

    def _bulk_place(self, instance_uid: str) -> str:
        header = self.file.made.header
        return bulk_data_place(header.study.StudyInstanceUID, header.series.SeriesInstanceUID, instance_uid)

    def read(self, ref: FileRef, file: BinaryIO, head: bytes, charsets: Mapping[str, str]) -> Header | None:
        """Return the header of a file that is like this one; None if it is not."""
        base, (header, _, _), charset = self.file
        if head.find(self._mark, 0, self._reach) < 0 or charsets.get(header.study.StudyInstanceUID) != charset:
            return None
        try:
            match = self._layout.match(head)
            if match is None:
                return None
            walker = Walker(head, self._layout.encoding)
            fragments = self._encode(walker, match.elements, ref.size)
        except (Cut, Malformed, Unreadable):
            return None
        if fragments is None:
            return None
        parsed = Parsed(base.meta, base.syntax, walker, match.elements, match.pixels, file, ref.size)
        return compose(
            ref,
            parsed,
            self._model | {f"{tag:08X}": fragment.element for tag, fragment in fragments.items()},
            self._dicom.fill({tag: fragment.dicom for tag, fragment in fragments.items()}),
            self._plain.fill({tag: fragment.plain for tag, fragment in fragments.items()}),
            doubtful=header.doubtful_text,
        )

    def _encode(self, walker: Walker, elements: Sequence[Element], size: int) -> Fragments | None:
        """Return what differs; None if the instance has no valid UID."""
        values = [walker.data[element.start : element.end] for element in elements if element.tag == _SOP_INSTANCE]
        uid = value_text(values[0]) if values else self.file.made.header.instance.SOPInstanceUID
        if not uids.is_uid(uid):
            return None
        place = self._bulk_place(uid)
        fragments = encode_dataset(walker, elements, lambda tag: place + tag, size, self._encodings)
        return fragments if not values or fragments[_SOP_INSTANCE].element.get("Value") == [uid] else None


def _find_differing(file: _File, other: _File) -> frozenset[int] | None:
    """Return the tags of the elements that differ; None if too much does."""
    tags = find_differences(file.parsed, other.parsed)
    alike = tags is not None and file.charset == other.charset and all(map(_may_differ, tags))
    return frozenset(tags) if tags is not None and alike else None


def _may_differ(tag: int) -> bool:
    if tag >> 16 == 2:
        return tag in (_META_LENGTH, _META_SOP_INSTANCE)
    return tag not in _SAME and reserved_block(tag) is None


class _Text:
    """The JSON of files that are alike, with gaps for the elements that differ."""

    def __init__(self, parts: Iterable[tuple[int, str]], gaps: Collection[int]) -> None:
        self._parts: list[str] = []
        self._gaps: list[tuple[int, int]] = []
        common: list[str] = []
        for tag, text in parts:
            if tag in gaps:
                self._gaps.append((len(self._parts) + 1, tag))
                self._parts += [",".join(common), ""]
                common = []
            elif text:
                common.append(text)
        self._parts.append(",".join(common))

    def fill(self, texts: Mapping[int, str]) -> str:
        parts = self._parts.copy()
        for number, tag in self._gaps:
            parts[number] = texts[tag]
        return "{" + ",".join([part for part in parts if part]) + "}"
