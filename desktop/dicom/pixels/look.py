"""How a frame is to be seen, as its data set says (PS3.3 §C.7.6.3, C.11.1, C.11.2)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..items import Item, ReadBulk
from .format import PixelFormat, make_format
from .groups import find_group
from .luts import Lut, Modality, Voi, find_modality, find_voi
from .palettes import Palette, read_palette
from .windows import Window, window_between

_MOST_OBLONG = 20
"""How many times longer than wide a pixel may be; what is said beyond is a slip."""

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ImagePlanePixelSpacing")


@dataclass(frozen=True, slots=True, eq=False)
class PresentationLut:
    """Makes P-Values of values of interest (PS3.3 §C.11.6).

    Attributes:
        inverted: what is small is white.
        lut: a table, over all of the range of its input.
    """

    inverted: bool = False
    lut: Lut | None = None

    def fraction(self, interest: np.ndarray) -> np.ndarray:
        """Return P-Values from 0 to 1 of values of interest from 0 to 1."""
        if self.lut is not None:
            interest = self.lut.fraction(interest * (len(self.lut.values) - 1))
        return 1 - interest if self.inverted else interest


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How a frame is to be seen.

    Attributes:
        voi: None: the frame itself decides, by its percentiles.
        palette: colours for the indices of PALETTE COLOR.
        supplement: colours for stored values from its first one on; those below are grey (PS3.3 §C.7.6.19).
        padding: the stored values, from and to, that stand for no pixel (PS3.3 §C.7.5.1.1.2).
        aspect: height of a pixel, divided by its width.
        notes: what a reader of the picture ought to know, in sentences.
    """

    pixel_format: PixelFormat
    modality: Modality = field(default_factory=Modality)
    voi: Voi | None = None
    presentation: PresentationLut = field(default_factory=PresentationLut)
    palette: Palette | None = None
    supplement: Palette | None = None
    padding: tuple[float, float] | None = None
    aspect: float = 1.0
    notes: tuple[str, ...] = ()


def make_look(item: Item, frame_number: int, read_bulk: ReadBulk) -> Look:
    """Return how one frame of an image is to be seen.

    Args:
        item: the data set.
        frame_number: from 1.
        read_bulk: reads the data of look-up tables.

    Raises:
        NoPixels: as :func:`~desktop.dicom.pixels.format.make_format`.
        LookupError, OSError, NegatoscopeError: what ``read_bulk`` raises.
    """
    pixel_format = make_format(item, "")
    signed = pixel_format.is_signed
    photometric = pixel_format.PhotometricInterpretation
    notes = []
    palette = supplement = None
    if photometric == "PALETTE COLOR":
        palette = read_palette(item, read_bulk, signed=signed)
        if palette is None:
            notes.append("The colours of its palette are missing or damaged: it is shown in grey.")
    elif photometric.startswith("MONOCHROME") and item.text("PixelPresentation") in ("COLOR", "MIXED"):
        supplement = read_palette(item, read_bulk, signed=signed)
    modality = find_modality(item, frame_number, read_bulk, signed=signed)
    return Look(
        pixel_format=pixel_format,
        modality=modality,
        voi=_voi(item, frame_number, read_bulk, pixel_format, modality),
        presentation=PresentationLut(photometric == "MONOCHROME1" or item.text("PresentationLUTShape") == "INVERSE"),
        palette=palette,
        supplement=supplement,
        padding=find_padding(item, pixel_format),
        aspect=find_aspect(item, frame_number),
        notes=tuple(notes),
    )


def _voi(
    item: Item, frame_number: int, read_bulk: ReadBulk, pixel_format: PixelFormat, modality: Modality
) -> Voi | None:
    if pixel_format.BitsAllocated == 1:
        return window_between(0, 1)
    if (largest := item.integer("MaximumFractionalValue") or 0) > 0:
        return window_between(0, largest)
    negative = modality.lut is None and (pixel_format.is_signed or modality.intercept < 0 or modality.slope < 0)
    voi = find_voi(item, frame_number, read_bulk, signed=negative)
    fractions = pixel_format.is_float or not modality.slope.is_integer()
    if isinstance(voi, Window) and voi.width <= 1 and voi.function != "SIGMOID" and fractions:
        # LINEAR is made for integers: of fractions it would leave black and white only.
        return Window(voi.center, voi.width, "LINEAR_EXACT")
    return voi


def find_padding(item: Item, pixel_format: PixelFormat) -> tuple[float, float] | None:
    """Return the stored values, from and to, that stand for no pixel; None if there are none."""
    prefix = pixel_format.pixel_keyword.removesuffix("PixelData")
    ends = [item.number(f"{prefix}PixelPadding{end}") for end in ("Value", "RangeLimit")]
    value, limit = (_as_stored(end, pixel_format) for end in ends)
    if value is None:
        return None
    if limit is None:
        limit = value
    return min(value, limit), max(value, limit)


def _as_stored(value: float | None, pixel_format: PixelFormat) -> float | None:
    """Return a padding value as pixels have it, whether it was read with or without a sign."""
    if value is None or pixel_format.is_float:
        return value
    size = 1 << 8 * pixel_format.bytes_allocated
    value = int(value) % size
    return value - size if pixel_format.is_signed and value >= size // 2 else value


def find_aspect(item: Item, frame_number: int) -> float:
    """Return the height of a pixel, divided by its width (PS3.3 §C.7.6.3.1.7, §10.7.1.3); 1 if nobody says."""
    measures = find_group(item, frame_number, "PixelMeasuresSequence") or Item({})
    said: list[Any] = [measures.numbers("PixelSpacing"), *(item.numbers(keyword) for keyword in _SPACINGS)]
    for numbers in (*said, item.numbers("PixelAspectRatio")):
        if len(numbers) == 2 and min(numbers) > 0:
            aspect = float(numbers[0] / numbers[1])
            return aspect if 1 / _MOST_OBLONG <= aspect <= _MOST_OBLONG else 1.0
    return 1.0


def is_padding(array: np.ndarray, padding: tuple[float, float]) -> np.ndarray:
    """Return where a frame's stored values stand for no pixel."""
    low, high = padding
    return (array >= low) & (array <= high)
