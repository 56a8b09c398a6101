"""Reads a data set or an item in the DICOM JSON Model (PS3.18 Annex F) by keyword.

Files hold anything: an element may be missing, or hold what its VR forbids. So what is absent or broken reads as empty,
never as an error.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .dictionary import tag_of
from .metadata import unpack
from .naturalize import JsonElement, Model
from .values import person_name_text

ReadBulk = Callable[[str], bytes]
"""Given a bulk data URI of the same instance, returns the value's bytes in little endian.

Raises LookupError, OSError or an error of the program if they cannot be had.
"""


@dataclass(frozen=True, slots=True)
class Code:
    """A coded term (PS3.3 §8)."""

    value: str = ""
    scheme: str = ""
    meaning: str = ""

    def __bool__(self) -> bool:
        return bool(self.value or self.meaning)

    def is_one_of(self, *pairs: tuple[str, str]) -> bool:
        """Whether the term is one of these pairs of value and scheme."""
        return (self.value, self.scheme) in pairs


class Item:
    """A data set, or one item of a sequence.

    Attributes:
        model: tag as eight upper-case hexadecimal digits → ``{"vr": …, "Value": […]}``.
    """

    __slots__ = ("model",)

    def __init__(self, model: Model) -> None:
        self.model = model

    def element(self, keyword: str) -> JsonElement | None:
        """Return an element as it stands; None if it is absent. ``keyword`` may also be a tag of eight digits."""
        element = self.model.get(tag_of(keyword))
        return element if isinstance(element, dict) else None

    def __contains__(self, keyword: str) -> bool:
        return self.element(keyword) is not None

    def values(self, keyword: str) -> list[Any]:
        """Return an element's values; an empty list if there are none."""
        values = (self.element(keyword) or {}).get("Value")
        return values if isinstance(values, list) else []

    def text(self, keyword: str) -> str:
        """Return the first value as text; names as DICOM writes them."""
        for text in self.texts(keyword):
            return text
        return ""

    def texts(self, keyword: str) -> list[str]:
        """Return all values as texts; those that are empty as empty texts."""
        return [_as_text(value) for value in self.values(keyword)]

    def number(self, keyword: str) -> float | None:
        """Return the first value as a finite number; None if it is none."""
        for value in self.values(keyword)[:1]:
            return _as_number(value)
        return None

    def numbers(self, keyword: str) -> list[float]:
        """Return all values as numbers; an empty list if one of them is none."""
        numbers = [_as_number(value) for value in self.values(keyword)]
        return [] if None in numbers else [number for number in numbers if number is not None]

    def integer(self, keyword: str) -> int | None:
        """Return the first value as an integer; None if it is no whole number."""
        number = self.number(keyword)
        return int(number) if number is not None and number.is_integer() else None

    def items(self, keyword: str) -> list["Item"]:
        """Return the items of a sequence."""
        return [Item(value) for value in self.values(keyword) if isinstance(value, dict)]

    def item(self, keyword: str) -> "Item":
        """Return the first item of a sequence; an empty one if there is none."""
        for item in self.items(keyword):
            return item
        return Item({})

    def code(self, keyword: str) -> Code:
        """Return the first code of a code sequence (PS3.3 §8.8): also long and URN codes."""
        return code_of(self.item(keyword))

    def binary(self, keyword: str, read_bulk: ReadBulk) -> bytes:
        """Return a binary value in little endian, empty if it is absent or broken; raises what ``read_bulk`` does."""
        element = self.element(keyword) or {}
        if isinstance(inline := element.get("InlineBinary"), str):
            try:
                return base64.b64decode(inline, validate=True)
            except (binascii.Error, ValueError):
                return b""
        uri = element.get("BulkDataURI")
        return read_bulk(uri) if isinstance(uri, str) else b""

    def elements(self) -> Iterator[tuple[str, JsonElement]]:
        """Go through all elements by tag."""
        return ((tag, element) for tag, element in sorted(self.model.items()) if isinstance(element, dict))


def code_of(item: Item) -> Code:
    """Return the code that an item of a code sequence holds."""
    value = item.text("CodeValue") or item.text("LongCodeValue") or item.text("URNCodeValue")
    return Code(value, item.text("CodingSchemeDesignator"), item.text("CodeMeaning"))


def load_item(packed: bytes) -> Item:
    """Return a data set that is stored packed, in the JSON Model."""
    return Item(json.loads(unpack(packed)))


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return person_name_text({key: text for key, text in value.items() if isinstance(text, str)})
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else str(value)


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
