"""Texts in pictures: a size that fits, lines that break, letters that the font has."""

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_LARGEST_FONT = 40
_MOST_LINES = 200
_MOST_LETTERS = 2_100
_FONT_HAS = frozenset(map(chr, range(0x20, 0x7F))) | frozenset("©«°±´·»‘’“”…‹›⁄™")  # noqa: RUF001
"""Letters of the font that comes with Pillow."""

_SAME = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    "²": "2",
    "³": "3",
    "µ": "u",
    "μ": "u",
    "×": "x",  # noqa: RUF001
    "•": "·",
    "\u00a0": " ",
    "„": "“",
    "‚": "‘",  # noqa: RUF001
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
}
"""What is drawn in place of letters that the font lacks, and read as the same thing."""

_LIKE = {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "œ": "oe"}
"""Likewise, but not quite the same; letters with marks lose these."""


@lru_cache(maxsize=64)
def font(size: int) -> Any:
    """Return the font that comes with Pillow, of so many pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def clean(text: str) -> tuple[str, bool]:
    """Return a text fit to be drawn, and whether it lacks something: the font has hardly more letters than English."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")[:_MOST_LETTERS]
    drawn = []
    incomplete = False
    for letter in plain:
        if letter == "\n" or letter in _FONT_HAS:
            drawn.append(letter)
        elif letter in _SAME:
            drawn.append(_SAME[letter])
        else:
            incomplete = True
            marks_apart = unicodedata.normalize("NFKD", letter)
            drawn.append(_LIKE.get(letter) or "".join(one for one in marks_apart if one in _FONT_HAS) or "?")
    return "".join(drawn)[:_MOST_LETTERS], incomplete


def fit(text: str, width: float, height: float, least: int) -> tuple[list[str], int]:
    """Return the lines and the size of a text that is to fit into a box.

    It is as large as fits, but not smaller than ``least``, at which it may not fit.
    """
    low, high = least, max(least, min(_LARGEST_FONT, int(height)))
    lines = wrap(text, width, least)
    while low < high:
        size = (low + high + 1) // 2
        tried = wrap(text, width, size)
        if len(tried) * line_height(size) <= height and all(font(size).getlength(line) <= width for line in tried):
            low, lines = size, tried
        else:
            high = size - 1
    return lines, low


def line_height(size: int) -> int:
    """Return pixels from one line to the next."""
    return round(size * 1.25)


@lru_cache(maxsize=1 << 12)
def _length(word: str, size: int) -> float:
    length: float = font(size).getlength(word)
    return length


def wrap(text: str, width: float, size: int) -> list[str]:
    """Break a text into lines that are no wider than ``width``, at spaces; a word that is wider stays whole."""
    space = _length(" ", size)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        words: list[str] = []
        length = 0.0
        for word in paragraph.split(" "):
            added = _length(word, size) + (space if words else 0)
            if words and length + added > width:
                lines.append(" ".join(words))
                words, length, added = [], 0.0, added - space
            words.append(word)
            length += added
        lines.append(" ".join(words))
        if len(lines) >= _MOST_LINES:
            break
    return lines[:_MOST_LINES]


def block_size(lines: list[str], size: int) -> tuple[float, float]:
    """Return width and height of lines, in pixels."""
    return max(font(size).getlength(line) for line in lines), len(lines) * line_height(size)


def write(
    draw: "ImageDraw",
    place: tuple[float, float],
    lines: list[str],
    size: int,
    justification: str,
    width: float,
    colour: tuple[int, int, int],
) -> None:
    """Draw lines of text with a dark edge, so that they can be read on anything.

    Args:
        draw: on which picture.
        place: the top left corner.
        lines: of text.
        size: of the letters, in pixels.
        justification: LEFT, CENTER or RIGHT.
        width: within which they are justified.
        colour: of the letters; the edge is white where they are dark.
    """
    edge = (0, 0, 0) if sum(colour) > 200 else (255, 255, 255)
    for number, line in enumerate(lines):
        spare = width - font(size).getlength(line)
        indent = {"CENTER": spare / 2, "RIGHT": spare}.get(justification, 0)
        at = place[0] + max(0, indent), place[1] + number * line_height(size)
        draw.text(at, line, fill=colour, font=font(size), stroke_width=max(1, size // 14), stroke_fill=edge)
