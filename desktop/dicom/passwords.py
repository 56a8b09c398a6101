"""Finds out whether a password is right, and knows those that are: in this process, and nowhere else."""

from collections.abc import Iterable, Mapping

from ..errors import Unreadable
from .files import directory_of, open_source, unpack
from .keyring import keep_keys, keys
from .zipciphers import WrongPassword
from .zipentries import Directory, Entry

_ENCODINGS = ("utf-8", "cp437", "latin-1")
_TRIED = 3
_TELLING = 4
_BLOCK = 1 << 18


def passwords() -> Mapping[str, bytes]:
    """Return all known passwords by the paths of their archives, for another process."""
    return keys()


def remember_passwords(more: Mapping[str, bytes]) -> None:
    """Know passwords that another process knows."""
    keep_keys(more)


def unlock(archive: str, password: str | None) -> bool:
    """Try a password on an archive, and know it if it is right.

    It is right if a small file of the archive can be read with it, to the end: the encryption's own marks let one wrong
    password in 256 pass.

    Args:
        archive: its path, on a disk or within another archive.
        password: None for those that are known of this archive and of others.

    Raises:
        OSError, Unreadable: the archive cannot be read.
    """
    with open_source(archive) as source:
        directory = directory_of(archive, source)
    tried = _most_telling(directory.entries)
    if not tried:
        return True
    for candidate in dict.fromkeys(keys().values() if password is None else _encode(password)):
        if any(_fits(archive, directory, entry, candidate) for entry in tried):
            keep_keys({archive: candidate})
            return True
    return False


def _encode(password: str) -> Iterable[bytes]:
    """Return a password as the bytes that programs make of it."""
    for encoding in _ENCODINGS:
        try:
            yield password.encode(encoding)
        except UnicodeEncodeError:
            continue


def _most_telling(entries: Iterable[Entry]) -> list[Entry]:
    """Return some small encrypted entries; only if there are no others, such as have hardly a byte to tell by."""
    locked = [entry for entry in entries if entry.encrypted and not entry.refusal and not entry.is_folder]
    telling = [entry for entry in locked if entry.size >= _TELLING]
    return sorted(telling or locked, key=lambda entry: entry.packed)[:_TRIED]


def _fits(archive: str, directory: Directory, entry: Entry, password: bytes) -> bool:
    # Anew each time: unpacking closes it.
    source = open_source(archive)
    try:
        with source, unpack(source, directory, entry, password) as file:
            while file.read(_BLOCK):
                pass
    except (WrongPassword, Unreadable):
        return False
    return True
