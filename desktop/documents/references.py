"""Links to other instances, by which the page around a page shows the image."""

from collections.abc import Callable, Iterator

from markupsafe import Markup

from ..dicom.items import Item
from .formatting import format_uid
from .html import Child, element, join
from .model import Reference
from .page import counted, fold, more

LINK_LIMIT = 20_000
"""Links that a page has; further references are texts."""

IMAGE_LIMIT = 200
"""Images of one list that are linked to."""

_EVIDENCE = (
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "IdenticalDocumentsSequence",
    "PredecessorDocumentsSequence",
    "ReferencedSeriesSequence",
    "StudiesContainingOtherReferencedInstancesSequence",
    "ReferencedStudySequence",
    "ReferencedFrameOfReferenceSequence",
    "ReferencedStructureSetSequence",
    "ReferencedRTPlanSequence",
)
"""Where objects tell the series and the study of instances that they refer to (PS3.3 §C.17.2, C.12.2, C.8.8.5)."""

_DEPTH, _ITEMS = 8, 200_000


FindServed = Callable[[str], str | None]
"""SOP Instance UID that an object refers to → the one under which it is served, or None if it is not here."""


class Links:
    """Makes the links of one page, and keeps count of them.

    Attributes:
        made: the references that are on the page, each once, in order.
        absent: the SOP Instance UIDs of those that are not here. They are no links.
    """

    def __init__(self, item: Item, find_served: FindServed = lambda uid: uid) -> None:
        self._item = item
        self._find_served = find_served
        self._served: dict[str, str | None] = {}
        self._places: dict[str, tuple[str, str, str]] | None = None
        self.made: dict[Reference, None] = {}

    @property
    def absent(self) -> list[str]:  # noqa: D102 - said above
        return [uid for uid, served in self._served.items() if served is None]

    def refer(self, item: Item) -> Reference | None:
        """Return the reference that an item holds (PS3.3 Table 10-11 and its like); None if it names no instance."""
        uid = item.text("ReferencedSOPInstanceUID")
        if not uid:
            return None
        if self._places is None:
            self._places = dict(_find_places(self._item))
        sop_class, series, study = self._places.get(uid, ("", "", ""))
        frames = tuple([int(number) for number in item.numbers("ReferencedFrameNumber") if number >= 1])
        return Reference(uid, item.text("ReferencedSOPClassUID") or sop_class, series, study, frames)

    def link(self, reference: Reference, label: Child = None) -> Markup:
        """Return a link; ``label`` is what is read instead of the SOP class and the frames."""
        text = describe(reference) if label is None else label
        if reference not in self.made:
            if len(self.made) >= LINK_LIMIT:
                return element("span", text)
            self.made[reference] = None
        uid = reference.SOPInstanceUID
        if uid not in self._served:
            self._served[uid] = self._find_served(uid)
        served = self._served[uid]
        if served is None:
            return element("span", text, class_="absent", title=f"{uid} is not here")
        return element(
            "a",
            text,
            class_="reference",
            href="#",
            data_instance=served,
            data_series=reference.SeriesInstanceUID,
            data_study=reference.StudyInstanceUID,
            data_frames=",".join(map(str, reference.frames)),
            title=uid,
        )

    def link_item(self, item: Item, label: Child = None) -> Markup | None:
        """Return a link to the instance that an item names; None if it names none."""
        reference = self.refer(item)
        return None if reference is None else self.link(reference, label)


def list_images(item: Item, links: Links) -> Markup | None:
    """Return links to the images of Referenced Image Sequence, folded if they are many; None if there are none."""
    images = item.items("ReferencedImageSequence")
    if not images:
        return None
    shown = [link for image in images[:IMAGE_LIMIT] if (link := links.link_item(image))]
    hidden = more(len(images) - len(shown), "images")
    return fold(counted(len(images), "images"), join(shown, ", "), hidden, opened=len(images) <= 4)


def describe(reference: Reference) -> str:
    """Return what a reference is to: ``CT Image, frame 3``."""
    name = format_uid(reference.SOPClassUID)
    if not name or name == reference.SOPClassUID:
        name = "Instance"
    return f"{name}, {describe_frames(reference.frames)}" if reference.frames else name


def describe_frames(frames: tuple[int, ...], limit: int = 12) -> str:
    """Return frame numbers as a text in which runs are drawn together: from 1 to 3, and 7."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    shown = [str(a) if a == b else f"{a}\u2013{b}" for a, b in runs[:limit]]
    if len(runs) > limit:
        shown.append(f"\u2026 {len(frames)} in all")
    return f"{'frame' if len(frames) == 1 else 'frames'} {', '.join(shown)}"


def _find_places(item: Item) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield instance UID → SOP class, series and study, as far as the object tells them."""
    left = [_ITEMS]
    own = item.text("StudyInstanceUID")
    for keyword in _EVIDENCE:
        study = own if keyword == "ReferencedSeriesSequence" else ""
        for inner in item.items(keyword):
            yield from _descend(inner, study, "", 0, left)


def _descend(
    item: Item, study: str, series: str, depth: int, left: list[int]
) -> Iterator[tuple[str, tuple[str, str, str]]]:
    left[0] -= 1
    if depth > _DEPTH or left[0] < 0:
        return
    study = item.text("StudyInstanceUID") or study
    series = item.text("SeriesInstanceUID") or series
    if "RTReferencedSeriesSequence" in item:
        # Its items refer to a study by way of a class that is retired.
        study = item.text("ReferencedSOPInstanceUID") or study
    elif (uid := item.text("ReferencedSOPInstanceUID")) and (study or series):
        yield uid, (item.text("ReferencedSOPClassUID"), series, study)
    for _, found in item.elements():
        if found.get("vr") == "SQ" and isinstance(values := found.get("Value"), list):
            for value in values:
                if isinstance(value, dict):
                    yield from _descend(Item(value), study, series, depth + 1, left)
