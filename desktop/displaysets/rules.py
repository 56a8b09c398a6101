"""OHIF's rules for stacks: order, reconstructability, messages. Pure functions over instances.

After OHIF 3.13.2: ``isDisplaySetReconstructable``, ``getDisplaySetMessages``, ``sortStudy``,
``sortInstancesByPosition``. Where JavaScript divides by zero and goes on, so do we, by saying what follows. OHIF keeps
vectors in single precision, which shows where positions are equal; so do we.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from ..dicom.geometry import distance, dot, normal, same_orientation, single, subtract
from ..dicom.records import Instance, Vector
from .model import Message, MessageCode

SPACING_TOLERANCE = 0.2
CHECKED_MODALITIES = frozenset({"MR", "CT", "PT", "NM"})
"""Modalities of which OHIF says what keeps them from being a volume."""

_RECONSTRUCTABLE_NM = frozenset({"RECON TOMO", "RECON GATED TOMO"})


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Whether images make a volume, and how far apart they lie on average (mm)."""

    possible: bool
    spacing: float | None = None


class SpacingIssue(Enum):
    """What may be wrong between two neighbours."""

    MISSING_FRAMES = "missing frames"
    IRREGULAR = "irregular spacing"


_SPACING_CODES = {
    SpacingIssue.MISSING_FRAMES: MessageCode.MISSING_FRAMES,
    SpacingIssue.IRREGULAR: MessageCode.IRREGULAR_SPACING,
}


def is_multiframe(instance: Instance) -> bool:
    """Whether the instance has more than one frame."""
    return (instance.NumberOfFrames or 0) > 1


def sort_by_number(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances by Instance Number, then by SOP Instance UID."""
    return sorted(instances, key=lambda instance: (instance.InstanceNumber or 0, instance.SOPInstanceUID))


def sort_for_display(instances: Sequence[Instance], *, reconstructable: bool) -> list[Instance]:
    """Return a stack in the order in which it is scrolled: by position if it is a volume, else by number.

    ``instances`` are sorted by number already, which decides between equal positions.
    """
    first = instances[0]
    position, orientation = first.ImagePositionPatient, first.ImageOrientationPatient
    if not reconstructable or len(instances) < 2 or position is None or orientation is None:
        return sort_by_number(instances)
    if not all_same_orientation(instances):
        return sort_by_number(instances)
    axis = normal(orientation)

    def along_axis(instance: Instance) -> float:
        place = instance.ImagePositionPatient
        return dot(axis, single(subtract(place, position))) if place is not None else math.nan

    return sorted(instances, key=along_axis, reverse=True) if _all_placed(instances) else list(instances)


def sort_by_position(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances along the axis of the middle one (which is hardly ever the localiser)."""
    if len(instances) < 2 or not _all_placed(instances):
        return list(instances)
    middle = instances[len(instances) // 2]
    reference, orientation = middle.ImagePositionPatient, middle.ImageOrientationPatient
    if reference is None or orientation is None:
        return list(instances)
    axis = normal(orientation)
    return sorted(
        instances,
        key=lambda instance: dot(single(subtract(reference, instance.ImagePositionPatient or reference)), axis),
        reverse=True,
    )


def reconstruct(instances: Sequence[Instance]) -> Reconstruction:
    """Say whether the instances make a volume (OHIF: ``isDisplaySetReconstructable``)."""
    if not instances:
        return Reconstruction(possible=False)
    if is_multiframe(instances[0]):
        return Reconstruction(_multiframe_is_volume(sort_by_position(instances)[0]))
    if len(instances) == 1 or not _all_placed(instances):
        return Reconstruction(possible=False)
    return _reconstruct_single_frames(sort_by_position(instances))


def _multiframe_is_volume(instance: Instance) -> bool:
    if not (instance.has_pixel_measures and instance.has_orientation and instance.has_position):
        return False
    if instance.frames_held < instance.frames:
        # Of slices that are not there, a volume would show black ones.
        return False
    if "NM" in instance.Modality:
        return len(instance.ImageType) > 2 and instance.ImageType[2] in _RECONSTRUCTABLE_NM
    return True


def _reconstruct_single_frames(instances: Sequence[Instance]) -> Reconstruction:
    first = instances[0]
    for instance in instances[1:]:
        same_shape = (
            instance.Rows == first.Rows
            and instance.Columns == first.Columns
            and instance.SamplesPerPixel == first.SamplesPerPixel
        )
        if not same_shape or not same_orientation(instance.ImageOrientationPatient, first.ImageOrientationPatient):
            return Reconstruction(possible=False)
    places = _places(instances)
    if distance(places[0], places[-1]) == 0:
        # OHIF takes two images in one place for a volume, of which it can draw nothing.
        return Reconstruction(possible=False)
    if len(instances) <= 2:
        return Reconstruction(possible=True)
    average = distance(places[0], places[-1]) / (len(places) - 1)
    issues = _spacing_issues(places, average)
    return Reconstruction(SpacingIssue.IRREGULAR not in issues, None if SpacingIssue.IRREGULAR in issues else average)


def find_messages(instances: Sequence[Instance], *, reconstructable: bool, dynamic: bool) -> tuple[Message, ...]:
    """Return what OHIF says of a stack (``getDisplaySetMessages``). ``instances`` are sorted by number."""
    if dynamic:
        return ()
    first = instances[0]
    if "LOCALIZER" in first.ImageType or first.Modality not in CHECKED_MODALITIES:
        return ()
    codes: list[MessageCode] = []
    if is_multiframe(first):
        codes += _check_multiframe(first)
    else:
        if not _all_placed(instances):
            codes.append(MessageCode.NO_POSITION_INFORMATION)
        codes += _check_single_frames(sort_by_position(instances))
    if not reconstructable:
        codes.append(MessageCode.NOT_RECONSTRUCTABLE)
    return tuple(Message(code) for code in codes)


def _check_multiframe(instance: Instance) -> list[MessageCode]:
    checks = (
        (instance.has_pixel_measures, MessageCode.MULTIFRAME_NO_PIXEL_MEASUREMENTS),
        (instance.has_orientation, MessageCode.MULTIFRAME_NO_ORIENTATION),
        (instance.has_position, MessageCode.MULTIFRAME_NO_POSITION_INFORMATION),
    )
    return [code for good, code in checks if not good]


def _check_single_frames(instances: Sequence[Instance]) -> list[MessageCode]:
    if len(instances) <= 2:
        return []
    first, codes = instances[0], []
    if any((instance.Rows, instance.Columns) != (first.Rows, first.Columns) for instance in instances):
        codes.append(MessageCode.INCONSISTENT_DIMENSIONS)
    if any(instance.SamplesPerPixel != first.SamplesPerPixel for instance in instances):
        codes.append(MessageCode.INCONSISTENT_COMPONENTS)
    if not all_same_orientation(instances):
        codes.append(MessageCode.INCONSISTENT_ORIENTATIONS)
    if not _positions_follow_axis(instances):
        codes.append(MessageCode.INCONSISTENT_POSITION_INFORMATION)
    if _ends_placed(instances):
        places = _places(instances)
        average = distance(places[0], places[-1]) / (len(places) - 1)
        codes += [_SPACING_CODES[issue] for issue in _spacing_issues(places, average)]
    return codes


def all_same_orientation(instances: Sequence[Instance]) -> bool:
    """Whether all have the first one's orientation (OHIF: ``areAllImageOrientationsEqual``)."""
    first = instances[0].ImageOrientationPatient
    return first is not None and all(
        same_orientation(instance.ImageOrientationPatient, first) for instance in instances[1:]
    )


def _positions_follow_axis(instances: Sequence[Instance]) -> bool:
    """Whether each image lies where the axis and the average spacing predict it, within one spacing."""
    orientation = instances[0].ImageOrientationPatient
    if orientation is None or not _ends_placed(instances):
        return False
    axis, places = normal(orientation), _places(instances)
    average = distance(places[0], places[-1]) / (len(places) - 1)
    for previous, place in pairwise(places):
        predicted = single(tuple(a + b * average for a, b in zip(previous, axis, strict=True)))
        if math.dist(place, predicted) > average:
            return False
    return True


def _spacing_issues(places: Sequence[Vector], average: float) -> list[SpacingIssue]:
    """Return the kinds of trouble between neighbours, each once, in the order in which they are met."""
    issues: list[SpacingIssue] = []
    for previous, place in pairwise(places):
        issue = _spacing_issue(distance(place, previous), average)
        if issue is not None and issue not in issues:
            issues.append(issue)
    return issues


def _spacing_issue(spacing: float, average: float) -> SpacingIssue | None:
    if abs(spacing - average) < average * SPACING_TOLERANCE:
        return None
    ratio = spacing / average if average else math.nan
    if not math.isfinite(ratio):
        return SpacingIssue.IRREGULAR
    # JavaScript's Math.round rounds halves up.
    steps = math.floor(ratio + 0.5)
    if steps and abs(spacing - steps * average) / steps < SPACING_TOLERANCE * average:
        return SpacingIssue.MISSING_FRAMES
    return SpacingIssue.IRREGULAR


_NOWHERE = (math.nan, math.nan, math.nan)


def _places(instances: Sequence[Instance]) -> list[Vector]:
    return [instance.ImagePositionPatient or _NOWHERE for instance in instances]


def _all_placed(instances: Sequence[Instance]) -> bool:
    return all(instance.ImagePositionPatient is not None for instance in instances)


def _ends_placed(instances: Sequence[Instance]) -> bool:
    return instances[0].ImagePositionPatient is not None and instances[-1].ImagePositionPatient is not None
