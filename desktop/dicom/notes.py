"""What a reader ought to know of a file that can be shown, but not as its header promises."""

from typing import NamedTuple

from . import uids
from .aids import find_obstacle
from .fragments import read_basic_table, scan_fragments
from .parsing import AGAIN, Parsed
from .records import MAX_FRAMES, Instance, Pixels

_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
_TAIL = 4096


class Note(NamedTuple):
    """One thing to know.

    Attributes:
        truncated: pixels are missing that ought to be there.
        frames: how many frames there are at most, in whole or in part, where they are fewer than the file says.
    """

    sentence: str
    truncated: bool = False
    frames: int | None = None


def find_notes(parsed: Parsed, instance: Instance, pixels: Pixels) -> list[Note]:
    """Return what to say of pixels that are missing, in whole or in part, and of a cut header."""
    if parsed.pixels is None:
        return _notes_without_pixels(parsed, instance)
    if pixels.frames == MAX_FRAMES < instance.frames:
        return [Note(f"It has {instance.frames:,} images. Only the first {MAX_FRAMES:,} are shown.")]
    obstacle = find_obstacle(instance, pixels)
    notes = [] if obstacle is None else [Note(obstacle)]
    if pixels.length is None:
        return notes + _notes_on_fragments(parsed, pixels, instance.frames)
    return notes + _notes_on_native(parsed, instance, pixels, pixels.length)


def _notes_without_pixels(parsed: Parsed, instance: Instance) -> list[Note]:
    if instance.Rows is not None or uids.uid_name(instance.SOPClassUID).endswith("Image Storage"):
        return [Note(f"It is an image without pixels: it may be cut short. {AGAIN}", truncated=True)]
    if parsed.walker.data[parsed.elements[-1].next :].strip(b"\0"):
        return [Note(f"It ends with bytes that are no element: it may be cut short. {AGAIN}", truncated=True)]
    return []


def _notes_on_native(parsed: Parsed, instance: Instance, pixels: Pixels, length: int) -> list[Note]:
    there = max(parsed.size - pixels.offset, 0)
    if length > there:
        said = f"Its pixels are cut short: {there:,} of {length:,} bytes are there, and shown as far as they go."
        return [Note(f"{said} {AGAIN}", truncated=True, frames=_frames_in(there, pixels))]
    needed = (instance.frames * pixels.frame_bits + 7) // 8
    if length < needed:
        said = f"It has fewer pixels than its header says: {length:,} of {needed:,} bytes. The rest is shown black."
        return [Note(said, truncated=True, frames=_frames_in(length, pixels))]
    if pixels.frame_bits and length * 8 >= (instance.frames + 1) * pixels.frame_bits:
        return [Note(f"It has more pixels than its header says: {needed:,} of {length:,} bytes are shown.")]
    return []


def _frames_in(size: int, pixels: Pixels) -> int | None:
    return -(-size * 8 // pixels.frame_bits) if pixels.frame_bits else None


def _notes_on_fragments(parsed: Parsed, pixels: Pixels, frames: int) -> list[Note]:
    stream, start = parsed.stream, pixels.offset
    stream.seek(max(parsed.size - _TAIL, start))
    if _DELIMITER in stream.read(_TAIL):
        return []
    # Seldom: the delimiter is missing, or much follows it. Only a walk over all fragments tells.
    fragments = scan_fragments(stream, start)
    if fragments.ended:
        return []
    whole = not fragments.spans or sum(fragments.spans[-1]) <= parsed.size
    if whole and len(fragments.spans) > frames:
        # The first one is the offset table. Some writers leave the mark of the end out.
        return []
    _, first = read_basic_table(stream, start, frames)
    there = sum(at > first for at, _ in fragments.spans)
    # Of a film, fragments tell nothing of its frames.
    held = None if pixels.TransferSyntaxUID in uids.VIDEO_SYNTAXES else there
    missing = f", and {frames - held:,} of {frames:,} are missing" if held is not None and held < frames else ""
    cut = f"are cut short: the last image that is there is not whole{missing}"
    what = "may be cut short: their end is not marked" if whole else cut
    return [Note(f"Its pixels {what}. {AGAIN}", truncated=True, frames=held)]
