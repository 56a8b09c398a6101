"""Reads the elements of a file up to its pixels, into memory, in any encoding."""

import io
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import NotDicom, Packed, Unreadable
from . import uids
from .elements import UNDEFINED, Cut, Element, Malformed, Walker
from .inflating import Inflated
from .sniff import HEAD_LENGTH, Encoding, Kind, guess_encoding, sniff

AGAIN = "Copy it again from its source."
"""What to do with a file that is damaged or cut short."""

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float Pixel Data, Double Float Pixel Data, Pixel Data."""

INFLATED_LIMIT = 1 << 28
"""Bytes that a deflated data set may have; more is taken for an attack."""

HEADER_LIMIT = 1 << 27
"""Bytes that may stand before the pixels."""

SWOLLEN_LIMIT = 1 << 23
"""Bytes that may stand before the pixels of a deflated data set, or else ten times as many as its file has."""

ELEMENTS_LIMIT = 200_000
"""Elements of the top level; real headers have some hundreds."""

FIRST_READ = 1 << 16
"""Bytes of a file's beginning that are read at once: most headers end there."""

_TRANSFER_SYNTAX = 0x00020010


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's elements before its pixels.

    Attributes:
        meta: File Meta Information, as text by tag.
        syntax: Transfer Syntax UID, found out by looking where the file does not say.
        walker: over the buffer that ``elements`` are in.
        elements: of the top level, up to the pixels.
        pixels: the element that holds the pixels; its ``start`` counts in ``stream``.
        stream: the file, or the inflated data set.
        size: bytes of ``stream``.
    """

    meta: dict[int, str]
    syntax: str
    walker: Walker
    elements: tuple[Element, ...]
    pixels: Element | None
    stream: BinaryIO
    size: int

    def value(self, tag: int) -> bytes:
        """Return the bytes of a top-level element; empty if it is not there."""
        for element in self.elements:
            if element.tag == tag:
                return self.walker.data[element.start : element.end]
        return b""


def parse(file: BinaryIO, size: int, head: bytes = b"") -> Parsed:
    """Read the elements of a DICOM file up to its pixels.

    Args:
        file: open at its beginning, or behind ``head``.
        size: its bytes.
        head: its first :data:`FIRST_READ` bytes, if they were read already.

    Raises:
        Packed: it is an archive.
        NotDicom, Unreadable: the sentence says why.
    """
    data = head or file.read(FIRST_READ)
    finding = sniff(data[:HEAD_LENGTH])
    if finding.kind is Kind.ARCHIVE:
        raise Packed(f"It is {finding.what}.")
    if finding.kind is Kind.OTHER:
        raise NotDicom(f"It is {finding.what}.")
    try:
        return _parse(file, size, data, finding.start)
    except Malformed as error:
        raise Unreadable(f"Its header is damaged: {error}. {AGAIN}") from error
    except zlib.error as error:
        raise Unreadable(f"Its deflated data set is damaged or cut short. {AGAIN}") from error


def _parse(file: BinaryIO, size: int, data: bytes, start: int) -> Parsed:
    meta, start, data = _read_meta(file, size, data, start)
    syntax = meta.get(_TRANSFER_SYNTAX, "")
    stream, limit = file, HEADER_LIMIT
    if syntax == uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        limit = min(HEADER_LIMIT, max(SWOLLEN_LIMIT, 10 * size))
        stream, size, start = *_inflate(file, start), 0
        data = stream.read(FIRST_READ)
    encoding = find_encoding(syntax, data[start : start + HEAD_LENGTH])
    walker, elements, pixels = _read_dataset(stream, size, limit, data, start, encoding)
    if not syntax or not _syntax_fits(syntax, pixels):
        syntax = _syntax_of(encoding)
    return Parsed(meta, syntax, walker, elements, pixels, stream, size)


def _read_meta(file: BinaryIO, size: int, data: bytes, start: int) -> tuple[dict[int, str], int, bytes]:
    """Return File Meta Information by tag, the offset of the data set, and the buffer, which may have grown."""
    head = data[start : start + HEAD_LENGTH]
    if head[:2] != b"\x02\x00":
        return {}, start, data
    encoding = guess_encoding(head) or Encoding(implicit_vr=False, little_endian=True)
    while True:
        walker = Walker(data, Encoding(encoding.implicit_vr, little_endian=True))
        meta: dict[int, str] = {}
        at = start
        try:
            for element in walker.elements(start, len(data), implicit=encoding.implicit_vr):
                if element.tag >> 16 != 2:
                    break
                meta[element.tag] = data[element.start : element.end].decode("latin-1").strip("\0 ")
                at = element.next
        except Cut as cut:
            if meta and cut.tag >> 16 != 2:
                return meta, at, data
            data = _grow(file, size, HEADER_LIMIT, data, cut)
            continue
        except Malformed:
            if not meta:
                raise
        return meta, at, data


def _read_dataset(
    stream: BinaryIO, size: int, limit: int, data: bytes, start: int, encoding: Encoding
) -> tuple[Walker, tuple[Element, ...], Element | None]:
    elements: list[Element] = []
    while True:
        walker = Walker(data, encoding)
        try:
            for element in walker.elements(start, len(data), implicit=encoding.implicit_vr, stop=PIXEL_TAGS):
                if element.tag in PIXEL_TAGS:
                    return walker, tuple(elements), element
                elements.append(element)
                start = element.next
                if len(elements) > ELEMENTS_LIMIT:
                    raise Unreadable(f"Its header has more than {ELEMENTS_LIMIT:,} elements: it is damaged. {AGAIN}")
        except Cut as cut:
            data = _grow(stream, size, limit, data, cut)
            continue
        if len(data) >= size or len(data) - start >= 12:
            return walker, tuple(elements), None
        data = _grow(stream, size, limit, data, Cut(start + 12, 0))


def _grow(stream: BinaryIO, size: int, limit: int, data: bytes, cut: Cut) -> bytes:
    """Return a buffer that holds what was missing, and some more; ``limit`` is that of the header."""
    if len(data) >= size or cut.need > size:
        tag = f"({cut.tag >> 16:04X},{cut.tag & 0xFFFF:04X})"
        raise Unreadable(f"It is cut short: it ends within element {tag} of its header, after {size:,} bytes. {AGAIN}")
    if cut.need > limit:
        raise Unreadable(f"Its header is larger than {limit >> 20} MB.")
    stream.seek(len(data))
    more = stream.read(max(cut.need - len(data), 3 * len(data)))
    if not more:
        raise Unreadable("It became shorter while it was read. Try again when it is written.")
    return data + more


def _syntax_fits(syntax: str, pixels: Element | None) -> bool:
    """Whether pixels of defined length go with the syntax: some writers leave a compressed one's name behind."""
    return pixels is None or pixels.length == UNDEFINED or syntax in uids.NATIVE_SYNTAXES


def _inflate(file: BinaryIO, start: int) -> tuple[BinaryIO, int]:
    """Return the deflated data set that begins at ``start``, and its size."""
    inflated = Inflated(file, start)
    size = inflated.measure(INFLATED_LIMIT)
    if size > INFLATED_LIMIT:
        raise Unreadable("Its deflated data set is larger than 256 MB.")
    return io.BufferedReader(inflated), size


def find_encoding(syntax: str, head: bytes) -> Encoding:
    """Tell how a data set is written, by its transfer syntax, and by its first bytes where they say otherwise."""
    implicit = syntax in (
        uids.IMPLICIT_VR_LITTLE_ENDIAN,
        uids.GE_PRIVATE_BIG_ENDIAN_PIXELS,
        uids.PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN,
    )
    said = Encoding(implicit, syntax != uids.EXPLICIT_VR_BIG_ENDIAN)
    guessed = guess_encoding(head)
    if not syntax:
        return guessed or Encoding(implicit_vr=True, little_endian=True)
    if len(head) >= 6 and (guessed is None or guessed != said):
        # What stands where a VR belongs is decisive: a length never looks like two capital letters.
        looks_explicit = head[4:6].isalpha() and head[4:6].isupper()
        return Encoding(not looks_explicit, said.little_endian)
    return said


def _syntax_of(encoding: Encoding) -> str:
    if not encoding.little_endian:
        return uids.EXPLICIT_VR_BIG_ENDIAN
    return uids.IMPLICIT_VR_LITTLE_ENDIAN if encoding.implicit_vr else uids.EXPLICIT_VR_LITTLE_ENDIAN
