"""Presentation states applied to images: grey levels, turns, areas, shutters, layers, drawings."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_image
from hypothesis import given
from hypothesis import strategies as st
from unit.dicom.pixels.samples import bulk_of, frames_of, item_of, no_bulk, opened
from unit.dicom.pixels.states import (
    BLENDING,
    COLOR,
    IMAGE,
    PSEUDO_COLOR,
    annotated,
    area,
    compound,
    graphic,
    layer,
    lut,
    made,
    present,
    presentation,
    references,
    state,
    text,
    window,
)

from desktop.dicom.items import Item
from desktop.dicom.pixels import lettering
from desktop.dicom.pixels.decoding import decode_containers
from desktop.dicom.pixels.format import make_format
from desktop.dicom.pixels.overlays import embedded_overlays
from desktop.dicom.pixels.presentation import Kind, Presentation, make_presentation
from desktop.dicom.pixels.presenting import Presented, apply
from desktop.dicom.pixels.references import Reference
from desktop.dicom.pixels.stored import to_stored

RAMP = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
BLANK = np.zeros((512, 512), np.uint8)


def levels(presented: Presented, *columns: int) -> list[int]:
    """Return grey levels of the ramp's columns; the picture is twice as large."""
    return [int(presented.picture[200, 2 * column]) for column in columns]


def test_a_window_of_the_state_not_of_the_image() -> None:
    shown = present(RAMP, image={"WindowCenter": 10, "WindowWidth": 20, "RescaleSlope": 5})
    assert levels(shown, 0, 100, 200, 255) == [0, 100, 200, 255]
    assert shown.unapplied == ()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_photometric_interpretation_does_not_count(photometric: str) -> None:
    image = {"PhotometricInterpretation": photometric}
    assert levels(present(RAMP, image=image), 0, 200) == [0, 200]
    assert levels(present(RAMP, image=image, PresentationLUTShape="INVERSE"), 0, 200) == [255, 55]


def test_the_whole_chain() -> None:
    """Modality, values of interest, presentation: each by a table that shuffles."""
    shuffled = [np.random.default_rng(seed).permutation(256) for seed in (1, 2, 3)]
    shown = present(
        RAMP,
        ModalityLUTSequence=[lut(*shuffled[0])],
        SoftcopyVOILUTSequence=[made(VOILUTSequence=[lut(*shuffled[1])])],
        PresentationLUTShape=None,
        PresentationLUTSequence=[lut(*shuffled[2])],
    )
    expected = shuffled[2][shuffled[1][shuffled[0]]]
    assert levels(shown, *range(0, 256, 5)) == expected[::5].tolist()


def test_rescaling() -> None:
    shown = present(RAMP, RescaleSlope=2, RescaleIntercept=-100, SoftcopyVOILUTSequence=[window(100, 101)])
    assert levels(shown, 70, 100, 130) == [0, round(255 * (0.5 / 100 + 0.5)), 255]


def test_tables_that_begin_below_zero_read_without_a_sign() -> None:
    signed = np.tile(np.arange(-128, 128, dtype=np.int16), (256, 1))
    ends = [0, *range(255), 255]
    table = lut(*ends[1:], first=65_536 - 128)
    shown = present(signed, SoftcopyVOILUTSequence=[made(VOILUTSequence=[table])])
    assert levels(shown, 0, 100, 254) == [0, 100, 254]
    shown = present(signed, ModalityLUTSequence=[table])
    assert levels(shown, 0, 100, 254) == [0, 100, 254]


def test_without_a_window_all_values_are_shown() -> None:
    shown = present(RAMP, SoftcopyVOILUTSequence=None, image={"WindowCenter": 10, "WindowWidth": 20})
    assert levels(shown, 0, 100, 255) == [0, 100, 255]
    assert shown.unapplied == ()


def test_without_a_window_a_picture_that_would_be_dark_is_shown_all_the_same() -> None:
    shown = present(RAMP.astype(np.uint16), SoftcopyVOILUTSequence=None)
    assert levels(shown, 255) == [255]
    assert shown.unapplied == ("It holds no window for this image; one was chosen by what is in the image.",)


def test_the_window_for_this_frame() -> None:
    windows = [
        window(10, 20, references("1.9")),
        window(50, 100, references(IMAGE, 1, 2)),
        window(128, 256, references()),
    ]
    shown = [present(RAMP, frame=frame, SoftcopyVOILUTSequence=windows) for frame in (1, 2, 3)]
    assert [levels(one, 100) for one in shown] == [[255], [255], [100]]


def test_padding_is_black() -> None:
    shown = present(RAMP, PresentationLUTShape="INVERSE", image={"PixelPaddingValue": 0})
    assert levels(shown, 0, 1) == [0, 254]


def palette(*colours: tuple[int, int, int]) -> dict[str, Any]:
    tables = {}
    for number, channel in enumerate(("Red", "Green", "Blue")):
        tables[f"{channel}PaletteColorLookupTableDescriptor"] = [len(colours), 0, 8]
        tables[f"{channel}PaletteColorLookupTableData"] = bytes(colour[number] for colour in colours)
    return tables


def test_pseudo_colours_are_spread_over_the_window() -> None:
    colours = palette((0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255))
    shown = present(RAMP, SOPClassUID=PSEUDO_COLOR, **colours)
    assert [shown.picture[0, 2 * column].tolist() for column in (0, 80, 170, 255)] == [
        [0, 0, 255],
        [0, 255, 0],
        [255, 0, 0],
        [255, 255, 255],
    ]
    assert shown.unapplied == ()


def test_pseudo_colours_that_are_missing() -> None:
    shown = present(RAMP, SOPClassUID=PSEUDO_COLOR)
    assert shown.picture.ndim == 2
    assert "palette" in shown.unapplied[0]


def test_colour_images() -> None:
    colours = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=-1)
    shown = present(colours, SOPClassUID=COLOR, SoftcopyVOILUTSequence=None, ICCProfile=b"1234")
    assert np.array_equal(shown.picture[::2, ::2], colours)
    assert shown.unapplied == ("Its colour profile is not applied: colours are shown as sRGB.",)
    grey_state = present(colours)
    assert np.array_equal(grey_state.picture[::2, ::2], colours)
    assert "has colours" in grey_state.unapplied[0]


def test_images_with_palettes_keep_their_colours() -> None:
    """Their stored values are no grey levels."""
    image = {"PhotometricInterpretation": "PALETTE COLOR", **palette((9, 8, 7), (1, 2, 3))}
    for kind, count in ((COLOR, 0), ("1.2.840.10008.5.1.4.1.1.11.1", 1)):
        shown = present(RAMP, image=image, SOPClassUID=kind)
        assert shown.picture[0, 0].tolist() == [9, 8, 7]
        assert len(shown.unapplied) == count


def test_blending_shows_the_image_alone_and_says_so() -> None:
    def part(uid: str, center: float) -> Any:
        series = made(SeriesInstanceUID="1.8", ReferencedImageSequence=references(uid))
        return made(ReferencedSeriesSequence=[series], SoftcopyVOILUTSequence=[window(center, 100)])

    shown = present(
        RAMP,
        SOPClassUID=BLENDING,
        SoftcopyVOILUTSequence=None,
        ReferencedSeriesSequence=None,
        BlendingSequence=[part("1.9", 50), part(IMAGE, 150)],
    )
    assert levels(shown, 99, 200) == [0, 255]
    assert shown.unapplied == ("It blends two series: one image is shown alone, in grey.",)


def test_variable_modality_luts() -> None:
    tables = [
        made(ReferencedImageSequence=references("1.9"), RescaleSlope=9, RescaleIntercept=0),
        made(ReferencedImageSequence=references(), RescaleSlope=2, RescaleIntercept=0),
    ]
    shown = present(RAMP, SOPClassUID="1.2.840.10008.5.1.4.1.1.11.12", VariableModalityLUTSequence=tables)
    assert levels(shown, 50, 100) == [100, 200]


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"MaskSubtractionSequence": [made(MaskOperation="AVG_SUB")]}, "subtracts a mask"),
        ({"RecommendedViewingMode": "SUB"}, "subtracts a mask"),
        ({"ImageRotation": 45}, "45 degrees"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.9"}, "unknown kind"),
        ({"PresentationAnimationStyle": "CINE"}, "animated"),
        ({"ShutterShape": "RECTANGULAR"}, "shutter"),
        ({"DisplayedAreaSelectionSequence": [made()]}, "displayed area makes no sense"),
        ({"DisplayedAreaSelectionSequence": [area(900, 900, 999, 999)]}, "for this image"),
        ({"DisplayedAreaSelectionSequence": [area(1, 1, 256, 256, PresentationSizeMode="TRUE SIZE")]}, "TRUE SIZE"),
        ({"GraphicAnnotationSequence": [annotated(graphic("POINT", 9e9, 1))]}, "far outside"),
        ({"GraphicAnnotationSequence": [annotated(text("Ärzte", box=(1, 1, 200, 100)))]}, "“Ärzte”"),
        ({"GraphicAnnotationSequence": [annotated(text("X", box=(1, 9e9, 200, 9e9)))]}, "far outside"),
        ({"GraphicAnnotationSequence": [annotated(text("many " * 390, box=(1, 1, 20, 20)))]}, "does not fit"),
    ],
)
def test_what_is_not_applied_is_named(attributes: dict[str, Any], sentence: str) -> None:
    shown = present(RAMP, **attributes)
    assert len(shown.unapplied) == 1
    assert sentence in shown.unapplied[0]
    assert shown.picture.shape[:2] == (512, 512)


def test_an_image_that_the_state_does_not_refer_to() -> None:
    series = made(SeriesInstanceUID="1.2.3", ReferencedImageSequence=references("1.9"))
    shown = present(RAMP, ReferencedSeriesSequence=[series])
    assert shown.unapplied == ("It does not refer to this image.",)


@pytest.mark.parametrize(
    ("rotation", "flip", "corner"),
    [(0, "N", (0, 0)), (90, "N", (0, 3)), (180, "N", (3, 3)), (270, "N", (3, 0)), (0, "Y", (0, 3)), (90, "Y", (0, 0))],
)
def test_turns(rotation: int, flip: str, corner: tuple[int, int]) -> None:
    """Follow the image's first pixel, the only one that is white, into a corner."""
    image = np.zeros((4, 4), np.uint8)
    image[0, 0] = 255
    shown = present(image, ImageRotation=rotation, ImageHorizontalFlip=flip).picture[::128, ::128]
    assert [tuple(place) for place in np.argwhere(shown == 255).tolist()] == [corner]


def test_areas_are_cut_out_and_filled_up_with_black() -> None:
    image = np.full((100, 100), 200, np.uint8)
    shown = present(image, DisplayedAreaSelectionSequence=[area(51, 1, 150, 100)])
    assert shown.picture.shape == (600, 600)
    assert (shown.picture[:, :300] == 200).all()
    assert (shown.picture[:, 300:] == 0).all()


def test_pixels_that_are_not_square() -> None:
    assert present(np.zeros((100, 100), np.uint8), image={"PixelSpacing": [2, 1]}).picture.shape == (600, 300)
    selected = [area(1, 1, 100, 100, PresentationPixelAspectRatio=[1, 2])]
    shown = present(np.zeros((100, 100), np.uint8), DisplayedAreaSelectionSequence=selected)
    assert shown.picture.shape == (300, 600), "the state goes before the image"


SHUT = {
    "ShutterShape": "RECTANGULAR",
    "ShutterLeftVerticalEdge": 101,
    "ShutterRightVerticalEdge": 200,
    "ShutterUpperHorizontalEdge": 1,
    "ShutterLowerHorizontalEdge": 100,
    "ShutterPresentationValue": 32_896,
}


def test_shutters_lie_upon_the_image_and_turn_with_it() -> None:
    image = np.full((512, 512), 9, np.uint8)
    shown = present(image, **SHUT).picture
    assert (shown[:100, 100:200] == 9).all()
    assert (shown == 9).sum() == 100 * 100
    assert (shown[shown != 9] == 128).all()
    turned = present(image, ImageRotation=90, **SHUT).picture
    assert (turned[100:200, 412:] == 9).all()


def with_overlay(item: Item, group: str, bits: np.ndarray, *, shown_in: str = "") -> Item:
    import base64

    data = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    item.model[f"{group}0010"] = {"vr": "US", "Value": [bits.shape[0]]}
    item.model[f"{group}0011"] = {"vr": "US", "Value": [bits.shape[1]]}
    item.model[f"{group}0050"] = {"vr": "SS", "Value": [1, 1]}
    item.model[f"{group}3000"] = {"vr": "OW", "InlineBinary": base64.b64encode(data).decode()}
    if shown_in:
        item.model[f"{group}1001"] = {"vr": "CS", "Value": [shown_in]}
    return item


CORNER = np.zeros((512, 512), np.uint8)
CORNER[:10, :20] = 1
RED = [35_580, 53_662, 50_858]


def image_item() -> Item:
    attributes = {"Rows": 512, "Columns": 512, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    return item_of(make_image(PixelData=b"", SOPInstanceUID=IMAGE, **attributes))


def test_a_bitmap_shutter_covers_what_is_set() -> None:
    shut = state(ShutterShape="BITMAP", ShutterOverlayGroup=0x6000, ShutterPresentationValue=65_535)
    read = make_presentation(with_overlay(item_of(shut), "6000", CORNER), no_bulk)
    shown = apply(read, Reference(IMAGE), BLANK, image_item(), no_bulk)
    assert np.array_equal(shown.picture == 255, CORNER == 1)
    twice = make_presentation(with_overlay(item_of(shut), "6000", 1 - CORNER, shown_in="ONE"), no_bulk)
    covered = apply(twice, Reference(IMAGE), BLANK, image_item(), no_bulk)
    assert np.array_equal(covered.picture == 0, CORNER == 1), "a shutter is no overlay besides"
    small = make_presentation(with_overlay(item_of(shut), "6000", CORNER[:5]), no_bulk)
    missing = apply(small, Reference(IMAGE), BLANK, image_item(), no_bulk)
    assert missing.picture.max() == 0
    assert "bitmap shutter" in missing.unapplied[0]


def test_overlays_of_state_and_image_are_shown_only_if_they_are_activated() -> None:
    layers = [layer("ONE", 1, GraphicLayerRecommendedDisplayCIELabValue=RED), layer("TWO", 2)]
    item = item_of(state(GraphicLayerSequence=layers))
    image = with_overlay(with_overlay(image_item(), "6002", CORNER[::-1]), "6004", CORNER[:, ::-1])
    shown = apply(make_presentation(item, no_bulk), Reference(IMAGE), BLANK, image, no_bulk)
    assert shown.picture.ndim == 2
    assert shown.picture.max() == 0
    with_overlay(item, "6000", CORNER, shown_in="ONE")
    item.model["60021001"] = {"vr": "CS", "Value": ["TWO"]}
    item.model["60081001"] = {"vr": "CS", "Value": ["TWO"]}
    shown = apply(make_presentation(item, no_bulk), Reference(IMAGE), BLANK, image, no_bulk)
    assert shown.picture[5, 5].tolist() == pytest.approx([255, 0, 0], abs=1)
    assert shown.picture[505, 5].tolist() == [255, 255, 255]
    assert shown.picture[5, 505].tolist() == [0, 0, 0]
    assert shown.unapplied == ("The overlay of group 6008 is not there.",)


def drawn(*objects: Any, image: np.ndarray = BLANK, **attributes: Any) -> np.ndarray:
    """Return where something is drawn in white over an image that is black."""
    picture = present(image, GraphicAnnotationSequence=[annotated(*objects)], **attributes).picture
    return picture > 128


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the first and last column and row."""
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max(), rows.max()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (graphic("POINT", 100, 200), (94, 194, 106, 206)),
        (graphic("POLYLINE", 100, 200, 150, 200, 150, 260), (100, 200, 150, 260)),
        (graphic("INTERPOLATED", 100, 200, 150, 100, 200, 200), (100, 100, 200, 200)),
        (graphic("CIRCLE", 100, 200, 100, 230), (70, 170, 130, 230)),
        (graphic("ELLIPSE", 100, 200, 200, 200, 150, 180, 150, 220), (100, 180, 200, 220)),
        (graphic("POLYLINE", 0.25, 0.5, 0.75, 0.5, units="DISPLAY"), (128, 256, 384, 256)),
        (graphic("POLYLINE", 100, 200, 150, 260, units="MATRIX"), (100, 200, 150, 260)),
        (compound("RECTANGLE", 100, 200, 150, 260), (100, 200, 150, 260)),
        (compound("RECTANGLE", 100, 200, 150, 260, RotationAngle=90.0, RotationPoint=[100, 200]), (100, 150, 160, 200)),
        (compound("ELLIPSE", 100, 200, 150, 260), (100, 200, 150, 260)),
        (compound("MULTILINE", 100, 200, 150, 200, 100, 260, 150, 260), (100, 200, 150, 260)),
        (compound("INFINITELINE", 100, 200, 150, 200), (0, 200, 511, 200)),
        (compound("CROSSHAIR", 100, 200), (0, 0, 511, 511)),
    ],
)
def test_where_graphics_lie(shape: Any, expected: tuple[int, ...]) -> None:
    assert extent(drawn(shape)) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("shape", "inside"),
    [
        (graphic("CIRCLE", 100, 200, 100, 230, filled="Y"), 30 * 30 * np.pi),
        (graphic("ELLIPSE", 100, 200, 200, 200, 150, 180, 150, 220, filled="Y"), 50 * 20 * np.pi),
        (graphic("POLYLINE", 100, 200, 200, 200, 200, 250, 100, 250, filled="Y"), 100 * 50),
    ],
)
def test_filled_graphics(shape: Any, inside: float) -> None:
    assert drawn(shape).sum() == pytest.approx(inside, rel=0.07)
    shape.GraphicFilled = "N"
    assert drawn(shape).sum() < inside / 3


def test_the_opacity_of_what_is_filled() -> None:
    shape = graphic("CIRCLE", 100, 200, 100, 230, filled="Y", FillStyleSequence=[made(PatternOnOpacity=0.5)])
    picture = present(BLANK, GraphicAnnotationSequence=[annotated(shape)]).picture
    assert picture[200, 100] == pytest.approx(128, abs=1)


def test_lines_can_be_seen_on_anything() -> None:
    white = np.full((512, 512), 255, np.uint8)
    line = graphic("POLYLINE", 100, 200, 150, 200)
    picture = present(white, GraphicAnnotationSequence=[annotated(line)]).picture
    assert picture[200, 120] == 255
    assert picture[201, 120] == 0


def test_graphics_of_small_images() -> None:
    """They are drawn finer than the image's pixels are."""
    mask = drawn(graphic("CIRCLE", 32, 32, 40, 32), image=np.zeros((64, 64), np.uint8))
    assert mask.shape == (512, 512)
    assert extent(mask) == pytest.approx((192, 192, 320, 320), abs=1)
    assert mask.sum() < 700


def test_circles_are_round_though_pixels_are_not_square() -> None:
    mask = drawn(
        graphic("CIRCLE", 128, 128, 178, 128),
        image=np.zeros((256, 256), np.uint8),
        DisplayedAreaSelectionSequence=[area(1, 1, 256, 256, PresentationPixelAspectRatio=[2, 1])],
    )
    left, top, right, bottom = extent(mask)
    assert right - left == pytest.approx(bottom - top, abs=1)


def test_graphics_turn_with_the_image_and_lie_in_the_displayed_area() -> None:
    line = graphic("POLYLINE", 10, 20, 110, 20)
    assert extent(drawn(line, ImageRotation=90)) == pytest.approx((492, 10, 492, 110), abs=1)
    assert extent(drawn(line, ImageHorizontalFlip="Y")) == pytest.approx((402, 20, 502, 20), abs=1)
    cut = drawn(line, DisplayedAreaSelectionSequence=[area(11, 11, 266, 266)])
    assert extent(cut) == pytest.approx((0, 20, 200, 20), abs=2)


def test_tiles_of_a_matrix() -> None:
    tile = {"DimensionOrganizationType": "TILED_FULL", "TotalPixelMatrixColumns": 1000, "TotalPixelMatrixRows": 900}
    line = [annotated(graphic("POLYLINE", 612, 520, 662, 520, units="MATRIX"))]
    shown = present(BLANK, frame=4, image={"NumberOfFrames": 4, **tile}, GraphicAnnotationSequence=line)
    assert extent(shown.picture > 128) == pytest.approx((100, 8, 150, 8), abs=1)
    position = made(ColumnPositionInTotalImagePixelMatrix=513, RowPositionInTotalImagePixelMatrix=501)
    groups = [made(PlanePositionSlideSequence=[position])]
    shown = present(BLANK, image={"PerFrameFunctionalGroupsSequence": groups}, GraphicAnnotationSequence=line)
    assert extent(shown.picture > 128) == pytest.approx((100, 20, 150, 20), abs=1)


def test_layers_lie_in_their_order() -> None:
    """The same disc in three layers: the uppermost is seen."""
    disc = graphic("CIRCLE", 100, 100, 100, 150, filled="Y")
    shown = present(
        BLANK,
        GraphicAnnotationSequence=[annotated(disc, layer=name) for name in ("A", "B", "C")],
        GraphicLayerSequence=[
            layer("A", 2, GraphicLayerRecommendedDisplayGrayscaleValue=20_000),
            layer("B", 3, GraphicLayerRecommendedDisplayGrayscaleValue=40_000),
            layer("C", 1, GraphicLayerRecommendedDisplayGrayscaleValue=60_000),
        ],
    )
    assert shown.picture[100, 100] == round(40_000 / 257)
    alone = present(BLANK, GraphicAnnotationSequence=[annotated(disc, layer="D")])
    assert alone.picture[100, 100] == 255, "a layer that is not listed is drawn too"


def test_annotations_of_other_images_are_not_drawn() -> None:
    for images, count in (([*references("1.9")], 0), (references(IMAGE, 2), 0), (references(IMAGE, 1), 1)):
        marks = [annotated(graphic("POINT", 100, 100), images=images)]
        assert (present(BLANK, GraphicAnnotationSequence=marks).picture.max() > 0) == bool(count)


def test_texts_lie_in_their_boxes() -> None:
    box = (50, 60, 250, 120)
    for justification, side in (("LEFT", 0), ("RIGHT", 2)):
        mask = drawn(text("Lesion", box=box, BoundingBoxTextHorizontalJustification=justification))
        left, top, right, bottom = extent(mask)
        assert 48 <= left < right <= 252
        assert 58 <= top < bottom <= 122
        assert abs((left, top, right, bottom)[side] - box[side]) < 6
        assert bottom - top > 20, "as large as fits"
    center = extent(drawn(text("Lesion", box=box, BoundingBoxTextHorizontalJustification="CENTER")))
    assert (center[0] + center[2]) / 2 == pytest.approx(150, abs=4)


def test_texts_that_hang_on_an_anchor() -> None:
    beside = extent(drawn(text("12 mm", anchor=(100, 100))))
    assert beside[0] >= 95
    assert beside[2] < 200
    assert abs(beside[1] - 100) < 20
    boxed = drawn(text("12 mm", box=(300, 300, 400, 330), anchor=(100, 100)))
    assert boxed[100:110, 100:110].any(), "a mark at the anchor, and a line to it"
    assert boxed[200:220, 190:230].any()
    hidden = drawn(text("12 mm", box=(300, 300, 400, 330), anchor=(100, 100), AnchorPointVisibility="N"))
    assert not hidden[:290].any()


def test_texts_are_moved_into_the_picture() -> None:
    whole = drawn(text("Lesion", anchor=(100, 100))).sum()
    for place in ((505, 100), (505, 508), (100, 510)):
        assert drawn(text("Lesion", anchor=place, AnchorPointVisibility="N")).sum() == pytest.approx(whole, rel=0.2)


def test_texts_of_a_turned_image_stand_upright() -> None:
    """The box turns, the letters do not."""
    plain = extent(drawn(text("Lesion", box=(50, 60, 250, 120))))
    turned = extent(drawn(text("Lesion", box=(50, 60, 250, 120)), ImageRotation=180))
    assert plain[2] - plain[0] == pytest.approx(turned[2] - turned[0], abs=1)
    assert turned[1] >= 512 - 122


@pytest.mark.parametrize(
    ("words", "expected", "incomplete"),
    [
        ("Area 12.5 mm² ± 3 × 4 µm", "Area 12.5 mm2 ± 3 x 4 um", False),  # noqa: RUF001
        ("a\r\nb\rc\td", "a\nb\nc    d", False),
        ("Größe\u00a0é", "Grosse e", True),
        ("左", "?", True),
        ("≤ 5 – 7", "<= 5 - 7", False),  # noqa: RUF001
        ("\x00\x1b", "??", True),
    ],
)
def test_letters(words: str, expected: str, incomplete: bool) -> None:
    """Those that the font lacks are not drawn as boxes."""
    assert lettering.clean(words) == (expected, incomplete)


def test_the_font_has_the_letters_that_it_is_thought_to_have() -> None:
    unknown = bytes(lettering.font(40).getmask("\uffff"))
    assert [one for one in lettering._FONT_HAS if bytes(lettering.font(40).getmask(one)) == unknown] == []


@given(st.text(max_size=200), st.integers(1, 400), st.integers(1, 400))
def test_any_text_fits_or_is_as_small_as_may_be(words: str, width: int, height: int) -> None:
    drawn_words, _ = lettering.clean(words)
    lines, size = lettering.fit(drawn_words, width, height, 12)
    assert 12 <= size <= 40
    assert "".join(lines).replace(" ", "") == drawn_words.replace("\n", "").replace(" ", "")
    if size > 12:
        assert lettering.block_size(lines, size) <= (width, height) or lettering.block_size(lines, size)[0] <= width
        assert lettering.block_size(lines, size)[1] <= height


def bounded(work: Callable[[], Any]) -> Any:
    """Do something that must take neither long nor much."""
    tracemalloc.start()
    start = time.monotonic()
    try:
        done = work()
        assert tracemalloc.get_traced_memory()[1] < 400_000_000
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start < 60
    return done


@pytest.mark.parametrize(
    "marks",
    [
        [graphic("POLYLINE", *[number * 7.3 % 512 for number in range(10_000)], filled="Y")] * 60,
        [graphic("INTERPOLATED", *[number * 7.3 % 512 for number in range(10_000)])] * 60,
        [graphic("CIRCLE", 256, 256, 9_000, 256, filled="Y")] * 3_000,
        [text("word " * 399, box=(1, 1, 500, 500))] * 40,
        [text("w" * 1_999, anchor=(1, 1))] * 40,
        [text("\n" * 1_999 + "x", box=(1, 1, 500, 500))] * 40,
    ],
)
def test_states_that_would_never_end(marks: list[Any]) -> None:
    item = item_of(state(GraphicAnnotationSequence=[annotated(*marks)]))
    shown = bounded(lambda: apply(make_presentation(item, no_bulk), Reference(IMAGE), BLANK, image_item(), no_bulk))
    assert shown.picture.shape == (512, 512)
    assert shown.unapplied


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5), st.data())
def test_any_nonsense_gives_a_picture(value: Any, data: st.DataObject) -> None:
    """Whatever stands in one element of a state that has everything."""
    model = everything().model
    tag = data.draw(st.sampled_from(sorted(model)))
    broken = Item({**model, tag: {"vr": "UN", "Value": value if isinstance(value, list) else [value]}})
    shown = apply(make_presentation(broken, no_bulk), Reference(IMAGE), BLANK, image_item(), no_bulk)
    assert shown.picture.dtype == np.uint8
    assert min(shown.picture.shape[:2]) > 0


def everything() -> Item:
    shapes = [graphic("CIRCLE", 1, 2, 3, 4), text("T", box=(1, 1, 50, 50)), compound("RULER", 1, 2, 3, 4)]
    whole = state(
        GraphicAnnotationSequence=[annotated(*shapes)],
        GraphicLayerSequence=[layer()],
        DisplayedAreaSelectionSequence=[area(1, 1, 512, 512)],
        ModalityLUTSequence=[lut(1, 2, 3)],
        ImageRotation=90,
        ImageHorizontalFlip="Y",
        **{**SHUT, "ShutterShape": ["RECTANGULAR", "CIRCULAR", "POLYGONAL", "BITMAP"]},
        CenterOfCircularShutter=[3, 4],
        RadiusOfCircularShutter=500,
        VerticesOfThePolygonalShutter=[1, 1, 1, 500, 500, 1],
        ShutterOverlayGroup=0x6000,
    )
    return with_overlay(item_of(whole), "6000", CORNER, shown_in="ONE")


def corpus_state(corpus: Path, name: str) -> Presentation:
    path = next(corpus.rglob(name))
    return make_presentation(opened(path)[0], bulk_of(path))


def corpus_frame(corpus: Path, name: str, read: Presentation) -> Presented:
    path = next(corpus.rglob(name))
    item = opened(path)[0]
    (frame,) = frames_of(path)
    pixel_format = make_format(item, frame.TransferSyntaxUID)
    containers = decode_containers(frame.data, pixel_format)
    reference = Reference(item.text("SOPInstanceUID"))
    assert read.covers(reference)
    embedded = embedded_overlays(item, containers, pixel_format)
    return apply(read, reference, to_stored(containers, pixel_format), item, bulk_of(path), embedded)


def test_shuffling_tables_of_the_corpus(corpus: Path) -> None:
    """Each table shuffles grey levels; together they make ramps, but for the last row, which was made otherwise."""
    read = corpus_state(corpus, "prLUTs.dcm")
    assert (read.kind, read.ContentLabel) == (Kind.GRAYSCALE, "XLUT_P03")
    shown = corpus_frame(corpus, "imageForPrLUTs.dcm", read)
    assert shown.unapplied == ()
    assert (np.diff(shown.picture[:511].astype(int)) >= 0).all()
    assert len(np.unique(shown.picture[0])) == 256
    assert np.unique(shown.picture[400]).tolist() == list(range(0, 256, 17))


def test_overlays_of_a_state_of_the_corpus(corpus: Path) -> None:
    """Six lines of text: two in the pixels, two in the image, two in the state."""
    shown = corpus_frame(corpus, "overlay.dcm", corpus_state(corpus, "prOverlay.dcm"))
    assert shown.unapplied == ()
    rows = (shown.picture == 255).any(axis=1)
    lines = np.count_nonzero(np.diff(rows[120:].astype(int)) == 1)
    assert lines == 6 or [bool(rows[row - 3 : row + 4].any()) for row in (142, 184, 226, 268, 310, 353)] == [True] * 6


def test_reading_once_is_enough() -> None:
    read = presentation(GraphicAnnotationSequence=[annotated(graphic("POINT", 1, 2))])
    assert read.covers(Reference(IMAGE))
    assert not read.covers(Reference("1.9"))
    one, other = (apply(read, Reference(IMAGE), BLANK, image_item(), no_bulk).picture for _ in range(2))
    assert np.array_equal(one, other)
