"""Why our answers are not those of Orthanc: the kinds of difference that the guide's table names, and how one is
recognised as such."""

import base64
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from server.comparing import Comparison, Difference, read_header

_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OF": "f", "OD": "d"}
_PIXELS = 0x7FE00000
_TINY = 1e-9
_DESCRIPTORS = ("00281101", "00281102", "00281103")


def is_pixels(it: Difference) -> bool:
    return it.of == "metadata" and it.ours is None and it.tag in ("7FE00008", "7FE00009", "7FE00010")


def is_after_pixels(it: Difference) -> bool:
    return it.of == "metadata" and it.ours is None and int(it.tag[:8], 16) > _PIXELS + 0xFFFF


def has_own_uid(it: Difference) -> bool:
    mine, _ = it.values
    return it.tag in ("0020000D", "0020000E", "00080018") and str(mine[0]).startswith("2.25.")


def is_known_private(it: Difference) -> bool:
    """The bytes must say what we say."""
    vr, other = it.vrs
    if other != "UN" or vr == "UN" or it.theirs_bytes is None:
        return False
    values, _ = it.values
    if vr in _NUMBERS:
        return it.theirs_bytes == struct.pack(f"<{len(values)}{_NUMBERS[vr]}", *values)
    return it.theirs_bytes.rstrip(b" \0").decode("ascii") == "\\".join(values)


def is_empty_item(it: Difference) -> bool:
    mine, other = it.values
    return it.vrs[0] == "SQ" and {} in mine and [item for item in mine if item] == _plain(other)


def is_padding(it: Difference) -> bool:
    mine, other = it.values
    return _is_text(mine) and mine == [_strip(value) for value in other]


def is_empty_value(it: Difference) -> bool:
    mine, other = it.values
    return None in mine and [value for value in mine if value is not None] == other


def is_empty_group(it: Difference) -> bool:
    mine, other = it.values
    return it.vrs == ("PN", "PN") and [{group: text for group, text in name.items() if text} for name in other] == mine


def is_joined(it: Difference) -> bool:
    """In JIS X 0201, the code of the backslash is a yen sign; numbers are then none any more."""
    mine, other = it.values
    if "IR 13" not in str(read_header(it.path).get("SpecificCharacterSet")) or len(mine) < 2:
        return False
    return other == ([] if it.vrs[0] == "DS" else ["\N{YEN SIGN}".join(mine)])


def is_tiny(it: Difference) -> bool:
    mine, other = it.values
    return (
        it.vrs in (("DS", "DS"), ("FL", "FL"), ("FD", "FD"))
        and len(mine) == len(other)
        and all(abs(one - another) <= _TINY for one, another in zip(mine, other, strict=True))
    )


def is_first_float(it: Difference) -> bool:
    """Ours hold as many as there are; the first is Orthanc's."""
    vr, other = it.vrs
    if vr != other or vr not in ("OF", "OD") or "InlineBinary" not in it.ours:
        return False
    data = base64.b64decode(it.ours["InlineBinary"])
    return list(struct.unpack_from("<" + _NUMBERS[vr], data)) == it.values[1]


def is_split_text(it: Difference) -> bool:
    mine, other = it.values
    return it.vrs[0] in ("ST", "LT", "UT") and len(other) > 1 and ["\\".join(value or "" for value in other)] == mine


def is_undecoded_name(it: Difference) -> bool:
    mine, other = it.values
    return it.vrs == ("PN", "PN") and bool(mine) and [_as_seven_bits(name) for name in mine] == other


def is_broken_sequence(it: Difference) -> bool:
    """What follows the sequence that Orthanc reads no further than."""
    return it.of == "metadata" and it.theirs is None and it.name == "bad_sequence.dcm" and it.tag > "00189300"


def is_bare_descriptor(it: Difference) -> bool:
    return it.theirs is None and it.tag in _DESCRIPTORS and not read_header(it.path).file_meta


def is_count(it: Difference) -> bool:
    mine, other = it.values
    return it.tag in ("00201208", "00201209") and mine[0] > other[0]


def is_latin_search(it: Difference) -> bool:
    """What of the name is in no Latin alphabet is left out."""
    mine, other = it.values
    if it.of == "metadata" or it.vrs != ("PN", "PN") or not mine:
        return False
    left = {group: text for group, text in mine[0].items() if _latin(text)}
    return not other or {group: _latin(text) for group, text in other[0].items() if text} in (
        {group: _latin(text) for group, text in left.items()},
        {group: _latin(text) for group, text in _as_seven_bits(mine[0]).items()},
    )


def is_bare_file(it: Difference) -> bool:
    mine, other = it.ours_bytes or b"", it.theirs_bytes or b"?"
    return it.of == "file" and mine[128:132] == b"DICM" and mine.endswith(other)


def is_uncut_frame(it: Difference) -> bool:
    """Of one bit, of floating point numbers, of YBR_FULL_422, or in a file that is big endian or deflated."""
    if it.of != "frames" or it.ours != 200 or it.theirs not in (400, 500):
        return False
    dataset = read_header(it.path)
    return (
        dataset.file_meta.TransferSyntaxUID in (ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
        or dataset.BitsAllocated in (1, 32, 64)
        or dataset.PhotometricInterpretation == "YBR_FULL_422"
    )


KINDS: dict[str, Callable[[Difference], bool]] = {
    "pixels in the metadata": is_pixels,
    "what follows the pixels": is_after_pixels,
    "own UIDs": has_own_uid,
    "VRs of private attributes": is_known_private,
    "empty items": is_empty_item,
    "padding": is_padding,
    "empty values among others": is_empty_value,
    "empty groups of names": is_empty_group,
    "values in JIS X 0201": is_joined,
    "very small numbers": is_tiny,
    "several floating point numbers": is_first_float,
    "backslashes in texts": is_split_text,
    "names without their escape sequences": is_undecoded_name,
    "sequences that end too early": is_broken_sequence,
    "palettes of bare data sets": is_bare_descriptor,
    "files of one UID": is_count,
    "names in searches": is_latin_search,
    "bare data sets": is_bare_file,
    "frames that Orthanc does not send": is_uncut_frame,
}
"""The rows of the guide's table, in its order."""


def find_kinds(found: Comparison) -> tuple[set[str], list[str]]:
    """Return the kinds that occur, and the differences that are of none."""
    kinds, unexplained = set(), []
    for it in found.differences:
        kind = next((name for name, recognises in KINDS.items() if recognises(it)), None)
        if kind is None:
            unexplained.append(str(it))
        else:
            kinds.add(kind)
    return kinds, unexplained


def _is_text(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, str | dict) for value in values)


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {group: text.rstrip(" ") for group, text in value.items()}
    return value.rstrip(" ") if isinstance(value, str) else value


def _plain(items: Sequence[Any]) -> list[Any]:
    """Return items with their keys in no order."""
    return [dict(item) for item in items]


def _latin(text: str) -> str:
    return text.encode("latin-1", "ignore").decode("latin-1")


def _as_seven_bits(name: dict[str, str]) -> dict[str, str]:
    """Return a name as it is read by somebody who passes over the escape sequences of ISO 2022."""
    return {group: _seven_bits(text) for group, text in name.items()}


def _seven_bits(text: str) -> str:
    if text.isascii() or any("\uff61" <= letter <= "\uff9f" for letter in text):
        return text  # Katakana has a character set of one byte.
    data = text.encode("iso2022_jp", "ignore")
    return re.sub(rb"\x1b[($][BJ@]", b"", data).decode("ascii", "ignore")
