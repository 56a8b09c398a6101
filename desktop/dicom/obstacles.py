"""What the viewer would show wrongly, or not at all. Better no picture than a wrong one."""

from . import uids
from .records import Instance, Pixels

FRAME_LIMIT = 1 << 28
"""Bytes of the largest uncompressed frame: a browser does not take larger ones."""

_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})


def find_obstacle(instance: Instance, pixels: Pixels) -> str | None:
    """Return why OHIF cannot show an image rightly; None if it can."""
    if pixels.offset < 0:
        return None
    if pixels.length is None and pixels.TransferSyntaxUID not in uids.BROWSER_SYNTAXES | {uids.DEFLATED_IMAGE_FRAME}:
        return f"Its compression ({uids.uid_name(pixels.TransferSyntaxUID)}) cannot be shown yet."
    # Pixels of one bit are sent as one byte each.
    size = pixels.frame_bits if instance.BitsAllocated == 1 else pixels.frame_bits // 8
    if pixels.length is not None and size > FRAME_LIMIT:
        return "Its images are too large to be shown."
    if (instance.SamplesPerPixel or 1) > 1 and (instance.BitsAllocated or 8) > 8:
        return f"Its colours of {instance.BitsAllocated} bits cannot be shown rightly yet."
    if pixels.length is not None and instance.PhotometricInterpretation in _SUBSAMPLED:
        return f"Its uncompressed {instance.PhotometricInterpretation} colours cannot be shown rightly yet."
    return None
