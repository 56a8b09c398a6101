"""How the images of one series and SOP class are parted into stacks: rules as data, for each modality.

Two kinds of criteria. Some always part: images of different orientation, size or reconstruction kernel are no stack.
Others part only where several images share a place, which is how b-values, echoes, phases and time points come into
one series: scrolled as one stack they would be mixed, and a viewer that takes the series for a volume shows one of each
place and hides the others (OHIF #5876).

After Weasis' rules (ImageType, kernel, orientation, echo …) and OHIF's (``splitImageIdsBy4DTags``).
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from ..dicom.geometry import dot, is_close, normal
from ..dicom.records import Instance

Key = Hashable
Group = tuple[Key, list[Instance]]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing by which images differ.

    Attributes:
        name: as the guide has it.
        key: what images of one part have in common.
        label: what is said of a part, given its key; empty if nothing needs to be said.
        same: whether two keys are of one part; None if they must be equal.
    """

    name: str
    key: Callable[[Instance], Key]
    label: Callable[[Key], str]
    same: Callable[[Key, Key], bool] | None = None

    def group(self, instances: Sequence[Instance]) -> list[Group]:
        """Return the images of each part with what they have in common, in the order of the keys."""
        groups: dict[Key, list[Instance]] = {}
        for instance in instances:
            key = self.key(instance)
            group = groups.get(key)
            if group is None:
                group = groups.setdefault(self._find(key, groups), [])
            group.append(instance)
        return sorted(groups.items(), key=lambda item: _order(item[0]))

    def _find(self, key: Key, groups: Iterable[Key]) -> Key:
        """Return the key of the first part that fits; numbers a hair apart must not tear a stack in two."""
        return key if self.same is None else next((known for known in groups if self.same(known, key)), key)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the images of a modality are parted.

    Attributes:
        always: criteria that part wherever images differ.
        of_one_place: criteria that part images which share a place; tried in this order.
    """

    always: tuple[Criterion, ...] = ()
    of_one_place: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Images that make a stack, and what makes them different from the others of their series."""

    instances: tuple[Instance, ...]
    labels: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What makes it different, in a few words; empty for a series that was not parted."""
        return ", ".join(self.labels)


def split(instances: Sequence[Instance], rule: Rule) -> list[Part]:
    """Part images of one series and SOP class; each is in exactly one part. ``instances`` keep their order."""
    parts = [Part(tuple(instances))]
    for criterion in rule.always:
        parts = [piece for part in parts for piece in _part(part, criterion, _keeps_stacks)]
    return [piece for part in parts for piece in _part_places(part, rule.of_one_place)]


def _part(part: Part, criterion: Criterion, makes_sense: Callable[[Part, list[Group]], bool]) -> list[Part]:
    groups = criterion.group(part.instances)
    if len(groups) == 1 or not makes_sense(part, groups):
        return [part]
    return [Part(tuple(group), (*part.labels, *filter(None, [criterion.label(key)]))) for key, group in groups]


def _keeps_stacks(part: Part, groups: list[Group]) -> bool:
    """Radial slices have an orientation each: parted, a series would be a heap of single images."""
    return 2 * len(groups) <= len(part.instances)


def _part_places(part: Part, criteria: Sequence[Criterion]) -> list[Part]:
    """Part images that share places, by one criterion after the other, until no place has two images."""
    for number, criterion in enumerate(criteria):
        if _shared(part.instances) == 0:
            break
        pieces = _part(part, criterion, _tells_places_apart)
        if len(pieces) > 1:
            return [finer for piece in pieces for finer in _part_places(piece, criteria[number + 1 :])]
    return [part]


def _tells_places_apart(part: Part, groups: list[Group]) -> bool:
    """Whether parts are stacks of their own: each has most of the places, and fewer images that share one.

    Images of a single place are a film, in which time goes on from one to the next: they stay together. What differs
    from slice to slice, as many times do, parts nothing.
    """
    places = _places(part.instances)
    covered = sum(_places(group) for _, group in groups)
    still_shared = sum(_shared(group) for _, group in groups)
    return places > 1 and 2 * covered >= places * len(groups) and still_shared < _shared(part.instances)


def _shared(instances: Sequence[Instance]) -> int:
    """How many images lie where another one lies already; 0 if they do not say where they lie."""
    places = {_place(instance) for instance in instances}
    return 0 if None in places else len(instances) - len(places)


def _places(instances: Sequence[Instance]) -> int:
    return len({_place(instance) for instance in instances})


def _place(instance: Instance) -> Key:
    if instance.ImagePositionPatient is not None:
        x, y, z = instance.ImagePositionPatient
        return round(x, 2), round(y, 2), round(z, 2)
    return instance.number("SliceLocation")


def _order(key: Key) -> tuple[int, float, str]:
    """Sort what is not said first, then numbers, then texts, then all else as it comes."""
    if key is None:
        return 0, 0.0, ""
    if isinstance(key, int | float):
        return 1, float(key), ""
    return (2, 0.0, key) if isinstance(key, str) else (3, 0.0, "")


def _by_number(name: str, label: str, *others: str) -> Criterion:
    """By the first of some numbers that the image has."""

    def key(instance: Instance) -> Key:
        for trait in (name, *others):
            if (number := instance.number(trait)) is not None:
                return number
        return None

    return Criterion(name, key, lambda number: "" if number is None else label.format(_written(number)))


def _written(number: Key) -> str:
    return f"{number:.10g}" if isinstance(number, int | float) else str(number)


def _by_text(name: str, label: str = "{}") -> Criterion:
    def key(instance: Instance) -> Key:
        return instance.trait(name)

    return Criterion(name, key, lambda text: "" if text is None else label.format(str(text).replace("\\", "/")))


def _is_localizer(instance: Instance) -> Key:
    return "LOCALIZER" in instance.ImageType


def _size(instance: Instance) -> Key:
    return instance.Rows, instance.Columns, instance.SamplesPerPixel


def _size_label(key: Key) -> str:
    rows, columns, samples = key if isinstance(key, tuple) else (None, None, None)
    if not rows or not columns:
        return "size unknown"
    return f"{columns} x {rows}" + (" colour" if (samples or 1) > 1 else "")


def _plane(instance: Instance) -> Key:
    return instance.ImageOrientationPatient


def _same_plane(one: Key, other: Key) -> bool:
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return one == other
    return is_close(one, other, _PLANE_TOLERANCE)


_PLANE_TOLERANCE = 0.05
"""Of each direction cosine: some three degrees."""

_AXES = ("sagittal", "coronal", "axial")


def _plane_label(key: Key) -> str:
    if not isinstance(key, tuple):
        return "no orientation"
    axis = [abs(value) for value in normal(key)]
    if not any(axis):
        return "orientation unclear"
    largest = axis.index(max(axis))
    tilted = axis[largest] < math.cos(math.radians(15)) * math.sqrt(dot(tuple(axis), tuple(axis)))
    return _AXES[largest] + (" oblique" if tilted else "")


def _image_kind(instance: Instance) -> Key:
    """What follows ORIGINAL or DERIVED, and PRIMARY or SECONDARY, in Image Type: M, P, R, I, WATER, FAT …"""
    return "\\".join(instance.ImageType[2:]) or None


def _full_kind(instance: Instance) -> Key:
    return "\\".join(instance.ImageType) or None


def _kind_label(key: Key) -> str:
    return "" if key is None else str(key).replace("\\", "/")


def _direction(instance: Instance) -> Key:
    value = instance.trait("DiffusionGradientOrientation")
    return tuple(round(part, 3) for part in value) if isinstance(value, tuple) else None


def _direction_label(key: Key) -> str:
    if not isinstance(key, tuple):
        return "no direction"
    return "direction " + " ".join(f"{part:.2f}".rstrip("0").rstrip(".") for part in key)


_LOCALIZER = Criterion("localizer", _is_localizer, lambda key: "localizer" if key is True else "")
_SIZE = Criterion("size", _size, _size_label)
_ORIENTATION = Criterion("orientation", _plane, _plane_label, _same_plane)
_KERNEL = _by_text("ConvolutionKernel", "kernel {}")
_CONTRAST = _by_text("ContrastBolusAgent")
_KIND = Criterion("ImageType", _image_kind, _kind_label)
_FULL_KIND = Criterion("ImageType", _full_kind, _kind_label)
_B_VALUE = _by_number("DiffusionBValue", "b = {}", "0019100c", "20011003", "00431039")
_DIRECTION = Criterion("diffusion direction", _direction, _direction_label)
_ECHO_TIME = _by_number("EchoTime", "TE {} ms")
_ECHO_NUMBER = _by_number("EchoNumbers", "echo {}")
_INVERSION_TIME = _by_number("InversionTime", "TI {} ms")
_FLIP_ANGLE = _by_number("FlipAngle", "flip angle {}°")
_REPETITION_TIME = _by_number("RepetitionTime", "TR {} ms")
_TEMPORAL_POSITION = _by_number("TemporalPositionIdentifier", "time point {}")
_TRIGGER_TIME = _by_number("TriggerTime", "trigger time {} ms")
_PHASE = _by_number("NominalPercentageOfCardiacPhase", "phase {} %")
_FRAME_TIME = _by_number("FrameReferenceTime", "time {} ms")
_ENERGY = _by_number("KVP", "{} kV")
_ACQUISITION = _by_number("AcquisitionNumber", "acquisition {}")
_COMPONENT = _by_text("ComplexImageComponent")

RULES: dict[str, Rule] = {
    "CT": Rule(
        (_LOCALIZER, _SIZE, _ORIENTATION, _KERNEL),
        (_PHASE, _TEMPORAL_POSITION, _TRIGGER_TIME, _ENERGY, _CONTRAST, _ACQUISITION, _FULL_KIND),
    ),
    "MR": Rule(
        (_LOCALIZER, _SIZE, _ORIENTATION),
        (
            *(_COMPONENT, _KIND, _B_VALUE, _DIRECTION, _ECHO_TIME, _ECHO_NUMBER, _INVERSION_TIME),
            *(_TEMPORAL_POSITION, _TRIGGER_TIME, _FLIP_ANGLE, _REPETITION_TIME, _ACQUISITION, _FULL_KIND),
        ),
    ),
    "PT": Rule(
        (_LOCALIZER, _SIZE, _ORIENTATION),
        (_TEMPORAL_POSITION, _FRAME_TIME, _TRIGGER_TIME, _PHASE, _ACQUISITION, _FULL_KIND),
    ),
    "NM": Rule((_SIZE, _ORIENTATION), (_TEMPORAL_POSITION, _TRIGGER_TIME, _ACQUISITION, _FULL_KIND)),
}
"""By Modality."""

OTHERS = Rule()
"""Of all other modalities: photographs, sonograms and the like have no places, and any size."""


def rule_of(instances: Sequence[Instance]) -> Rule:
    """Return the rule for images of one series: that of the modality which most of them have."""
    modality, _ = Counter(instance.Modality for instance in instances).most_common(1)[0]
    return RULES.get(modality, OTHERS)
