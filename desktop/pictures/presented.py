"""Which frames a presentation state shows, and in how large a square."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..dicom.items import Item
from ..dicom.pixels.references import Reference, read_references
from ..dicom.records import Instance
from ..dicom.uids import VIDEO_SYNTAXES
from ..library.instances import read_instances, read_own_uids

MOST_FRAMES = 2_000
"""Frames that are shown of one presentation state."""

_LEAST_SIDE, _MOST_SIDE = 512, 2048


@dataclass(frozen=True, slots=True)
class PresentedFrame:
    """A frame that a presentation state shows.

    Attributes:
        instance: the image.
        reference: the frame as the state names it; the image may be served under another UID.
    """

    instance: Instance
    reference: Reference


@dataclass(frozen=True, slots=True)
class PresentedFrames:
    """What a presentation state shows.

    Attributes:
        frames: in the state's order.
        missing: images that it refers to and that are not shown: not in the library, without pixels, or too many.
        side: of the square in which each is shown, in pixels.
    """

    frames: tuple[PresentedFrame, ...]
    missing: int
    side: int

    @property
    def stamp(self) -> str:
        """What changes when another frame has one of their numbers, or another size."""
        names = [f"{one.instance.SOPInstanceUID}/{one.reference.frame}" for one in self.frames]
        return hashlib.sha256(f"{self.side} {' '.join(names)}".encode()).hexdigest()[:16]


def find_presented(db: sqlite3.Connection, study_uid: str, state: Item) -> PresentedFrames:
    """Return what a presentation state of a study shows; what it refers to lies in the same study (PS3.3 §C.11.11)."""
    return choose_presented(state, read_instances(db, study_uid), read_own_uids(db, study_uid))


def choose_presented(state: Item, instances: Iterable[Instance], own_uids: Mapping[str, str]) -> PresentedFrames:
    """Return what a presentation state shows.

    Args:
        state: its data set.
        instances: of its study.
        own_uids: of those of them that are served under another UID than their own.
    """
    there: dict[str, Instance] = {}
    for one in instances:
        uid = own_uids.get(one.SOPInstanceUID, one.SOPInstanceUID)
        if one.has_pixels and (uid not in there or uid == one.SOPInstanceUID):
            there[uid] = one
    frames: dict[PresentedFrame, None] = {}
    missing = 0
    for reference in read_references(state):
        instance = there.get(reference.SOPInstanceUID)
        if instance is None or instance.TransferSyntaxUID in VIDEO_SYNTAXES:
            missing += 1
            continue
        # A file may say that it has any number of frames.
        last = min(instance.frames_held, MOST_FRAMES)
        if not reference.frames:
            missing += instance.frames - last
        for number in sorted(reference.frames) or range(1, last + 1):
            frame = PresentedFrame(instance, Reference(reference.SOPInstanceUID, number))
            if frame in frames:
                continue
            if 1 <= number <= instance.frames_held and len(frames) < MOST_FRAMES:
                frames[frame] = None
            else:
                missing += 1
    longest = max((max(one.instance.Rows or 1, one.instance.Columns or 1) for one in frames), default=1)
    return PresentedFrames(tuple(frames), missing, min(max(longest, _LEAST_SIDE), _MOST_SIDE))
