"""Bytes of values to JSON values, by VR (PS3.5 §6.2, PS3.18 §F.2.3)."""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from .text import decode

_TEXT_ONE = frozenset({"LT", "ST", "UT"})
WITH_CHARSET = frozenset({"LO", "SH", "UC", "PN", "LT", "ST", "UT"})
NUMBERS = {
    "FL": ("f", 4),
    "FD": ("d", 8),
    "SS": ("h", 2),
    "US": ("H", 2),
    "SL": ("i", 4),
    "UL": ("I", 4),
    "SV": ("q", 8),
    "UV": ("Q", 8),
}


def to_values(vr: str, value: bytes, encodings: Sequence[str], little_endian: bool) -> list[Any]:
    """Return the values of an element that is neither binary nor a sequence; None stands for an empty one.

    Numbers that are no JSON numbers (NaN, infinities, text that is no number) are strings.
    """
    number = NUMBERS.get(vr)
    order = "<" if little_endian else ">"
    if number is not None:
        letter, size = number
        numbers = struct.unpack_from(f"{order}{len(value) // size}{letter}", value)
        return [_finite(item) for item in numbers] if vr in ("FL", "FD") else list(numbers)
    if vr == "AT":
        whole = value[: len(value) // 4 * 4]
        return [f"{group:04X}{element:04X}" for group, element in struct.iter_unpack(order + "HH", whole)]
    if vr == "PN":
        return [_person_name(part) for part in decode(value, encodings, person_name=True).split("\\")]
    # Latin-1 never fails, and keeps visible what broke the rule of ASCII.
    text = decode(value, encodings) if vr in WITH_CHARSET else value.decode("latin-1")
    if vr in _TEXT_ONE or vr == "UR":
        return [text.rstrip("\0 ") or None]
    parts = [part.rstrip("\0 ") for part in text.split("\\")]
    if vr == "DS":
        return [_decimal(part) for part in parts]
    if vr == "IS":
        return [_integer(part) for part in parts]
    return [part or None for part in parts]


def _finite(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _decimal(text: str) -> float | str | None:
    text = text.strip()
    if not text:
        return None
    try:
        # Python takes 1_0 for a number, DICOM does not.
        number = float(text.replace("_", "?"))
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _integer(text: str) -> int | str | None:
    text = text.strip()
    if not text:
        return None
    try:
        return int(text.replace("_", "?"))
    except ValueError:
        number = _decimal(text)
        return int(number) if isinstance(number, float) and number.is_integer() else text


def _person_name(text: str) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {group: trimmed for group, part in groups if (trimmed := part.rstrip("\0 "))} or None


def swap_words(value: bytes, size: int) -> bytes:
    """Return ``value`` with the bytes of each word of ``size`` bytes in the other order; a rest stays as it is."""
    if size == 1:
        return value
    whole = len(value) // size * size
    swapped = bytearray(value)
    for number in range(size):
        swapped[number:whole:size] = value[size - 1 - number : whole : size]
    return bytes(swapped)


def person_name_text(name: Mapping[str, str] | None) -> str:
    """Return a person name as DICOM writes it: component groups with ``=`` between them (PS3.5 §6.2.1)."""
    if not name:
        return ""
    groups = (name.get("Alphabetic", ""), name.get("Ideographic", ""), name.get("Phonetic", ""))
    return "=".join(groups).rstrip("=")
