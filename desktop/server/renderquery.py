"""Reads what a client says of a picture that it asks for (PS3.18 §8.3.5).

Names that the standard does not know are passed over, as it wants it; values that make no sense are refused, and so is
what would be burned into the picture.
"""

import math
import re
from collections.abc import Mapping

from ..dicom.pixels.viewport import Viewport
from ..dicom.pixels.windows import Window
from ..pictures.rendering import Rendering

LONGEST = 16_384
"""Pixels of the longer side of a picture."""

LARGEST = 1 << 26
"""Pixels of a picture."""

_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?")


class BadQuery(ValueError):  # noqa: N818 - a fault of the request
    """The query cannot be followed. The sentence says why."""


def read_rendering(query: Mapping[str, str], *, thumbnail: bool = False) -> Rendering:
    """Return how a query wants a picture to be, whatever its media type.

    Args:
        query: name → value.
        thumbnail: only the size may be asked for.

    Raises:
        BadQuery: it makes no sense, or asks for what there is not.
    """
    if "annotation" in query:
        raise BadQuery("Pictures are given without annotation: ask without it.")
    if query.get("iccprofile", "no") != "no":
        raise BadQuery("Pictures are given without iccprofile: ask for iccprofile=no.")
    viewport = read_viewport(query["viewport"], thumbnail=thumbnail) if "viewport" in query else Viewport()
    if thumbnail:
        return Rendering(viewport=viewport)
    window = read_window(query["window"]) if "window" in query else None
    quality = read_quality(query["quality"]) if "quality" in query else Rendering().quality
    return Rendering(window=window, viewport=viewport, quality=quality)


def read_window(text: str) -> Window:
    """Return the window of ``center,width,function`` (PS3.18 §8.3.5.1.4).

    Raises:
        BadQuery: it is none.
    """
    parts = text.split(",")
    if len(parts) != 3 or parts[2].lower() not in _FUNCTIONS:
        raise BadQuery("A window is asked for as center,width,function: linear, linear-exact or sigmoid.")
    return make_window(read_number(parts[0]), read_number(parts[1]), _FUNCTIONS[parts[2].lower()])


def make_window(center: float | None, width: float | None, function: str = "LINEAR") -> Window:
    """Return a window.

    Raises:
        BadQuery: there is no such one (PS3.3 §C.11.2.1.2, C.11.2.1.3).
    """
    if center is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        raise BadQuery("A window has a center and a width, which are numbers; the width of a linear one is at least 1.")
    return Window(center, width, function)


def read_viewport(text: str, *, thumbnail: bool = False) -> Viewport:
    """Return the viewport of ``vw,vh`` or ``vw,vh,sx,sy,sw,sh`` (PS3.18 §8.3.5.1.3).

    What is left empty is as if it were not asked for.

    Raises:
        BadQuery: it is none.
    """
    parts = text.split(",")
    if len(parts) not in ((2,) if thumbnail else (2, 6)):
        raise BadQuery(
            "A viewport is asked for as width,height." if thumbnail else "A viewport is vw,vh or vw,vh,sx,sy,sw,sh."
        )
    width, height = (read_size(part) for part in parts[:2])
    if width * height > LARGEST:
        raise BadQuery(f"A viewport has at most {LARGEST:,} pixels.")
    numbers = [read_number(part) if part else 0.0 for part in parts[2:]]
    if any(number is None for number in numbers) or any(number is not None and number < 0 for number in numbers[:2]):
        raise BadQuery("The region of a viewport is told in numbers, and begins within the image.")
    return Viewport(width, height, *(number or 0.0 for number in numbers))


def read_size(text: str) -> int:
    """Return a length in pixels.

    Raises:
        BadQuery: it is none, or too large.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= LONGEST):
        raise BadQuery(f"The size of a picture, or viewport, is told in whole pixels, from 1 to {LONGEST}.")
    return int(text)


def read_quality(text: str) -> int:
    """Return the quality of a JPEG (PS3.18 §8.3.5.1.2).

    Raises:
        BadQuery: it is no whole number from 1 to 100.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 100):
        raise BadQuery("The quality of a picture is a whole number from 1 to 100.")
    return int(text)


def read_number(text: str) -> float | None:
    """Return a finite number; None if the text is none."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
