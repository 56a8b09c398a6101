"""Where the viewer needs help: pixels that it would show wrongly, or not at all, are decoded for it.

OHIF reads most frames as they are stored, which is quickest. What it does not read, or reads wrongly, is sent to it
decoded, and its metadata are told to it as the decoded frames have them. Better no picture than a wrong one: what
nobody reads is an obstacle.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import uids
from .frames import FRAME_LIMIT
from .pixels.codestream import Codestream, Kind, read_codestream
from .pixels.decoding import can_decode
from .records import Instance, Pixels

Changes = Mapping[str, Any]
"""Keyword → value, or None for what goes: where decoded frames are otherwise than the data set says."""

COLOURS: Changes = {
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
}
"""What all that the program draws in colours is: RGB of 8 bits, pixel by pixel."""

_INDICES: Changes = {
    **dict.fromkeys(
        keyword
        for colour in ("Red", "Green", "Blue")
        for keyword in (
            f"{colour}PaletteColorLookupTableDescriptor",
            f"{colour}PaletteColorLookupTableData",
            f"Segmented{colour}PaletteColorLookupTableData",
        )
    ),
    "PaletteColorLookupTableUID": None,
}
"""Once its palette is applied, an image has none."""

_FLOATS: Changes = {"BitsAllocated": 32, "PixelRepresentation": None}
"""With neither of both representations, the viewer takes 32 bits for a floating-point number."""

_AS_IT_IS: Changes = {}

_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_KINDS = {
    **dict.fromkeys(_JPEG, Kind.JPEG),
    **dict.fromkeys(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"), Kind.JPEG_LOSSLESS),
    **dict.fromkeys(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"), Kind.JPEG_LS),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)), Kind.HIGH_THROUGHPUT),
}
"""What frames have to be for the viewer to read them. It goes by the transfer syntax, not by the frame."""

_SEGMENTATIONS = frozenset({uids.SEGMENTATION, uids.LABEL_MAP_SEGMENTATION})
_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})


def find_aid(instance: Instance) -> Changes | None:
    """Return what is otherwise in the frames that the viewer is sent; None if it can read them as they are stored.

    What is decoded without being otherwise has no changes, which is not None.
    """
    syntax, samples, bits = instance.TransferSyntaxUID, instance.SamplesPerPixel or 1, instance.BitsAllocated or 8
    if not instance.has_pixels or syntax in uids.VIDEO_SYNTAXES:
        return None
    is_native = syntax in uids.NATIVE_SYNTAXES or syntax == uids.DEFLATED_IMAGE_FRAME
    is_read = is_native or syntax in uids.BROWSER_SYNTAXES
    if samples > 1:
        # Of JPEG that itself says nothing of its colours, OHIF takes for granted that they are YBR.
        is_taken_for_ybr = syntax in _JPEG and instance.PhotometricInterpretation == "RGB"
        is_subsampled = is_native and instance.PhotometricInterpretation in _SUBSAMPLED
        return COLOURS if bits > 8 or is_subsampled or is_taken_for_ybr or not is_read else None
    if is_segmentation(instance):
        return None if is_read else _AS_IT_IS
    if instance.PhotometricInterpretation == "PALETTE COLOR":
        return {**COLOURS, **_INDICES}
    floats = instance.number("FloatBits")
    if (floats or bits) > 16:
        # OHIF tells floating point numbers and integers apart by Pixel Representation alone.
        is_taken_for_floats = bits == 32 and not instance.trait("WideIntegers")
        return None if is_native and floats == 32 and is_taken_for_floats else _FLOATS
    if 8 < bits < 16:
        return {"BitsAllocated": 16}
    is_odd = instance.trait("UnusedBits") or (bits == 1 and syntax not in uids.NATIVE_SYNTAXES)
    if is_odd or not is_read:
        return _AS_IT_IS
    return None


def as_image(instance: Instance) -> Instance:
    """Return the instance as it is where it is shown by itself, whatever it refers to."""
    traits = [("AbsentSeries" if name == "ReferencedSeries" else name, value) for name, value in instance.traits]
    return replace(instance, traits=tuple(traits))


def is_segmentation(instance: Instance) -> bool:
    """Whether OHIF makes segments over images of it, of its numbers as they are; if not, it is an image."""
    return instance.SOPClassUID in _SEGMENTATIONS and instance.trait("ReferencedSeries") is not None


def is_misread(instance: Instance, data: bytes) -> bool:
    """Whether the viewer would decode a compressed frame to other values than it holds.

    Args:
        instance: that the viewer reads the frames of.
        data: the frame, compressed.
    """
    expected = _KINDS.get(instance.TransferSyntaxUID)
    if expected is None:
        return False
    codestream = read_codestream(data)
    return codestream is None or codestream.kind is not expected or _contradicts(codestream, instance)


def _contradicts(codestream: Codestream, instance: Instance) -> bool:
    said = instance.Rows, instance.Columns, instance.SamplesPerPixel or 1
    if said != (codestream.Rows, codestream.Columns, codestream.samples):
        return True
    if codestream.kind is Kind.JPEG and codestream.precision > 8:
        # Its decoder of 12 bits is up to 15 grey levels off.
        return True
    if codestream.kind is Kind.HIGH_THROUGHPUT and codestream.samples == 1:
        return codestream.is_signed != bool(instance.trait("Signed"))
    return False


def find_obstacle(instance: Instance, pixels: Pixels) -> str | None:
    """Return why nobody can show an image here; None if it can be shown."""
    if pixels.offset < 0 or pixels.TransferSyntaxUID in uids.VIDEO_SYNTAXES:
        return None
    floats = instance.number("FloatBits")
    if floats and ((instance.SamplesPerPixel or 1) > 1 or instance.PhotometricInterpretation == "PALETTE COLOR"):
        return "Its colours are floating point numbers, which cannot be shown."
    if pixels.length is None and not can_decode(pixels.TransferSyntaxUID):
        return f"Its compression ({uids.uid_name(pixels.TransferSyntaxUID)}) cannot be shown."
    # Pixels of one bit are sent as one byte each.
    size = pixels.frame_bits if instance.BitsAllocated == 1 else pixels.frame_bits // 8
    if pixels.length is not None and size > FRAME_LIMIT:
        return "Its images are too large to be shown."
    if (instance.SamplesPerPixel or 1) not in (1, 3):
        return f"Its pixels of {instance.SamplesPerPixel} samples cannot be shown."
    return None
