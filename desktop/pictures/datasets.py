"""Whole data sets of indexed instances: what the library keeps of them, and what it has left in their files."""

import json

from ..dicom.bulkdata import NoBulkData, read_bulk_data
from ..dicom.items import Item, ReadBulk
from ..dicom.metadata import unpack
from ..library.queries import Form, locate, stored_metadata
from ..library.store import Store
from .files import open_file

Place = tuple[str, str, str]
"""Study, Series and SOP Instance UID under which an instance is served."""

_BULK = "/bulkdata/"


def load_dataset(store: Store, place: Place) -> Item | None:
    """Return an instance's data set; None if there is no such instance."""
    for piece in stored_metadata(store.reader(), Form.DICOM_JSON, *place):
        return Item(json.loads(unpack(piece.packed)))
    return None


def bulk_reader(store: Store, place: Place) -> ReadBulk:
    """Return what reads the binary values of an instance that its data set only refers to, in any thread.

    It raises NoBulkData, FileGone, or what the disk or the archive says.
    """

    def read(uri: str) -> bytes:
        located = locate(store.reader(), *place)
        _, mark, element = uri.partition(_BULK)
        if located is None or not mark:
            raise NoBulkData("There is no such value.")
        with open_file(located.file) as file:
            return read_bulk_data(file, located.file.size, element)

    return read
