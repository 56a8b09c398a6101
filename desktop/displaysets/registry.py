"""The ordered handlers, and the promise that each instance ends in exactly one display set.

After OHIF's ``DisplaySetService``: instances are grouped by SOP class, the handlers are asked in the mode's order
while instances remain. OHIF drops what is left then, if any set was made; here it ends in a set marked unsupported.
"""

from collections.abc import Iterable, Sequence
from functools import cmp_to_key
from typing import Any

from ..dicom.records import Instance
from .handlers.stack import StackHandler
from .handlers.unsupported import make_unsupported
from .model import DisplaySet, SeriesContext, SopClassHandler
from .rules import sort_by_number

DEFAULT_HANDLERS: tuple[SopClassHandler, ...] = (StackHandler(),)
"""The handlers in the order in which the viewer's mode asks them."""

LOW_PRIORITY_MODALITIES = frozenset({"SEG", "KO", "PR", "SR", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "REG"})
"""What is listed behind the images, newest first."""


def make_display_sets(
    instances: Sequence[Instance],
    context: SeriesContext,
    handlers: Sequence[SopClassHandler] = DEFAULT_HANDLERS,
) -> list[DisplaySet]:
    """Make the display sets of one series. Each instance is in exactly one of them."""
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.SOPClassUID, []).append(instance)
    return [made for group in groups.values() for made in _make_of_class(group, context, handlers)]


def _make_of_class(
    instances: Sequence[Instance], context: SeriesContext, handlers: Iterable[SopClassHandler]
) -> list[DisplaySet]:
    left, sets = list(instances), []
    for handler in handlers:
        if left and left[0].SOPClassUID in handler.sop_class_uids:
            made = handler.get_display_sets_from_series(left, context)
            taken = {instance.SOPInstanceUID for display_set in made for instance in display_set.instances}
            left = [instance for instance in left if instance.SOPInstanceUID not in taken]
            sets += made
    if left:
        sets.append(make_unsupported(left, context))
    return sets


def sort_display_sets(sets: Iterable[DisplaySet]) -> list[DisplaySet]:
    """Return the sets in the order of OHIF's study browser (``seriesInfoSortingCriteria``)."""
    return sorted(sets, key=cmp_to_key(_compare_sets))


def _compare_sets(one: DisplaySet, other: DisplaySet) -> int:
    low, other_low = one.Modality in LOW_PRIORITY_MODALITIES, other.Modality in LOW_PRIORITY_MODALITIES
    if low and other_low:
        return _compare_time(other, one)
    if low != other_low:
        return 1 if low else -1
    # To OHIF, what is 0 comes before everything else.
    number, other_number = ((made.SeriesNumber != 0, made.SeriesNumber) for made in (one, other))
    return _compare(number, other_number) or _compare_time(one, other)


def _compare_time(one: DisplaySet, other: DisplaySet) -> int:
    return _compare(_time_key(one), _time_key(other))


def _time_key(display_set: DisplaySet) -> tuple[str, str, bool, int, str]:
    first = sort_by_number(display_set.instances)[0]
    return (
        # JavaScript writes so of what is not there, and sorts by that.
        f"{display_set.SeriesDate or 'undefined'} {display_set.SeriesTime or 'undefined'}",
        display_set.SeriesInstanceUID,
        # OHIF compares the first instance by number, and finds none in an unsupported set.
        not display_set.unsupported,
        first.InstanceNumber or 0,
        first.SOPInstanceUID,
    )


def _compare(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)
