"""Overlay planes: where they lie, which frame they belong to, and those in unused bits."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from unit.dicom.pixels.samples import bulk_of, frames_of, make_pixel_format, no_bulk, opened

from desktop.dicom.items import Item
from desktop.dicom.pixels.decoding import decode_containers
from desktop.dicom.pixels.format import make_format
from desktop.dicom.pixels.overlays import burn_in, embedded_overlays, overlay_groups, overlay_mask, read_overlays
from desktop.dicom.pixels.stored import Containers


def plane(bits: list[list[int]], group: str = "6000", **more: Any) -> dict[str, Any]:
    """Return the elements of an overlay plane; ``more`` are elements by their last four digits, after an e."""
    array = np.array(bits, np.uint8)
    data = np.packbits(array.reshape(-1), bitorder="little").tobytes()
    model = {
        f"{group}0010": {"vr": "US", "Value": [array.shape[-2]]},
        f"{group}0011": {"vr": "US", "Value": [array.shape[-1]]},
        f"{group}0050": {"vr": "SS", "Value": [1, 1]},
        f"{group}0100": {"vr": "US", "Value": [1]},
        f"{group}0102": {"vr": "US", "Value": [0]},
        f"{group}3000": {"vr": "OW", "InlineBinary": base64.b64encode(data).decode()},
    }
    for name, value in more.items():
        model[group + name[1:]] = {"vr": "US", "Value": value}
    return model


CROSS = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


def test_a_plane() -> None:
    (overlay,) = read_overlays(Item({**plane(CROSS, e1500=["Ruler"])}), 1, no_bulk).planes
    assert (overlay.group, overlay.top, overlay.left, overlay.label) == (0x6000, 0, 0, "Ruler")
    assert overlay.bits.astype(int).tolist() == CROSS


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ([1, 1], [[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0]]),
        ([2, 3], [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]]),
        ([0, -1], [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        ([-5, 1], [[0] * 4] * 3),
        ([1, 90], [[0] * 4] * 3),
    ],
)
def test_planes_that_lie_beside_the_image_are_cut_off(origin: list[int], expected: list[list[int]]) -> None:
    (overlay,) = read_overlays(Item(plane(CROSS, e0050=origin)), 1, no_bulk).planes
    assert overlay_mask(overlay, 3, 4).astype(int).tolist() == expected


def test_burning_in() -> None:
    overlays = read_overlays(Item(plane(CROSS)), 1, no_bulk).planes
    grey = np.full((3, 4), 7, np.uint8)
    assert burn_in(grey, overlays, 200).tolist() == [[7, 200, 7, 7], [200, 200, 200, 7], [7, 200, 7, 7]]
    assert grey.max() == 7
    colours = burn_in(np.zeros((3, 4, 3), np.uint8), overlays)
    assert colours[1, :, 2].tolist() == [255, 255, 255, 0]


@pytest.mark.parametrize(
    ("frames", "origin", "frame", "expected"),
    [
        (None, None, 5, [[1, 0, 1]]),
        (3, None, 1, [[1, 0, 1]]),
        (3, None, 2, [[0, 1, 0]]),
        (3, None, 3, [[1, 1, 1]]),
        (3, None, 4, None),
        (3, 4, 5, [[0, 1, 0]]),
        (3, 4, 3, None),
    ],
)
def test_planes_of_several_frames(frames: int | None, origin: int | None, frame: int, expected: Any) -> None:
    """They are packed bit by bit, whatever byte they begin in."""
    more: dict[str, Any] = {"e0010": [1]}
    if frames is not None:
        more["e0015"] = [frames]
    if origin is not None:
        more["e0051"] = [origin]
    found = read_overlays(Item(plane([[1, 0, 1], [0, 1, 0], [1, 1, 1]], **more)), frame, no_bulk)
    assert [overlay.bits.astype(int).tolist() for overlay in found.planes] == ([] if expected is None else [expected])
    assert not found.notes


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"e0010": [0]}, "how large"),
        ({"e0011": []}, "how large"),
        ({"e0050": [1, 999_999]}, "where it lies"),
        ({"e0050": [1]}, "where it lies"),
        ({"e0010": [60_000], "e0011": [60_000]}, "cut short"),
        ({"e0015": [900], "e0051": [-800]}, "cut short"),
    ],
)
def test_planes_that_make_no_sense(more: dict[str, Any], note: str) -> None:
    found = read_overlays(Item({**plane(CROSS, **more), **plane(CROSS, "6002")}), 1, no_bulk)
    assert [overlay.group for overlay in found.planes] == [0x6002]
    assert len(found.notes) == 1
    assert note in found.notes[0]
    assert "6000" in found.notes[0]


def test_groups() -> None:
    model = {**plane(CROSS, "60FE"), **plane(CROSS, "6001"), "60ZZ0010": {}, "60020022": {}, "00280010": {}}
    assert [*overlay_groups(Item(model))] == [0x6002, 0x60FE]


def embedded(position: int, **more: Any) -> Item:
    model = plane(CROSS, e0100=[16], e0102=[position], **more)
    del model["60003000"]
    return Item(model)


def test_planes_in_unused_bits() -> None:
    array = np.array([[0x8001, 0x4002]], np.uint16)
    twelve = make_pixel_format(Rows=1, Columns=2, BitsStored=12)
    assert [plane.bits.tolist() for plane in embedded_overlays(embedded(15), Containers(array), twelve)] == [
        [[True, False]]
    ]
    assert embedded_overlays(embedded(3), Containers(array), twelve) == (), "that bit is in use"
    shifted = make_pixel_format(Rows=1, Columns=2, BitsStored=12, HighBit=15)
    (low,) = embedded_overlays(embedded(1), Containers(array), shifted)
    assert low.bits.tolist() == [[False, True]]
    assert embedded_overlays(embedded(16), Containers(array), twelve) == ()
    assert embedded_overlays(Item(plane(CROSS)), Containers(array), twelve) == ()
    floats = make_pixel_format(pixel_keyword="FloatPixelData", BitsAllocated=32)
    assert embedded_overlays(embedded(15), Containers(array), floats) == ()


def check(path: Path) -> int:
    """Compare with pydicom's overlays."""
    dataset = dcmread(path)
    planes = read_overlays(opened(path)[0], 1, bulk_of(path)).planes
    for overlay in planes:
        assert np.array_equal(overlay.bits, dataset.overlay_array(overlay.group)), path
    return len(planes)


def test_overlays_of_pydicom(pydicom_files: Path) -> None:
    assert check(pydicom_files / "examples_overlay.dcm") == 1


def test_overlays_of_the_corpus(corpus: Path) -> None:
    names = ("OutOfBoundsOverlay.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm", "overlay.dcm", "prOverlay.dcm")
    assert [check(next(corpus.rglob(name))) for name in names] == [2, 1, 2, 2]


def test_an_embedded_overlay_of_the_corpus(corpus: Path) -> None:
    """The image has six lines of text, of which two stand in unused bits."""
    path = next(corpus.rglob("overlay.dcm"))
    item = opened(path)[0]
    (frame,) = frames_of(path)
    pixel_format = make_format(item, frame.TransferSyntaxUID)
    found = embedded_overlays(item, decode_containers(frame.data, pixel_format), pixel_format)
    assert [overlay.group for overlay in found] == [0x6000, 0x6002]
    words = np.frombuffer(dcmread(path).PixelData, "<u2").reshape(512, 512)
    assert np.array_equal(found[0].bits, words >> 15 & 1)
    assert np.array_equal(found[1].bits, words >> 14 & 1)
    assert found[0].bits.any()
