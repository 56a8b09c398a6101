"""What the viewer is told of a study: its display sets, and how their images are to be had."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..dicom.aids import COLOURS, find_aid
from ..dicom.items import Item
from ..dicom.records import Instance
from ..displaysets.model import DisplaySet, Message, MessageCode, View, context_of
from ..displaysets.modes import DEFAULT_MODE
from ..displaysets.thumbnails import choose_middle
from ..library.instances import read_instances, read_own_uids
from ..library.store import Store
from ..pictures.presented import PresentedFrames, choose_presented
from .viewing import Viewing

_OWN_OF_STATES = dict.fromkeys(
    (
        *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"),
        *("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID"),
        *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
        *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PresentationLUTShape"),
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    )
)
"""What a presentation state may say itself, and what is in the pictures already that are made of it."""


class Planning:
    """Answers the viewer's extension."""

    def __init__(self, store: Store, viewing: Viewing) -> None:
        self._store = store
        self._viewing = viewing

    def plan(self, study_uid: str, mode: str = DEFAULT_MODE.name) -> list[dict[str, Any]]:
        """Return a study's display sets as JSON values, in the order of the study browser; none without such a study.

        Each is what ``negatoscope display-sets --json`` prints, and ``thumbnail``: the address of its picture;
        ``changes``: SOP Instance UID → what is otherwise in its decoded frames than its metadata say;
        ``presented``: the image that the frames of a presentation state make.

        Raises:
            UsageError: there is no such mode.
        """
        sets = self._viewing.display_sets(study_uid, mode)
        instances: list[Instance] = []
        own_uids: dict[str, str] = {}
        if any(made.view is View.PRESENTED for made in sets):
            db = self._store.reader()
            instances, own_uids = list(read_instances(db, study_uid)), read_own_uids(db, study_uid)
        return [make_plan(made, instances, own_uids) for made in sets]


def make_plan(made: DisplaySet, instances: list[Instance], own_uids: Mapping[str, str]) -> dict[str, Any]:
    """Return a display set as the viewer is told of it.

    Args:
        made: the set.
        instances: of its study, if it is a presentation state's.
        own_uids: as :func:`~desktop.library.instances.read_own_uids` has them; likewise.
    """
    presented: dict[str, Any] | None = None
    if made.view is View.PRESENTED:
        (state,) = made.instances
        shown = choose_presented(Item(dict(context_of(state).find_metadata(state.SOPInstanceUID))), instances, own_uids)
        made, presented = _show_presented(made, shown), _describe(shown)
    changes = {one.SOPInstanceUID: dict(aid) for one in made.instances if (aid := find_aid(one))}
    return {
        **made.to_json(),
        "thumbnail": _thumbnail(made),
        **({"changes": changes} if changes else {}),
        **({"presented": presented} if presented else {}),
    }


def _thumbnail(made: DisplaySet) -> str | None:
    middle = choose_middle(made)
    if middle is None:
        return None
    image, number = middle
    study, series = context_of(image).study, context_of(image).series
    return (
        f"/thumbnails/studies/{study.StudyInstanceUID}/series/{series.SeriesInstanceUID}"
        f"/instances/{image.SOPInstanceUID}/frames/{number}"
    )


def _show_presented(made: DisplaySet, shown: PresentedFrames) -> DisplaySet:
    if shown.missing:
        missing = Message(MessageCode.REFERENCES_NOT_HERE, (("count", str(shown.missing)),))
        made = replace(made, messages=(*made.messages, missing))
    return made if shown.frames else replace(made, view=View.DOCUMENT)


def _describe(shown: PresentedFrames) -> dict[str, Any] | None:
    """Return the image that presented frames make for the viewer: of colours, with nothing said of sizes in mm.

    ``stamp`` is a part of their addresses.
    """
    if not shown.frames:
        return None
    return {
        "stamp": shown.stamp,
        "NumberOfFrames": len(shown.frames),
        "Rows": shown.side,
        "Columns": shown.side,
        **COLOURS,
        **_OWN_OF_STATES,
    }
