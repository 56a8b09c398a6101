"""Which image stands for a display set in a list."""

from ..dicom.records import Instance
from ..dicom.uids import VIDEO_SYNTAXES
from .handlers.ohif import WHOLE_SLIDE
from .model import DisplaySet, View

Middle = tuple[Instance, int]
"""An instance, and the number of one of its frames, from 1."""


def choose_middle(made: DisplaySet) -> Middle | None:
    """Return the middle image of a set; None if it has none.

    Of a whole slide it is the smallest level, or the middle of its tiles; of a film, its first picture.
    """
    if made.view is View.PRESENTED:
        return made.instances[0], 1
    images = [one for one in made.instances if one.frames_held]
    if not images:
        return None
    if made.SOPClassHandlerId == WHOLE_SLIDE:
        images = [min(images, key=lambda one: (one.frames, _flavor(one) != "THUMBNAIL"))]
    middle = sum(one.frames_held for one in images) // 2
    for image in images:
        if image.TransferSyntaxUID in VIDEO_SYNTAXES:
            return image, 1
        if middle < image.frames_held:
            return image, middle + 1
        middle -= image.frames_held
    raise AssertionError("the middle lies within the images")


def _flavor(image: Instance) -> str:
    return image.ImageType[2] if len(image.ImageType) > 2 else ""
