"""Bytes that no honest program writes: deep nests, swarms of elements, data sets that swell, absurd values."""

import io
import struct
import zipfile
import zlib
from random import Random

from pydicom import datadict
from unit.helpers import LONG_VRS, UNDEFINED, element, implicit_element, item, part10, sequence_end

from desktop.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN

VRS = (
    *sorted(LONG_VRS),
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM"),
    *("UI", "UL", "US", "ZZ"),
)
"""All VRs, and one that there is not."""

_LONGEST = 0xFFFF
_BLOCK = 1 << 20

PACKED_LIMIT = 1_500_000
"""Bytes that the repeated part of a swelling file may have."""

_IDENTITY = element(0x00080016, "UI", b"1.2\0") + element(0x0020000D, "UI", b"1.2.3\0")
FILLINGS = (
    *(
        b"\\",
        b"\0",
        b"A",
        b"1\\",
        b"A=^\\",
        b"\xe3\\",
        b"\x1b$B",
        b"\x1b\\",
        b"\x1b$B0!\x1b(B",
        b"\x1b$)C\xb1\xe8",
        b"\x81\x30",
    ),
)
"""What long values are filled with."""

_NUMBERS = (
    *("0", "-1", "1", "7", "2.5", "4294967295", "9223372036854775808", "1e5", "1e308", "-1e309", "1e-400", "NaN"),
    *("inf", "1_0", "0x10", "1,5", "+ 3", "\u0663", "9" * 64, "9" * 309, "9" * 4300, "9" * 10_000, "0." + "3" * 10_000),
    *("1\\2", "1\\2\\3", "1\\0\\0\\0\\1\\0", "nan\\nan\\nan", "1e400\\0\\0", "\\" * 5000, " " * 5000, "-" * 5000),
)
_TEXTS = (
    b"",
    b"\0" * 100,
    b"\\" * 10_000,
    b"^" * 10_000,
    b"=" * 10_000,
    b"A=B=C=D=E",
    b"..",
    b"../../../etc/passwd",
    b"1.2.3/4",
    b"1." * 40,
    b"9" * 64,
    b'{"a":"\\u0000"}',
    b"\x1b$B\x1b(B\x1b$)C\x1b",
    b"\x1b$B" * 3000,
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xff\xfe\xfd",
    b"\xf0\x9f\x98\x80" * 1000,
)
CHARACTER_SETS = (
    *(b"ISO 2022 IR 6\\ISO 2022 IR 87", b"\\ISO 2022 IR 149", b"ISO_IR 192\\ISO 2022 IR 87", b"GB18030", b"GBK"),
    *(
        b"ISO 2022 IR 13\\ISO 2022 IR 159\\ISO 2022 IR 58",
        b"ISO_IR 999",
        b"\\" * 5000,
        b"\\".join([b"ISO_IR 100"] * 99),
    ),
    *(b"utf_16", b"utf_7", b"idna", b"punycode", b"zlib_codec", b"unicode_escape", b"undefined", b"rot13", b"\xff\0"),
)
"""Specific Character Sets: right ones, wrong ones, and names of Python's codecs."""
_BINARIES = (
    b"\0",
    b"\xff" * 2,
    b"\xff" * 3,
    b"\xff" * 8,
    b"\0" * 2,
    b"\0\0\xf0\x7f" * 2,
    b"\0\0\xc0\x7f",
    b"\1" * 60_000,
)


def absurd_value(random: Random) -> bytes:
    """Return a value that may stand where it should not."""
    kind = random.randrange(5)
    if kind == 0:
        return random.choice(_NUMBERS).encode()
    if kind == 1:
        return random.choice(_TEXTS)
    if kind == 2:
        return random.choice(CHARACTER_SETS)
    if kind == 3:
        return random.choice(_BINARIES)
    return random.randbytes(random.choice((1, 2, 4, 8, 64, 1025, 5000)))


def write_element(tag: int, vr: str, value: bytes, *, order: str, implicit: bool) -> bytes:
    """Write an element in the way of its file. A length that does not fit into its place becomes a lie."""
    if implicit:
        return implicit_element(tag, value)
    fits = vr in LONG_VRS or len(value) <= _LONGEST
    return element(tag, vr, value, order=order, length=None if fits else _LONGEST)


def nest(depth: int, *, order: str, implicit: bool, undefined: bool, tag: int, vr: str, core: bytes) -> bytes:
    """Write sequences of one item each, ``depth`` of them, one within another, around ``core``."""

    def sequence(length: int) -> bytes:
        if implicit:
            return implicit_element(tag, b"", length=length)
        return element(tag, vr, b"", order=order, length=length)

    def item_head(length: int) -> bytes:
        return struct.pack(order + "HHL", 0xFFFE, 0xE000, length)

    if undefined:
        end = struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0) + sequence_end(order)
        return (sequence(UNDEFINED) + item_head(UNDEFINED)) * depth + core + end * depth
    size = len(sequence(0))
    heads = []
    length = len(core)
    for _ in range(depth):
        heads.append(sequence(length + 8) + item_head(length))
        length += size + 8
    return b"".join(reversed(heads)) + core


def swarm(count: int, *, order: str, implicit: bool, tag: int, step: int, vr: str = "LO", value: bytes = b"") -> bytes:
    """Write ``count`` small elements, each with a tag that is ``step`` above the one before."""
    return b"".join(
        write_element((tag + number * step) & 0xFFFFFFFF, vr, value, order=order, implicit=implicit)
        for number in range(count)
    )


def deflate(head: bytes, block: bytes, count: int, tail: bytes = b"") -> bytes:
    """Deflate ``head``, ``block`` so many times, and ``tail``, in the time that one block takes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)

    def pack(piece: bytes) -> bytes:
        # What follows a full flush does not depend on what stood before it, so it may be repeated.
        return packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)

    packed = pack(head)
    repeated = pack(block)
    return packed + repeated * min(count, PACKED_LIMIT // len(repeated)) + packer.compress(tail) + packer.flush()


def archive(random: Random, data: bytes) -> bytes:
    """Return a ZIP archive that holds ``data``, perhaps in further archives, among others, or said to be larger."""
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        packed = io.BytesIO()
        method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        with zipfile.ZipFile(packed, "w", method, compresslevel=1) as file:
            for number in range(random.choice((1, 1, 3))):
                file.writestr(
                    random.choice(("IM1", "../../A", f"DICOMDIR{number}", "\u00e9/", "C:\\A")) + str(number), data
                )
            if random.random() < 0.1:
                file.writestr("large", bytes(random.choice((1, 16)) * _BLOCK))
        data = packed.getvalue()
    if random.random() < 0.5:
        # What the directory at the end says is not what is there.
        at = len(data) - random.randrange(1, min(len(data), 200))
        data = data[:at] + random.choice((b"\0", b"\xff", random.randbytes(1))) + data[at + 1 :]
    return data


def swelling_file(random: Random) -> bytes:
    """Return a small file whose deflated data set is of 1 MB to 600 MB."""
    make = random.choice((_swelling_elements, _swelling_items, _swelling_value, _swelling_implicit, _swelling_pixels))
    head, block, tail = make(random)
    count = random.choice((1, 4, 16, 60, 120, 250, 500, 600))
    block = block * (_BLOCK // len(block))
    return part10(deflate(_IDENTITY + head, block, count, tail), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def _swelling_elements(random: Random) -> tuple[bytes, bytes, bytes]:
    block = swarm(1000, order="<", implicit=False, tag=0x00211000, step=random.choice((0, 1)))
    if random.random() < 0.5:
        return b"", block, b""
    # All of them in one item.
    begin, end = item(b"", undefined=True)[:8], item(b"", undefined=True)[8:]
    return element(0x00211000, "SQ", begin, length=UNDEFINED), block, end + sequence_end()


def _swelling_items(random: Random) -> tuple[bytes, bytes, bytes]:
    block = item(random.choice((b"", element(0x00080100, "SH", b"A "))), undefined=random.random() < 0.5)
    return element(0x00211000, "SQ", b"", length=UNDEFINED), block, sequence_end()


def _swelling_value(random: Random) -> tuple[bytes, bytes, bytes]:
    vr = random.choice(("UC", "UT", "UN", "OB", "OW", "UR", "SV", "OF"))
    length = random.choice((1, 20, 100, 400)) * _BLOCK
    return element(0x00420011, vr, b"", length=length), random.choice(FILLINGS), b""


def _swelling_implicit(random: Random) -> tuple[bytes, bytes, bytes]:
    # In implicit VR, a value of any VR may be long.
    keyword = random.choice(
        ("ImageType", "SpecificCharacterSet", "PatientName", "ImagePositionPatient", "TimeSlotVector")
    )
    length = random.choice((1, 20, 100, 400)) * _BLOCK
    tag = datadict.tag_for_keyword(keyword)
    return implicit_element(tag, b"", length=length), random.choice(FILLINGS), b""


def _swelling_pixels(random: Random) -> tuple[bytes, bytes, bytes]:
    numbers = {"Rows": 0xFFFF, "Columns": 0xFFFF, "SamplesPerPixel": 1, "BitsAllocated": random.choice((1, 8, 16))}
    head = b"".join(
        element(datadict.tag_for_keyword(keyword), "US", struct.pack("<H", number))
        for keyword, number in numbers.items()
    )
    return head + element(0x7FE00010, "OW", b"", length=random.choice((1, 100, 400)) * _BLOCK), b"\0", b""
