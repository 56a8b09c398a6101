"""Compares files byte by byte: what is the same, and what only says that it is."""

import hashlib

from ..dicom.files import Source, open_source
from ..dicom.records import FileRef
from ..errors import Unreadable
from .places import is_here

_BLOCK = 1 << 20


def same_bytes(path: str, other: FileRef) -> bool | None:
    """Whether two files hold the same bytes; None if the other one is not there now as it was met.

    Args:
        other: as it was met. Another disc, or another file, may be in its place.

    Raises:
        OSError, Unreadable: the first one cannot be read.
    """
    with open_source(path) as one:
        try:
            if not is_here(other.path, other.medium):
                return None
            two = open_source(other.path)
        except (OSError, Unreadable):
            return None
        with two:
            same = one.size == two.size and _same_blocks(one, two)
            if same is False and (two.size, two.mtime_ns) != (other.size, other.mtime_ns):
                return None
            return same


def _same_blocks(one: Source, two: Source) -> bool | None:
    while block := one.file.read(_BLOCK):
        try:
            other = two.file.read(_BLOCK)
        except (OSError, Unreadable):
            return None
        if block != other:
            return False
    return True


def digest(path: str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError, Unreadable: it cannot be read.
    """
    made = hashlib.sha256()
    with open_source(path) as source:
        while block := source.file.read(_BLOCK):
            made.update(block)
    return made.hexdigest()
