"""Compares files byte by byte: what is the same, and what only says that it is."""

import hashlib

from ..dicom.files import Source, open_source
from ..dicom.records import FileRef
from ..errors import Unreadable
from .places import is_here

_BLOCK = 1 << 20
_HEAD = 144
_META = b"DICM\2\0\0\0UL\4\0"


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


def same_data_set(path: str, other: FileRef) -> bool:
    """Whether two files that are here hold the same bytes behind their File Meta Information (PS3.10 §7.1).

    Whoever hands an object on over the network writes that anew. Both must be in the same transfer syntax.

    Raises:
        OSError, Unreadable: one of them cannot be read.
    """
    with open_source(path) as one, open_source(other.path) as two:
        starts = [_find_data_set(source) for source in (one, two)]
        lengths = [source.size - start for source, start in zip((one, two), starts, strict=True)]
        return 0 not in starts and lengths[0] == lengths[1] and _same_blocks(one, two) is True


def _find_data_set(source: Source) -> int:
    """Return where a file's data set begins, and leave the file there; 0 if that is not told."""
    head = source.file.read(_HEAD)
    if len(head) < _HEAD or head[128:140] != _META:
        return 0
    start = _HEAD + int.from_bytes(head[140:], "little")
    source.file.seek(start)
    return start


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
