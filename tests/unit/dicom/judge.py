"""Compares what the program says of a file with what pydicom says, and names every difference that is allowed."""

import base64
import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

PREFIX = b"\0" * 128 + b"DICM"
WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
IDENTITY = {"0020000D", "0020000E", "00080018"}
SOP_CLASS = "00080016"


def read_judge(path: Path, *, bare: bool) -> Dataset:
    """Read a file with pydicom.

    Args:
        bare: the file has no preamble. pydicom looks for the prefix first, so letters that stand in its place by
            chance would lead it astray.
    """
    with warnings.catch_warnings(action="ignore"):
        return dcmread(io.BytesIO(PREFIX + path.read_bytes()) if bare else path, force=True)


def differences(ours: dict[str, Any], judge: Dataset) -> list[str]:
    """Return the places at which the two differ, with what each says, but for what is allowed."""
    big_endian = getattr(judge.file_meta, "TransferSyntaxUID", None) == ExplicitVRBigEndian or (
        judge.original_encoding[1] is False
    )
    theirs = {}
    with warnings.catch_warnings(action="ignore"):
        for tag in judge.keys():  # noqa: SIM118 - iterating reads the values
            # A value that pydicom refuses to read ("1A" as IS) is in no JSON of its.
            with contextlib.suppress(ValueError):
                theirs[f"{tag:08X}"] = judge[tag].to_json_dict(None, bulk_data_threshold=1 << 40)
    return list(_compare(ours, theirs, "", big_endian=big_endian))


def _compare(ours: dict[str, Any], theirs: dict[str, Any], place: str, *, big_endian: bool) -> Iterator[str]:
    pixels = min((tag for tag in theirs if tag in ("7FE00008", "7FE00009", "7FE00010")), default="FFFFFFFF")
    for tag in sorted(ours.keys() | theirs.keys()):
        if tag not in ours:
            # What the metadata leave out: groups below 0008 and group lengths say how the file is written, not what
            # is in it; pixels are asked for by frame, and the file is read no further.
            if tag < "0008" or tag.endswith("0000") or (not place and tag >= min(pixels, "7FE00000")):
                continue
            yield f"{place}{tag}: missing; pydicom has {_short(theirs[tag])}"
        elif tag not in theirs:
            # The program's own identity: UIDs that the file lacks; its class may stand in the file meta only.
            # A value that pydicom refuses is text here.
            refused = any(isinstance(value, str) for value in ours[tag].get("Value", ()))
            if (not place and tag in IDENTITY | {SOP_CLASS}) or (ours[tag]["vr"] in ("IS", "DS") and refused):
                continue
            yield f"{place}{tag}: {_short(ours[tag])}; pydicom has none"
        else:
            yield from _compare_element(ours[tag], theirs[tag], f"{place}{tag}", big_endian=big_endian)


def _compare_element(ours: dict[str, Any], theirs: dict[str, Any], place: str, *, big_endian: bool) -> Iterator[str]:
    mine, judge = ours.get("Value", []), theirs.get("Value", [])
    if ours["vr"] == theirs["vr"] == "SQ" and len(mine) == len(judge):
        for number, (one, other) in enumerate(zip(mine, judge, strict=True)):
            yield from _compare(one, other, f"{place}/{number}/", big_endian=big_endian)
        return
    if ours["vr"] == theirs["vr"] and (
        mine == judge != []
        or (not mine and not judge and ours.keys() == theirs.keys() - {"Value"} == {"vr"})
        or _same_binary(ours, theirs, big_endian=big_endian)
        or [_plain_text(value) for value in mine] == [_plain_text(value) for value in judge] != []
    ):
        return
    # An identity that is no UID is replaced by one that is made from it.
    if place in IDENTITY and judge and not re.fullmatch(r"[0-9][0-9.]{0,63}", str(judge[0])) and mine[0][:5] == "2.25.":
        return
    yield f"{place}: {_short(ours)}; pydicom has {_short(theirs)}"


def _plain_text(value: Any) -> Any:
    """Within several values, what is empty is null here (PS3.18 §F.2.5) and "" in pydicom, which keeps padding too."""
    return value.rstrip() or None if isinstance(value, str) else value


def _same_binary(ours: dict[str, Any], theirs: dict[str, Any], *, big_endian: bool) -> bool:
    if "BulkDataURI" in ours:
        # Long values are referred to; bulk data have tests of their own.
        return len(base64.b64decode(theirs["InlineBinary"])) > 1024
    if "InlineBinary" not in ours or "InlineBinary" not in theirs:
        return False
    judge = base64.b64decode(theirs["InlineBinary"])
    size = WORDS.get(ours["vr"], 1)
    if big_endian and size > 1:
        # Inline binary is little endian (PS3.18 §F.2.7); pydicom leaves it as it is in the file.
        judge = b"".join(judge[at : at + size][::-1] for at in range(0, len(judge), size))
    return base64.b64decode(ours["InlineBinary"]) == judge


def _short(element: dict[str, Any]) -> str:
    return str(element)[:100]
