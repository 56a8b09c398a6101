"""Asks the handlers of a mode in order, and keeps the promise that each instance ends in exactly one display set.

After OHIF's ``DisplaySetService``: instances are grouped by SOP class, the handlers are asked in the mode's order
while instances remain. OHIF drops what is left then, if any set was made; here it ends in a set marked unsupported.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cmp_to_key
from typing import Any

from .. import logs
from ..dicom.records import Instance
from .handlers.ohif import STACK
from .handlers.unsupported import make_unsupported
from .model import DisplaySet, Message, MessageCode, SopClassHandler, View
from .modes import DEFAULT_MODE, Mode
from .rules import sort_by_number

log = logging.getLogger(__name__)

LOW_PRIORITY_MODALITIES = frozenset({"SEG", "KO", "PR", "SR", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "REG"})
"""What is listed behind the images, newest first."""


class _Broken(ValueError):  # noqa: N818 - said of a handler's answer
    """A handler's answer breaks its contract."""


def make_display_sets(instances: Sequence[Instance], mode: Mode = DEFAULT_MODE) -> list[DisplaySet]:
    """Make the display sets of one series. Each instance is in exactly one of them."""
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.SOPClassUID, []).append(instance)
    sets = [made for group in groups.values() for made in _make_of_class(group, mode.handlers)]
    shown, whole = sum(map(_images_shown, sets)), sum(instance.frames for instance in instances)
    return [
        _note(replace(made, imagesShown=shown, imagesInSeries=whole), [*_find_lacking(made), *_find_absent(made)])
        for made in sets
    ]


def _find_lacking(made: DisplaySet) -> list[Message]:
    images = [] if made.unsupported else [item for item in made.instances if _is_image(item, made)]
    count = sum(item.frames - item.frames_held for item in images)
    return [Message(MessageCode.IMAGES_WITHOUT_PIXELS, (("count", f"{count:,}"),))] if count else []


def _find_absent(made: DisplaySet) -> list[Message]:
    is_alone = made.view is not View.PRESENTED and any(
        instance.trait("AbsentSeries") is not None for instance in made.instances
    )
    return [Message(MessageCode.SHOWN_ALONE)] if is_alone else []


def _images_shown(made: DisplaySet) -> int:
    # An image without pixels is in a stack, and is not shown.
    counts = (item.frames_held if _is_image(item, made) else item.frames for item in made.instances)
    return 0 if made.unsupported else sum(counts)


def _is_image(instance: Instance, made: DisplaySet) -> bool:
    return bool(instance.Rows) or made.SOPClassHandlerId == STACK


def _make_of_class(instances: Sequence[Instance], handlers: Iterable[SopClassHandler]) -> list[DisplaySet]:
    left, sets, failed = list(instances), list[DisplaySet](), list[Message]()
    for handler in handlers:
        if not left:
            break
        try:
            if left[0].SOPClassUID not in handler.sop_class_uids:
                continue
            made = _check(handler.get_display_sets_from_series(tuple(left)), left)
        except Exception as error:  # noqa: BLE001 - the edge of somebody else's code
            name = str(getattr(handler, "id", type(handler).__name__))
            log.error("the handler %s failed\n%s", name, logs.say_where(error))  # noqa: TRY400 - without its words
            failed.append(Message(MessageCode.HANDLER_FAILED, (("handler", name),)))
            continue
        taken = {instance.SOPInstanceUID for display_set in made for instance in display_set.instances}
        left = [instance for instance in left if instance.SOPInstanceUID not in taken]
        sets += [_note(display_set, failed) for display_set in made]
    if left:
        sets.append(_note(make_unsupported(left), failed))
    return sets


def _check(answer: object, asked: Sequence[Instance]) -> list[DisplaySet]:
    """Return a handler's answer if it is sets of what it was asked for, each instance in one of them."""
    if not isinstance(answer, list | tuple) or not all(isinstance(made, DisplaySet) for made in answer):
        raise _Broken("the answer is no list of display sets")
    left = {instance.SOPInstanceUID for instance in asked}
    for made in answer:
        uids = {instance.SOPInstanceUID for instance in made.instances}
        if not uids or len(uids) != len(made.instances) or not uids <= left:
            raise _Broken("a set is empty, or an instance is in it that is another's, or twice")
        left -= uids
    return list(answer)


def _note(made: DisplaySet, messages: Sequence[Message]) -> DisplaySet:
    return replace(made, messages=(*made.messages, *messages)) if messages else made


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
