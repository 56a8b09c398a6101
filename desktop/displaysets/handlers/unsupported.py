"""What no handler took: one set that says so, for each SOP class of a series."""

from collections.abc import Sequence
from dataclasses import replace

from ...dicom.records import Instance
from ..model import DisplaySet, Message, MessageCode, make_display_set

HANDLER_ID = "unsupported"


def make_unsupported(instances: Sequence[Instance]) -> DisplaySet:
    """Make the set of instances that nothing can show; they share one SOP class."""
    first = instances[0]
    if first.SOPClassUID:
        message = Message(MessageCode.UNSUPPORTED_SOP_CLASS_UID, (("sopClassUid", first.SOPClassUID),))
    else:
        message = Message(MessageCode.MISSING_SOP_CLASS_UID)
    return replace(make_display_set(HANDLER_ID, instances), messages=(message,), unsupported=True)
