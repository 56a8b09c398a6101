"""Instances as the library has them, in a form that worker processes can be given."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..dicom.bulkdata import NoBulkData, read_bulk_data
from ..dicom.dictionary import tag_of
from ..dicom.fragments import read_basic_table, scan_fragments
from ..dicom.items import Item
from ..dicom.metadata import unpack
from ..dicom.records import FileRef, Instance, Pixels
from ..library.queries import Form, Located, locate, stored_metadata
from .files import open_file

Place = tuple[str, str, str]
"""Study, Series and SOP Instance UID under which an instance is served."""

_BULK = "/bulkdata/"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance: where its bytes are, and its data set.

    Attributes:
        packed: the data set in the DICOM JSON Model, deflated.
    """

    file: FileRef
    pixels: Pixels
    instance: Instance
    packed: bytes = field(repr=False)

    @property
    def located(self) -> Located:
        """Where its bytes are."""
        return Located(self.file, self.pixels, self.instance)

    def load(self) -> Item:
        """Return the data set, with the element that holds the pixels, but not its value."""
        model = json.loads(unpack(self.packed))
        if self.pixels.offset >= 0 and self.pixels.keyword:
            model[tag_of(self.pixels.keyword)] = {"vr": "OW"}
        return Item(model)

    def read_bulk(self, uri: str) -> bytes:
        """Read a binary value that the data set only refers to.

        Raises:
            NoBulkData, FileGone, NegatoscopeError, OSError: it cannot be had.
        """
        _, mark, element = uri.partition(_BULK)
        if not mark:
            raise NoBulkData("There is no such value.")
        with open_file(self.file) as file:
            return read_bulk_data(file, self.file.size, element)


def extract_stream(stored: Stored, target: Path, limit: int | None = None) -> None:
    """Write a film as it stands in its object: its fragments, one after another (PS3.5 §A.4.5 to A.4.7).

    Args:
        stored: the object.
        target: the file that is written.
        limit: bytes, after which it ends.

    Raises:
        FileGone, NegatoscopeError, OSError: it cannot be read, or not be written.
    """
    pixels = stored.pixels
    with open_file(stored.file) as source, target.open("wb") as out:
        if pixels.length is not None:
            # Not in fragments, against the rule.
            spans: Sequence[tuple[int, int]] = [(pixels.offset, pixels.length)]
        else:
            _, first = read_basic_table(source, pixels.offset, pixels.frames)
            spans = scan_fragments(source, first).spans
        left = sum(length for _, length in spans) if limit is None else limit
        for at, length in spans:
            left -= _copy(source, out, at, min(length, left))


def _copy(source: BinaryIO, out: BinaryIO, at: int, length: int) -> int:
    source.seek(at)
    left = length
    while left > 0 and (block := source.read(min(left, _BLOCK))):
        out.write(block)
        left -= len(block)
    return length - left


def find_stored(db: sqlite3.Connection, place: Place) -> Stored | None:
    """Return an instance; None if there is no such one in that series of that study."""
    located = locate(db, *place)
    if located is None:
        return None
    for piece in stored_metadata(db, Form.DICOM_JSON, *place):
        return Stored(located.file, located.pixels, located.instance, piece.packed)
    return None
