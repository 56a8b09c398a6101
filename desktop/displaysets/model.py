"""Display sets and what is said of them, with OHIF's own names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from ..dicom.records import Instance, Series, Study
from ..dicom.uids import make_uid


class MessageCode(IntEnum):
    """OHIF's codes of what may be wrong with a display set (``DisplaySetMessage.CODES``)."""

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


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that is said of a display set."""

    code: MessageCode
    args: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as OHIF has it, with the code's name beside its number."""
        return {"id": int(self.code), "name": self.code.name, "args": dict(self.args)}


@dataclass(frozen=True, slots=True)
class DisplaySet:
    """What hangs in a viewport.

    Attributes:
        displaySetInstanceUID: stable: the same instances by the same handler give the same UID.
        instances: in the order in which they are shown.
        numImageFrames: images to scroll through.
        averageSpacingBetweenFrames: mm, of a reconstructable stack of three or more.
        unsupported: nothing can show it; the messages say why.
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
    unsupported: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as ``negatoscope display-sets --json`` prints it."""
        names = [name for name in self.__slots__ if name not in ("instances", "messages")]
        return {name: getattr(self, name) for name in names} | {
            "instances": [instance.SOPInstanceUID for instance in self.instances],
            "messages": [message.to_json() for message in self.messages],
        }


@dataclass(frozen=True, slots=True)
class SeriesContext:
    """The series whose instances a handler is given."""

    study: Study
    series: Series


def make_display_set(handler_id: str, instances: Sequence[Instance], context: SeriesContext) -> DisplaySet:
    """Return a set with what every handler says alike: who made it, of what, and what the series is called."""
    first, series = instances[0], context.series
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
        label=series.SeriesDescription or f"Series {series.SeriesNumber or 0} - {first.Modality}",
        instances=tuple(instances),
    )


class SopClassHandler(Protocol):
    """Makes display sets of the instances of one SOP class in one series; OHIF's contract, version 3.

    Attributes:
        id: ``{extension}.sopClassHandlerModule.{name}``.
        sop_class_uids: what it is asked for.
    """

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def sop_class_uids(self) -> frozenset[str]: ...  # noqa: D102

    def get_display_sets_from_series(self, instances: Sequence[Instance], context: SeriesContext) -> list[DisplaySet]:
        """Return display sets; instances that are in none go to the next handler."""
        ...
