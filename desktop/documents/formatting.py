"""Dates, times, numbers and names, as they are read."""

import math
import re
from array import array
from collections.abc import Sequence

from ..dicom.items import Code, Item, code_of
from ..dicom.text import format_date, format_person_name
from ..dicom.uids import uid_name

_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.\d{0,6})?")
_DATE_TIME = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\.\d{1,6})?([+-]\d{4})?")
_BRACED = re.compile(r"[\[{]|^1$")


def format_time(time: str) -> str:
    """Return a TM value as ``18:47:46``, without parts of seconds; what is no time stays as it is."""
    found = _TIME.fullmatch(time.strip())
    return ":".join(part for part in found.groups() if part) if found else time


def join_few(texts: Sequence[str], limit: int, between: str = ", ") -> str:
    """Return the first texts of a list, and how many more there are."""
    rest = len(texts) - limit
    return between.join(texts[:limit]) + (f" and {rest:,} more" if rest > 0 else "")


def format_date_time(value: str) -> str:
    """Return a DT value as ``2001-02-13 18:47:46 +0100``; what is none stays as it is."""
    found = _DATE_TIME.fullmatch(value.strip())
    if not found:
        return value
    year, month, day, hour, minute, second, _, zone = found.groups()
    parts = ("-".join(part for part in (year, month, day) if part), ":".join(p for p in (hour, minute, second) if p))
    return " ".join(part for part in (*parts, zone) if part)


def format_name(name: str) -> str:
    """Return a PN value as ``Doe, Jane``."""
    return format_person_name(name)


def format_number(value: float, digits: int = 15) -> str:
    """Return a number without needless digits: ``12``, ``0.25``, ``1.5e-07``."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.{digits}g}"


def shorten_number(value: float) -> str:
    """Return a number with as many digits as one reads: ``937.049`` for 937.04929309397. Whole numbers keep all."""
    text = format_number(value)
    if len(text) <= 9 or value.is_integer():
        return text
    return f"{value:.{10 if abs(value) >= 1e5 else 6 if abs(value) > 1e-6 else 3}g}"


def format_single(value: float) -> str:
    """Return a number that was stored in single precision with the digits that it has."""
    if not abs(value) < 3e38:
        return format_number(value)
    single = array("f", [value])[0]
    for digits in range(6, 10):
        text = format_number(value, digits)
        if array("f", [float(text)])[0] == single:
            return text
    return format_number(value)


def format_units(units: Code) -> str:
    """Return units as they stand behind a number: ``mm``; empty for the unit 1.

    UCUM's own codes are how units are written, but for those in brackets, which are words.
    """
    if units.scheme == "UCUM" and units.value:
        if units.value == "1" or units.meaning in ("no units", "unity"):
            return ""
        return units.meaning or units.value if _BRACED.search(units.value) else units.value
    return "" if units.meaning == "no units" else units.meaning or units.value


def format_code(code: Code) -> str:
    """Return a term's meaning, or its code where it has none."""
    return code.meaning or (f"{code.value} ({code.scheme})" if code.scheme else code.value)


def format_uid(uid: str) -> str:
    """Return what a UID that the standard defines is called, without "Storage"; others as they are."""
    name = uid_name(uid) if uid else ""
    if name in ("unknown", uid):
        return uid
    return name.replace(" Storage - For ", " - For ").removesuffix(" Storage")


def format_element(item: Item, keyword: str, between: str = ", ") -> str:
    """Return an element's values as one line, by its VR: dates and names as they are read, codes by their meaning."""
    element = item.element(keyword)
    vr = element.get("vr") if element else None
    if vr == "SQ":
        return between.join([text for inner in item.items(keyword) if (text := format_code(code_of(inner)))])
    convert = _BY_VR.get(vr) if isinstance(vr, str) else None
    if convert is not None:
        return between.join([convert(text) for text in item.texts(keyword) if text])
    return between.join([text for value in item.values(keyword) if (text := format_value(value, vr))])


def format_value(value: object, vr: object = None) -> str:
    """Return one value of the JSON Model as text."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, float):
        return format_single(value) if vr == "FL" else shorten_number(value)
    if isinstance(value, dict):
        return ""
    return str(value)


_BY_VR = {
    "DA": format_date,
    "TM": format_time,
    "DT": format_date_time,
    "PN": format_name,
    "UI": format_uid,
}
