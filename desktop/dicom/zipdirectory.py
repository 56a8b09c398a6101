"""Reads the central directory of a ZIP archive (PKWARE's APPNOTE 6.3.10, §4.3)."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from ..errors import Unreadable
from .parsing import AGAIN
from .zipentries import UNPACK, Directory, Entry, check_count, check_length, check_whole, refuse

NAME_LIMIT = 1_000
"""Letters of a name that are kept: it is only shown."""

_PARTS = f"It is one part of an archive in several parts. {UNPACK}"
_CUT = "It is cut short, or one of several parts. Copy it again, or unpack all parts and open the folder."
_DAMAGED = f"Its table of contents is damaged. {AGAIN}"

_END, _END64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_CENTRAL, _AES = struct.Struct("<4s6H3L5H2L"), struct.Struct("<H2sBH")
_IS_END, _IS_END64, _IS_LOCATOR, _IS_CENTRAL, _IS_PART = (
    b"PK" + mark for mark in (b"\5\6", b"\6\6", b"\6\7", b"\1\2", b"\7\x08")
)

_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED, _DESCRIPTOR, _FOREIGN = 1 << 0, 1 << 3, 1 << 6 | 1 << 13
_EXTRA_ZIP64, _EXTRA_NAME, _EXTRA_AES = 0x0001, 0x7075, 0x9901
_METHOD_AES, _AE_1, _AE_2 = 99, 1, 2


@dataclass(frozen=True, slots=True)
class _End:
    """Where the end record is, and what it says: how many entries, and length and offset of the central directory."""

    at: int
    count: int
    length: int
    offset: int
    is_64: bool


def read_directory(file: BinaryIO, size: int) -> Directory:
    """Read what an archive holds.

    Args:
        file: seekable.
        size: its bytes.

    Raises:
        Unreadable: it is no archive, or damaged, or one part of several, or above a limit; the sentence says which.
        OSError: it cannot be read.
    """
    end = _find_end(file, size)
    check_count(end.count)
    check_length(end.length)
    start = end.at - end.length
    data = _read_at(file, start, end.length)
    if end.length and not data.startswith(_IS_CENTRAL) and end.offset < start:
        # Something stands between the directory and its end record.
        start, data = end.offset, _read_at(file, end.offset, end.length)
    # What stands before the archive, such as the program that unpacks it, is not counted in its offsets.
    before = start - end.offset
    if before < 0:
        raise Unreadable(f"Its beginning is missing. {_CUT}")
    entries = tuple(_read_entries(data, before, start))
    # Programs that know no ZIP64 count modulo 2**16.
    counted = len(entries) if end.is_64 else len(entries) & _MAX_16
    if counted != end.count or (end.length and not entries):
        raise Unreadable(_DAMAGED)
    check_whole(entries)
    return Directory(entries, start)


def _read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return bytes; fewer where the file ends before, none before its beginning."""
    if offset < 0:
        return b""
    file.seek(offset)
    return file.read(length)


def _find_end(file: BinaryIO, size: int) -> _End:
    first = max(size - _END.size - _MAX_16, 0)
    tail = _read_at(file, first, size - first)
    at = len(tail) - _END.size + len(_IS_END)
    while (at := tail.rfind(_IS_END, 0, max(at, 0))) >= 0:
        after = at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little")
        # Zeros and line ends come with copying. Anything else means that this archive is cut short within one that it
        # holds, whose end this is.
        if after <= len(tail) and not tail[after:].strip(b"\0\r\n"):
            return _read_end(file, first + at, tail[at : at + _END.size])
    if _read_at(file, 0, 4) == _IS_PART:
        raise Unreadable(_PARTS)
    raise Unreadable(f"Its table of contents is missing. {_CUT}")


def _read_end(file: BinaryIO, at: int, record: bytes) -> _End:
    _, disk, first_disk, _, count, length, offset, _ = _END.unpack(record)
    locator = _read_at(file, at - _LOCATOR.size, _LOCATOR.size)
    is_64 = locator.startswith(_IS_LOCATOR)
    if is_64:
        _, _, stated, disks = _LOCATOR.unpack(locator)
        at, record = _find_end64(file, at, stated)
        _, _, _, _, disk, first_disk, _, count, length, offset = _END64.unpack(record)
        disk = max(disk, disks - 1)
    if disk or first_disk:
        raise Unreadable(_PARTS)
    if length > at:
        raise Unreadable(_DAMAGED)
    return _End(at, count, length, offset, is_64)


def _find_end64(file: BinaryIO, at: int, stated: int) -> tuple[int, bytes]:
    """Return place and bytes of ZIP64's end record. Its stated place is wrong if something precedes the archive."""
    for place in (at - _LOCATOR.size - _END64.size, stated):
        record = _read_at(file, place, _END64.size) if place < at else b""
        if len(record) == _END64.size and record.startswith(_IS_END64):
            return place, record
    raise Unreadable(_DAMAGED)


def _read_entries(data: bytes, before: int, start: int) -> Iterator[Entry]:
    at = count = 0
    while len(data) - at >= _CENTRAL.size and data.startswith(_IS_CENTRAL, at):
        count += 1
        check_count(count)
        fields = _CENTRAL.unpack_from(data, at)
        name = at + _CENTRAL.size
        extra = name + fields[10]
        comment = extra + fields[11]
        at = comment + fields[12]
        if at > len(data):
            raise Unreadable(_DAMAGED)
        yield _make_entry(fields, data[name:extra], _read_extras(data[extra:comment]), before, start)


def _read_extras(data: bytes) -> dict[int, bytes]:
    extras, at = {}, 0
    while len(data) - at >= 4:
        kind, length = struct.unpack_from("<2H", data, at)
        extras[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return extras


def _make_entry(fields: Sequence[int], raw_name: bytes, extras: dict[int, bytes], before: int, start: int) -> Entry:
    _, _, _, flags, method, time, _, crc, packed, size, _, _, _, disk, _, _, offset = fields
    if disk not in (0, _MAX_16):
        raise Unreadable(_PARTS)
    size, packed, offset = _widen((size, packed, offset), extras.get(_EXTRA_ZIP64, b""))
    version = strength = 0
    if method == _METHOD_AES:
        version, strength, method = _read_aes(extras.get(_EXTRA_AES, b""))
    entry = Entry(
        name=_read_name(raw_name, extras.get(_EXTRA_NAME, b"")),
        method=method,
        encrypted=bool(flags & _ENCRYPTED),
        aes_strength=strength,
        check=time >> 8 if flags & _DESCRIPTOR else crc >> 24,
        crc=None if version == _AE_2 else crc,
        packed=packed,
        size=size,
        offset=before + offset,
    )
    refusal = refuse(entry, start, foreign=bool(flags & _FOREIGN))
    return replace(entry, refusal=refusal) if refusal else entry


def _widen(values: Sequence[int], wide: bytes) -> list[int]:
    """Return values of 32 bits, or those of 64 bits that did not fit: only they are in the extra field, in order."""
    widened = []
    for value in values:
        if value == _MAX_32 and len(wide) >= 8:
            widened.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            widened.append(value)
    return widened


def _read_aes(extra: bytes) -> tuple[int, int, int]:
    """Return version, strength and true method of an entry with AES, from WinZip's extra field."""
    if len(extra) >= _AES.size:
        version, vendor, strength, method = _AES.unpack_from(extra)
        if vendor == b"AE" and version in (_AE_1, _AE_2) and strength in (1, 2, 3):
            return version, strength, method
    return 0, 0, _METHOD_AES


def _read_name(raw: bytes, unicode_path: bytes) -> str:
    """Return a name as text. Old programs wrote UTF-8 without the flag that says so, and the flag may be wrong."""
    if unicode_path.startswith(b"\1" + zlib.crc32(raw).to_bytes(4, "little")):
        raw = unicode_path[5:]
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("cp437")
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}")[:NAME_LIMIT]
