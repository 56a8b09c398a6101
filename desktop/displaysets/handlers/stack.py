"""Images: stacks, multi-frame images, single projections; OHIF's ``stack`` handler.

A multi-frame image is a display set of its own, and so is each image of CR, DX and MG. What else a series has of one
SOP class is one stack.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...dicom.records import Instance
from ..dynamic import is_dynamic, split_time_points
from ..model import DisplaySet, SeriesContext, make_display_set
from ..rules import find_messages, is_multiframe, reconstruct, sort_by_number, sort_for_display

HANDLER_ID = "@ohif/extension-default.sopClassHandlerModule.stack"

_ROOT = "1.2.840.10008.5.1.4.1.1."
_IMAGES = (
    "1 1.1 1.1.1 1.2 1.2.1 1.3 1.3.1 2 2.1 2.2 3.1 4 4.1 4.3 4.4 6.1 6.2 7 7.1 7.2 7.3 7.4 12.1 12.1.1 12.2 12.2.1 "
    "13.1.1 13.1.2 13.1.3 13.1.4 13.1.5 14.1 14.2 20 77.1.1 77.1.1.1 77.1.2 77.1.2.1 77.1.3 77.1.4 77.1.4.1 "
    "77.1.5.1 77.1.5.2 77.1.5.4 128 128.1 130 481.1"
)
_IMAGES_IF_ROWS = "82.1 481.2"

IMAGE_CLASSES = frozenset(_ROOT + part for part in _IMAGES.split())
"""Storage classes that are images, whatever the instance says (PS3.4 §B.5)."""

SOP_CLASSES = IMAGE_CLASSES | frozenset(_ROOT + part for part in _IMAGES_IF_ROWS.split())
"""These and Corneal Topography Map and RT Dose, which are images if they have Rows."""

SINGLE_IMAGE_MODALITIES = frozenset({"CR", "MG", "DX"})


@dataclass(frozen=True, slots=True)
class StackHandler:
    """OHIF's handler of images."""

    id: str = HANDLER_ID
    # The empty one is for instances that do not name their class: they are shown if they have Rows, as in OHIF.
    sop_class_uids: frozenset[str] = SOP_CLASSES | {""}

    def get_display_sets_from_series(self, instances: Sequence[Instance], context: SeriesContext) -> list[DisplaySet]:
        """Return one set for each multi-frame image and each projection, and one for the rest."""
        sets: list[DisplaySet] = []
        rest: list[Instance] = []
        for instance in instances:
            if instance.SOPClassUID not in IMAGE_CLASSES and not instance.Rows:
                continue
            if is_multiframe(instance):
                sets.append(replace(_single(instance, context), numImageFrames=instance.frames))
            elif instance.Modality in SINGLE_IMAGE_MODALITIES:
                sets.append(_single(instance, context))
            else:
                rest.append(instance)
        if rest:
            sets.append(make_stack(rest, context))
        return sets


def _single(instance: Instance, context: SeriesContext) -> DisplaySet:
    return replace(
        make_stack([instance], context),
        instanceNumber=instance.InstanceNumber,
        acquisitionDatetime=instance.AcquisitionDateTime,
    )


def make_stack(instances: Sequence[Instance], context: SeriesContext) -> DisplaySet:
    """Make one display set of images, in the order in which they are scrolled."""
    by_number = sort_by_number(instances)
    first = by_number[0]
    dynamic = is_dynamic(by_number)
    # A volume over time is one if its first time point is.
    volume = split_time_points(by_number)[0] if dynamic and not is_multiframe(first) else by_number
    reconstruction = reconstruct(volume)
    messages = find_messages(by_number, reconstructable=reconstruction.possible, dynamic=dynamic)
    return replace(
        make_display_set(HANDLER_ID, by_number, context),
        instances=tuple(sort_for_display(by_number, reconstructable=reconstruction.possible)),
        numImageFrames=len(instances),
        isMultiFrame=is_multiframe(first),
        isReconstructable=reconstruction.possible,
        isDynamicVolume=dynamic,
        averageSpacingBetweenFrames=reconstruction.spacing or None,
        FrameRate=first.FrameTime,
        FrameOfReferenceUID=first.FrameOfReferenceUID,
        messages=messages,
    )
