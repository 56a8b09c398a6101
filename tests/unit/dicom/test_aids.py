from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import make_instances
from pydicom import dcmread
from pydicom.encaps import generate_frames

from desktop.dicom.aids import find_aid, find_obstacle, is_misread
from desktop.dicom.frames import FRAME_LIMIT
from desktop.dicom.records import Pixels

EXPLICIT, BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
JPEG_BASELINE, JPEG_RETIRED, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.5"
JPEG_2000, HIGH_THROUGHPUT = "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201"
H264, JPEG_XL = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.110"
SEG, LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"

NATIVE = Pixels(EXPLICIT, offset=100, length=128, frame_bits=1024)
JPEG = Pixels(JPEG_BASELINE, offset=100, length=None)


RGB = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8}
PALETTE = {"PhotometricInterpretation": "PALETTE COLOR", "BitsAllocated": 8}
YBR = RGB | {"PhotometricInterpretation": "YBR_FULL"}
FLOATS = {"BitsAllocated": 32, "PixelRepresentation": None}
COLOURS = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, DEFLATED, JPEG_BASELINE, RLE, H264])
@pytest.mark.parametrize("fields", [{"BitsAllocated": 8}, {"BitsAllocated": 16}, YBR])
def test_what_the_viewer_reads_itself(syntax: str, fields: dict[str, Any]):
    assert find_aid(make_instances(1, TransferSyntaxUID=syntax, **fields)[0]) is None


@pytest.mark.parametrize(
    ("syntax", "fields", "changes"),
    [
        (EXPLICIT, RGB | {"BitsAllocated": 16}, COLOURS),
        (RLE, RGB | {"BitsAllocated": 16}, COLOURS),
        (JPEG_RETIRED, RGB, COLOURS),
        (JPEG_BASELINE, RGB, COLOURS),
        (EXPLICIT, {"BitsAllocated": 12}, {"BitsAllocated": 16}),
        (EXPLICIT, RGB | {"PhotometricInterpretation": "YBR_FULL_422"}, COLOURS),
        (DEFLATED, RGB | {"PhotometricInterpretation": "YBR_PARTIAL_422"}, COLOURS),
        (EXPLICIT, PALETTE, COLOURS | {"RedPaletteColorLookupTableData": None}),
        (RLE, PALETTE | {"BitsAllocated": 16}, COLOURS | {"GreenPaletteColorLookupTableDescriptor": None}),
        (EXPLICIT, {"BitsAllocated": 64}, FLOATS),
        (RLE, {"BitsAllocated": 32}, FLOATS),
        (EXPLICIT, {"BitsAllocated": 32, "traits": (("WideIntegers", 1.0),)}, FLOATS),
        (EXPLICIT, {"BitsAllocated": 32}, FLOATS),
        (EXPLICIT, {"BitsAllocated": 32, "traits": (("WideIntegers", 1.0), ("FloatBits", 32.0))}, FLOATS),
        (EXPLICIT, {"BitsAllocated": 16, "traits": (("FloatBits", 32.0),)}, FLOATS),
        (EXPLICIT, {"BitsAllocated": 64, "traits": (("FloatBits", 64.0),)}, FLOATS),
        (EXPLICIT, {"BitsAllocated": 16, "traits": (("UnusedBits", 1.0),)}, {}),
        (JPEG_RETIRED, {"BitsAllocated": 8}, {}),
        (JPEG_2000, {"BitsAllocated": 16}, {}),
        (JPEG_2000, RGB, COLOURS),
        (JPEG_2000, {"SOPClassUID": SEG, "traits": (("ReferencedSeries", "1.2.3"),)}, {}),
        (RLE, {"BitsAllocated": 1}, {}),
        (EXPLICIT, PALETTE | {"SOPClassUID": LABEL_MAP}, COLOURS),
    ],
)
def test_what_is_decoded_for_it(syntax: str, fields: dict[str, Any], changes: dict[str, Any]):
    aid = find_aid(make_instances(1, TransferSyntaxUID=syntax, **fields)[0])
    assert aid is not None
    assert changes.items() <= aid.items()
    assert bool(changes) == bool(aid)


@pytest.mark.parametrize(
    ("syntax", "fields"),
    [
        (EXPLICIT, {"BitsAllocated": 32, "traits": (("FloatBits", 32.0),)}),
        (EXPLICIT, {"BitsAllocated": 1}),
        (JPEG_BASELINE, RGB | {"PhotometricInterpretation": "YBR_FULL_422"}),
        (EXPLICIT, RGB | {"BitsAllocated": 16, "has_pixels": False}),
        (H264, RGB | {"PhotometricInterpretation": "YBR_PARTIAL_420"}),
        (EXPLICIT, PALETTE | {"SOPClassUID": LABEL_MAP, "traits": (("ReferencedSeries", "1.2.3"),)}),
        (RLE, {"BitsAllocated": 1, "SOPClassUID": SEG, "traits": (("ReferencedSeries", "1.2.3"),)}),
    ],
)
def test_what_looks_odd_and_is_not(syntax: str, fields: dict[str, Any]):
    assert find_aid(make_instances(1, TransferSyntaxUID=syntax, **fields)[0]) is None


@pytest.mark.parametrize(
    ("name", "syntax", "misread"),
    [
        ("SC_jpeg_no_color_transform.dcm", JPEG_BASELINE, False),
        ("SC_rgb_jpeg_gdcm.dcm", "1.2.840.10008.1.2.4.70", False),
        ("SC_rgb_dcmtk_+eb+cr.dcm", JPEG_BASELINE, False),
        ("JPEG-lossy.dcm", "1.2.840.10008.1.2.4.51", True),
        ("SC_rgb_dcmtk_+eb+cr.dcm", "1.2.840.10008.1.2.4.70", True),
        ("JPEG2000.dcm", JPEG_BASELINE, True),
        ("JPEG2000.dcm", HIGH_THROUGHPUT, True),
        ("MR_small_RLE.dcm", RLE, False),
        ("MR_small_RLE.dcm", JPEG_BASELINE, True),
    ],
)
def test_frames_that_contradict_their_metadata(pydicom_files: Path, name: str, syntax: str, *, misread: bool):
    ds = dcmread(pydicom_files / name)
    instance = make_instances(
        1,
        TransferSyntaxUID=syntax,
        Rows=ds.Rows,
        Columns=ds.Columns,
        SamplesPerPixel=ds.SamplesPerPixel,
        PhotometricInterpretation=ds.PhotometricInterpretation,
    )[0]
    assert is_misread(instance, next(generate_frames(ds.PixelData, number_of_frames=1))) == misread


@pytest.mark.parametrize("signed", [True, False])
def test_a_sign_that_contradicts_the_metadata(pydicom_files: Path, *, signed: bool):
    ds = dcmread(pydicom_files / "JPEG2000.dcm")
    stored = next(generate_frames(ds.PixelData, number_of_frames=1))
    # Its numbers are signed. A segment of capabilities names Part 15 (ISO/IEC 15444-15 §A.3).
    end = 4 + int.from_bytes(stored[4:6], "big")
    frame = stored[:end] + b"\xff\x50\x00\x08" + (1 << 32 - 15).to_bytes(4, "big") + b"\0\0" + stored[end:]
    traits = (("Signed", 1.0),) if signed else ()
    instance = make_instances(1, TransferSyntaxUID=HIGH_THROUGHPUT, Rows=ds.Rows, Columns=ds.Columns, traits=traits)[0]
    assert is_misread(instance, frame) != signed
    assert is_misread(replace(instance, Rows=ds.Rows + 1), frame)
    assert is_misread(replace(instance, SamplesPerPixel=3), frame)


@pytest.mark.parametrize(
    ("fields", "pixels", "words"),
    [
        ({}, NATIVE, None),
        (RGB | {"BitsAllocated": 16}, NATIVE, None),
        ({}, replace(JPEG, TransferSyntaxUID=JPEG_RETIRED), None),
        ({}, replace(JPEG, TransferSyntaxUID=JPEG_XL), "compression"),
        ({}, replace(JPEG, TransferSyntaxUID=H264), None),
        ({}, replace(JPEG, TransferSyntaxUID="1.2.840.10008.1.2.8.1"), None),
        (RGB | {"SamplesPerPixel": 4}, NATIVE, "4 samples"),
        (RGB | {"SamplesPerPixel": 4}, Pixels(EXPLICIT), None),
        ({}, replace(NATIVE, frame_bits=8 * FRAME_LIMIT), None),
        ({}, replace(NATIVE, frame_bits=8 * FRAME_LIMIT + 8), "too large"),
        ({}, replace(JPEG, frame_bits=8 * FRAME_LIMIT + 8), None),
        ({"BitsAllocated": 1}, replace(NATIVE, frame_bits=FRAME_LIMIT), None),
        ({"BitsAllocated": 1}, replace(NATIVE, frame_bits=FRAME_LIMIT + 1), "too large"),
    ],
)
def test_what_nobody_shows(fields: dict[str, object], pixels: Pixels, words: str | None):
    obstacle = find_obstacle(make_instances(1, **fields)[0], pixels)
    assert obstacle is None if words is None else words in str(obstacle)
