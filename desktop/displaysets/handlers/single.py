"""Handlers that make one set of each instance: what most objects but images need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...dicom.records import Instance
from ..model import EVERY_CLASS, OWN_EXTENSION, DisplaySet, SopClasses, View, handler_id, make_display_set
from ..rules import sort_by_number


def _takes_all(_: Instance) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SingleHandler:
    """Makes a set of each instance that it takes. OHIF's own handlers often take the last one of a series alone.

    Attributes:
        takes: whether an instance of the class can be shown by this handler.
        Modality: of the sets; empty for the instance's own.
        has_frames: the set is scrolled, or played, by frames.
        is_volume: OHIF takes it for a volume.
    """

    id: str
    sop_class_uids: SopClasses = EVERY_CLASS
    takes: Callable[[Instance], bool] = _takes_all
    view: View = View.OHIF
    Modality: str = ""
    has_frames: bool = False
    is_volume: bool = False

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rpartition(".")[2]

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return a set for each instance that it takes, by Instance Number."""
        return [self._make(instance) for instance in sort_by_number(instances) if self.takes(instance)]

    def _make(self, instance: Instance) -> DisplaySet:
        label = instance.trait("Label")
        made = make_display_set(self.id, [instance], str(label) if label else "")
        return replace(
            made,
            Modality=self.Modality or made.Modality,
            numImageFrames=instance.frames if self.has_frames else 0,
            isReconstructable=self.is_volume,
            instanceNumber=instance.InstanceNumber,
            view=self.view,
        )


def own(name: str) -> str:
    """Return the id of a handler of ours."""
    return handler_id(OWN_EXTENSION, name)
