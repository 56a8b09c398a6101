"""What a compressed frame says of itself: JPEG, JPEG-LS and JPEG 2000 (ISO/IEC 10918-1, 14495-1, 15444-1).

Files exist whose data set says something else. Decoders believe the frame, so it is read before they are: what it would
take of memory, and whether it is an image of the size that the data set promises.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

_SOI, _SOC = b"\xff\xd8", b"\xff\x4f\xff\x51"
_JP2 = b"\x00\x00\x00\x0cjP  "
_SOS, _LSE, _APP0, _APP14 = 0xDA, 0xF8, 0xE0, 0xEE
_STANDALONE = frozenset({0x01, 0xD8, 0xD9, *range(0xD0, 0xD8)})
"""Markers that no length follows."""

_CAP, _COD, _SOT = 0xFF50, 0xFF52, 0xFF90
_LOSSLESS_FRAMES = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_ARITHMETIC_FRAMES = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_HIERARCHICAL_FRAMES = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_RGB_IDS = (b"RGB", b"rgb")

_BOXES = 100
"""Boxes of a JP2 file that are looked at; it has some five before its codestream."""


class Kind(Enum):
    """By what a frame is compressed."""

    JPEG = "JPEG"
    JPEG_LOSSLESS = "JPEG Lossless"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    HIGH_THROUGHPUT = "High-Throughput JPEG 2000"


@dataclass(frozen=True, slots=True)
class Codestream:
    """What a compressed frame says of itself.

    Attributes:
        precision: bits of a sample.
        is_signed: its numbers have a sign; only JPEG 2000 says so.
        colours: ``RGB`` or ``YBR`` where the frame says so itself, else empty.
        is_unusual: arithmetic coding or hierarchical frames, which hardly anybody decodes.
        lossy_error: NEAR of JPEG-LS.
        has_presets: a JPEG-LS frame names its own thresholds.
    """

    kind: Kind
    Rows: int
    Columns: int
    samples: int
    precision: int
    is_signed: bool = False
    colours: str = ""
    is_unusual: bool = False
    lossy_error: int = 0
    has_presets: bool = False


class Segment(NamedTuple):
    """A marker segment of a JPEG frame: its marker's second byte, and where its content lies."""

    marker: int
    start: int
    end: int


def read_codestream(data: bytes) -> Codestream | None:
    """Return what a frame says of itself; None if it is none of these kinds, or damaged before its first scan."""
    try:
        if data.startswith(_SOI):
            return _read_jpeg(data)
        start = _find_j2k(data)
        return None if start is None else _read_j2k(data, start)
    except (struct.error, IndexError):
        return None


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """Go through the segments of a JPEG frame, up to and with the header of its first scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF:
            # Any number of fill bytes may stand before a marker.
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            end = at + 2 + length
            if length < 2 or end > len(data):
                return
            yield Segment(marker, at + 4, end)
            if marker == _SOS:
                return
            at = end


def _read_jpeg(data: bytes) -> Codestream | None:
    frame: Segment | None = None
    scan: Segment | None = None
    colours = ""
    presets = False
    for segment in jpeg_segments(data):
        content = data[segment.start : min(segment.end, segment.start + 64)]
        if segment.marker in _FRAMES and frame is None:
            frame = segment
        elif segment.marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
            colours = {0: "RGB", 1: "YBR"}.get(content[11], "")
        elif segment.marker == _APP0 and content.startswith(b"JFIF\0"):
            colours = colours or "YBR"
        elif segment.marker == _LSE and content[:1] == b"\x01":
            presets = True
        elif segment.marker == _SOS:
            scan = segment
    # Without a scan there are no pixels.
    if frame is None or scan is None:
        return None
    precision, rows, columns, samples = struct.unpack_from(">BHHB", data, frame.start)
    ids = data[frame.start + 6 : frame.start + 6 + 3 * samples : 3]
    in_scan = data[scan.start]
    return Codestream(
        kind=_jpeg_kind(frame.marker),
        Rows=rows,
        Columns=columns,
        samples=samples,
        precision=precision,
        colours="RGB" if ids in _RGB_IDS else colours if samples == 3 else "",
        is_unusual=frame.marker in _ARITHMETIC_FRAMES | _HIERARCHICAL_FRAMES,
        lossy_error=data[scan.start + 1 + 2 * in_scan] if frame.marker == 0xF7 else 0,
        has_presets=presets,
    )


def _jpeg_kind(marker: int) -> Kind:
    if marker == 0xF7:
        return Kind.JPEG_LS
    return Kind.JPEG_LOSSLESS if marker in _LOSSLESS_FRAMES else Kind.JPEG


def _find_j2k(data: bytes) -> int | None:
    """Return where the codestream begins: some writers leave the boxes of a JP2 file around it."""
    if data.startswith(_SOC):
        return 0
    if not data.startswith(_JP2):
        return None
    at = 0
    for _ in range(_BOXES):
        length, name = struct.unpack_from(">L4s", data, at)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        if name == b"jp2c":
            return at + head if data.startswith(_SOC, at + head) else None
        if length < head:
            return None
        at += length
    return None


def _read_j2k(data: bytes, start: int) -> Codestream | None:
    fields = struct.unpack_from(">HHLLLLLLLLH", data, start + 4)
    _, _, right, bottom, left, top, *_, samples = fields
    components = {data[at : at + 3] for at in range(start + 42, start + 42 + 3 * min(samples, 8), 3)}
    # Components of different sizes or depths: no image of this standard has them (PS3.5 §8.2.4).
    if len(components) != 1 or (component := components.pop())[1:] != b"\x01\x01" or right <= left or bottom <= top:
        return None
    return Codestream(
        kind=Kind.HIGH_THROUGHPUT if _is_high_throughput(data, start) else Kind.JPEG_2000,
        Rows=bottom - top,
        Columns=right - left,
        samples=samples,
        precision=(component[0] & 0x7F) + 1,
        is_signed=component[0] >= 0x80,
    )


def _is_high_throughput(data: bytes, start: int) -> bool:
    """Whether the main header has an Extended Capabilities segment that names Part 15."""
    at = start + 2
    while at + 8 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _CAP:
            (parts,) = struct.unpack_from(">L", data, at + 4)
            return bool(parts & 1 << 32 - 15)
        if marker == _SOT or marker < 0xFF00 or length < 2:
            return False
        at += 2 + length
    return False
