"""What no handler took: one set that says so, for each SOP class of a series."""

from collections.abc import Sequence

from ...dicom.records import Instance
from ...dicom.uids import make_uid
from ..model import DisplaySet, Message, MessageCode, SeriesContext

HANDLER_ID = "unsupported"


def make_unsupported(instances: Sequence[Instance], context: SeriesContext) -> DisplaySet:
    """Make the set of instances that nothing can show; they share one SOP class."""
    first, series = instances[0], context.series
    if first.SOPClassUID:
        message = Message(MessageCode.UNSUPPORTED_SOP_CLASS_UID, (("sopClassUid", first.SOPClassUID),))
    else:
        message = Message(MessageCode.MISSING_SOP_CLASS_UID)
    return DisplaySet(
        displaySetInstanceUID=make_uid(
            "display set", HANDLER_ID, *sorted(instance.SOPInstanceUID for instance in instances)
        ),
        SOPClassHandlerId=HANDLER_ID,
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
        messages=(message,),
        unsupported=True,
    )
