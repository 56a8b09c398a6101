"""How many of its frames a file has, where it is cut."""

from pathlib import Path

import pytest
from unit.helpers import header_of


@pytest.mark.parametrize(
    ("name", "size", "frames", "held"),
    [
        ("emri_small.dcm", None, 10, 10),
        ("emri_small.dcm", 4 * 8192, 10, 4),
        ("emri_small_jpeg_2k_lossless.dcm", None, 10, 10),
        ("emri_small_jpeg_2k_lossless.dcm", 15_000, 10, 4),
    ],
)
def test_frames_that_are_there_are_counted(
    name: str, size: int | None, frames: int, held: int, pydicom_files: Path, tmp_path: Path
) -> None:
    if not (pydicom_files / name).exists():
        pytest.skip(f"{name} is not in pydicom's package")
    whole = header_of(pydicom_files / name)
    data = (pydicom_files / name).read_bytes()
    (tmp_path / name).write_bytes(data if size is None else data[: whole.pixels.offset + size])
    header = header_of(tmp_path / name)
    assert (header.instance.frames, header.instance.frames_held) == (frames, held)
    assert header.truncated == (size is not None)


def test_an_image_without_pixels_has_no_frames(pydicom_files: Path) -> None:
    header = header_of(pydicom_files / "MR_truncated.dcm")
    assert header.instance.frames_held == 1
    header = header_of(
        pydicom_files / "dicomdirtests" / "TINY_ALPHA" / "PT000000" / "ST000000" / "SE000000" / "IM000000"
    )
    assert header.instance.frames_held == 0
