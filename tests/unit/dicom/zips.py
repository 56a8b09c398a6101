"""Writes ZIP archives for tests, also such as no usual program writes."""

import bz2
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyzipper

from desktop.dicom.archives import list_archive
from desktop.dicom.files import open_source

METHODS = {"stored": 0, "deflated": 8, "bzip2": 12, "lzma": 14}


@dataclass(frozen=True)
class Item:
    """One entry. ``central`` replaces fields of its central header: flags, crc, packed, size, offset, disk, method."""

    name: bytes = b"a"
    data: bytes = b""
    packed: bytes | None = None
    extra: bytes = b""
    central: Mapping[str, int] = field(default_factory=dict)


def write_zip(*items: Item, prefix: bytes = b"", comment: bytes = b"", zip64: bool = False, **end: int) -> bytes:
    """Return an archive. ``end`` replaces fields of its end record: disk, count, length, offset."""
    body, central = bytearray(), bytearray()
    for item in items:
        packed = item.data if item.packed is None else item.packed
        fields = {
            "flags": 0,
            "method": 0,
            "crc": zlib.crc32(item.data),
            "packed": len(packed),
            "size": len(item.data),
            "offset": len(body),
            "disk": 0,
            **item.central,
        }
        flags, method, crc, length, size, offset, disk = fields.values()
        head = struct.pack("<5H3L", 20, flags, method, 0, 0, crc, length & 0xFFFFFFFF, size & 0xFFFFFFFF)
        body += b"PK\3\4" + head + struct.pack("<2H", len(item.name), 0) + item.name + packed
        rest = struct.pack("<5H2L", len(item.name), len(item.extra), 0, disk, 0, 0, offset)
        central += b"PK\1\2\x14\0" + head + rest + item.name + item.extra
    said = {"disk": 0, "count": len(items), "length": len(central), "offset": len(body), **end}
    disk, count, length, offset = said.values()
    tail = b""
    if zip64:
        tail += b"PK\6\6" + struct.pack("<Q2H2L4Q", 44, 45, 45, disk, disk, count, count, length, offset)
        tail += b"PK\6\7" + struct.pack("<LQL", 0, len(body) + len(central), 1)
        disk, count, length, offset = 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    tail += b"PK\5\6" + struct.pack("<4H2LH", disk, disk, count & 0xFFFF, count & 0xFFFF, length, offset, len(comment))
    return prefix + bytes(body + central) + tail + comment


def make_zip(path: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]], method: str = "deflated") -> str:
    """Write an archive with Python's own module; return its path."""
    pairs = files.items() if isinstance(files, Mapping) else files
    with zipfile.ZipFile(path, "w", METHODS[method]) as archive:
        for name, data in pairs:
            archive.writestr(zipfile.ZipInfo(name), data, METHODS[method])
    return str(path)


def put(folder: Path, data: bytes, name: str = "a.zip") -> str:
    """Write an archive's bytes; return its path."""
    path = folder / name
    path.write_bytes(data)
    return str(path)


def make_aes(
    path: Path,
    files: Mapping[str, bytes],
    password: bytes,
    *,
    bits: int = 256,
    version: int = 2,
    method: str = "deflated",
) -> str:
    """Write an archive with WinZip's AES; return its path."""
    with pyzipper.AESZipFile(path, "w", compression=METHODS[method]) as archive:
        archive.setpassword(password)
        archive.setencryption(pyzipper.WZ_AES, nbits=bits, force_wz_aes_version=version)
        for name, data in files.items():
            archive.writestr(name, data)
    return str(path)


def pack(method: str, data: bytes) -> bytes:
    """Compress as the entries of archives are."""
    if method == "stored":
        return data
    if method == "bzip2":
        return bz2.compress(data)
    if method == "deflated":
        return zlib.compress(data, wbits=-15)
    properties = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[properties])
    return struct.pack("<4BBL", 9, 4, 5, 0, 93, 1 << 16) + packed


def locked(item: Item, password: bytes) -> Item:
    """Return an entry in PKWARE's traditional encryption, as APPNOTE §6.1 describes it."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(old: int, byte: int) -> int:
        return zlib.crc32(bytes([byte]), old ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    packed = bytearray()
    for byte in bytes(range(11)) + bytes([zlib.crc32(item.data) >> 24]) + (item.packed or item.data):
        mask = keys[2] | 2
        packed.append(byte ^ (mask * (mask ^ 1) >> 8 & 0xFF))
        update(byte)
    return Item(item.name, item.data, bytes(packed), item.extra, {**item.central, "flags": 1})


def members(path: str, **options: Any) -> list[str]:
    """Return the paths of what an archive holds."""
    return [member.path for member in list_archive(path, **options).members]


def read(path: str, *, streaming: bool = False) -> bytes:
    """Return the bytes of a file."""
    with open_source(path, streaming=streaming) as source:
        data = source.file.read()
        assert len(data) == source.size
        return data


class Pipe(io.RawIOBase):
    """Takes bytes and cannot be wound back, so that archives are written with data descriptors."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)
