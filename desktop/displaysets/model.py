"""Display sets and what is said of them, with OHIF's own names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol, runtime_checkable

from ..counting import count_of
from ..dicom.records import Instance, Series, SeriesContext, Study
from ..dicom.uids import make_uid

OWN_EXTENSION = "@negatoscope/desktop"


class MessageCode(IntEnum):
    """What may be said of a display set: up to 99 with OHIF's own numbers (``DisplaySetMessage.CODES``)."""

    NO_VALID_INSTANCES = 1
    NO_POSITION_INFORMATION = 2
    NOT_RECONSTRUCTABLE = 3
    MULTIFRAME_NO_PIXEL_MEASUREMENTS = 4
    MULTIFRAME_NO_ORIENTATION = 5
    MULTIFRAME_NO_POSITION_INFORMATION = 6
    MISSING_FRAMES = 7
    IRREGULAR_SPACING = 8
    INCONSISTENT_DIMENSIONS = 9
    INCONSISTENT_COMPONENTS = 10
    INCONSISTENT_ORIENTATIONS = 11
    INCONSISTENT_POSITION_INFORMATION = 12
    UNSUPPORTED_DISPLAYSET = 13
    UNSUPPORTED_SOP_CLASS_UID = 14
    MISSING_SOP_CLASS_UID = 15
    HANDLER_FAILED = 101
    IMAGES_WITHOUT_PIXELS = 102
    REFERENCES_NOT_HERE = 103
    SHOWN_ALONE = 104


_SENTENCES = {
    MessageCode.HANDLER_FAILED: "The handler {handler} failed. Another one shows these images.",
    MessageCode.IMAGES_WITHOUT_PIXELS: "{count} of its images have no pixels. Their files may be cut short.",
    MessageCode.REFERENCES_NOT_HERE: "{count} images that it refers to are not shown. They are not here, or too many.",
    MessageCode.SHOWN_ALONE: "Shown alone, since its images are not all here, are no volume, or are a whole slide.",
}
"""What OHIF has no words for. They have no colons: its translator takes those for something else."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that is said of a display set."""

    code: MessageCode
    args: tuple[tuple[str, str], ...] = ()

    @property
    def sentence(self) -> str:
        """It in words; empty where OHIF has its own."""
        return _SENTENCES.get(self.code, "").format(**dict(self.args))

    def to_json(self) -> dict[str, Any]:
        """Return it as OHIF has it, with the code's name beside its number."""
        told = {"id": int(self.code), "name": self.code.name, "args": dict(self.args)}
        return told | ({"text": self.sentence} if self.sentence else {})


class View(StrEnum):
    """What shows a display set in the viewer."""

    OHIF = "ohif"
    """The viewport that OHIF has for its handler."""
    VIDEO = "video"
    """OHIF's, on a film that the server makes."""
    PRESENTED = "presented"
    """OHIF's, on pictures that the server makes of the images that a presentation state refers to."""
    DOCUMENT = "document"
    """A page of the server."""
    MESH = "mesh"
    """Surfaces in space."""


@dataclass(frozen=True, slots=True)
class DisplaySet:
    """What hangs in a viewport.

    Attributes:
        displaySetInstanceUID: stable: the same instances by the same handler give the same UID.
        label: what it is called, with what makes it different from others of its series: "DWI, b = 1000".
        part: what makes it different alone; empty for a series that was not parted.
        instances: in the order in which they are shown.
        numImageFrames: images to scroll through.
        averageSpacingBetweenFrames: mm, of a reconstructable stack of three or more.
        imagesShown: images of its series that display sets show.
        imagesInSeries: images that the series has.
        unsupported: nothing can show it; the messages say why.
        view: what shows it.
        plugin: what shows it, as handlers of OHIF 1 and 2 say it; or empty.
        more: other keys of the set that a handler of OHIF 1 or 2 made.
    """

    displaySetInstanceUID: str
    SOPClassHandlerId: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPClassUID: str
    Modality: str
    SeriesNumber: int
    SeriesDescription: str
    SeriesDate: str
    SeriesTime: str
    label: str
    instances: tuple[Instance, ...] = field(repr=False)
    part: str = ""
    numImageFrames: int = 0
    isMultiFrame: bool = False
    isReconstructable: bool = False
    isDynamicVolume: bool = False
    averageSpacingBetweenFrames: float | None = None
    FrameRate: float | None = None
    FrameOfReferenceUID: str = ""
    instanceNumber: int | None = None
    acquisitionDatetime: str = ""
    messages: tuple[Message, ...] = ()
    imagesShown: int = 0
    imagesInSeries: int = 0
    unsupported: bool = False
    view: View = View.OHIF
    plugin: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def coverage(self) -> str:
        """How much of its series is shown: "60 of 60 images"."""
        return f"{self.imagesShown:,} of {count_of(self.imagesInSeries, 'image')}"

    def to_json(self) -> dict[str, Any]:
        """Return it as ``negatoscope display-sets --json`` prints it."""
        names = [name for name in self.__slots__ if name not in ("instances", "messages", "plugin", "more")]
        return {
            **self.more,
            **({"plugin": self.plugin} if self.plugin else {}),
            **{name: getattr(self, name) for name in names},
            "instances": [instance.SOPInstanceUID for instance in self.instances],
            "messages": [message.to_json() for message in self.messages],
            "coverage": self.coverage,
        }


def context_of(instance: Instance) -> SeriesContext:
    """Return the series and study of an instance; what the instance itself knows of them, if nobody said more."""
    if instance.context is not None:
        return instance.context
    return SeriesContext(Study(instance.StudyInstanceUID), Series(instance.SeriesInstanceUID, instance.Modality))


def make_display_set(handler_id: str, instances: Sequence[Instance], part: str = "") -> DisplaySet:
    """Return a set with what every handler says alike: who made it, of what, and what the series is called.

    Args:
        handler_id: ``{extension}.sopClassHandlerModule.{name}``.
        instances: at least one, of one series, in the order in which they are shown.
        part: what makes the set different from others of its series.
    """
    first = instances[0]
    context = context_of(first)
    series = context.series
    label = series.SeriesDescription or f"Series {series.SeriesNumber or 0} - {first.Modality}"
    return DisplaySet(
        displaySetInstanceUID=make_uid("display set", handler_id, *sorted(item.SOPInstanceUID for item in instances)),
        SOPClassHandlerId=handler_id,
        StudyInstanceUID=context.study.StudyInstanceUID,
        SeriesInstanceUID=series.SeriesInstanceUID,
        SOPClassUID=first.SOPClassUID,
        Modality=first.Modality,
        SeriesNumber=series.SeriesNumber or 0,
        SeriesDescription=series.SeriesDescription,
        SeriesDate=series.SeriesDate,
        SeriesTime=series.SeriesTime,
        label=f"{label}, {part}" if part else label,
        part=part,
        instances=tuple(instances),
    )


@runtime_checkable
class SopClassHandler(Protocol):
    """Makes display sets of the instances of one SOP class in one series; OHIF's contract, version 3.

    Attributes:
        name: such as ``stack``.
        id: ``{extension}.sopClassHandlerModule.{name}``.
        sop_class_uids: what it is asked for. Anything with ``in`` will do; see :data:`EVERY_CLASS`.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def sop_class_uids(self) -> "SopClasses": ...  # noqa: D102

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return display sets; instances that are in none go to the next handler."""
        ...


class SopClasses(Protocol):
    """Some SOP classes."""

    def __contains__(self, uid: object, /) -> bool: ...


class _EveryClass:
    def __contains__(self, uid: object, /) -> bool:
        return isinstance(uid, str)


EVERY_CLASS = _EveryClass()
"""All SOP classes, also unknown ones and none."""


def handler_id(extension: str, name: str) -> str:
    """Return a handler's id."""
    return f"{extension}.sopClassHandlerModule.{name}"
