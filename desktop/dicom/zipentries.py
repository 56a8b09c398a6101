"""The entries of a ZIP archive, and which of them may be read: nothing that an archive says of itself is believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import Unreadable

ENTRIES_LIMIT = 200_000
"""Entries of one archive."""

TOTAL_LIMIT = 100 * 10**9
"""Bytes that all entries of one archive may have together."""

RATIO_LIMIT = 250
"""How many times larger than packed they may be, if they have more than :data:`RATIO_FROM` bytes."""

RATIO_FROM = 10**9

MEMBER_LIMIT = 8 * 10**9
"""Bytes of one entry."""

DIRECTORY_LIMIT = 128 * 10**6
"""Bytes of the central directory itself; 200,000 entries with long names have some 60 MB."""

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
_READABLE = frozenset({STORED, DEFLATED, BZIP2, LZMA})
_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "an unknown AES"}

LOCAL_LENGTH = 30
"""Bytes of a local header without its name and extra field."""

UNPACK = "Unpack the archive with the program that made it, and open the folder."
"""What to do with an archive that is sound, but cannot be read in place."""

_TRUST = "If you trust it, unpack it and open the folder."
_AGAIN = "Copy the archive again from its source."


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: for people, without NULs; may be empty.
        method: of compression, as APPNOTE §4.4.5 numbers them.
        encrypted: it asks for a password.
        aes_strength: 1 to 3 for AES with 128, 192 or 256 bits; 0 for the traditional encryption, or none.
        check: the last byte that the head of the traditional encryption has if the password is right.
        crc: CRC-32 of its bytes; None if only the encryption's own code tells whether they are right (AE-2).
        packed: its bytes in the archive, with what encryption adds.
        size: its bytes.
        offset: of its local header in the archive.
        refusal: why it is not read; empty if it is.
    """

    name: str
    method: int
    encrypted: bool
    aes_strength: int
    check: int
    crc: int | None
    packed: int
    size: int
    offset: int
    refusal: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it only says that there is a folder."""
        return not self.size and self.name.endswith(("/", "\\"))

    @property
    def head(self) -> int:
        """Bytes that encryption puts before the packed ones: salt and verifier, or twelve random ones."""
        if not self.encrypted:
            return 0
        return 4 + 4 * self.aes_strength + 2 if self.aes_strength else 12

    @property
    def tail(self) -> int:
        """Bytes that encryption puts behind the packed ones: the code that authenticates them."""
        return 10 if self.encrypted and self.aes_strength else 0


@dataclass(frozen=True, slots=True)
class Directory:
    """What an archive holds.

    Attributes:
        entries: in the order of its central directory.
        start: where the central directory begins: the bytes of all entries lie before.
    """

    entries: tuple[Entry, ...]
    start: int


def refuse(entry: Entry, start: int, *, foreign: bool) -> str:
    """Say why an entry is not read; empty if it is.

    Args:
        entry: without a refusal.
        start: as in :class:`Directory`.
        foreign: it is encrypted in another way than by a password alone.
    """
    if foreign:
        return f"It is encrypted in a way that cannot be read here. {UNPACK}"
    if entry.method not in _READABLE:
        name = _METHODS.get(entry.method, f"number {entry.method}")
        return f"It is compressed in a way that cannot be read here: {name}. {UNPACK}"
    if entry.size > MEMBER_LIMIT:
        return f"It has {_gb(entry.size)} GB, more than {_gb(MEMBER_LIMIT)} GB. {_TRUST}"
    added = entry.head + entry.tail
    if entry.offset + LOCAL_LENGTH + entry.packed > start or entry.packed < added:
        return f"Not all of its bytes are in the archive. {_AGAIN}"
    if entry.method == STORED and entry.packed != entry.size + added:
        return f"The archive gives two sizes for it. {_AGAIN}"
    return ""


def check_count(count: int) -> None:
    """Refuse an archive with too many entries.

    Raises:
        Unreadable: it has.
    """
    if count > ENTRIES_LIMIT:
        raise Unreadable(f"It lists {count:,} entries, more than {ENTRIES_LIMIT:,}. {_TRUST}")


def check_length(length: int) -> None:
    """Refuse an archive whose central directory has too many bytes.

    Raises:
        Unreadable: it has.
    """
    if length > DIRECTORY_LIMIT:
        said = f"Its table of contents has {length // 10**6:,} MB, more than {DIRECTORY_LIMIT // 10**6:,} MB."
        raise Unreadable(f"{said} {_TRUST}")


def check_whole(entries: Sequence[Entry]) -> None:
    """Refuse an archive that is made to overwhelm those who unpack it.

    Raises:
        Unreadable: its entries are too large together, or far larger than packed, or share the same bytes.
    """
    size, packed = sum(entry.size for entry in entries), sum(entry.packed for entry in entries)
    if size > TOTAL_LIMIT:
        raise Unreadable(f"Its files have {_gb(size)} GB unpacked, more than {_gb(TOTAL_LIMIT)} GB. {_TRUST}")
    if size > RATIO_FROM and size > RATIO_LIMIT * packed:
        said = f"Its files have {_gb(size)} GB unpacked, more than {RATIO_LIMIT} times what they take in it."
        raise Unreadable(f"{said} {_TRUST}")
    in_place = sorted(entries, key=lambda entry: entry.offset)
    if any(one.offset + LOCAL_LENGTH + one.packed > other.offset for one, other in pairwise(in_place)):
        raise Unreadable(f"Some of its files share the same bytes, as no usual program has it. {_TRUST}")


def _gb(count: int) -> str:
    return f"{count / 10**9:,.1f}".removesuffix(".0")
