"""The data dictionary and the names of UIDs (PS3.6): pydicom's tables, without the rest of pydicom.

To import all of it takes as long as to read some hundred headers, and each worker would do so. pydicom is the judge of
the answers (``tests/unit/dicom/test_dictionary.py``).
"""

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

_Entry = tuple[str, str, str, str, str]
"""VR, multiplicity, name, "Retired" or empty, keyword."""


def vr_of(tag: int) -> str | None:
    """Return the VR that the standard gives a tag, possibly a choice such as ``US or SS``; None if none."""
    entry = _entry(tag)
    return None if entry is None else entry[0]


def keyword_of(tag: int) -> str:
    """Return a tag's keyword; empty if it has none."""
    entry = _entry(tag)
    return "" if entry is None else entry[4]


def tag_of(keyword: str) -> str:
    """Return the tag of a keyword as eight upper-case hexadecimal digits; what is no keyword as it is."""
    return _tags().get(keyword, keyword)


def private_vr_of(tag: int, creator: str) -> str | None:
    """Return the VR that the owner of a private block gives a tag; None if nobody knows."""
    known = _load("_private_dict").private_dictionaries.get(creator, {})
    name = f"{tag:08X}"
    for key in (name, f"{name[:4]}xx{name[6:]}", f"{name[:2]}xxxx{name[6:]}"):
        if key in known:
            return str(known[key][0])
    return None


def uid_name(uid: str) -> str:
    """Return the standard's name of a UID, or the UID itself."""
    entry = _load("_uid_dict").UID_dictionary.get(uid)
    return uid if entry is None else str(entry[0])


def _entry(tag: int) -> _Entry | None:
    entry: _Entry | None = _load("_dicom_dict").DicomDictionary.get(tag)
    if entry is None and not tag >> 16 & 1:
        return next((found for mask, bits, found in _repeating() if tag & mask == bits), None)
    return entry


@cache
def _tags() -> dict[str, str]:
    dictionary: dict[int, _Entry] = _load("_dicom_dict").DicomDictionary
    return {entry[4]: f"{tag:08X}" for tag, entry in dictionary.items() if entry[4]}


@cache
def _repeating() -> tuple[tuple[int, int, _Entry], ...]:
    """Return the entries of repeating groups (PS3.5 §7.6), each with the bits that count and what these must be."""
    return tuple(
        (int("".join("0" if digit == "x" else "F" for digit in name), 16), int(name.replace("x", "0"), 16), entry)
        for name, entry in _load("_dicom_dict").RepeatersDictionary.items()
    )


@cache
def _load(name: str) -> Any:
    package = find_spec("pydicom")
    assert package is not None
    found = PathFinder.find_spec(name, package.submodule_search_locations)
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module
