"""How an image's pixels are written (PS3.3 §C.7.6.3, C.7.6.24, C.7.6.25)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ..frames import FRAME_LIMIT
from ..items import Item

COLOURS = frozenset(
    {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"},
)
"""Photometric Interpretations of three samples for each pixel."""

_GREYS = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
_LARGEST = 65_535
"""Rows and columns are 16-bit numbers."""

_MOST_FRAMES = (1 << 31) - 1


class NoPixels(InputError):  # noqa: N818 - said of a file, not a fault of the program
    """The pixels cannot be shown. The sentence says why; it holds nothing of the patient."""

    code = "no_pixels"


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How an image's pixels are written. All values are possible ones, whatever stands in the file.

    Attributes:
        BitsAllocated: 1, 8, 12, 16, 32 or 64.
        BitsStored: from 1 to Bits Allocated.
        HighBit: from Bits Stored - 1 to Bits Allocated - 1.
        PixelRepresentation: 0 unsigned, 1 signed.
        SamplesPerPixel: 1 or 3.
        PhotometricInterpretation: one that goes with Samples per Pixel.
        pixel_keyword: the element that holds the pixels: PixelData, FloatPixelData or DoubleFloatPixelData.
    """

    TransferSyntaxUID: str
    Rows: int
    Columns: int
    SamplesPerPixel: int = 1
    PhotometricInterpretation: str = "MONOCHROME2"
    BitsAllocated: int = 16
    BitsStored: int = 16
    HighBit: int = 15
    PixelRepresentation: int = 0
    PlanarConfiguration: int = 0
    NumberOfFrames: int = 1
    pixel_keyword: str = "PixelData"

    @property
    def is_float(self) -> bool:
        """Whether the pixels are floating point numbers."""
        return self.pixel_keyword != "PixelData"

    @property
    def is_signed(self) -> bool:
        """Whether the pixels are integers with a sign."""
        return self.PixelRepresentation == 1

    @property
    def bytes_allocated(self) -> int:
        """Bytes that hold one sample once it is unpacked: 1, 2, 4 or 8."""
        return {1: 1, 12: 2}.get(self.BitsAllocated, self.BitsAllocated // 8)

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type of the stored values."""
        kind = "f" if self.is_float else "i" if self.is_signed else "u"
        return np.dtype(f"{kind}{self.bytes_allocated}")

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.Rows * self.Columns

    @property
    def is_subsampled(self) -> bool:
        """Whether two pixels share their chrominance when they are not compressed (PS3.3 §C.7.6.3.1.2)."""
        return self.SamplesPerPixel == 3 and self.PhotometricInterpretation in _SUBSAMPLED

    @property
    def native_bits(self) -> int:
        """Bits of one frame that is not compressed."""
        samples = 2 if self.is_subsampled else self.SamplesPerPixel
        return self.pixels * samples * self.BitsAllocated


def make_format(item: Item, syntax: str) -> PixelFormat:
    """Return how the pixels of a data set are written.

    Args:
        item: the data set. It need not hold the pixels themselves; where no element says which kind they are, those
            of 32 or 64 bits without Bits Stored, High Bit and Pixel Representation are floating point numbers.
        syntax: Transfer Syntax UID of the frames.

    What is missing or makes no sense gets the value that is most likely.

    Raises:
        NoPixels: it does not say how large its frames are, or they are too large, or of a kind that nobody reads.
    """
    rows, columns = _size(item, "Rows"), _size(item, "Columns")
    photometric = " ".join(item.text("PhotometricInterpretation").upper().replace("PALETTE_", "PALETTE ").split())
    samples = item.integer("SamplesPerPixel") or (3 if photometric in COLOURS else 1)
    if samples not in (1, 3) or photometric in ("ARGB", "CMYK", "HSV"):
        raise NoPixels(f"Its pixels of {samples} samples cannot be shown.")
    if samples == 3 and photometric not in COLOURS:
        photometric = "RGB"
    elif samples == 1 and photometric not in _GREYS:
        photometric = "MONOCHROME2"
    keyword = _pixel_keyword(item)
    if keyword != "PixelData" and (samples > 1 or photometric == "PALETTE COLOR"):
        raise NoPixels("Its colours are floating point numbers, which cannot be shown.")
    allocated = _bits_allocated(item, keyword)
    if allocated in (1, 12) and samples != 1:
        raise NoPixels(f"Its colours of {allocated} bits cannot be shown.")
    if rows * columns * samples * max(8, allocated) > 8 * FRAME_LIMIT:
        raise NoPixels("Its images are too large to be shown.")
    stored = item.integer("BitsStored") or allocated
    if not 1 <= stored <= allocated:
        stored = allocated
    high = item.integer("HighBit")
    return PixelFormat(
        TransferSyntaxUID=syntax,
        Rows=rows,
        Columns=columns,
        SamplesPerPixel=samples,
        PhotometricInterpretation=photometric,
        BitsAllocated=allocated,
        BitsStored=stored,
        HighBit=high if high is not None and stored - 1 <= high < allocated else stored - 1,
        PixelRepresentation=int(keyword == "PixelData" and item.integer("PixelRepresentation") == 1),
        PlanarConfiguration=int(item.integer("PlanarConfiguration") == 1),
        NumberOfFrames=min(max(1, item.integer("NumberOfFrames") or 1), _MOST_FRAMES),
        pixel_keyword=keyword,
    )


def _size(item: Item, keyword: str) -> int:
    number = item.integer(keyword)
    if number is None or not 1 <= number <= _LARGEST:
        raise NoPixels("It does not say how large its images are.")
    return number


def _pixel_keyword(item: Item) -> str:
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in item:
            return keyword
    if not any(keyword in item for keyword in ("BitsStored", "HighBit", "PixelRepresentation")):
        return {32: "FloatPixelData", 64: "DoubleFloatPixelData"}.get(item.integer("BitsAllocated") or 0, "PixelData")
    return "PixelData"


def _bits_allocated(item: Item, keyword: str) -> int:
    if keyword != "PixelData":
        return 32 if keyword == "FloatPixelData" else 64
    said = item.integer("BitsAllocated")
    if said is None:
        stored = item.integer("BitsStored") or 16
        said = next((bits for bits in (8, 16, 32, 64) if stored <= bits), 16)
    if said not in (1, 8, 12, 16, 32, 64):
        raise NoPixels(f"Its pixels of {said} bits cannot be shown.")
    return said
