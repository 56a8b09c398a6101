"""Pictures as PNG and JPEG, and small ones for lists."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


def encode_png(picture: np.ndarray) -> bytes:
    """Return a picture, (rows, columns) or (rows, columns, 3) of 8 bits, as PNG."""
    file = io.BytesIO()
    # Higher levels take several times as long for some hundredths of the size.
    to_image(picture).save(file, "PNG", compress_level=3)
    return file.getvalue()


def encode_jpeg(picture: np.ndarray, quality: int = 90) -> bytes:
    """Return a picture, (rows, columns) or (rows, columns, 3) of 8 bits, as JPEG of a quality from 1 to 100."""
    file = io.BytesIO()
    to_image(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def encode_gif(pictures: Sequence[np.ndarray], seconds: float = 0.0) -> bytes:
    """Return pictures of one size, (rows, columns) or (rows, columns, 3) of 8 bits, as GIF.

    Greys are what they are; of colours, GIF has 256 in a picture. Several are shown one after another, for ever.

    Args:
        pictures: at least one.
        seconds: for which each is shown.
    """
    file = io.BytesIO()
    first, *others = (to_image(picture) for picture in pictures)
    if others:
        first.save(file, "GIF", save_all=True, append_images=others, duration=max(20, round(seconds * 1000)), loop=0)
    else:
        first.save(file, "GIF")
    return file.getvalue()


def make_thumbnail(picture: np.ndarray, aspect: float = 1.0, size: int = 128) -> np.ndarray:
    """Return a picture that fits into a square, with square pixels.

    Args:
        picture: (rows, columns) or (rows, columns, 3), 8 bits.
        aspect: height of its pixels, divided by their width.
        size: of the square, in pixels.

    Each pixel is the mean of those that it covers. A picture that is smaller than the square stays so, but for the side
    that is stretched because its pixels are not square.
    """
    rows, columns = picture.shape[:2]
    height, width = rows * max(aspect, 1), columns / min(aspect, 1)
    scale = min(1.0, size / max(height, width))
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resize(picture, shape)


def resize(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a picture of another width and height: means where it gets smaller, pixels repeated where larger."""
    from PIL.Image import Resampling

    if picture.shape[1::-1] == shape:
        return picture
    return np.asarray(to_image(picture).resize(shape, Resampling.BOX))


def to_image(picture: np.ndarray) -> "Image":
    """Return a picture as Pillow has it."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(picture))
