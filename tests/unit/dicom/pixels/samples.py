"""Reads frames of files, and makes items, for the tests of pixels."""

import io
import json
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.pixels
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from unit.helpers import header_of

from desktop.dicom.bulkdata import read_bulk_data
from desktop.dicom.frames import (
    Frame,
    inflate_file,
    is_native,
    make_frame_table,
    read_encapsulated_frame,
    read_native_frame,
)
from desktop.dicom.items import Item, ReadBulk, load_item
from desktop.dicom.pixels.decoding import decode_frame
from desktop.dicom.pixels.format import PixelFormat, make_format
from desktop.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN


def no_bulk(uri: str) -> bytes:
    """Fail: nothing is to be read besides what is in the item."""
    raise LookupError(uri)


def item_of(dataset: Dataset) -> Item:
    """Return a data set in the JSON Model, with all its values."""
    dataset = Dataset({element.tag: element for element in dataset if element.tag < 0x7FE00000})
    return Item(json.loads(dataset.to_json(bulk_data_threshold=1 << 30)))


def make_pixel_format(**values: Any) -> PixelFormat:
    """Return the format of a small grey picture; High Bit follows from Bits Stored."""
    values = {"TransferSyntaxUID": "1.2.840.10008.1.2.1", "Rows": 2, "Columns": 3, **values}
    allocated = values.get("BitsAllocated", 16)
    stored = values.setdefault("BitsStored", allocated)
    values.setdefault("HighBit", stored - 1)
    return PixelFormat(**values)


@cache
def opened(path: Path) -> tuple[Item, Any]:
    """Return a file's data set, and where its pixels are."""
    header = header_of(path)
    return load_item(header.dicom_json), header.pixels


def bulk_of(path: Path) -> ReadBulk:
    """Return what reads a file's bulk data."""

    def read(uri: str) -> bytes:
        with path.open("rb") as file:
            return read_bulk_data(file, path.stat().st_size, uri.split("/bulkdata/")[1])

    return read


def frames_of(path: Path, limit: int = 5) -> Iterator[Frame]:
    """Read the first frames of a file."""
    pixels = opened(path)[1]
    numbers = range(1, min(pixels.frames, limit) + 1)
    with path.open("rb") as file:
        if not is_native(pixels):
            table = make_frame_table(file, pixels)
            yield from (read_encapsulated_frame(file, pixels, table, number) for number in numbers)
            return
        deflated = pixels.TransferSyntaxUID == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        stream = io.BytesIO(inflate_file(file)) if deflated else file
        yield from (read_native_frame(stream, pixels, number) for number in numbers)


def decoded_frames(path: Path, limit: int = 5) -> Iterator[np.ndarray]:
    """Decode the first frames of a file."""
    item = opened(path)[0]
    for frame in frames_of(path, limit):
        yield decode_frame(frame.data, make_format(item, frame.TransferSyntaxUID))


def judged_frames(path: Path, limit: int = 5) -> list[np.ndarray]:
    """Return the first frames of a file as pydicom decodes them; raises what it raises."""
    pixels = opened(path)[1]
    with warnings.catch_warnings(action="ignore"):
        dataset = dcmread(path, force=True)
        if not hasattr(dataset.file_meta, "TransferSyntaxUID"):
            dataset.file_meta.TransferSyntaxUID = UID(pixels.TransferSyntaxUID)
        array = pydicom.pixels.pixel_array(dataset)
    return list(array[:limit]) if pixels.frames > 1 else [array]
