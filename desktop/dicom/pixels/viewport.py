"""The part of a picture that is asked for, and the room that it is to fit into (PS3.18 §8.3.5.1.3)."""

from dataclasses import dataclass

import numpy as np

from .encode import resize

_LONGEST = 1 << 14
"""Pixels of the longer side of what is made."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """What is shown, and how large at most.

    Attributes:
        width, height: of the room that the picture is to fit into, in pixels; 0: as large as the rest of them allows.
        left, top: the first column and row of the part that is shown.
        part_width, part_height: of that part; 0 for all that is right of or below its beginning. Where they are
            negative, it is shown mirrored.
    """

    width: int = 0
    height: int = 0
    left: float = 0.0
    top: float = 0.0
    part_width: float = 0.0
    part_height: float = 0.0

    def fits(self, rows: int, columns: int) -> bool:
        """Whether a picture of so many pixels has such a part."""
        width, height = abs(self.part_width) or columns - self.left, abs(self.part_height) or rows - self.top
        return (
            self.left >= 0
            and self.top >= 0
            and width >= 1
            and height >= 1
            and self.left + width <= columns
            and self.top + height <= rows
        )

    def apply(self, picture: np.ndarray, aspect: float) -> np.ndarray:
        """Return what is shown of a picture, as large as fits, with square pixels.

        Args:
            picture: (rows, columns) or (rows, columns, 3), 8 bits; :meth:`fits` it.
            aspect: height of its pixels, divided by their width.
        """
        picture = self._cut(picture)
        rows, columns = picture.shape[:2]
        if not (self.width or self.height):
            return picture
        height, width = rows * max(aspect, 1), columns / min(aspect, 1)
        scale = min((self.width or _LONGEST) / width, (self.height or _LONGEST) / height)
        return resize(picture, (max(1, round(width * scale)), max(1, round(height * scale))))

    def _cut(self, picture: np.ndarray) -> np.ndarray:
        rows, columns = picture.shape[:2]
        left, top = int(self.left), int(self.top)
        right = min(columns, round(self.left + (abs(self.part_width) or columns)))
        bottom = min(rows, round(self.top + (abs(self.part_height) or rows)))
        picture = picture[top : max(bottom, top + 1), left : max(right, left + 1)]
        if self.part_width < 0:
            picture = picture[:, ::-1]
        return picture[::-1] if self.part_height < 0 else picture
