"""Frames as pictures: grey, inverted, coloured, floats, doses; padding; the shape of pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_image
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from unit.dicom.pixels.samples import bulk_of, decoded_frames, item_of, make_pixel_format, no_bulk, opened

from desktop.dicom.items import Item
from desktop.dicom.pixels.format import NoPixels
from desktop.dicom.pixels.look import Look, PresentationLut, make_look
from desktop.dicom.pixels.luts import Lut, Modality
from desktop.dicom.pixels.render import map_values, render
from desktop.dicom.pixels.windows import Window, window_between

NO_WINDOW = {"WindowCenter": None, "WindowWidth": None}


def look_of(**attributes: Any) -> Look:
    return make_look(item_of(make_image(PixelData=b"", **attributes)), 1, no_bulk)


def shown(values: list[Any], kind: str = "u2", **attributes: Any) -> list[Any]:
    """Return how a row of stored values is shown."""
    return render(np.array([values], kind), look_of(Rows=1, Columns=len(values), **attributes))[0].tolist()


def test_a_window() -> None:
    assert shown([0, 1000, 1024, 1064, 1500], RescaleIntercept=-1024, WindowCenter=40, WindowWidth=81) == [
        0,
        0,
        round(255 * 0.5 / 80),
        round(255 * 40.5 / 80),
        255,
    ]


def test_monochrome1_and_inverse_are_the_same_thing() -> None:
    plain = shown([0, 100, 240])
    inverted = [255 - value for value in plain]
    assert shown([0, 100, 240], PhotometricInterpretation="MONOCHROME1") == inverted
    assert shown([0, 100, 240], PresentationLUTShape="INVERSE") == inverted
    assert shown([0, 100, 240], PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE") == inverted


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("padding", "limit", "kind", "representation", "black"),
    [
        (5, None, "u2", 0, [5]),
        (5, 7, "u2", 0, [5, 6, 7]),
        (7, 5, "u2", 0, [5, 6, 7]),
        (-2000, None, "i2", 1, [-2000]),
        (-2000, -1990, "i2", 1, [-2000, -1995]),
        (63_536, None, "u2", 0, [63_536]),
    ],
)
def test_padding_is_black(
    photometric: str, padding: int, limit: int | None, kind: str, representation: int, black: list[int]
) -> None:
    values = [-2000, -1995, 5, 6, 7, 50] if representation else [5, 6, 7, 50, 63_536]
    attributes: dict[str, Any] = {
        "PhotometricInterpretation": photometric,
        "PixelRepresentation": representation,
        "BitsStored": 16,
        "HighBit": 15,
        "WindowCenter": 0,
        "WindowWidth": 200_000,
    }
    item = item_of(make_image(PixelData=b"", Rows=1, Columns=len(values), **attributes))
    item.model["00280120"] = {"vr": "SS", "Value": [padding]}
    if limit is not None:
        item.model["00280121"] = {"vr": "SS", "Value": [limit]}
    picture = render(np.array([values], kind), make_look(item, 1, no_bulk))[0].tolist()
    assert [value for value, level in zip(values, picture, strict=True) if level == 0] == black


def test_padding_that_was_read_without_its_sign() -> None:
    item = item_of(make_image(PixelData=b"", PixelRepresentation=1, BitsStored=16, HighBit=15))
    item.model["00280120"] = {"vr": "US", "Value": [63_536]}
    assert make_look(item, 1, no_bulk).padding == (-2000, -2000)


def test_padding_does_not_make_the_window() -> None:
    frame = np.concatenate([np.full(1000, 60_000), np.arange(1000)]).reshape(40, 50).astype(np.uint16)
    look = look_of(BitsStored=16, HighBit=15, PixelPaddingValue=60_000, **NO_WINDOW)
    picture = render(frame, look)
    assert picture[frame == 60_000].max() == 0
    assert int(picture[frame == 500][0]) == pytest.approx(127, abs=2)


@pytest.mark.parametrize("kind", ["u1", "u2", "i1", "i2", "u4", "i4", "u8", "f4", "f8"])
@given(st.data())
def test_all_kinds_of_numbers_are_shown_alike(kind: str, data: st.DataObject) -> None:
    """By a table of all values, or one by one."""
    info = (-1000, 1000) if kind[0] == "f" else (np.iinfo(kind).min, min(np.iinfo(kind).max, 1 << 62))
    values = data.draw(st.lists(st.integers(*info), min_size=4, max_size=4))
    look = Look(make_pixel_format(), Modality(0.5, -7), Window(3, 90), PresentationLut(inverted=True))
    array = np.resize(np.array(values, kind), (150, 150))
    expected = [1 - look.voi.fraction(np.array([value * 0.5 - 7]))[0] for value in array[0, :4].tolist()]  # type: ignore[union-attr]
    assert render(array, look)[0, :4].tolist() == [int(np.floor(level * 255 + 0.5)) for level in expected]
    assert render(array[:2, :2], look)[0].tolist() == render(array, look)[0, :2].tolist()


def test_maps_keep_the_shape() -> None:
    array = np.arange(200 * 150, dtype=np.int16).reshape(200, 150)
    assert map_values(array, lambda row: row.astype(np.uint8), 1).shape == (200, 150)
    colours = map_values(array.T, lambda row: np.stack([row] * 3, -1).astype(np.uint8), 3)
    assert colours.shape == (150, 200, 3)
    assert np.array_equal(colours[:, :, 1], array.T.astype(np.uint8))
    assert np.array_equal(map_values(array.T.astype(np.int32), lambda row: row.astype(np.uint8), 1), colours[:, :, 0])


def test_floats() -> None:
    look = Look(make_pixel_format(pixel_keyword="FloatPixelData", BitsAllocated=32), voi=window_between(0, 1))
    array = np.array([[0, 0.5, 1, np.nan, np.inf, -np.inf]], np.float32)
    assert render(array, look).tolist() == [[0, 128, 255, 0, 255, 0]]


def test_float_maps_have_windows_of_fractions() -> None:
    item = item_of(make_image(PixelData=b"", BitsAllocated=32, WindowCenter=0.5, WindowWidth=1))
    for keyword in ("00280101", "00280102", "00280103"):
        del item.model[keyword]
    assert make_look(item, 1, no_bulk).voi == Window(0.5, 1, "LINEAR_EXACT")
    assert look_of(WindowCenter=1, WindowWidth=1).voi == Window(1, 1, "LINEAR")
    assert look_of(WindowCenter=1, WindowWidth=1, RescaleSlope=0.01).voi == Window(1, 1, "LINEAR_EXACT")
    item.model["00221000"] = {"vr": "FL", "Value": [1.5]}
    item.model["00280122"] = {"vr": "FL", "Value": [-3.5]}
    assert make_look(item, 1, no_bulk).padding == (-3.5, -3.5)


def test_one_bit() -> None:
    look = make_look(item_of(make_image(PixelData=b"", BitsAllocated=1, BitsStored=1, HighBit=0)), 1, no_bulk)
    assert render(np.array([[0, 1]], np.uint8), look).tolist() == [[0, 255]], "whatever the window says"


def test_fractional_segments() -> None:
    assert shown([0, 50, 100], "u1", BitsAllocated=8, BitsStored=8, MaximumFractionalValue=100) == [0, 128, 255]


def test_pictures_for_the_screen_are_shown_as_they_are() -> None:
    frame = np.arange(120, dtype=np.uint8).reshape(10, 12)
    look = look_of(BitsAllocated=8, BitsStored=8, HighBit=7, **NO_WINDOW)
    assert np.array_equal(render(frame, look), frame)
    dark = render(frame // 4, look)
    assert dark.max() == 255, "but not if they would be dark"


def test_a_dose_is_mostly_nothing() -> None:
    dose = np.zeros((100, 100), np.uint32)
    dose[40:50, 40:50] = np.arange(100).reshape(10, 10) * 10_000
    look = look_of(BitsAllocated=32, BitsStored=32, HighBit=31, Modality="RTDOSE", **NO_WINDOW)
    picture = render(dose, look)
    assert picture[0, 0] == 0
    assert picture[45, 45] == pytest.approx(255 * 55 / 99, abs=4)


def palette_look(**attributes: Any) -> Item:
    item = item_of(make_image(PixelData=b"", SamplesPerPixel=1, BitsAllocated=8, BitsStored=8, HighBit=7, **attributes))
    for number in (1, 2, 3):
        item.model[f"0028110{number}"] = {"vr": "US", "Value": [2, 10, 8]}
        item.model[f"0028120{number}"] = {"vr": "US", "Value": [number | number * 16 << 8]}
    return item


def test_palettes() -> None:
    look = make_look(palette_look(PhotometricInterpretation="PALETTE COLOR"), 1, no_bulk)
    array = np.array([[0, 10, 11, 12]], np.uint8)
    assert render(array, look).tolist() == [[[1, 2, 3], [1, 2, 3], [16, 32, 48], [16, 32, 48]]]
    big = np.resize(array, (200, 200))
    assert np.array_equal(render(big, look)[0, :4], render(array, look)[0])


def test_a_palette_that_is_missing() -> None:
    item = palette_look(PhotometricInterpretation="PALETTE COLOR")
    del item.model["00281203"]
    look = make_look(item, 1, no_bulk)
    assert look.notes == ("The colours of its palette are missing or damaged: it is shown in grey.",)
    assert render(np.array([[0, 200]], np.uint8), look).shape == (1, 2)


@pytest.mark.parametrize(("presentation", "is_coloured"), [("COLOR", True), ("MIXED", True), ("MONOCHROME", False)])
def test_supplemental_palettes(presentation: str, is_coloured: bool) -> None:
    """Below the first value mapped all is grey, by its window."""
    item = palette_look(PixelPresentation=presentation, WindowCenter=10, WindowWidth=21)
    picture = render(np.array([[0, 5, 10, 11]], np.uint8), make_look(item, 1, no_bulk))
    if not is_coloured:
        assert picture.tolist() == [[6, 70, 134, 147]]
    else:
        assert picture.tolist() == [[[6] * 3, [70] * 3, [1, 2, 3], [16, 32, 48]]]


@pytest.mark.parametrize(
    ("bits", "kind", "value", "expected"),
    [
        (8, "u1", 200, 200),
        (16, "u2", 0xABCD, 0xAB),
        (12, "u2", 0xABC, 0xAB),
        (16, "u2", 200, 200),
        (32, "u4", 1 << 31, 128),
    ],
)
def test_colours(bits: int, kind: str, value: int, expected: int) -> None:
    look = Look(
        make_pixel_format(SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=32, BitsStored=bits)
    )
    assert render(np.full((2, 2, 3), value, kind), look).tolist() == [[[expected] * 3] * 2] * 2


def test_presentation_luts() -> None:
    table = Lut(0, np.array([0, 100, 1023], np.uint16), 10)
    fraction = PresentationLut(lut=table).fraction(np.array([0, 0.5, 1]))
    assert fraction.tolist() == [0, 100 / 1023, 1]
    assert PresentationLut(inverted=True).fraction(np.array([0, 0.25, 1])).tolist() == [1, 0.75, 0]


def measures(spacing: list[float]) -> Dataset:
    inner, outer = Dataset(), Dataset()
    inner.PixelSpacing = spacing
    outer.PixelMeasuresSequence = [inner]
    return outer


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ({"PixelSpacing": [0.5, 0.5]}, 1),
        ({"PixelSpacing": [1, 0.5]}, 2),
        ({"PixelSpacing": None, "PixelAspectRatio": [1, 2]}, 0.5),
        ({"PixelSpacing": None, "ImagerPixelSpacing": [0.2, 0.1]}, 2),
        ({"PixelSpacing": [0, 0.5], "PixelAspectRatio": [4, 3]}, 4 / 3),
        ({"PixelSpacing": [1, 0.001]}, 1),
        ({"PixelSpacing": None}, 1),
        ({"SharedFunctionalGroupsSequence": [measures([3, 1])]}, 3),
    ],
)
def test_the_shape_of_pixels(attributes: dict[str, Any], aspect: float) -> None:
    assert look_of(**attributes).aspect == pytest.approx(aspect)


NUMBERS = st.none() | st.floats() | st.integers(-70_000, 70_000) | st.integers() | st.text(max_size=5) | st.just({})


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"])
@given(st.data())
def test_any_nonsense_gives_a_picture_or_a_sentence(photometric: str, data: st.DataObject) -> None:
    """Whatever stands in one or two elements of an image that has everything."""
    item = palette_look(PhotometricInterpretation=photometric, PixelPresentation="COLOR", RescaleIntercept=1)
    table = {"00283002": {"vr": "US", "Value": [2, 0, 16]}, "00283006": {"vr": "US", "Value": [1, 2]}}
    for sequence in ("00283000", "00283010"):
        item.model[sequence] = {"vr": "SQ", "Value": [table]}
    item.model["00280120"] = {"vr": "US", "Value": [3]}
    tags = [*(tag for tag in item.model if tag.startswith("0028")), "00280121", "00280034", "52009230", "20500020"]
    for tag in data.draw(st.lists(st.sampled_from(sorted(tags)), min_size=1, max_size=2)):
        item.model[tag] = {"vr": "UN", "Value": data.draw(st.lists(NUMBERS | st.just(table), max_size=3))}
    try:
        look = make_look(item, data.draw(st.sampled_from([1, 2, 0])), no_bulk)
    except NoPixels:
        return
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert render(array.view(data.draw(st.sampled_from(["u1", "i1"]))), look).shape[:2] == (3, 4)
    assert 0 < look.aspect <= 20


def judge(path: Path) -> np.ndarray:
    """Render a grey image with pydicom's tables and windows."""
    dataset = dcmread(path)
    stored = dataset.pixel_array if dataset.get("NumberOfFrames", 1) == 1 else dataset.pixel_array[0]
    values = apply_voi_lut(apply_modality_lut(stored, dataset), dataset, prefer_lut=False).astype(float)
    low, high = 0.0, 65_535.0 if "VOILUTSequence" in dataset else 0.0
    if "WindowWidth" in dataset:
        # pydicom's output has the range of the values of the modality that there can be.
        bits, signed = dataset.BitsStored, dataset.PixelRepresentation
        ends = np.array([-(1 << bits - 1), (1 << bits - 1) - 1] if signed else [0, (1 << bits) - 1], float)
        low, high = ends * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
    level = (values - low) / (high - low)
    return 1 - level if dataset.PhotometricInterpretation == "MONOCHROME1" else level


@pytest.mark.parametrize("name", ["MR_small.dcm", "J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm", "examples_overlay.dcm"])
def test_windows_as_pydicom_applies_them(pydicom_files: Path, name: str) -> None:
    compare(pydicom_files / name)


@pytest.mark.parametrize("name", ["vlut_04.dcm", "RG3_J2KI.dcm", "dx_image.dcm", "MR2_J2KI.dcm"])
def test_tables_and_windows_of_the_corpus(corpus: Path, name: str) -> None:
    compare(next(corpus.rglob(name)))


def compare(path: Path) -> None:
    (array, *_) = decoded_frames(path, 1)
    look = make_look(opened(path)[0], 1, bulk_of(path))
    expected = np.floor(judge(path) * 255 + 0.5)
    if look.padding is not None:
        expected[(array >= look.padding[0]) & (array <= look.padding[1])] = 0
    assert np.abs(render(array, look) - expected).max() <= 1
