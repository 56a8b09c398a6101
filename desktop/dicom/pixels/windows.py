"""Windows: what range of values is shown from black to white (PS3.3 §C.11.2.1.2)."""

from dataclasses import dataclass

import numpy as np

_SAMPLE = 1 << 20
"""Pixels that a window is found by; of larger frames only some are looked at."""

_DARKEST, _BRIGHTEST = 0.5, 99.5
"""Percentiles between which the window lies."""

_LARGEST = 1e300

_MOSTLY = 0.5
"""Part of a frame that must have one value for it to be background."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window.

    Attributes:
        center, width: in values of the modality; the width is above 0.
        function: LINEAR, LINEAR_EXACT or SIGMOID; anything else is LINEAR.
    """

    center: float
    width: float
    function: str = "LINEAR"

    def fraction(self, numbers: np.ndarray) -> np.ndarray:
        """Return values of interest from 0 to 1, in double precision (PS3.3 §C.11.2.1.2, C.11.2.1.3)."""
        numbers = numbers.astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.function == "SIGMOID":
                # Is 1 / (1 + exp(-4 (x - c) / w)), which could overflow.
                return 0.5 + 0.5 * np.tanh(2 * ((numbers - self.center) / self.width))
            if self.width == 1 and self.function != "LINEAR_EXACT":
                return np.where(numbers > self.center - 0.5, 1.0, np.where(np.isnan(numbers), numbers, 0.0))
            if self.width < 1 or self.function == "LINEAR_EXACT":
                # LINEAR is not defined below 1, where images with fractions have their windows.
                return np.clip((numbers - self.center) / self.width + 0.5, 0, 1)
            return np.clip((numbers - (self.center - 0.5)) / (self.width - 1) + 0.5, 0, 1)


def window_between(low: float, high: float) -> Window:
    """Return the window in which ``low`` is black and ``high``, which is above it, white."""
    return Window(low / 2 + high / 2, high - low, "LINEAR_EXACT")


def sample(pixels: np.ndarray) -> np.ndarray:
    """Return pixels of all parts of a frame, in one row: all of them, or of a large frame so many as tell the rest."""
    pixels = pixels.reshape(-1)
    # The step is odd: a power of two would meet the same columns in each row.
    return pixels[:: pixels.size // _SAMPLE | 1] if pixels.size > _SAMPLE else pixels


def find_window(numbers: np.ndarray) -> Window:
    """Return a window that shows most of what is in a frame.

    Args:
        numbers: values of the modality, in one row, without those that stand for no pixel.

    It lies between percentiles. Where one value fills half of the frame, that is background: the rest counts.
    """
    # The difference of larger ones might be infinite.
    numbers = np.clip(numbers[np.isfinite(numbers)].astype(np.float64), -_LARGEST, _LARGEST)
    if not numbers.size:
        return Window(0.5, 1, "LINEAR_EXACT")
    background = float(np.median(numbers))
    foreground = numbers[numbers != background]
    if not foreground.size:
        # All is one value: black if that is zero or less, else white.
        return window_between(min(0.0, background), max(0.0, background) if background else 1.0)
    if 1 - foreground.size / numbers.size < _MOSTLY:
        foreground = numbers
    low, high = (float(value) for value in np.percentile(foreground, (_DARKEST, _BRIGHTEST)))
    if foreground is not numbers and background < low:
        low = background
    if not low < high:
        low, high = float(numbers.min()), float(numbers.max())
    return window_between(low, high)
