"""The JSON Model in the plain form that OHIF's dicomjson source wants.

Keyword → value. One value stands alone, several are a list, sequences are always lists, names are strings with all
component groups, what is empty is left out. Tags without a keyword are lower-case hexadecimal, as OHIF asks for them.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from . import dictionary
from .values import person_name_text

JsonElement = dict[str, Any]
Model = dict[str, JsonElement]
"""Tag as eight upper-case hexadecimal digits → ``{"vr": …, "Value": […]}``."""


def naturalize(model: Mapping[str, JsonElement]) -> dict[str, Any]:
    """Turn a data set into the plain form."""
    return {
        keyword_of(tag): value
        for tag, element in model.items()
        if (value := naturalize_element(tag, element)) is not None
    }


def naturalize_element(tag: str, element: JsonElement) -> Any:
    """Return one element's value in OHIF's plain form; None if it has none."""
    vr = element["vr"]
    values = element.get("Value")
    if values is None:
        if vr == "SQ":
            return []
        reference = {key: element[key] for key in ("InlineBinary", "BulkDataURI") if key in element}
        return reference or None
    if vr == "SQ":
        return [naturalize(item) for item in values]
    if vr == "PN":
        values = [person_name_text(value) for value in values]
    # OHIF takes the first entry of VOI LUT Function, so of a string it would take the first letter.
    if len(values) == 1 and tag != "00281056":
        return values[0]
    return values


@lru_cache(maxsize=1 << 16)
def keyword_of(tag: str) -> str:
    """Return the key of a tag in the plain form."""
    number = int(tag, 16)
    repeats = number >> 24 in (0x50, 0x60)
    return ("" if repeats else dictionary.keyword_of(number)) or tag.lower()
