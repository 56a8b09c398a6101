"""Reads what a search asks for (PS3.18 §8.3.4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..dicom.dictionary import keyword_of, tag_of, vr_of
from ..library.matching import Criterion, Kind, as_number, is_wild, kind_of

Path = tuple[str, ...]
"""An attribute: its tag as eight upper-case hexadecimal digits, after those of the sequences that it stands in."""

_NUMBERS = frozenset({"limit", "offset"})
_SWITCHES = frozenset({"fuzzymatching", "emptyvaluematching", "multiplevaluematching"})
_OTHERS = frozenset({"includefield", "accept"})

_FIELDS, _VALUES, _LETTERS, _DIGITS, _DEPTH = 1000, 500, 1024, 100, 8
"""What a search may hold: no real one comes near."""

_HIGHEST = 1 << 31
_EMPTY = '""'
_TAG = re.compile(r"[0-9A-F]{8}")
_DATE = re.compile(r"[0-9]{8}|[0-9]{4}\.[0-9]{2}\.[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}(:?[0-9]{2}(:?[0-9]{2}(\.[0-9]{1,6})?)?)?")
_MOMENT = re.compile(r"[0-9]{4,14}(\.[0-9]{1,6})?([+-][0-9]{4})?")
_MOMENTS = re.compile(rf"(?P<low>{_MOMENT.pattern})?-(?P<high>{_MOMENT.pattern})?")
_UID = re.compile(r"[0-9.]+")
_EXAMPLES = {
    Kind.DATE: "a date such as 20260131, or a range such as 20260101-20260131, 20260101- or -20260131",
    Kind.TIME: "a time such as 1030, or a range such as 1030-1145, 1030- or -1145",
    Kind.MOMENT: "a date with time such as 20260131103000, or a range of two with a hyphen between",
    Kind.UID: "UIDs: digits and points, with commas between several; * and ? do not stand in them",
    Kind.NUMBER: "a number",
}


class BadSearch(ValueError):  # noqa: N818 - said of a request
    """The search cannot be understood. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was asked for.

    Attributes:
        limit: at most so many; None for as many as there are.
        include: attributes that the answer is to hold besides, and those that are matched.
        everything: all attributes are wanted.
        unknown: attributes that nobody knows, or that cannot be matched by; they are told in a warning.
        accept: instead of the header; empty if it is not said.
    """

    criteria: tuple[Criterion, ...] = ()
    limit: int | None = None
    offset: int = 0
    include: frozenset[Path] = frozenset()
    everything: bool = False
    unknown: tuple[str, ...] = ()
    accept: str = ""


def read_search(query: str) -> Search:
    """Read a query string.

    Args:
        query: ``PatientName=DOE*&00080020=20200101-20201231&limit=10``. Attributes are keywords or tags, those within
            sequences with points between.

    Raises:
        BadSearch: a value is not of its kind, or there is too much.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise BadSearch(f"A search may hold at most {_FIELDS} fields.") from None
    controls, asked = _part(pairs)
    numbers = {name: _read_number(name, values[-1]) for name, values in controls.items() if name in _NUMBERS}
    switches = {name for name in _SWITCHES if _read_switch(name, controls.get(name, ["false"])[-1])}
    include, everything, unknown = _read_include(controls.get("includefield", []))
    criteria = []
    for name, value in asked:
        path = read_path(name)
        criterion = None if path is None or path in _OF_THE_ANSWER else _read_criterion(path, value, switches)
        if path is None or criterion is None:
            unknown.append(name)
            continue
        include.add(path)
        if not criterion.asks_nothing:
            criteria.append(criterion)
    _check(criteria)
    return Search(
        tuple(criteria),
        numbers.get("limit"),
        numbers.get("offset", 0),
        frozenset(include),
        everything,
        tuple(unknown),
        controls.get("accept", [""])[-1],
    )


_OF_THE_ANSWER = frozenset(
    (tag_of(keyword),) for keyword in ("RetrieveURL", "InstanceAvailability", "AvailableTransferSyntaxUID")
)
"""Attributes that only an answer has: they stand in no file."""


def read_path(name: str) -> Path | None:
    """Return the attribute that a name means, such as ``00400275.RequestedProcedureID``; None if it means none.

    Raises:
        BadSearch: sequences within sequences without end.
    """
    parts = name.split(".")
    if len(parts) > _DEPTH:
        raise BadSearch(f"An attribute may stand in at most {_DEPTH - 1} sequences.")
    tags = tuple(tag_of(part) if tag_of(part) != part else part.upper() for part in parts)
    if not all(_TAG.fullmatch(tag) for tag in tags):
        return None
    # Only sequences have something within. What nobody knows may be one.
    return tags if all(_vr(tag) in ("SQ", None) for tag in tags[:-1]) else None


def _vr(tag: str) -> str | None:
    return vr_of(int(tag, 16))


def attribute_of(path: Path) -> str:
    """Return an attribute as criteria name it: keywords, where there are some."""
    return ".".join(keyword_of(int(tag, 16)) or tag for tag in path)


def _part(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Part what says how to search from what to search for."""
    controls: dict[str, list[str]] = {}
    asked = []
    for name, value in pairs:
        control = name.lower()
        if control in _NUMBERS | _SWITCHES | _OTHERS:
            controls.setdefault(control, []).append(value)
        elif name or value:
            asked.append((name, value))
    return controls, asked


def _read_number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > _DIGITS:
        raise BadSearch(f"The {name} must be a whole number.")
    return min(int(value), _HIGHEST)


def _read_switch(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise BadSearch(f"The value of {name} must be true or false.")
    return value.lower() == "true"


def _read_include(values: Iterable[str]) -> tuple[set[Path], bool, list[str]]:
    names = [name.strip() for value in values for name in value.split(",")]
    if len(names) > _FIELDS:
        raise BadSearch(f"A search may name at most {_FIELDS} attributes.")
    found, unknown, everything = set(), [], False
    for name in filter(None, names):
        path = None if name == "all" else read_path(name)
        if path is not None:
            found.add(path)
        elif name == "all":
            everything = True
        else:
            unknown.append(name)
    return found, everything, unknown


def _read_criterion(path: Path, value: str, switches: set[str]) -> Criterion | None:
    """Return the condition, which may be none; None if the attribute cannot be matched by."""
    attribute = attribute_of(path)
    kind = kind_of(attribute)
    if not value.strip("*"):
        return Criterion(attribute)
    if kind is Kind.NONE:
        return None
    if "\0" in value:
        raise BadSearch("No value holds a NUL character.")
    if value == _EMPTY and "emptyvaluematching" in switches:
        return Criterion(attribute, empty=True)
    low, high = _read_range(kind, value)
    if low or high or (value == "-" and kind in _RANGES):
        return Criterion(attribute, low=low, high=high)
    patterns = _split(path[-1], kind, value, "multiplevaluematching" in switches)
    if len(patterns) > _VALUES:
        raise BadSearch(_TOO_MUCH)
    wrong = [pattern for pattern in patterns if not _is_of_kind(kind, pattern)]
    if wrong or not patterns:
        raise BadSearch(f"{attribute} is matched by {_EXAMPLES.get(kind, 'a text')}.")
    return Criterion(attribute, patterns, fuzzy=kind is Kind.NAME and "fuzzymatching" in switches)


_RANGES = frozenset({Kind.DATE, Kind.TIME, Kind.MOMENT})


def _read_range(kind: Kind, value: str) -> tuple[str, str]:
    """Return both ends, empty ones if it is no range. Those of dates and times may be parts, as 2020 for the year."""
    if kind is Kind.MOMENT and not _MOMENT.fullmatch(value):
        match = _MOMENTS.fullmatch(value)
        return (match["low"] or "", match["high"] or "") if match else ("", "")
    match = _ENDS.get(kind, _NOTHING).fullmatch(value)
    return (match[1], match[2]) if match else ("", "")


_ENDS = {
    Kind.DATE: re.compile(r"([0-9]{4,8}|[0-9]{4}\.[0-9]{2}\.[0-9]{2}|)-([0-9]{4,8}|[0-9]{4}\.[0-9]{2}\.[0-9]{2}|)"),
    Kind.TIME: re.compile(r"([0-9]{2}[0-9:]*(?:\.[0-9]{1,6})?|)-([0-9]{2}[0-9:]*(?:\.[0-9]{1,6})?|)"),
}
_NOTHING = re.compile(r"(?!)")


def _split(tag: str, kind: Kind, value: str, is_list: bool) -> tuple[str, ...]:
    """Return the values of a list. UIDs and codes hold no commas or backslashes (PS3.5 §6.2), so they may always be."""
    if kind is Kind.UID or _vr(tag) == "CS":
        return tuple(part.strip() for part in re.split(r"[,\\]", value) if part.strip())
    return tuple(part for part in value.split("\\") if part) if is_list else (value,)


def _is_of_kind(kind: Kind, pattern: str) -> bool:
    if kind is Kind.UID:
        return _UID.fullmatch(pattern) is not None
    if kind is Kind.NUMBER:
        return as_number(pattern) is not None
    form = {Kind.DATE: _DATE, Kind.TIME: _TIME, Kind.MOMENT: _MOMENT}.get(kind)
    return form is None or is_wild(pattern) or form.fullmatch(pattern) is not None


_TOO_MUCH = f"A search may hold at most {_VALUES} values of {_LETTERS} letters."


def _check(criteria: Iterable[Criterion]) -> None:
    values = [text for item in criteria for text in (*item.patterns, item.low, item.high)]
    if len([text for text in values if text]) > _VALUES or any(len(text) > _LETTERS for text in values):
        raise BadSearch(_TOO_MUCH)
