"""Decrypts entries of ZIP archives: PKWARE's traditional encryption (APPNOTE §6.1) and WinZip's AES (AE-1, AE-2).

The traditional one is no protection, but is what many programs still write. In Python alone it takes in 2 MB/s, with
the package some 100; AES takes in 300.
"""

import hashlib
import hmac
from typing import Protocol

import numpy as np
from _zipdecrypter import StandardZipDecrypter  # type: ignore[import-not-found]
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .zipentries import Entry

BLOCK = 16
"""Bytes of a block of AES."""

_ITERATIONS = 1000
_VERIFIER = 2


class WrongPassword(Exception):  # noqa: N818 - a fact about a password
    """The entry shows that this is not its password."""


class Decrypter(Protocol):
    """Decrypts one entry from its beginning to its end."""

    def update(self, data: bytes) -> bytes:
        """Decrypt what comes next: whole blocks of :data:`BLOCK` bytes, but for the last."""

    def fits(self, tail: bytes) -> bool:
        """Whether all that was decrypted is what was encrypted, by the bytes behind it."""


def make_decrypter(entry: Entry, password: bytes, head: bytes) -> Decrypter:
    """Begin to decrypt an entry.

    Args:
        entry: encrypted.
        password: as bytes; it is never kept.
        head: its first ``entry.head`` bytes.

    Raises:
        WrongPassword: it is; but one in 256 wrong ones passes with the traditional encryption, one in 65,536 with AES.
    """
    return _Aes(entry, password, head) if entry.aes_strength else _Traditional(entry, password, head)


class _Traditional:
    def __init__(self, entry: Entry, password: bytes, head: bytes) -> None:
        self._decrypter = StandardZipDecrypter(password)
        if self.update(head)[-1] != entry.check:
            raise WrongPassword

    def update(self, data: bytes) -> bytes:
        return bytes(self._decrypter.decrypt_bytes(data))

    def fits(self, tail: bytes) -> bool:
        # It has no code of its own: the entry's CRC tells.
        return not tail


class _Aes:
    def __init__(self, entry: Entry, password: bytes, head: bytes) -> None:
        length = 8 * (entry.aes_strength + 1)
        salt, verifier = head[:-_VERIFIER], head[-_VERIFIER:]
        keys = hashlib.pbkdf2_hmac("sha1", password, salt, _ITERATIONS, 2 * length + _VERIFIER)
        if not hmac.compare_digest(keys[2 * length :], verifier):
            raise WrongPassword
        # The mode is CTR with a counter in little endian, which the library has not: it is made from blocks.
        self._blocks = Cipher(algorithms.AES(keys[:length]), modes.ECB()).encryptor()  # noqa: S305
        self._code = hmac.new(keys[length : 2 * length], digestmod="sha1")
        self._next = 1

    def update(self, data: bytes) -> bytes:
        self._code.update(data)
        count = -(-len(data) // BLOCK)
        counters = np.zeros((count, 2), "<u8")
        counters[:, 0] = np.arange(self._next, self._next + count)
        self._next += count
        stream = np.frombuffer(self._blocks.update(counters.tobytes()), np.uint8)
        return (np.frombuffer(data, np.uint8) ^ stream[: len(data)]).tobytes()

    def fits(self, tail: bytes) -> bool:
        return hmac.compare_digest(self._code.digest()[: len(tail)], tail)
