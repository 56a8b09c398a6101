"""Decides in which form frames are sent (PS3.18 §8.7.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from ..pictures.rendering import GIF, JPEG, PNG
from .multipart import Accepted

OCTETS = "application/octet-stream"

_IMAGE_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
}
"""Media types of stored frames (PS3.18 Table 8.7.3-2)."""

_DRAWN = (JPEG, PNG, GIF)
_PLAIN = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)


@dataclass(frozen=True, slots=True)
class FrameForm:
    """How frames are sent.

    Attributes:
        media_type: of each.
        syntax: the transfer syntax; empty for pictures that are drawn of them.
        in_parts: in multipart.
        or_stored: if they cannot be decoded, they are sent as they are stored.
    """

    media_type: str
    syntax: str
    in_parts: bool
    or_stored: bool = False

    @property
    def content_type(self) -> str:
        """As it stands in headers."""
        return f"{self.media_type}; transfer-syntax={self.syntax}" if self.syntax else self.media_type


def choose_frame_form(accepted: Sequence[Accepted], stored: str, count: int) -> FrameForm | None:
    """Choose how so many frames are sent; None if the client accepts nothing that there is.

    Args:
        accepted: by the client, best first.
        stored: the transfer syntax in which they are stored; Explicit VR Little Endian for all native ones.
        count: several go in multipart only.

    Who takes anything gets frames as they are stored. Bytes without a transfer syntax are what the standard says they
    are: Explicit VR Little Endian. JPEG, PNG and GIF are drawn, unless frames are stored so.
    """
    for item in accepted:
        in_parts = item.media_type in ("multipart/related", "multipart/*", "*/*")
        wanted = item.media_type if item.media_type == "*/*" or not in_parts else item.part_type or "*/*"
        if not in_parts and count > 1:
            continue
        form = _as_bytes(wanted, item, stored, in_parts=in_parts) or _as_image(wanted, item, stored, in_parts=in_parts)
        if form is not None:
            return form
    return None


def as_stored(form: FrameForm, stored: str) -> FrameForm:
    """Return the form of the same frames as they are stored."""
    return FrameForm(OCTETS, stored, form.in_parts)


def _as_bytes(wanted: str, item: Accepted, stored: str, *, in_parts: bool) -> FrameForm | None:
    if wanted not in ("*/*", "application/*", OCTETS):
        return None
    asked = item.transfer_syntax
    if asked in ("*", stored) or (not asked and wanted == "*/*"):
        return FrameForm(OCTETS, stored, in_parts)
    if not asked:
        return FrameForm(OCTETS, EXPLICIT_VR_LITTLE_ENDIAN, in_parts, or_stored=True)
    return FrameForm(OCTETS, asked, in_parts) if asked in _PLAIN else None


def _as_image(wanted: str, item: Accepted, stored: str, *, in_parts: bool) -> FrameForm | None:
    own = _IMAGE_TYPES.get(stored)
    if own is not None and wanted in ("image/*", own) and item.transfer_syntax in ("", "*", stored):
        return FrameForm(own, stored, in_parts)
    if item.transfer_syntax in ("", "*") and wanted in ("image/*", *_DRAWN):
        return FrameForm(JPEG if wanted == "image/*" else wanted, "", in_parts)
    return None
