"""Thumbnails, and frames that are decoded for the viewer: what is kept, and what is refused."""

from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, save
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import generate_uid
from server.asking import Served, instance_path, make_viewer, serve
from server.test_frames import viewer_accept

from desktop.pictures import service

J2K, JPEG_LS = "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"


def thumbnail(served: Served, path: Path, frame: int = 1) -> str:
    """Return the address of a file's thumbnail."""
    return f"/thumbnails{instance_path(served.place(path)).removeprefix('/dicom-web')}/frames/{frame}"


def kept(served: Served, path: Path) -> list[bytes | None]:
    """Return what the library keeps of a file's thumbnail, once all is written."""
    served.app.store.write(lambda db: db.execute("SELECT 1").fetchone()).result()
    rows = served.app.store.reader().execute(
        "SELECT image FROM thumbnails WHERE uid = ?", (f"{served.place(path)[2]}/1",)
    )
    return [row[0] for row in rows.fetchall()]


def add_written(served: Served, source: Path, path: Path, data: bytes | None = None, **attributes: int) -> Path:
    """Add a file of one compressed frame anew, with other bytes or attributes."""
    ds = dcmread(source)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(ROOT_UID)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    frame = next(generate_frames(ds.PixelData, number_of_frames=1)) if data is None else data
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].is_undefined_length = True
    served.add(save(ds, path))
    return path


def test_a_thumbnail_is_drawn_once(shelf: Served, tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "image")
    shelf.add(path)
    first = shelf.ask(thumbnail(shelf, path))
    assert first.status == 200
    assert first.header("content-type") == "image/jpeg"
    assert kept(shelf, path) == [first.body]
    path.unlink()
    assert shelf.ask(thumbnail(shelf, path)).body == first.body


def test_what_cannot_be_drawn_is_kept_too(shelf: Served, tmp_path: Path, pydicom_files: Path) -> None:
    path = add_written(shelf, pydicom_files / J2K, tmp_path / "image", b"\x55" * 1000)
    shelf.ask(thumbnail(shelf, path)).sentence(404)
    assert kept(shelf, path) == [None]


def test_what_took_too_long_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(make_image(), tmp_path / "image")
    # A library of its own: its workers are started anew.
    with serve(tmp_path / "base", make_viewer(tmp_path / "resources")) as served:
        served.add(path)
        with monkeypatch.context() as patched:
            patched.setattr(service, "_PATIENCE_SECONDS", 0.0)
            served.ask(thumbnail(served, path)).sentence(404)
        assert kept(served, path) == []
        assert served.ask(thumbnail(served, path)).status == 200


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        (JPEG_LS, {"Rows": 32, "Columns": 128}, "the frame has 64 of 64"),
        (J2K, {"Rows": 32, "Columns": 128}, "the frame has 64 of 64"),
        (J2K, {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, ""),
        ("SC_rgb_jpeg_dcmtk.dcm", {"Rows": 50}, "otherwise"),
    ],
)
def test_frames_that_are_not_what_the_file_says_are_refused(
    shelf: Served, tmp_path: Path, pydicom_files: Path, name: str, attributes: dict[str, int], words: str
) -> None:
    path = add_written(shelf, pydicom_files / name, tmp_path / "image", **attributes)
    said = shelf.ask(f"{shelf.instance(path)}/frames/1", viewer_accept()).sentence(404)
    assert words in said


def test_frames_under_the_syntax_of_another_compression_are_decoded(
    shelf: Served, tmp_path: Path, pydicom_files: Path
) -> None:
    other = next(generate_frames(dcmread(pydicom_files / J2K).PixelData, number_of_frames=1))
    path = add_written(shelf, pydicom_files / JPEG_LS, tmp_path / "image", other)
    answer = shelf.ask(f"{shelf.instance(path)}/frames/1", viewer_accept())
    assert answer.one() == dcmread(pydicom_files / J2K).pixel_array.tobytes()
