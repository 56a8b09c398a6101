"""How pixels are written: whatever stands in the file, a possible format or a sentence."""

from typing import Any

import pytest
from builders import make_image
from hypothesis import given
from hypothesis import strategies as st
from unit.dicom.pixels.samples import item_of

from desktop.dicom.items import Item
from desktop.dicom.pixels.format import NoPixels, PixelFormat, make_format

SYNTAX = "1.2.840.10008.1.2.1"


def made(**attributes: Any) -> PixelFormat:
    return make_format(item_of(make_image(PixelData=b"", **attributes)), SYNTAX)


def test_a_usual_image() -> None:
    assert made() == PixelFormat(
        TransferSyntaxUID=SYNTAX, Rows=8, Columns=8, BitsAllocated=16, BitsStored=12, HighBit=11
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"BitsStored": None, "HighBit": None}, {"BitsStored": 16, "HighBit": 15}),
        ({"BitsStored": 40}, {"BitsStored": 16, "HighBit": 15}),
        ({"HighBit": 3}, {"HighBit": 11}),
        ({"HighBit": 15}, {"HighBit": 15}),
        ({"HighBit": 16}, {"HighBit": 11}),
        ({"BitsAllocated": None}, {"BitsAllocated": 16}),
        ({"BitsAllocated": None, "BitsStored": 8}, {"BitsAllocated": 8, "HighBit": 7}),
        ({"SamplesPerPixel": None}, {"SamplesPerPixel": 1}),
        ({"SamplesPerPixel": None, "PhotometricInterpretation": "RGB"}, {"SamplesPerPixel": 3}),
        ({"PhotometricInterpretation": None}, {"PhotometricInterpretation": "MONOCHROME2"}),
        ({"PhotometricInterpretation": "RGB"}, {"PhotometricInterpretation": "MONOCHROME2"}),
        ({"SamplesPerPixel": 3}, {"PhotometricInterpretation": "RGB"}),
        ({"PixelRepresentation": 1}, {"PixelRepresentation": 1}),
        ({"PixelRepresentation": 7}, {"PixelRepresentation": 0}),
        ({"PixelRepresentation": None}, {"PixelRepresentation": 0}),
        ({"PlanarConfiguration": 1}, {"PlanarConfiguration": 1}),
        ({"PlanarConfiguration": 2}, {"PlanarConfiguration": 0}),
        ({"NumberOfFrames": 0}, {"NumberOfFrames": 1}),
        ({"NumberOfFrames": 12}, {"NumberOfFrames": 12}),
        # Floating point images lack these three.
        (
            {"BitsAllocated": 32, "BitsStored": None, "HighBit": None, "PixelRepresentation": None},
            {"pixel_keyword": "FloatPixelData", "BitsAllocated": 32},
        ),
        (
            {"BitsAllocated": 64, "BitsStored": None, "HighBit": None, "PixelRepresentation": None},
            {"pixel_keyword": "DoubleFloatPixelData", "BitsAllocated": 64},
        ),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, {"pixel_keyword": "PixelData"}),
    ],
)
def test_missing_values_and_nonsense(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    pixel_format = made(**attributes)
    assert {name: getattr(pixel_format, name) for name in expected} == expected


def test_photometric_interpretation_as_some_write_it() -> None:
    item = item_of(make_image(PixelData=b""))
    for text in ("palette_color ", "PALETTE  COLOR"):
        item.model["00280004"]["Value"] = [text]
        assert make_format(item, SYNTAX).PhotometricInterpretation == "PALETTE COLOR"


def test_the_element_that_holds_the_pixels_counts() -> None:
    item = item_of(make_image(BitsAllocated=32, BitsStored=32, HighBit=31))
    item.model["7FE00008"] = {"vr": "OF", "BulkDataURI": "/here"}
    assert make_format(item, SYNTAX).is_float
    item.model["7FE00010"] = {"vr": "OW", "BulkDataURI": "/here"}
    assert not make_format(item, SYNTAX).is_float


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": None},
        {"Rows": 0},
        {"Columns": None},
        {"SamplesPerPixel": 4},
        {"SamplesPerPixel": 2},
        {"PhotometricInterpretation": "ARGB"},
        {"PhotometricInterpretation": "CMYK"},
        {"BitsAllocated": 24},
        {"BitsAllocated": 128},
        {"BitsAllocated": 1, "SamplesPerPixel": 3},
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 12000, "Columns": 12000, "SamplesPerPixel": 3},
    ],
)
def test_what_cannot_be_shown(attributes: dict[str, Any]) -> None:
    with pytest.raises(NoPixels) as caught:
        made(**attributes)
    assert caught.value.sentence.endswith(".")


TAGS = ["00280002", "00280004", "00280006", "00280008", "00280010", "00280011", "00280100", "00280101", "00280102"]
VALUES = st.one_of(st.none(), st.integers(-9, 1 << 40), st.floats(), st.text(max_size=9), st.just({}), st.booleans())


@given(st.dictionaries(st.sampled_from([*TAGS, "00280103"]), st.lists(VALUES, max_size=2)))
def test_anything_gives_a_possible_format_or_a_sentence(values: dict[str, list[Any]]) -> None:
    usual = item_of(make_image(PixelData=b"")).model
    item = Item({**usual, **{tag: {"vr": "US", "Value": value} for tag, value in values.items()}})
    try:
        made = make_format(item, SYNTAX)
    except NoPixels:
        return
    assert 1 <= made.BitsStored <= made.HighBit + 1 <= made.BitsAllocated
    assert made.SamplesPerPixel in (1, 3)
    assert made.dtype.itemsize == made.bytes_allocated
    assert 0 < made.native_bits // 8 <= 1 << 28
