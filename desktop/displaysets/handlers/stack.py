"""Images: stacks, multi-frame images, single projections; OHIF's ``stack`` handler.

A multi-frame image is a display set of its own, and so is each image of CR, DX and MG. What else a series has of one
SOP class is one stack, or several if the images are of several kinds (:mod:`desktop.displaysets.splitting`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...dicom.records import Instance
from ..dynamic import is_dynamic, split_time_points
from ..model import EVERY_CLASS, DisplaySet, SopClasses, make_display_set
from ..rules import find_messages, is_multiframe, reconstruct, sort_by_number, sort_for_display
from ..splitting import rule_of, split
from .film import is_film
from .ohif import CHART, STACK, classes
from .single import SingleHandler

IMAGE_CLASSES = classes(
    "1 1.1 1.1.1 1.2 1.2.1 1.3 1.3.1 2 2.1 2.2 3.1 4 4.1 4.3 4.4 6.1 6.2 7 7.1 7.2 7.3 7.4 12.1 12.1.1 12.2 12.2.1 "
    "13.1.1 13.1.2 13.1.3 13.1.4 13.1.5 14.1 14.2 20 77.1.1 77.1.1.1 77.1.2 77.1.2.1 77.1.3 77.1.4 77.1.4.1 "
    "77.1.5.1 77.1.5.2 77.1.5.4 128 128.1 130 481.1"
)
"""Storage classes that are images, whatever the instance says (PS3.4 §B.5)."""

SOP_CLASSES = IMAGE_CLASSES | classes("82.1 481.2")
"""These and Corneal Topography Map and RT Dose, which are images if they have Rows."""

SINGLE_IMAGE_MODALITIES = frozenset({"CR", "MG", "DX"})


@dataclass(frozen=True, slots=True)
class StackHandler:
    """OHIF's handler of images.

    Attributes:
        splits: images of several kinds become several stacks.
    """

    id: str = STACK
    # The empty one is for instances that do not name their class: they are shown if they have Rows, as in OHIF.
    sop_class_uids: SopClasses = SOP_CLASSES | {""}
    splits: bool = True

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rpartition(".")[2]

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return one set for each multi-frame image and each projection, and one or several for the rest."""
        sets: list[DisplaySet] = []
        rest: list[Instance] = []
        for instance in instances:
            if not _is_image(instance):
                continue
            if is_multiframe(instance):
                sets.append(replace(_single(instance), numImageFrames=instance.frames))
            elif instance.Modality in SINGLE_IMAGE_MODALITIES:
                sets.append(_single(instance))
            else:
                rest.append(instance)
        if not rest:
            return sets
        if not self.splits:
            return [*sets, make_stack(rest)]
        return sets + [make_stack(part.instances, part.label) for part in split(sort_by_number(rest), rule_of(rest))]


def _is_image(instance: Instance) -> bool:
    return instance.SOPClassUID in IMAGE_CLASSES or bool(instance.Rows)


def _single(instance: Instance) -> DisplaySet:
    return replace(
        make_stack([instance]),
        instanceNumber=instance.InstanceNumber,
        acquisitionDatetime=instance.AcquisitionDateTime,
    )


def make_stack(instances: Sequence[Instance], part: str = "") -> DisplaySet:
    """Make one display set of images, in the order in which they are scrolled."""
    by_number = sort_by_number(instances)
    first = by_number[0]
    dynamic = is_dynamic(by_number)
    # A volume over time is one if its first time point is.
    volume = split_time_points(by_number)[0] if dynamic and not is_multiframe(first) else by_number
    reconstruction = reconstruct(volume)
    messages = find_messages(by_number, reconstructable=reconstruction.possible, dynamic=dynamic)
    return replace(
        make_display_set(STACK, by_number, part),
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


def is_other_image(instance: Instance) -> bool:
    """Whether an instance of a class that OHIF does not know as one is an image all the same."""
    return instance.has_pixels and bool(instance.Rows and instance.Columns) and not is_film(instance)


@dataclass(frozen=True, slots=True)
class OtherImageHandler:
    """Images of classes that OHIF has no handler for, retired and private ones among them: they are images too."""

    id: str = STACK
    sop_class_uids: SopClasses = EVERY_CLASS

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rpartition(".")[2]

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return sets of what has pixels."""
        images = [instance for instance in instances if is_other_image(instance)]
        return StackHandler().get_display_sets_from_series(images)


IMAGES = StackHandler()
WHOLE_SERIES = StackHandler(splits=False)
OTHER_IMAGES = OtherImageHandler()
CHARTS = SingleHandler(CHART, frozenset({"1.9.451.13215.7.3.2.7.6.1"}), lambda chart: chart.Modality == "CHT")
