"""Colour spaces: YBR to RGB (PS3.3 §C.7.6.3.1.2), and CIELab to sRGB (§C.10.7.1.1)."""

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]
"""Red, green and blue, each from 0 to 255."""

_FULL = np.array(
    [[1, 1, 1], [0, -0.114 * 1.772 / 0.587, 1.772], [1.402, -0.299 * 1.402 / 0.587, 0]],
    np.float32,
)
_PARTIAL = _FULL * np.array([[255 / 219], [255 / 224], [255 / 224]], np.float32)
"""Luminance from 16 to 235, chrominance from 16 to 240, as CCIR 601 has them."""

_BAND = 1 << 20
"""Pixels that are converted at once: single precision takes four times the memory."""

_WHITE_D50 = np.array([0.9642, 1.0, 0.8249])
_XYZ_TO_RGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)
"""From XYZ under D50 to linear sRGB, with Bradford's adaptation."""


def ybr_to_rgb(array: np.ndarray, bits: int, *, partial: bool = False) -> np.ndarray:
    """Return an image in RGB.

    Args:
        array: (rows, columns, 3) in YBR_FULL, unsigned.
        bits: bits of a sample.
        partial: it is in YBR_PARTIAL.
    """
    rows, columns, _ = array.shape
    flat = np.ascontiguousarray(array).reshape(-1, 3)
    out = np.empty_like(flat)
    scale = 1 << bits
    matrix = _PARTIAL if partial else _FULL
    zero = np.array([scale / 16 if partial else 0, scale / 2, scale / 2], np.float32)
    for start in range(0, len(flat), _BAND):
        band = (flat[start : start + _BAND].astype(np.float32) - zero) @ matrix
        out[start : start + _BAND] = np.clip(np.floor(band + np.float32(0.5)), 0, scale - 1)
    return out.reshape(rows, columns, 3)


def lab_to_rgb(values: Sequence[float]) -> Colour | None:
    """Return the colour that a CIELab value of DICOM stands for; None if it is none.

    Args:
        values: L*, a*, b*, each as a 16-bit number, under D50 (PS3.3 §C.10.7.1.1).
    """
    if len(values) != 3 or not all(0 <= value <= 0xFFFF for value in values):
        return None
    lightness = values[0] / 0xFFFF * 100
    a, b = (value / 0xFFFF * 255 - 128 for value in values[1:])
    middle = (lightness + 16) / 116
    bent = np.array([middle + a / 500, middle, middle - b / 200])
    xyz = np.where(bent > 6 / 29, bent**3, 3 * (6 / 29) ** 2 * (bent - 4 / 29)) * _WHITE_D50
    linear = np.clip(_XYZ_TO_RGB @ xyz, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(value) * 255) for value in encoded)
    return red, green, blue


def grey_colour(value: float | None, default: int = 255) -> Colour:
    """Return the grey of a P-Value from 0 to 65535; that of ``default`` (0 to 255) if there is none."""
    level = default if value is None else round(min(max(value, 0), 0xFFFF) / 257)
    return level, level, level
