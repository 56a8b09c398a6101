"""Pictures outlive the processes that draw them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import make_image, save
from server.asking import Served, make_viewer, serve
from unit.pictures import crashing

from desktop.dicom.pixels.format import NoPixels
from desktop.pictures import service


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A library with one image."""
    monkeypatch.setenv(crashing.MARK, str(tmp_path / "marks"))
    with serve(tmp_path / "base", make_viewer(tmp_path / "resources"), draws=True) as served:
        served.add(save(make_image(), tmp_path / "in" / "a"))
        yield served


def test_a_frame_is_drawn_again_when_a_process_ends(shelf: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "draw_thumbnail", crashing.end_once)
    place = shelf.place(tmp_path / "in" / "a")
    assert shelf.app.pictures.thumbnail(place, 1) == b"picture"
    assert (tmp_path / "marks").read_bytes() == b"x"


def test_a_frame_that_ends_every_process_is_given_up_and_not_remembered(
    shelf: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    place = shelf.place(tmp_path / "in" / "a")
    with monkeypatch.context() as patch:
        patch.setattr(service, "draw_thumbnail", crashing.end)
        for _ in "ab":
            with pytest.raises(NoPixels, match="damaged"):
                shelf.app.pictures.thumbnail(place, 1)
    # Twice each time: nothing of the first was kept.
    assert (tmp_path / "marks").read_bytes() == b"xxxx"
    assert "Doe" not in caplog.text
    assert (shelf.app.pictures.thumbnail(place, 1) or b"").startswith(b"\xff\xd8")
