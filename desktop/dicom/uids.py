"""UIDs that the program decides by, and how it makes its own (PS3.5 §9, PS3.6 Annex A)."""

import hashlib
import re

from . import dictionary

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
GE_PRIVATE_BIG_ENDIAN_PIXELS = "1.2.840.113619.5.2"
"""GE's private syntax: Implicit VR Little Endian, but with the pixels in big-endian order."""
PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.20"
DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

NATIVE_SYNTAXES = frozenset(
    {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
        GE_PRIVATE_BIG_ENDIAN_PIXELS,
        PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN,
    }
)
"""Transfer syntaxes whose Pixel Data are plain numbers, not a stream of fragments."""

BROWSER_SYNTAXES = frozenset(
    {
        RLE_LOSSLESS,
        "1.2.840.10008.1.2.4.50",  # JPEG Baseline
        "1.2.840.10008.1.2.4.51",  # JPEG Extended
        "1.2.840.10008.1.2.4.57",  # JPEG Lossless
        "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction
        "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
        "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-Lossless
        "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000 Lossless
        "1.2.840.10008.1.2.4.202",  # HTJ2K Lossless RPCL
        "1.2.840.10008.1.2.4.203",  # HTJ2K
    }
)
"""Compressed transfer syntaxes that OHIF's decoders read in the browser.

JPEG 2000 is not among them: of a frame that is cut short, its decoder there gives the picture of the frame before,
which may be another patient's, and no error.
"""

VIDEO_SYNTAXES = frozenset(
    f"1.2.840.10008.1.2.4.{number}{fragmentable}" for number in range(100, 107) for fragmentable in ("", ".1")
) | {"1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108"}
"""Transfer syntaxes of films: MPEG-2, H.264 and HEVC, whole or in fragments."""

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

NOT_OF_A_PATIENT = frozenset(
    {
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol
        "1.2.840.10008.5.1.4.39.1",  # Color Palette
        "1.2.840.10008.5.1.4.43.1",  # Generic Implant Template
        "1.2.840.10008.5.1.4.44.1",  # Implant Assembly Template
        "1.2.840.10008.5.1.4.45.1",  # Implant Template Group
        "1.2.840.10008.5.1.4.1.1.200.1",  # CT Defined Procedure Protocol
        "1.2.840.10008.5.1.4.1.1.200.3",  # Protocol Approval
    }
)
"""Storage classes whose objects belong to no study (PS3.3 §A.1.2)."""

_UID = re.compile(r"[0-9][0-9.]{0,63}")


def is_uid(text: str) -> bool:
    """Whether ``text`` may stand as a UID in a URL: digits and points, at most 64, as also ``1`` or ``4300`` are.

    It begins with a digit: browsers take ``.`` and ``..`` for steps between folders.
    """
    return _UID.fullmatch(text) is not None


def uid_name(uid: str) -> str:
    """Return the standard's name of a UID, or the UID itself, or ``unknown`` for what is none: that may be anything."""
    return dictionary.uid_name(uid) if is_uid(uid) else "unknown"


def make_uid(*parts: str) -> str:
    """Return a UID that depends on ``parts`` alone: the same parts give the same UID (PS3.5 §B.2)."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


IMPLEMENTATION_UID = make_uid("negatoscope")
IMPLEMENTATION_VERSION = "NEGATOSCOPE"
"""How files and associations say which program made them (PS3.7 §D.3.3.2)."""
