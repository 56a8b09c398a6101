"""A picture in a square, with sentences below it."""

import numpy as np
import pytest

from desktop.pictures.captions import fit


@pytest.mark.parametrize(
    ("rows", "columns", "expected"), [(4, 4, (40, 40)), (8, 16, (16, 32)), (80, 160, (20, 40)), (1, 1, (40, 40))]
)
def test_a_picture_keeps_its_shape_and_lies_in_the_middle(rows: int, columns: int, expected: tuple[int, int]) -> None:
    shown = fit(np.full((rows, columns), 200, np.uint8), 40)
    assert shown.shape == (40, 40, 3)
    lit = np.argwhere(shown[:, :, 0] > 100)
    (top, left), (bottom, right) = lit.min(axis=0), lit.max(axis=0)
    assert (bottom - top + 1, right - left + 1) == expected
    assert abs(top - (39 - bottom)) <= 1
    assert abs(left - (39 - right)) <= 1


def test_whole_pixels_are_enlarged() -> None:
    shown = fit(np.arange(4, dtype=np.uint8).reshape(2, 2) * 60, 10)
    assert np.array_equal(shown[:5, :5], np.zeros((5, 5, 3)))
    assert np.array_equal(shown[5:, 5:], np.full((5, 5, 3), 180))


def test_sentences_stand_below_and_not_over_the_picture() -> None:
    picture = np.full((256, 256, 3), (0, 0, 255), np.uint8)
    bare, told = fit(picture, 512), fit(picture, 512, ["Blending is not applied."])
    assert np.array_equal(bare, np.full((512, 512, 3), (0, 0, 255)))
    letters = np.argwhere(told[:, :, 0] > 100)
    blue = np.argwhere(told[:, :, 2] == 255)
    assert letters[:, 0].min() > blue[:, 0].max()
    # However much there is to say, the picture is seen.
    many = fit(picture, 512, [f"Sentence {number} is one of many." for number in range(100)])
    assert (many[:, :, 2] == 255).sum() > 100 * 100
