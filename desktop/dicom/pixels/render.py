"""Frames to pictures of 8 bits."""

from collections.abc import Callable

import numpy as np

from .format import PixelFormat
from .look import Look, is_padding
from .luts import Voi
from .windows import find_window, sample, window_between

_BAND = 1 << 20
"""Pixels that are rendered at once, where each has to be reckoned by itself."""

_FEW = 1 << 14
"""Pixels that are reckoned one by one, rather than all values that there can be."""

_DARK = 0.25
"""Part of the range above which 8-bit pixels must reach, or they are shown brighter."""


def render(array: np.ndarray, look: Look) -> np.ndarray:
    """Return a frame as a picture.

    Args:
        array: stored values, as :func:`~desktop.dicom.pixels.decoding.decode_frame` returns them.
        look: how it is to be seen.

    Returns:
        (rows, columns) or (rows, columns, 3), 8 bits: P-Values, or red, green and blue. Pixels that stand for none, and
        those that are no numbers, are black. They are as high and wide as in the frame: see ``look.aspect``.
    """
    if array.ndim == 3:
        return _colours(array, look.pixel_format)
    if look.palette is not None:
        return map_values(array, look.palette.apply, 3)
    grey = render_grey(array, look, look.voi or find_own_voi(array, look))
    if look.supplement is None:
        return grey
    colours = map_values(array, look.supplement.apply, 3)
    return np.where((array >= look.supplement.first)[:, :, None], colours, grey[:, :, None])


def render_grey(array: np.ndarray, look: Look, voi: Voi) -> np.ndarray:
    """Return a frame of one sample for each pixel as P-Values of 8 bits, by a given window or table."""
    return map_values(array, lambda stored: _levels(stored, look, voi), 1)


def map_values(array: np.ndarray, make: Callable[[np.ndarray], np.ndarray], channels: int) -> np.ndarray:
    """Return what ``make`` makes of each stored value: 8 bits, of so many channels.

    Args:
        array: stored values, (rows, columns).
        make: given values in one row, returns (values,) or (values, 3).
        channels: 1 or 3.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    out = np.empty((flat.size, 3) if channels == 3 else flat.size, np.uint8)
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2 and array.size > _FEW:
        # Each value that there can be is reckoned once.
        unsigned = np.dtype(f"u{array.dtype.itemsize}")
        every = np.arange(1 << 8 * array.dtype.itemsize, dtype=np.int64).astype(unsigned)
        table, flat = make(every.view(array.dtype)), flat.view(unsigned)
        make = table.__getitem__
    for start in range(0, flat.size, _BAND):
        out[start : start + _BAND] = make(flat[start : start + _BAND])
    return out.reshape((*array.shape, 3) if channels == 3 else array.shape)


def _levels(stored: np.ndarray, look: Look, voi: Voi) -> np.ndarray:
    fraction = look.presentation.fraction(voi.fraction(look.modality.apply(stored)))
    absent = np.isnan(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, np.bool_)
    if look.padding is not None:
        absent |= is_padding(stored, look.padding)
    levels: np.ndarray = np.floor(np.nan_to_num(fraction) * 255 + 0.5).astype(np.uint8)
    levels[absent] = 0
    return levels


def find_own_voi(array: np.ndarray, look: Look) -> Voi:
    """Return a window for a frame that names none: by its percentiles, or all of what a picture for the screen has."""
    pixels = sample(array)
    if look.padding is not None:
        pixels = pixels[~is_padding(pixels, look.padding)]
    pixel_format = look.pixel_format
    if pixel_format.BitsAllocated == 8 and not pixel_format.is_signed and look.modality.is_identity and pixels.size:
        whole = (1 << pixel_format.BitsStored) - 1
        if np.percentile(pixels, 99.5) > _DARK * whole:
            return window_between(0, whole)
    return find_window(look.modality.apply(pixels))


def _colours(array: np.ndarray, pixel_format: PixelFormat) -> np.ndarray:
    bits = pixel_format.BitsStored
    if array.dtype == np.uint8:
        return array
    # Some say 16 bits of colours that have 8.
    if bits <= 8 or array.max() < 256:
        shift, largest = 0, 255
    else:
        shift, largest = bits - 8, (1 << bits) - 1
    picture: np.ndarray = (np.clip(array, 0, largest) >> shift).astype(np.uint8)
    return picture
