"""Puts a picture into a square, with sentences below it."""

from collections.abc import Sequence

import numpy as np

from ..dicom.pixels.encode import resize
from ..dicom.pixels.lettering import clean, line_height, wrap, write

_LETTER = 48
"""How many letters high the square is."""

_MOST_LINES = 10
_MARGIN = 4
_COLOUR = (255, 200, 90)


def fit(picture: np.ndarray, side: int, sentences: Sequence[str] = ()) -> np.ndarray:
    """Return a picture in the middle of a black square, with sentences below it.

    Args:
        picture: (rows, columns) or (rows, columns, 3), 8 bits.
        side: of the square, in pixels.
        sentences: what is to be said of it.

    Returns:
        (side, side, 3). The picture is larger by a whole number, or, where it does not fit, made smaller.
    """
    from PIL import Image, ImageDraw

    square = np.zeros((side, side, 3), np.uint8)
    size = max(11, side // _LETTER)
    said = [line for sentence in sentences for line in wrap(clean(sentence)[0], side - 2 * _MARGIN, size)]
    lines = said[:_MOST_LINES]
    if len(said) > _MOST_LINES:
        lines[-1] = "…"
    height = side - (len(lines) * line_height(size) + 2 * _MARGIN if lines else 0)
    shown = _scale(picture, side, height)
    top, left = (height - shown.shape[0]) // 2, (side - shown.shape[1]) // 2
    square[top : top + shown.shape[0], left : left + shown.shape[1]] = shown if shown.ndim == 3 else shown[:, :, None]
    if not lines:
        return square
    image = Image.fromarray(square)
    write(ImageDraw.Draw(image), (_MARGIN, height + _MARGIN), lines, size, "LEFT", side, _COLOUR)
    return np.asarray(image)


def _scale(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    rows, columns = picture.shape[:2]
    scale = min(width / columns, height / rows)
    if scale >= 1:
        scale = int(scale)
    return resize(picture, (max(1, round(columns * scale)), max(1, round(rows * scale))))
