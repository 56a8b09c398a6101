"""How many of its frames a file has, where it is cut."""

from pathlib import Path

import pytest
from builders import make_image, save
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41, JPEG2000Lossless
from unit.helpers import header_of


@pytest.mark.parametrize(
    ("compressed", "size", "held"),
    [
        (False, None, 10),
        (False, 4 * 128, 4),
        (False, 4 * 128 + 1, 5),
        (False, 0, 0),
        (True, None, 10),
        # An offset table without values, then items of 8 and 100 bytes.
        (True, 8 + 4 * 108, 4),
        (True, 8 + 4 * 108 + 20, 5),
        (True, 8, 0),
    ],
)
def test_frames_that_are_there_are_counted(*, compressed: bool, size: int | None, held: int, tmp_path: Path) -> None:
    image = make_image(NumberOfFrames=10)
    if compressed:
        image.file_meta.TransferSyntaxUID = JPEG2000Lossless
        image.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(96)] * 10, has_bot=False)
        image["PixelData"].is_undefined_length = True
    path = save(image, tmp_path / "a")
    if size is not None:
        path.write_bytes(path.read_bytes()[: header_of(path).pixels.offset + size])
    header = header_of(path)
    assert (header.instance.frames, header.instance.frames_held) == (10, held)
    assert header.truncated == (size is not None)


def test_of_one_fragment_without_a_table_and_an_end_the_image_is_there(tmp_path: Path) -> None:
    image = make_image()
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    image.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(96)], has_bot=False)[8:]
    image["PixelData"].is_undefined_length = True
    path = save(image, tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-8])
    assert header_of(path).instance.frames_held == 1


def test_of_a_film_fragments_do_not_count(tmp_path: Path) -> None:
    image = make_image(NumberOfFrames=10)
    image.file_meta.TransferSyntaxUID = MPEG4HP41
    image.PixelData = encapsulate([bytes(1000)], has_bot=False)
    image["PixelData"].is_undefined_length = True
    path = save(image, tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-300])
    header = header_of(path)
    assert header.truncated
    assert header.instance.frames_held == 10


def test_an_image_without_pixels_has_no_frames(tmp_path: Path) -> None:
    image = make_image()
    del image.PixelData
    assert header_of(save(image, tmp_path / "a")).instance.frames_held == 0
