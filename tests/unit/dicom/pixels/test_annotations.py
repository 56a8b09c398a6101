"""Reading graphics, texts and layers: all kinds, within bounds, and nothing silently left out."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from unit.dicom.pixels.samples import item_of
from unit.dicom.pixels.states import annotated, compound, graphic, layer, made, references, text

from desktop.dicom.items import Item
from desktop.dicom.pixels.annotations import read_annotations, read_layers
from desktop.dicom.pixels.marks import Annotation, Graphic, Layer, Style, Text, Units
from desktop.dicom.pixels.references import ImageReference, Reference, Scope, read_references, read_scope


def read(*objects: Dataset, **more: Any) -> tuple[tuple[Annotation, ...], tuple[str, ...]]:
    return read_annotations(item_of(made(GraphicAnnotationSequence=[annotated(*objects, **more)])))


def test_graphics_and_texts() -> None:
    (annotation,), unapplied = read(
        graphic("POLYLINE", 1, 2, 3, 4.5),
        graphic("CIRCLE", 0.5, 0.5, 0.6, 0.5, units="DISPLAY", filled="Y"),
        graphic("POINT", 7, 8, units="MATRIX"),
        text("Here", box=(1, 2, 30, 40), anchor=(5, 6)),
        layer="L",
        images=references("1.2", 2),
    )
    assert unapplied == ()
    assert annotation == Annotation(
        Scope((ImageReference("1.2", "1.2.840.10008.5.1.4.1.1.2", frames=frozenset({2})),)),
        "L",
        (
            Graphic("POLYLINE", ((1, 2), (3, 4.5))),
            Graphic("CIRCLE", ((0.5, 0.5), (pytest.approx(0.6), 0.5)), Units.DISPLAY, filled=True),
            Graphic("POINT", ((7, 8),), Units.MATRIX),
        ),
        (Text("Here", ((1, 2), (30, 40)), anchor=(5, 6), anchor_visible=True),),
    )


def test_styles() -> None:
    lab = [65_535, 32_896, 32_896]
    (annotation,), unapplied = read(
        graphic(
            "POLYLINE",
            *(1, 2, 3, 4),
            LineStyleSequence=[made(PatternOnColorCIELabValue=lab, LineThickness=3.0, LineDashingStyle="DASHED")],
            FillStyleSequence=[made(PatternOnColorCIELabValue=[0, 32_896, 32_896], PatternOnOpacity=0.25)],
        ),
        text("T", box=(1, 1, 2, 2), TextStyleSequence=[made(TextColorCIELabValue=lab, ShadowStyle="NORMAL")]),
    )
    assert annotation.graphics[0].style == Style((255, 255, 255), 3, 0.25, (0, 0, 0))
    assert annotation.texts[0].style.colour == (255, 255, 255)
    assert unapplied == ("Dashed lines are drawn without gaps.", "Shadows are drawn as a dark edge.")


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (graphic("SPIRAL", 1, 2), "Graphics of type SPIRAL are not drawn."),
        (graphic("POLYLINE", 1, 2), "too few points"),
        (graphic("ELLIPSE", 1, 2, 3, 4, 5, 6), "too few points"),
        (graphic("CIRCLE", 1, 2), "too few points"),
        (graphic("POLYLINE", *range(20_000)), "more than 5,000 points"),
        (compound("RULER", 1, 2, 3, 4), "only the lines"),
        (compound("ARROW", 1, 2, 3, 4), "Compound graphics of type ARROW are not drawn."),
        (text("x" * 3000, box=(1, 1, 2, 2)), "cut off behind 2,000"),
        (text("lost"), "has no place: “lost”"),
    ],
)
def test_what_is_not_drawn_is_named(item: Dataset, sentence: str) -> None:
    _, unapplied = read(item)
    assert len(unapplied) == 1
    assert sentence in unapplied[0]


def test_a_text_of_megabytes() -> None:
    (annotation,), _ = read(text("x" * 3_000_000, box=(1, 1, 2, 2)))
    assert len(annotation.texts[0].text) == 2_002


def test_empty_texts_are_no_texts() -> None:
    (annotation,), unapplied = read(text("  \r\n", box=(1, 1, 2, 2)), text("", anchor=(1, 1)))
    assert (annotation.texts, unapplied) == ((), ())


def test_there_is_an_end() -> None:
    many, unapplied = read(*[graphic("POINT", 1, 2)] * 3_000)
    assert len(many[0].graphics) == 2_000
    assert len(unapplied) == 1
    long, _ = read(*[graphic("POLYLINE", *[1.0, 2.0] * 5_000)] * 60)
    assert len(long[0].graphics) == 5
    texts, _ = read(*[text("x" * 2_000, box=(1, 1, 2, 2))] * 30)
    assert len(texts[0].texts) == 10


def test_compound_graphics_are_drawn_only_if_nothing_simple_stands_for_them() -> None:
    twice = graphic("POLYLINE", 1, 2, 3, 4, CompoundGraphicInstanceID=1)
    (annotation,), _ = read(twice, compound("RULER", 1, 2, 3, 4), compound("RECTANGLE", 5, 6, 7, 8, number=2))
    assert [found.kind for found in annotation.graphics] == ["POLYLINE", "RECTANGLE"]
    assert annotation.graphics[0].points == ((1, 2), (3, 4))
    turned, _ = read(compound("ELLIPSE", 5, 6, 7, 8, RotationAngle=30.0, RotationPoint=[6, 7]))
    assert turned[0].graphics[0] == Graphic("BOXED ELLIPSE", ((5, 6), (7, 8)), rotation=30, pivot=(6, 7))


def test_layers_from_below() -> None:
    item = item_of(
        made(
            GraphicLayerSequence=[
                layer("TOP", 9, GraphicLayerRecommendedDisplayGrayscaleValue=32_896),
                layer("BOTTOM", 1, GraphicLayerRecommendedDisplayCIELabValue=[65_535, 32_896, 32_896]),
                layer("MIDDLE", 5, GraphicLayerRecommendedDisplayRGBValue=[65_535, 0, 32_896]),
            ]
        )
    )
    assert read_layers(item) == (
        Layer("BOTTOM", 1, (255, 255, 255)),
        Layer("MIDDLE", 5, (255, 0, 128)),
        Layer("TOP", 9, (128, 128, 128)),
    )


@pytest.mark.parametrize(
    "model",
    [
        {"00700001": {"vr": "SQ", "Value": [None, 3, {}]}},
        {"00700001": {"vr": "SQ", "Value": [{"00700009": {"vr": "SQ", "Value": [{}]}}]}},
        {"00700001": {"vr": "SQ", "Value": [{"00700009": {"vr": "SQ", "Value": [{"00700022": {"Value": ["NaN"]}}]}}]}},
        {"00700060": {"vr": "SQ", "Value": [{}, None]}},
    ],
)
def test_nonsense(model: dict[str, Any]) -> None:
    read_layers(Item(model))
    annotations, _ = read_annotations(Item(model))
    assert all(not annotation.graphics for annotation in annotations)


def test_references() -> None:
    series = made(SeriesInstanceUID="1.9", ReferencedImageSequence=[*references("1.2", 2, 3), *references("1.3")])
    blended = made(ReferencedSeriesSequence=[made(SeriesInstanceUID="1.8", ReferencedImageSequence=references("1.4"))])
    found = read_references(item_of(made(ReferencedSeriesSequence=[series], BlendingSequence=[blended])))
    assert [(image.SOPInstanceUID, image.SeriesInstanceUID, sorted(image.frames)) for image in found] == [
        ("1.2", "1.9", [2, 3]),
        ("1.3", "1.9", []),
        ("1.4", "1.8", []),
    ]
    scope = read_scope(item_of(made(ReferencedImageSequence=references("1.2", 2, 3))))
    covered = [scope.covers(Reference(*one)) for one in (("1.2", 2), ("1.2", 1), ("1.3", 2))]
    assert covered == [True, False, False]
    assert Scope().covers(Reference("1.9", 7))
