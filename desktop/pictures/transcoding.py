"""Instances as files in another transfer syntax, made piece by piece: no file is in memory as a whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from ..dicom import uids
from ..dicom.dictionary import tag_of
from ..dicom.elements import Cut, Malformed
from ..dicom.frames import is_native
from ..dicom.parsing import Parsed, parse
from ..dicom.pixels.decoding import can_decode
from ..dicom.pixels.format import NoPixels, PixelFormat, make_format
from ..dicom.pixels.plain import join_bits, keeps_unused, plain_bits, plain_changes
from ..dicom.records import Pixels
from ..dicom.rewriting import Changes, rewrite, rewrite_tail, write_head
from ..dicom.values import swap_words
from ..library.queries import Located
from .files import FileGone, open_file
from .part10 import find_missing_head, make_head
from .stored import Stored

TARGETS = frozenset({uids.EXPLICIT_VR_LITTLE_ENDIAN, uids.IMPLICIT_VR_LITTLE_ENDIAN})
"""The transfer syntaxes that files are written in anew."""

_CHUNK = 1 << 20
_LONGEST = (1 << 32) - 2
"""Bytes of a value of defined length."""

_OFFSETS: Changes = {0x7FE00001: None, 0x7FE00002: None, 0x7FE00003: None}
"""Extended Offset Table, its Lengths, Encapsulated Pixel Data Value Total Length."""

_AS_THEY_ARE: Changes = {}

DecodePlain = Callable[[Stored, Sequence[int]], list[bytes]]
"""Decodes frames, as :meth:`~desktop.pictures.service.Pictures.decode_plain` does."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that is sent.

    Attributes:
        TransferSyntaxUID: in which it is.
        length: bytes of it.
        pieces: gives it, once. It is read as they are asked for, and may raise NoFrame, NoPixels, FileGone, OSError or
            NegatoscopeError.
    """

    TransferSyntaxUID: str
    length: int
    pieces: Iterator[bytes]


def can_write(pixels: Pixels, target: str) -> bool:
    """Whether an instance can be had in a transfer syntax, if its file is what it says."""
    if target == pixels.TransferSyntaxUID:
        return True
    if target not in TARGETS:
        return False
    decodes = can_decode(pixels.TransferSyntaxUID) and pixels.TransferSyntaxUID not in uids.VIDEO_SYNTAXES
    return pixels.offset < 0 or is_native(pixels) or decodes


def read_stored(located: Located) -> Whole:
    """Return the file as it is stored; what a bare data set lacks is put before it.

    Raises:
        FileGone, NegatoscopeError, OSError: it cannot be read.
    """
    with open_file(located.file) as file:
        head = find_missing_head(file, located)
    return Whole(located.pixels.TransferSyntaxUID, len(head) + located.file.size, _read_whole(located, head))


def transcode(stored: Stored, target: str, decode: DecodePlain) -> Whole:
    """Return an instance in one of :data:`TARGETS`.

    Stored values are what they are in the file. Colours that were compressed are decoded to RGB, and the data set says
    so; all else in it stays.

    Raises:
        NoPixels: it cannot be had so.
        FileGone, NegatoscopeError, OSError: it cannot be read.
    """
    pixels, implicit = stored.pixels, target == uids.IMPLICIT_VR_LITTLE_ENDIAN
    with open_file(stored.file) as file:
        parsed = parse(file, stored.file.size)
        form, changes = (None, _AS_THEY_ARE) if pixels.offset < 0 or is_native(pixels) else _plain_form(stored)
        try:
            start = make_head(parsed, stored.instance.SOPInstanceUID, target)
            start += rewrite(parsed, changes, implicit=implicit)
            end = b"" if pixels.offset < 0 else rewrite_tail(parsed.stream, pixels, parsed.walker, implicit=implicit)
        except (Cut, Malformed) as error:
            raise NoPixels("Its header is damaged: it can only be had as it is stored.") from error
        value = PixelValue(stored, decode, form, parsed)
    if pixels.offset >= 0:
        start += write_head(_pixel_tag(pixels), value.vr, value.padded, implicit=implicit)
    return Whole(target, len(start) + value.padded + len(end), _join(start, value, end))


class PixelValue:
    """The value of an instance's pixels in a native transfer syntax.

    Args:
        stored: the instance.
        decode: decodes its frames.
        form: how its frames are written, if they are compressed.
        parsed: its file.

    Attributes:
        length: bytes of it. A file that is cut short has fewer than it says.
        vr: OB, OW, OF or OD.

    Raises:
        NoPixels: it is too long.
    """

    def __init__(self, stored: Stored, decode: DecodePlain, form: PixelFormat | None, parsed: Parsed) -> None:
        self._stored = stored
        self._decode = decode
        self._form = form
        pixels = stored.pixels
        self.vr = {"FloatPixelData": "OF", "DoubleFloatPixelData": "OD"}.get(pixels.keyword, "OW")
        if form is not None:
            self._frame_bits = plain_bits(form)
            self.length = (pixels.frames * self._frame_bits + 7) // 8
            if form.BitsAllocated <= 8:
                self.vr = "OB"
        elif pixels.length is not None:
            self.length = max(0, min(pixels.length, parsed.size - pixels.offset))
            said = parsed.pixels.vr if parsed.pixels is not None else ""
            if said in ("OB", "OW") and not parsed.walker.encoding.implicit_vr:
                self.vr = said
        else:
            self.length = 0
        if self.length > _LONGEST:
            raise NoPixels("Its pixels are too many for a transfer syntax without compression.")

    @property
    def padded(self) -> int:
        """Its length as an element has it: even."""
        return self.length + self.length % 2

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield its bytes from ``start`` to before ``end``, in pieces.

        Raises:
            NoFrame, NoPixels, FileGone, NegatoscopeError, OSError: it cannot be read, or not be decoded.
        """
        end = self.length if end is None else end
        if start >= end:
            return iter(())
        if self._form is None:
            return self._read_native(start, end)
        if self._frame_bits % 8:
            return _cut(join_bits(self._frames(1), self._frame_bits), start, end)
        size = self._frame_bits // 8
        first = start // size
        return _cut(self._frames(first + 1), start - first * size, end - first * size)

    def _frames(self, first: int) -> Iterator[bytes]:
        for number in range(first, self._stored.pixels.frames + 1):
            yield from self._decode(self._stored, [number])

    def _read_native(self, start: int, end: int) -> Iterator[bytes]:
        pixels = self._stored.pixels
        word = pixels.word_bits // 8 if pixels.big_endian else 1
        at = start // word * word
        with open_file(self._stored.file) as file:
            stream = _stream_of(file, self._stored)
            stream.seek(pixels.offset + at)
            while at < end:
                piece = stream.read(min(_CHUNK, -(-(end - at) // word) * word))
                if not piece:
                    raise NoPixels("The file is cut short.")
                yield swap_words(piece, word)[max(0, start - at) : end - at]
                at += len(piece)


def open_pixels(stored: Stored, decode: DecodePlain) -> PixelValue:
    """Return the value of an instance's pixels, as it is in Explicit VR Little Endian.

    Raises:
        NoPixels: it has none, or they cannot be decoded.
        FileGone, NegatoscopeError, OSError: it cannot be read.
    """
    pixels = stored.pixels
    if pixels.offset < 0:
        raise NoPixels("The file holds no pixels.")
    if not can_write(pixels, uids.EXPLICIT_VR_LITTLE_ENDIAN):
        raise NoPixels(f"Its compression ({uids.uid_name(pixels.TransferSyntaxUID)}) cannot be undone here.")
    with open_file(stored.file) as file:
        parsed = parse(file, stored.file.size)
        form = None if is_native(pixels) else _plain_form(stored)[0]
        return PixelValue(stored, decode, form, parsed)


def _plain_form(stored: Stored) -> tuple[PixelFormat, Changes]:
    item = stored.load()
    form = make_format(item, stored.pixels.TransferSyntaxUID)
    return form, {**_OFFSETS, **plain_changes(form, keeps_unused=keeps_unused(item, form))}


def _pixel_tag(pixels: Pixels) -> int:
    return int(tag_of(pixels.keyword or "PixelData"), 16)


def _stream_of(file: BinaryIO, stored: Stored) -> BinaryIO:
    if stored.pixels.TransferSyntaxUID != uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return file
    return parse(file, stored.file.size).stream


def _join(start: bytes, value: PixelValue, end: bytes) -> Iterator[bytes]:
    yield start
    yield from value.read()
    if rest := b"\0" * (value.length % 2) + end:
        yield rest


def _read_whole(located: Located, head: bytes) -> Iterator[bytes]:
    left = located.file.size
    with open_file(located.file) as file:
        if head:
            yield head
        while left > 0:
            piece = file.read(min(_CHUNK, left))
            if not piece:
                raise FileGone("The file became shorter while it was read.")
            left -= len(piece)
            yield piece


def _cut(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes from ``start`` to before ``end`` of what the pieces are together."""
    at = 0
    for piece in pieces:
        if at + len(piece) > start:
            yield piece[max(0, start - at) : end - at]
        at += len(piece)
        if at >= end:
            return
    raise NoPixels("The frames are fewer than the file says.")
