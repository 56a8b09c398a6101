"""Character sets and person names (PS3.5 §6.1, §6.2.1)."""

import codecs
import warnings
from collections.abc import Sequence

import pydicom.charset

DEFAULT_ENCODINGS = ("iso8859",)
"""Python's name for what stands in for the default repertoire: Latin-1, since many files break the rule."""

_NAME_DELIMITERS = {ord(letter) for letter in "\\^="}
_TEXT_DELIMITERS = {ord(letter) for letter in "\r\n\t\f\\"}
_ESCAPE = b"\x1b"
_KNOWN = frozenset(codecs.lookup(encoding).name for encoding in pydicom.charset.python_encoding.values())
"""Python's names of DICOM's encodings. Its other codecs are none of text, or give what cannot be written as UTF-8."""


def find_encodings(specific_character_set: str | Sequence[object] | None) -> tuple[str, ...]:
    """Return Python's names of the encodings that Specific Character Set (0008,0005) names.

    Unknown terms, and values that are no text since the element is damaged, give the default; the value itself is
    kept in the metadata.
    """
    if not specific_character_set:
        return DEFAULT_ENCODINGS
    values = [specific_character_set] if isinstance(specific_character_set, str) else specific_character_set
    terms = [value if isinstance(value, str) else "" for value in values]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            encodings = pydicom.charset.convert_encodings(terms)
        except (LookupError, ValueError):
            return DEFAULT_ENCODINGS
    return tuple(encoding if codecs.lookup(encoding).name in _KNOWN else DEFAULT_ENCODINGS[0] for encoding in encodings)


def decode(value: bytes, encodings: Sequence[str], *, person_name: bool = False) -> str:
    """Decode ``value``; what cannot be decoded becomes U+FFFD, never an error.

    Args:
        value: the element's bytes.
        encodings: as of :func:`find_encodings`.
        person_name: in a name, ``^`` and ``=`` end a code extension too.
    """
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    if len(encodings) == 1 and _ESCAPE not in value:
        try:
            return value.decode(encodings[0])
        except (UnicodeDecodeError, LookupError):
            return value.decode(encodings[0], "replace") if encodings[0] != "iso8859" else value.decode("latin-1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.charset.decode_bytes(value, encodings, _NAME_DELIMITERS if person_name else _TEXT_DELIMITERS)


def format_person_name(name: str) -> str:
    """Return a name for a list: ``Doe, Jane A``, with an ideographic or phonetic group behind it."""
    groups = [_format_group(group) for group in name.split("=")]
    return "  ".join(group for group in groups if group)


def _format_group(group: str) -> str:
    family, _, others = group.partition("^")
    given = " ".join(part for part in others.split("^") if part).strip()
    return ", ".join(part for part in (family.strip(), given) if part)


def format_date(date: str) -> str:
    """Return a DA value as ``2026-01-31``; what is no date stays as it is."""
    digits = date.replace(".", "")
    if len(digits) == 8 and digits.isascii() and digits.isdigit():
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return date
