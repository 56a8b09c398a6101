"""Compares files byte by byte: what is the same, and what only says that it is."""

import hashlib

from ..dicom.files import open_source
from .places import is_here

_BLOCK = 1 << 20


def same_bytes(path: str, other: str, medium: str) -> bool | None:
    """Whether two files hold the same bytes; None if the other one is not there now.

    Args:
        medium: identity of the one that the other file lies on. Another disc may be in its place.

    Raises:
        OSError: the first one cannot be read.
    """
    with open_source(path) as one:
        try:
            if not is_here(other, medium):
                return None
            two = open_source(other)
        except OSError:
            return None
        with two:
            if one.size != two.size:
                return False
            while block := one.file.read(_BLOCK):
                if block != two.file.read(_BLOCK):
                    return False
            return True


def digest(path: str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    made = hashlib.sha256()
    with open_source(path) as source:
        while block := source.file.read(_BLOCK):
            made.update(block)
    return made.hexdigest()
