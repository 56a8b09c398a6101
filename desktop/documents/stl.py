"""STL, the format of 3D printers: binary, or text (PS3.3 §A.85.1)."""

import re
from array import array

import numpy as np

from ..errors import Unreadable
from .meshes import Triangles, check_count

_HEAD, _FACET = 84, 50
_VERTEX = re.compile(rb"vertex\s+(\S{1,40})\s+(\S{1,40})\s+(\S{1,40})", re.IGNORECASE)
_FORM = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def parse_stl(data: bytes) -> Triangles:
    """Return the triangles. Normals are left out, since many programs write none; colours are no part of the format.

    Raises:
        Unreadable: it is no STL, or has too many triangles.
    """
    if _is_binary(data):
        return _parse_binary(data)
    if data[:200].lstrip().lower().startswith(b"solid"):
        return _parse_text(data)
    raise Unreadable("It is no STL file, or is damaged.")


def _is_binary(data: bytes) -> bool:
    """Whether the number of triangles fits; binary files begin with "solid" too, and many are filled up by a byte."""
    if len(data) < _HEAD:
        return False
    expected = _HEAD + _FACET * int.from_bytes(data[80:84], "little")
    if expected <= len(data) <= expected + 2:
        return True
    return not data[:200].lstrip().lower().startswith(b"solid") and expected > _HEAD


def _parse_binary(data: bytes) -> Triangles:
    told = int.from_bytes(data[80:84], "little")
    whole = (len(data) - _HEAD) // _FACET
    if told > whole:
        raise Unreadable(f"It is cut short: it has {whole:,} of {told:,} triangles.")
    check_count(told)
    return np.frombuffer(data, _FORM, told, _HEAD)["corners"].astype(np.float32)


def _parse_text(data: bytes) -> Triangles:
    numbers = array("f")
    try:
        for found in _VERTEX.finditer(data):
            numbers.extend(map(float, found.groups()))
            if len(numbers) % 900_000 == 0:
                check_count(len(numbers) // 9)
    except (ValueError, OverflowError) as error:
        raise Unreadable("A corner of its triangles is no number: it is damaged.") from error
    if len(numbers) % 9:
        raise Unreadable("It is cut short: its last triangle is not whole.")
    check_count(len(numbers) // 9)
    return np.frombuffer(numbers, np.float32).reshape(-1, 3, 3)
