"""Whether a stack is a volume over time, as cornerstone decides it (``splitImageIdsBy4DTags``)."""

from collections import defaultdict
from collections.abc import Sequence

from ..dicom.records import Instance, Vector

_TAGS = (
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "TriggerTime",
    "EchoTime",
    "20011003",
    "0019100c",
    "00431039",
    "FrameReferenceTime",
)
"""In the order in which they are tried; the first that tells all images of each place apart decides."""


def split_time_points(instances: Sequence[Instance]) -> list[list[Instance]]:
    """Return the instances by time point; one list if the stack is no dynamic volume.

    A multi-frame image counts its time points itself (:attr:`~desktop.dicom.records.Instance.time_points`).
    """
    places: dict[Vector, list[Instance]] = defaultdict(list)
    for instance in instances:
        if instance.ImagePositionPatient is None:
            return [list(instances)]
        places[instance.ImagePositionPatient].append(instance)
    groups = list(places.values())
    count = len(groups[0])
    if count == 1 or any(len(group) != count for group in groups):
        return [list(instances)]
    for tag in _TAGS:
        points = _split_by(tag, groups)
        if points is not None:
            return points
    return [list(instances)]


def is_dynamic(instances: Sequence[Instance]) -> bool:
    """Whether the stack has more than one time point."""
    if (instances[0].NumberOfFrames or 0) > 1:
        return instances[0].time_points > 1
    return len(split_time_points(instances)) > 1


def _split_by(tag: str, groups: Sequence[Sequence[Instance]]) -> list[list[Instance]] | None:
    points: dict[float, list[Instance]] = defaultdict(list)
    expected: set[float] | None = None
    for group in groups:
        values = set()
        for instance in group:
            value = _value(instance, tag)
            if value in values:
                return None
            values.add(value)
            points[value].append(instance)
        if expected is None:
            expected = values
        elif values != expected:
            return None
    return [points[value] for value in sorted(points)]


def _value(instance: Instance, tag: str) -> float:
    if tag == "FrameReferenceTime" and instance.Modality != "PT":
        return 0.0
    return instance.number(tag) or 0.0
