"""Which images and frames a presentation state, or a part of it, applies to (PS3.3 §C.11.11, §10.3)."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..items import Item


@dataclass(frozen=True, slots=True)
class Reference:
    """One frame of an image, from 1."""

    SOPInstanceUID: str
    frame: int = 1


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image that is referred to.

    Attributes:
        frames: their numbers, from 1; none means all.
    """

    SOPInstanceUID: str
    SOPClassUID: str = ""
    SeriesInstanceUID: str = ""
    frames: frozenset[int] = frozenset()

    def covers(self, reference: Reference) -> bool:
        """Whether a frame is among those that are referred to."""
        same = self.SOPInstanceUID == reference.SOPInstanceUID
        return same and (not self.frames or reference.frame in self.frames)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a part of a presentation state applies to: no images mean all that the state refers to."""

    images: tuple[ImageReference, ...] = ()

    def covers(self, reference: Reference) -> bool:
        """Whether a frame is among them."""
        return not self.images or any(image.covers(reference) for image in self.images)


def read_references(item: Item) -> tuple[ImageReference, ...]:
    """Return the images that a presentation state refers to, also those that it blends."""
    return tuple(_read_series(item))


def read_scope(item: Item) -> Scope:
    """Return what an item with a Referenced Image Sequence applies to."""
    return Scope(tuple(_read_image(image, "") for image in item.items("ReferencedImageSequence")))


def _read_series(item: Item) -> Iterator[ImageReference]:
    for series in item.items("ReferencedSeriesSequence"):
        uid = series.text("SeriesInstanceUID")
        for image in series.items("ReferencedImageSequence"):
            yield _read_image(image, uid)
    for keyword in ("BlendingSequence", "AdvancedBlendingSequence"):
        for inner in item.items(keyword):
            yield from _read_series(inner)


def _read_image(item: Item, series_uid: str) -> ImageReference:
    numbers = item.numbers("ReferencedFrameNumber")
    return ImageReference(
        SOPInstanceUID=item.text("ReferencedSOPInstanceUID"),
        SOPClassUID=item.text("ReferencedSOPClassUID"),
        SeriesInstanceUID=series_uid,
        frames=frozenset(int(number) for number in numbers),
    )
