"""What other archives answer: data sets and JSON read into plain values, and an account of what is odd about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..counting import count_of
from ..dicom import dictionary
from ..dicom.elements import Cut, Element, Malformed, Walker
from ..dicom.parsing import find_encoding
from ..dicom.text import DEFAULT_ENCODINGS, find_encodings, is_doubtful
from ..dicom.values import NUMBERS, WITH_CHARSET, person_name_text, to_values
from .nodes import UTF_8
from .query import UNIQUE_KEYS, Level, Query, is_wanted

_CHARSET = 0x00080005
_LATIN = frozenset({"ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 148", "ISO_IR 203"})
_VALUE_LIMIT = 1 << 16
PATIENCE = 10_000
"""Answers that are not listed, beside those that are, until a node is asked to stop: it may never end by itself."""
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# What is of the protocol, not of what was found.
_NO_FINDING = frozenset({"QueryRetrieveLevel", "RetrieveAETitle", "RetrieveURL", "InstanceAvailability"})


class Oddity(StrEnum):
    """What can be odd about an answer. Each is counted, and told."""

    EMPTY = "empty"
    UNDECODABLE = "undecodable"
    DUPLICATE = "duplicate"
    UNWANTED = "unwanted"
    NO_UID = "no_uid"
    CONFLICT = "conflict"
    DOUBTFUL_TEXT = "doubtful_text"
    KEYS_NOT_SUPPORTED = "keys_not_supported"


_TOLD: Mapping[Oddity, str] = {
    Oddity.EMPTY: "{} held nothing and {} not listed",
    Oddity.UNDECODABLE: "{} could not be decoded and {} not listed",
    Oddity.DUPLICATE: "{} came more than once and {} listed once",
    Oddity.UNWANTED: "{} had another modality than was asked for and {} not listed",
    Oddity.NO_UID: "{} named no UID and {} listed, but cannot be fetched",
    Oddity.CONFLICT: "{} had the UID of another one with other values and {} listed too",
    Oddity.DOUBTFUL_TEXT: "{} may have wrong letters, since the character set is not as it is said to be; {} listed",
    Oddity.KEYS_NOT_SUPPORTED: "{} came with the warning that not all was searched by that was asked for; {} listed",
}


@dataclass(frozen=True, slots=True)
class Values:
    """What stands in one data set.

    Attributes:
        texts: by keyword, or by tag where there is none; several values have a backslash between them.
        items: the items of sequences, by keyword.
        is_doubtful: letters may be wrong.
    """

    texts: Mapping[str, str]
    items: Mapping[str, tuple["Values", ...]] = field(default_factory=dict)
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One patient, study, series or image that a node knows.

    Attributes:
        node: its name.
        values: by keyword; several values have a backslash between them.
        is_doubtful: letters may be wrong.
    """

    node: str
    level: Level
    values: Mapping[str, str]
    is_doubtful: bool = False

    @property
    def uid(self) -> str:
        """Its UID, or Patient ID; empty if it has none."""
        return self.values.get(UNIQUE_KEYS[self.level], "")

    @property
    def instances(self) -> int | None:
        """How many instances the node has of it, if it tells."""
        name = "NumberOfSeriesRelatedInstances" if self.level is Level.SERIES else "NumberOfStudyRelatedInstances"
        text = self.values.get(name, "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


class Gathering:
    """Takes the answers of one node one by one, and keeps account of them.

    Attributes:
        taken: answers that are listed.
        was_cut: there was one more than is wanted, or there seems to be no end to what is not.
        odd: how many were odd, by what was odd about them.
    """

    def __init__(self, node: str, query: Query) -> None:
        self.taken = 0
        self.was_cut = False
        self.odd: dict[Oddity, int] = {}
        self._left_out = 0
        self._node = node
        self._query = query
        self._seen: dict[str, set[tuple[tuple[str, str], ...]]] = {}

    def note(self, oddity: Oddity) -> None:
        """Count something odd."""
        self.odd[oddity] = self.odd.get(oddity, 0) + 1

    def take(self, values: Values | None) -> Answer | None:
        """Return an answer; None for one that is not to be listed, which is counted.

        Args:
            values: None if they could not be decoded.
        """
        reason = self._find_reason_against(values)
        if reason is not None:
            self.note(reason)
            self._left_out += 1
            self.was_cut |= self._left_out > PATIENCE
            return None
        assert values is not None
        if self.taken >= self._query.limit:
            self.was_cut = True
            return None
        answer = Answer(self._node, self._query.level, values.texts, values.is_doubtful)
        before = self._seen.setdefault(answer.uid, set())
        if not answer.uid:
            self.note(Oddity.NO_UID)
        elif before:
            self.note(Oddity.CONFLICT)
        if values.is_doubtful:
            self.note(Oddity.DOUBTFUL_TEXT)
        before.add(tuple(values.texts.items()))
        self.taken += 1
        return answer

    def _find_reason_against(self, values: Values | None) -> Oddity | None:
        if values is None:
            return Oddity.UNDECODABLE
        if not any(text for keyword, text in values.texts.items() if keyword not in _NO_FINDING):
            return Oddity.EMPTY
        if not is_wanted(self._query, values.texts):
            return Oddity.UNWANTED
        uid = values.texts.get(UNIQUE_KEYS[self._query.level], "")
        return Oddity.DUPLICATE if tuple(values.texts.items()) in self._seen.get(uid, ()) else None


def remarks_of(counts: Mapping[Oddity, int]) -> tuple[str, ...]:
    """Return the account of what was odd, in sentences."""
    return tuple(
        _TOLD[oddity].format(count_of(counts[oddity], "answer"), "is" if counts[oddity] == 1 else "are") + "."
        for oddity in Oddity
        if counts.get(oddity)
    )


def read_data_set(data: bytes, syntax: str, charset: str) -> Values:
    """Read a data set as DIMSE carries it.

    Args:
        data: without File Meta Information.
        syntax: the transfer syntax that was agreed on; what is written otherwise is noticed.
        charset: Specific Character Set of data sets that name none.

    Raises:
        ValueError: it cannot be read.
    """
    encoding = find_encoding(syntax, data[:128])
    # UTF-8 is tried by itself where nothing is said, and what is none is taken for Latin-1.
    fallback = find_encodings(charset) if charset not in ("", UTF_8) else DEFAULT_ENCODINGS
    try:
        return _read(Walker(data, encoding), 0, len(data), fallback, implicit=encoding.implicit_vr, depth=0)
    except (Cut, Malformed) as error:
        raise ValueError("it is damaged or cut short") from error


def _read(walker: Walker, at: int, end: int, encodings: Sequence[str], *, implicit: bool, depth: int) -> Values:
    elements = list(walker.elements(at, end, implicit=implicit, depth=depth))
    if (elements and elements[-1].next < end - 8) or (not elements and end > at):
        raise Malformed("something is left behind its elements")
    for element in elements:
        if element.tag == _CHARSET and element.end > element.start:
            encodings = find_encodings(walker.data[element.start : element.end].decode("latin-1"))
    texts: dict[str, str] = {}
    items: dict[str, tuple[Values, ...]] = {}
    doubtful = False
    for element in elements:
        keyword = dictionary.keyword_of(element.tag) or f"{element.tag:08X}"
        vr = _vr_of(element)
        if vr == "SQ":
            items[keyword] = tuple(
                _read(walker, start, inner, encodings, implicit=element.implicit, depth=depth + 1)
                for start, inner in walker.items(element.start, element.end, implicit=element.implicit, depth=depth + 1)
            )
            doubtful |= any(item.is_doubtful for item in items[keyword])
        elif vr not in _BINARY and element.tag != _CHARSET and element.tag & 0xFFFF:
            value = walker.data[element.start : element.end][:_VALUE_LIMIT]
            texts[keyword], guessed = _text(vr, value, encodings, little_endian=walker.encoding.little_endian)
            doubtful |= guessed
    return Values(texts, items, doubtful)


def _vr_of(element: Element) -> str:
    """Return by which VR an element is read: the standard's, unless the peer has written numbers for text or so."""
    written, standard = element.vr, dictionary.vr_of(element.tag)
    if standard is None or " or " in standard:
        return written
    is_other = (written in NUMBERS) != (standard in NUMBERS) or "SQ" in (written, standard)
    return written if is_other and written != "UN" else standard


def _text(vr: str, value: bytes, encodings: Sequence[str], *, little_endian: bool) -> tuple[str, bool]:
    doubtful = False
    if vr in WITH_CHARSET:
        name = vr == "PN"
        doubtful = is_doubtful(value, encodings, person_name=name)
        if encodings[0] in _LATIN and not value.isascii() and _is_utf_8(value):
            # In a name of Latin letters, no capital with an accent is followed by a sign: who says so means UTF-8.
            encodings, doubtful = (UTF_8,), True
    told = [_plain(item) for item in to_values(vr, value, encodings, little_endian)]
    return "\\".join(told).strip(), doubtful


def _is_utf_8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read_json(attributes: Any) -> Values:
    """Read one data set of the DICOM JSON Model (PS3.18 Annex F).

    Raises:
        ValueError: it is none.
    """
    if not isinstance(attributes, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a fault of the peer, not of the caller
    texts: dict[str, str] = {}
    items: dict[str, tuple[Values, ...]] = {}
    for name, element in attributes.items():
        try:
            tag = int(name, 16)
        except ValueError as error:
            raise ValueError("it has names that are no tags") from error
        if not isinstance(element, dict):
            raise ValueError("an element of it is no JSON object")  # noqa: TRY004
        told = element.get("Value", [])
        if not isinstance(told, list):
            raise ValueError("an element of it has no list of values")  # noqa: TRY004
        keyword = dictionary.keyword_of(tag) or f"{tag:08X}"
        if element.get("vr") == "SQ":
            items[keyword] = tuple(read_json(item) for item in told)
        elif tag != _CHARSET:
            texts[keyword] = "\\".join(_plain(value) for value in told).strip()[:_VALUE_LIMIT]
    doubtful = any("\N{REPLACEMENT CHARACTER}" in text for text in texts.values())
    return Values(texts, items, doubtful or any(item.is_doubtful for part in items.values() for item in part))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        groups = {name: text for name, text in value.items() if isinstance(text, str)}
        return person_name_text(groups)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
