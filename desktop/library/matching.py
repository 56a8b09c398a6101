"""The conditions of a search, and whether a value fits them (PS3.4 §C.2.2.2, PS3.18 §8.3.4).

What stands in columns is compared by SQLite (:mod:`.conditions`), all else here, in the stored metadata. Both mean the
same.
"""

import fnmatch
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from ..dicom.dictionary import tag_of, vr_of
from ..dicom.items import Item
from ..dicom.metadata import unpack
from .folding import words
from .searching import name_words


class Kind(Enum):
    """How the values of an attribute are compared."""

    UID = auto()
    NAME = auto()
    DATE = auto()
    TIME = auto()
    MOMENT = auto()
    NUMBER = auto()
    TEXT = auto()
    NONE = auto()
    """They are not compared: sequences, and what is binary."""


_KINDS = {
    "UI": Kind.UID,
    "PN": Kind.NAME,
    "DA": Kind.DATE,
    "TM": Kind.TIME,
    "DT": Kind.MOMENT,
    **dict.fromkeys(("IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "US or SS"), Kind.NUMBER),
    **dict.fromkeys(("SQ", "OB", "OW", "OF", "OD", "OL", "OV", "OB or OW", "US or OW", "US or SS or OW"), Kind.NONE),
}

ANY_CASE = frozenset({"StudyDescription", "SeriesDescription"})
"""Texts whose letter case does not count, as that of names."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of a search.

    Attributes:
        attribute: its keyword, or its tag as eight upper-case hexadecimal digits; of one within a sequence the whole
            path, with points between: ``RequestAttributesSequence.RequestedProcedureID``.
        patterns: any of which must fit; ``*`` and ``?`` are wild cards (PS3.4 §C.2.2.2.4), but not in UIDs and numbers.
        low: for a range: the least value, or empty.
        high: for a range: the greatest value, or empty. A time such as 1030 stands for all that begins with it.
        fuzzy: a name fits too if each word of the pattern begins one of its words; case and accents do not count.
        empty: what has no value fits, and nothing else (PS3.4 §C.2.2.2.7).
    """

    attribute: str
    patterns: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    fuzzy: bool = False
    empty: bool = False

    @property
    def kind(self) -> Kind:
        """How its values are compared."""
        return kind_of(self.attribute)

    @property
    def asks_nothing(self) -> bool:
        """Whether everything fits (PS3.4 §C.2.2.2.3): also what has no value fits a star alone."""
        if self.kind is not Kind.UID and any(pattern and not pattern.strip("*") for pattern in self.patterns):
            return True
        return not (self.patterns or self.low or self.high or self.empty)


@lru_cache(maxsize=1024)
def kind_of(attribute: str) -> Kind:
    """Return how the values of an attribute are compared; those of one that nobody knows are texts."""
    tag = tag_of(attribute.rpartition(".")[2])
    try:
        vr = vr_of(int(tag, 16))
    except ValueError:
        vr = None
    return _KINDS.get(vr or "", Kind.TEXT)


def is_wild(pattern: str) -> bool:
    """Whether there is a wild card in it."""
    return "*" in pattern or "?" in pattern


def plain_date_time(kind: Kind, text: str) -> str:
    """Return a date or time without the points and colons of old files (PS3.5 §6.2)."""
    return text.replace(".", "") if kind is Kind.DATE else text.replace(":", "")


def as_number(text: str) -> float | None:
    """Return a number that is written as DICOM writes it; None if it is none."""
    return float(text) if re.fullmatch(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", text) else None


def text_fits(text: str, pattern: str) -> bool:
    """Whether a pattern fits a text whose letter case does not count."""
    return bool(_glob(_without_case(pattern))(_without_case(text)))


def name_pattern(pattern: str) -> tuple[str, str]:
    """Return the patterns of which one must fit a name: as a whole, or, with ``=`` around it, in one of its groups."""
    return pattern.rstrip("^= ") or pattern, f"*={pattern.strip('=') or pattern}=*"


def name_fits(name: str, pattern: str) -> bool:
    """Whether a pattern fits a whole name or one of its component groups; letter case does not count."""
    whole, group = (_glob(_without_case(part)) for part in name_pattern(pattern))
    name = _without_case(name)
    return bool(whole(name.rstrip("^= ")) or group(f"={name}="))


def name_fits_fuzzily(name: str, pattern: str) -> bool:
    """Whether each word of a pattern begins one of the name's words, of all its groups, in any order."""
    wanted, found = words(pattern), name_words(name)
    return bool(wanted) and all(any(word.startswith(begin) for word in found) for begin in wanted)


def fits(criterion: Criterion, item: Item) -> bool:
    """Whether a data set in the DICOM JSON Model fits a criterion: one of the attribute's values does."""
    if criterion.asks_nothing:
        return True
    found = [text for text in _texts(criterion.attribute.split("."), item) if text]
    if criterion.empty:
        return not found
    return any(map(_comparer(criterion), found))


def write_criteria(criteria: Iterable[Criterion]) -> str:
    """Return criteria as text, as :func:`define_matching` teaches a connection to read it."""
    return json.dumps([[getattr(item, name) for name in Criterion.__slots__] for item in criteria])


def define_matching(connection: sqlite3.Connection) -> None:
    """Teach a connection to compare names, and stored metadata with criteria."""
    for function in (text_fits, name_fits, name_fits_fuzzily, fits_all):
        connection.create_function(function.__name__, 2, function, deterministic=True)


def fits_all(packed: bytes, written: str) -> bool:
    """Whether a stored data set fits all criteria, as :func:`write_criteria` writes them."""
    plain = unpack(packed)
    criteria = _read_criteria(written)
    # To look for the tags is far quicker than to read it all.
    if not all(tag in plain for criterion, tags in criteria for tag in tags):
        return False
    item = Item(json.loads(plain))
    return all(fits(criterion, item) for criterion, _ in criteria)


@lru_cache(maxsize=256)
def _read_criteria(written: str) -> tuple[tuple[Criterion, tuple[bytes, ...]], ...]:
    criteria = [Criterion(attribute, tuple(patterns), *others) for attribute, patterns, *others in json.loads(written)]
    return tuple((criterion, () if _fits_none(criterion) else _written_tags(criterion)) for criterion in criteria)


def _fits_none(criterion: Criterion) -> bool:
    """Whether what has no value fits."""
    return criterion.empty or criterion.asks_nothing


def _written_tags(criterion: Criterion) -> tuple[bytes, ...]:
    return tuple(f'"{tag_of(name)}"'.encode() for name in criterion.attribute.split("."))


def _texts(path: list[str], item: Item) -> list[str]:
    if len(path) == 1:
        return item.texts(path[0])
    return [text for inner in item.items(path[0]) for text in _texts(path[1:], inner)]


@lru_cache(maxsize=256)
def _comparer(criterion: Criterion) -> Callable[[str], bool]:
    kind = criterion.kind
    if criterion.low or criterion.high:
        return lambda text: _is_within(kind, text, criterion.low, criterion.high)
    tests = [_test(criterion, kind, pattern) for pattern in criterion.patterns]
    return lambda text: any(test(text) for test in tests)


def _test(criterion: Criterion, kind: Kind, pattern: str) -> Callable[[str], Any]:
    if kind is Kind.NAME:
        fuzzy = criterion.fuzzy
        return lambda text: name_fits(text, pattern) or (fuzzy and name_fits_fuzzily(text, pattern))
    if kind is Kind.NUMBER:
        number = as_number(pattern)
        return lambda text: number is not None and as_number(text) == number
    if kind is Kind.MOMENT and not is_wild(pattern):
        return lambda text: _is_within(kind, text, pattern, pattern)
    if kind is Kind.TIME and not is_wild(pattern):
        plain = plain_date_time(kind, pattern)
        return lambda text: _begin_alike(plain_date_time(kind, text), plain)
    if kind is Kind.DATE and not is_wild(pattern):
        plain = plain_date_time(kind, pattern)
        return lambda text: plain_date_time(kind, text) == plain
    if criterion.attribute in ANY_CASE:
        return lambda text: text_fits(text, pattern)
    return _glob(pattern) if is_wild(pattern) and kind is not Kind.UID else pattern.__eq__


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _is_within(kind: Kind, text: str, low: str, high: str) -> bool:
    if kind is Kind.MOMENT:
        return (not low or _compare(text, low) >= 0) and (not high or _compare(text, high) <= 0)
    text, low, high = (plain_date_time(kind, part) for part in (text, low, high))
    # What is said to the minute only may be in the range: it is not to be missed.
    return (text >= low or low.startswith(text)) and (not high or text <= high + "~")


def _compare(one: str, other: str) -> int:
    """Compare two moments (VR DT): below, at or above 0; 0 if one is written less exactly and may be the other."""
    first, second = (_MOMENT.fullmatch(text.strip()) for text in (one, other))
    if first is None or second is None:
        return -1
    # The offset from UTC counts where both have one.
    both = bool(first["offset"] and second["offset"])
    left, right = (_digits(match, both) for match in (first, second))
    return 0 if _begin_alike(left, right) else -1 if left < right else 1


_MOMENT = re.compile(r"(?P<digits>[0-9]{4,14})(?P<fraction>\.[0-9]{1,6})?(?P<offset>[+-][0-9]{4})?")
_TO_THE_MINUTE = "%Y%m%d%H%M"


def _digits(match: re.Match[str], in_utc: bool) -> str:
    digits = match["digits"]
    if in_utc and len(digits) >= len("YYYYMMDDhhmm"):
        offset = match["offset"]
        minutes = int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[3:]))
        try:
            moment = datetime.strptime(digits[:12], _TO_THE_MINUTE) - timedelta(minutes=minutes)  # noqa: DTZ007
        except (ValueError, OverflowError):
            return digits
        digits = f"{moment:{_TO_THE_MINUTE}}" + digits[12:]
    return digits + (match["fraction"] or "")


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> Callable[[str], Any]:
    # Its stars take what they have once taken, so that no pattern takes long.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match


def _without_case(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())
