"""PNG, JPEG and thumbnails."""

import io

import numpy as np
import pytest
from PIL import Image

from desktop.dicom.pixels.encode import encode_jpeg, encode_png, make_thumbnail, resize

RAMP = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (30, 1))
COLOURS = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=-1)


@pytest.mark.parametrize("picture", [RAMP, COLOURS, RAMP.T, COLOURS[::-1, ::2]])
def test_png_is_exact_and_jpeg_nearly(picture: np.ndarray) -> None:
    png, jpeg = encode_png(picture), encode_jpeg(picture)
    assert png.startswith(b"\x89PNG")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), picture)
    assert jpeg.startswith(b"\xff\xd8")
    assert np.abs(np.asarray(Image.open(io.BytesIO(jpeg))).astype(int) - picture).mean() < 3


@pytest.mark.parametrize(
    ("shape", "aspect", "size", "expected"),
    [
        ((256, 512), 1, 128, (64, 128)),
        ((512, 256), 1, 128, (128, 64)),
        ((512, 512), 2, 128, (128, 64)),
        ((512, 512), 0.5, 128, (64, 128)),
        # Small ones are not blown up, but for the stretched side.
        ((10, 20), 1, 128, (10, 20)),
        ((10, 20), 2, 128, (20, 20)),
        ((10, 20), 0.5, 128, (10, 40)),
        ((1, 60_000), 1, 128, (1, 128)),
        ((60_000, 1), 1, 128, (128, 1)),
        ((1, 1), 20, 128, (20, 1)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_thumbnails_fit_and_keep_the_aspect(
    shape: tuple[int, int], aspect: float, size: int, expected: tuple[int, int], channels: int
) -> None:
    picture = np.zeros(shape if channels == 1 else (*shape, 3), np.uint8)
    made = make_thumbnail(picture, aspect, size)
    assert made.shape == (expected if channels == 1 else (*expected, 3))
    assert made.dtype == np.uint8


def test_thumbnails_have_the_mean_of_what_they_cover() -> None:
    """A fine pattern turns grey; taking every eighth pixel would make it black."""
    pattern = np.zeros((512, 512), np.uint8)
    pattern[::2, 1::2] = pattern[1::2, ::2] = 200
    assert np.unique(make_thumbnail(pattern, size=64)).tolist() == [100]


def test_larger_pictures_repeat_pixels() -> None:
    picture = np.array([[1, 2], [3, 4]], np.uint8)
    assert resize(picture, (4, 6)).tolist() == [[1, 1, 2, 2]] * 3 + [[3, 3, 4, 4]] * 3
    assert resize(picture, (2, 2)) is picture
