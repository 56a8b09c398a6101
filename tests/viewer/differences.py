"""What the program does otherwise than OHIF alone, on purpose: the kinds that the guide's table names, and how a
difference is recognised as one of them."""

from collections.abc import Sequence
from typing import Any

from pydicom import uid

Set = dict[str, Any]
"""A display set as ``display-sets --json`` or the page tells it."""

OWN = "@negatoscope/desktop."
_STACK, _VIDEO, _REPORT, _WHOLE_SLIDE = ("stack", "dicom-video", "dicom-sr", "DicomMicroscopySopClassHandler")
_ONE_EACH = frozenset({"dicom-seg", "dicom-rt", "dicom-sr", "dicom-sr-3d", "dicom-pmap"})

NO_VIEWER = "objects without a viewer"
OTHER_IMAGES = "images of other classes"
EACH_OBJECT = "each object"
TEXT_REPORTS = "text reports"
WAVEFORMS = "waveforms of several groups"
PYRAMIDS = "several pyramids"
NO_PIXELS = "images without pixels"
ONE_PLACE = "frames in one place"
DOSE = "dose grids"
KINDS_OF_IMAGES = "several kinds of images"
FILMS = "films and long captures"
UNNAMED = "objects without their images"
BREAKS = "pages that break"
LABELS = "volume or not, of what lies over images"


def name_of(handler: str) -> str:
    """Return the last part of a handler's id."""
    return handler.rpartition(".")[2]


def find_kinds(ours: Sequence[Set], theirs: Sequence[Set], classes: dict[str, str]) -> set[str]:
    """Return of which kinds the differences of a study are. An empty kind is one that nobody has listed.

    Args:
        ours: as the program has planned them.
        theirs: as OHIF alone has made them.
        classes: SOP class by SOP Instance UID.
    """
    kinds: set[str] = set()
    left = [dict(one) for one in theirs]
    for made in ours:
        same = next((one for one in left if set(one["instances"]) == set(made["instances"])), None)
        if same is not None:
            left.remove(same)
            kinds |= _compare(made, same, classes)
        else:
            over = [one for one in theirs if set(one["instances"]) & set(made["instances"])]
            kinds.add(_why_apart(made, over, classes))
    for one in left:
        parts = [made for made in ours if set(made["instances"]) & set(one["instances"])]
        kinds |= {_why_apart(made, [one], classes) for made in parts} if parts else {""}
    return kinds


def _compare(made: Set, same: Set, classes: dict[str, str]) -> set[str]:
    if made["SOPClassHandlerId"] != same["SOPClassHandlerId"]:
        return {_why_other_handler(made, same, classes)}
    kinds = set()
    for key in ("isMultiFrame", "isDynamicVolume", "Modality", "SeriesNumber"):
        if made[key] != same[key]:
            kinds.add("")
    codes = [message["id"] for message in made["messages"]]
    if made["isReconstructable"] != same["isReconstructable"]:
        kinds.add(_why_other_volume(made, classes))
    elif [code for code in codes if code < 100] != same["messages"]:
        kinds.add("")
    if 102 in codes:
        kinds.add(NO_PIXELS)
    if made["instances"] != same["instances"] and name_of(made["SOPClassHandlerId"]) == _STACK:
        kinds.add("")
    return kinds


def _why_other_volume(made: Set, classes: dict[str, str]) -> str:
    name = name_of(made["SOPClassHandlerId"])
    if classes[made["instances"][0]] == uid.RTDoseStorage:
        return DOSE
    if name in _ONE_EACH:
        return LABELS
    is_flat = made["isMultiFrame"] or len(made["instances"]) == 2
    return ONE_PLACE if name == _STACK and is_flat and not made["isReconstructable"] else ""


def _why_other_handler(made: Set, same: Set, classes: dict[str, str]) -> str:
    name, theirs = name_of(made["SOPClassHandlerId"]), name_of(same["SOPClassHandlerId"])
    if classes[made["instances"][0]] in _NEED_IMAGES:
        return UNNAMED
    if theirs == "unsupported":
        return OTHER_IMAGES if name == _STACK else NO_VIEWER
    if theirs.startswith(_REPORT) and name == "report":
        return TEXT_REPORTS
    if theirs == "DicomEcgSopClassHandler" and name == "waveform":
        return WAVEFORMS
    return FILMS if _VIDEO in (name, theirs) else ""


_NEED_IMAGES = frozenset(
    {uid.SegmentationStorage, "1.2.840.10008.5.1.4.1.1.66.7", uid.ParametricMapStorage, uid.RTStructureSetStorage}
)


def _why_apart(made: Set, over: Sequence[Set], classes: dict[str, str]) -> str:
    """Why the instances of a set are not those of a set of OHIF's, whose sets ``over`` have some of them."""
    name, of = name_of(made["SOPClassHandlerId"]), classes[made["instances"][0]]
    names = {name_of(one["SOPClassHandlerId"]) for one in over}
    if name == _STACK and names == {_STACK}:
        return KINDS_OF_IMAGES
    if name == _WHOLE_SLIDE:
        return PYRAMIDS
    if name in _ONE_EACH and not names - {name}:
        return EACH_OBJECT
    if name == "report" and all(other.startswith(_REPORT) for other in names):
        return TEXT_REPORTS
    if of in _NEED_IMAGES:
        return UNNAMED
    if names <= {"unsupported"}:
        return OTHER_IMAGES if name == _STACK else NO_VIEWER
    return ""
