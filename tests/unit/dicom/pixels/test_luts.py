"""Look-up tables, the transformation of the modality, and where windows stand."""

import base64
import struct
from typing import Any

import numpy as np
import pytest
from builders import make_image
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from unit.dicom.pixels.samples import item_of, no_bulk

from desktop.dicom.items import Item
from desktop.dicom.pixels.groups import find_group
from desktop.dicom.pixels.luts import Lut, Modality, find_modality, find_voi, read_lut, read_modality, read_voi
from desktop.dicom.pixels.windows import Window


def table(descriptor: list[int], data: bytes | list[int], vr: str = "OW") -> Item:
    """Return an item with a look-up table."""
    element: dict[str, Any] = {"vr": vr}
    if isinstance(data, bytes):
        element["InlineBinary"] = base64.b64encode(data).decode()
    else:
        element["Value"] = data
    return Item({"00283002": {"vr": "US", "Value": descriptor}, "00283006": element})


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}H", *numbers)


@pytest.mark.parametrize(
    ("descriptor", "data", "signed", "first", "values", "bits"),
    [
        ([3, 10, 16], words(1, 2, 60_000), False, 10, [1, 2, 60_000], 16),
        ([3, 10, 16], [1, 2, 60_000], False, 10, [1, 2, 60_000], 16),
        ([3, 10, 16], [1, 2, -5536], False, 10, [1, 2, 60_000], 16),
        # 8 bits, a byte each, or a word each, or two in a word that is read as a number.
        ([3, 0, 8], b"abc\0", False, 0, [97, 98, 99], 8),
        ([3, 0, 8], words(97, 98, 99), False, 0, [97, 98, 99], 8),
        ([4, 0, 8], [0x6261, 0x6463], False, 0, [97, 98, 99, 100], 8),
        # The first value mapped, read with or without a sign.
        ([1, 65_000, 16], words(7), True, -536, [7], 16),
        ([1, -536, 16], words(7), False, -536, [7], 16),
        ([1, 65_000, 16], words(7), False, 65_000, [7], 16),
        # More entries than there are, bits that do not suffice, or make no sense.
        ([900, 0, 16], words(1, 2), False, 0, [1, 2], 16),
        ([2, 0, 8], words(1, 1000), False, 0, [1, 1000], 10),
        ([2, 0, 99], words(1, 20), False, 0, [1, 20], 8),
        ([2, 0, -1], words(1, 4095), False, 0, [1, 4095], 12),
        ([2, 0, 12], words(0, 0), False, 0, [0, 0], 12),
    ],
)
def test_reading(
    descriptor: list[int], data: bytes | list[int], signed: bool, first: int, values: list[int], bits: int
) -> None:
    lut = read_lut(table(descriptor, data), no_bulk, signed=signed)
    assert lut is not None
    assert (lut.first, lut.values.tolist(), lut.bits) == (first, values, bits)


def test_no_entries_said_are_65536() -> None:
    data = np.arange(65_536, dtype="<u2").tobytes()
    lut = read_lut(table([0, 0, 16], data), no_bulk, signed=False)
    assert lut is not None
    assert len(lut.values) == 65_536
    bulky = Item({"00283002": {"vr": "US", "Value": [0, 0, 16]}, "00283006": {"vr": "OW", "BulkDataURI": "/here"}})
    again = read_lut(bulky, {"/here": data}.__getitem__, signed=False)
    assert again is not None
    assert np.array_equal(again.values, lut.values)


@pytest.mark.parametrize("item", [Item({}), table([1, 2], words(1)), table([1, 0, 16], b""), table([5, 0, 16], b"\1")])
def test_no_table(item: Item) -> None:
    assert read_lut(item, no_bulk, signed=False) is None


@given(
    st.integers(-300, 300),
    st.lists(st.integers(0, 255), min_size=1, max_size=20),
    st.lists(st.integers(-400, 400) | st.floats(-400, 400), min_size=1, max_size=20),
)
def test_looking_up(first: int, values: list[int], numbers: list[float]) -> None:
    lut = Lut(first, np.array(values, np.uint8), 8)
    expected = [values[min(max(int(np.floor(number + 0.5)) - first, 0), len(values) - 1)] for number in numbers]
    assert lut.apply(np.array(numbers)).tolist() == expected
    assert lut.fraction(np.array(numbers)).tolist() == [value / 255 for value in expected]


def test_looking_up_what_is_no_number() -> None:
    lut = Lut(-2, np.array([5, 6, 7], np.uint16), 16)
    assert lut.apply(np.array([np.nan, -np.inf, np.inf])).tolist() == [5, 5, 7]
    assert lut.apply(np.array([0, 1 << 63], np.uint64)).tolist() == [7, 7]
    assert lut.apply(np.array([0, 255], np.uint8)).tolist() == [7, 7]


def rescaled(**values: float | None) -> Item:
    return item_of(make_image(**{"RescaleIntercept": None, "RescaleSlope": None, **values}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"RescaleSlope": 2, "RescaleIntercept": -1024}, (2, -1024)),
        ({"RescaleIntercept": -1024}, (1, -1024)),
        ({"RescaleSlope": 0.5}, (0.5, 0)),
        ({"RescaleSlope": 0, "RescaleIntercept": 3}, (1, 3)),
        ({}, (1, 0)),
    ],
)
def test_rescaling(values: dict[str, float], expected: tuple[float, float]) -> None:
    found = find_modality(rescaled(**values), 1, no_bulk, signed=False)
    assert (found.slope, found.intercept, found.lut) == (*expected, None)
    assert found.is_identity == (expected == (1, 0))
    assert found.apply(np.array([0, 100], np.uint8)).tolist() == [expected[1], 100 * expected[0] + expected[1]]


def test_nothing_said_of_the_modality() -> None:
    assert read_modality(rescaled(), no_bulk, signed=False) is None
    assert Modality().is_identity


def with_modality_lut(**values: Any) -> Item:
    item = item_of(make_image(**values))
    item.model["00283000"] = {"vr": "SQ", "Value": [table([2, 0, 16], words(100, 300)).model]}
    return item


def test_a_table_goes_before_rescaling() -> None:
    found = find_modality(with_modality_lut(), 1, no_bulk, signed=False)
    assert found.lut is not None
    assert found.apply(np.array([0, 1, 9])).tolist() == [100, 300, 300]


@pytest.mark.parametrize(
    ("modality", "relationship", "is_used"),
    [("XA", "LOG", False), ("XA", "DISP", False), ("XA", "LIN", True), ("RF", "LOG", False), ("DX", "LOG", True)],
)
def test_tables_for_reckoning_with_x_rays_are_not_for_display(modality: str, relationship: str, is_used: bool) -> None:
    item = with_modality_lut(Modality=modality, PixelIntensityRelationship=relationship)
    assert (find_modality(item, 1, no_bulk, signed=False).lut is not None) == is_used


def group(keyword: str, **values: Any) -> Dataset:
    inner, outer = Dataset(), Dataset()
    for name, value in values.items():
        setattr(inner, name, value)
    setattr(outer, keyword, [inner])
    return outer


def multi_frame(shared: Dataset, *frames: Dataset) -> Item:
    return item_of(
        make_image(
            NumberOfFrames=len(frames),
            SharedFunctionalGroupsSequence=[shared],
            PerFrameFunctionalGroupsSequence=list(frames),
        )
    )


def test_functional_groups_of_a_frame_go_before_shared_ones_and_these_before_the_image() -> None:
    keyword = "PixelValueTransformationSequence"
    item = multi_frame(
        group(keyword, RescaleSlope=3, RescaleIntercept=1),
        group(keyword, RescaleSlope=5, RescaleIntercept=2),
        Dataset(),
    )
    slopes = [find_modality(item, number, no_bulk, signed=False).slope for number in (1, 2, 3, 0, -1)]
    assert slopes == [5, 3, 3, 3, 3]
    assert find_group(item, 1, "FrameVOILUTSequence") is None
    voi = multi_frame(
        group("FrameVOILUTSequence", WindowCenter=1, WindowWidth=10),
        group("FrameVOILUTSequence", WindowCenter=2, WindowWidth=20, VOILUTFunction="SIGMOID"),
        group("FrameVOILUTSequence", WindowCenter=2, WindowWidth=0),
    )
    assert find_voi(voi, 1, no_bulk, signed=False) == Window(2, 20, "SIGMOID")
    assert find_voi(voi, 2, no_bulk, signed=False) == Window(40, 400), "the image's own, where the frame's is nonsense"
    assert find_voi(voi, 3, no_bulk, signed=False) == Window(1, 10)


@pytest.mark.parametrize("sequence", [None, [], [None], [3], ["x"]])
def test_broken_functional_groups(sequence: Any) -> None:
    item = Item({"52009230": {"vr": "SQ", "Value": sequence}})
    assert find_group(item, 1, "FrameVOILUTSequence") is None


@pytest.mark.parametrize(
    ("centers", "widths", "expected"),
    [
        ([40], [400], Window(40, 400)),
        ([40, 50], [400, 500], Window(40, 400)),
        (["40"], ["400"], Window(40, 400)),
        ([None, 50], [None, 500], Window(50, 500)),
        ([40, 50], [0, 500], Window(50, 500)),
        (["NaN", 50], [400, -5], None),
        ([40], [-1], None),
        ([40], [], None),
        ([], [400], None),
        ([True], [400], None),
        ([40], ["Infinity"], None),
        ([0.5], [0.001], Window(0.5, 0.001)),
    ],
)
def test_the_first_window_that_makes_sense(centers: list[Any], widths: list[Any], expected: Window | None) -> None:
    item = Item({"00281050": {"vr": "DS", "Value": centers}, "00281051": {"vr": "DS", "Value": widths}})
    assert read_voi(item, no_bulk, signed=False) == expected
    item.model["00283010"] = {"vr": "SQ", "Value": [{}, table([2, 0, 16], words(5, 6)).model]}
    found = read_voi(item, no_bulk, signed=False)
    assert found == expected or (expected is None and isinstance(found, Lut) and found.values.tolist() == [5, 6])


def test_functions() -> None:
    item = Item(
        {
            "00281050": {"vr": "DS", "Value": [1]},
            "00281051": {"vr": "DS", "Value": [2]},
            "00281056": {"vr": "CS", "Value": ["linear_exact"]},
        }
    )
    assert read_voi(item, no_bulk, signed=False) == Window(1, 2, "LINEAR_EXACT")
