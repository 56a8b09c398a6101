"""Stored values to the grey levels or colours of a presentation state (PS3.4 §N.2.1, N.2.2)."""

from dataclasses import replace

import numpy as np

from ..items import Item, ReadBulk
from .format import PixelFormat, make_format
from .look import Look, find_padding, make_look
from .luts import Lut, Modality, Voi
from .palettes import Palette
from .presentation import Kind, Presentation
from .references import Reference
from .render import find_own_voi, map_values, render, render_grey
from .windows import sample, window_between

_LEAST_SHOWN = 0.1
"""Part of the range that must be used for a picture without a window to be worth looking at."""


def make_levels(
    presentation: Presentation, reference: Reference, stored: np.ndarray, image: Item, read_bulk: ReadBulk
) -> tuple[np.ndarray, list[str]]:
    """Return an image's pixels as a state shows them, before anything is drawn or turned.

    Args:
        presentation: the state.
        reference: which frame of which image it is.
        stored: its stored values.
        image: the image's data set.
        read_bulk: reads bulk data of the image.

    Returns:
        (rows, columns) or (rows, columns, 3), 8 bits, and what of the state is not applied, in sentences.

    Raises:
        NoPixels: as :func:`~desktop.dicom.pixels.format.make_format`.
    """
    unapplied: list[str] = []
    pixel_format = make_format(image, "")
    has_colours = stored.ndim == 3 or pixel_format.PhotometricInterpretation == "PALETTE COLOR"
    if has_colours or presentation.kind is Kind.COLOR:
        if presentation.kind is not Kind.COLOR:
            unapplied.append("It is for grey images: its window is not applied to this one, which has colours.")
        return render(stored, make_look(image, reference.frame, read_bulk)), unapplied
    # Photometric Interpretation and the image's own transformations do not count (PS3.4 §N.2.1.4).
    look = Look(
        pixel_format=pixel_format,
        modality=_for_signed(presentation.modality_of(reference), signed=pixel_format.is_signed),
        presentation=presentation.presentation_lut,
        padding=find_padding(image, pixel_format),
    )
    voi = presentation.voi_of(reference)
    if isinstance(voi, Lut) and look.modality.lut is None:
        negative = pixel_format.is_signed or look.modality.intercept < 0
        voi = _lut_for_signed(voi, signed=negative)
    if voi is None:
        voi = _identity_voi(stored, look, unapplied)
    if presentation.palette is None:
        return render_grey(stored, look, voi), unapplied
    return _pseudo_colours(stored, look, voi, presentation.palette), unapplied


def _pseudo_colours(stored: np.ndarray, look: Look, voi: Voi, palette: Palette) -> np.ndarray:
    """Spread all of the range of a window over a palette."""
    last = len(palette.colours) - 1

    def colours(values: np.ndarray) -> np.ndarray:
        places = np.floor(np.nan_to_num(voi.fraction(look.modality.apply(values))) * last + 0.5)
        found: np.ndarray = palette.colours[places.astype(np.intp)]
        return found

    return map_values(stored, colours, 3)


def _for_signed(modality: Modality, *, signed: bool) -> Modality:
    return modality if modality.lut is None else Modality(lut=_lut_for_signed(modality.lut, signed=signed))


def _lut_for_signed(lut: Lut, *, signed: bool) -> Lut:
    """Return a table whose first value may be negative: the state does not know whether the image has negative ones."""
    return replace(lut, first=lut.first - 0x10000) if signed and lut.first >= 0x8000 else lut


def _identity_voi(stored: np.ndarray, look: Look, unapplied: list[str]) -> Voi:
    """Return a window over all values that there can be, as the standard has it where a state has none.

    Of images that use little of that range nothing could be seen, so these are shown by what is in them.
    """
    low, high = _range(look.pixel_format, look.modality)
    values = look.modality.apply(sample(stored))
    values = values[np.isfinite(values)]
    shown = np.percentile(values, (1, 99)) if values.size else np.array([low, high])
    if low < high and shown[1] - shown[0] >= _LEAST_SHOWN * (high - low):
        return window_between(low, high)
    unapplied.append("It holds no window for this image; one was chosen by what is in the image.")
    return find_own_voi(stored, look)


def _range(pixel_format: PixelFormat, modality: Modality) -> tuple[float, float]:
    if modality.lut is not None:
        return 0.0, float(modality.lut.largest)
    if pixel_format.is_float:
        return 0.0, 0.0
    bits = pixel_format.BitsStored
    ends = (-(1 << bits - 1), (1 << bits - 1) - 1) if pixel_format.is_signed else (0, (1 << bits) - 1)
    low, high = sorted(end * modality.slope + modality.intercept for end in ends)
    return low, high
