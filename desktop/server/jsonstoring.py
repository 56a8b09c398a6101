"""Receives instances as metadata in JSON, with their large values as parts beside them (PS3.18 §8.7.3.2, §10.5.2)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..dicom.assembling import Bulk, NoInstance, write_instance
from ..partreader import PART_LIMIT, Malformed, MediaType, TooMuch
from .answers import DICOM_JSON
from .receiving import Parts, Receiver
from .storing import Delivery

METADATA_LIMIT = 1 << 24
"""Bytes of one part of metadata, which is held in memory, where it takes ten times as much."""

_JSON = DICOM_JSON.decode()


class Metadata(Receiver):
    """Of a body that is metadata alone: all values stand in it."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery)
        self._path = self._begin_file(METADATA_LIMIT)

    def _feed(self, block: bytes) -> None:
        self._write(block)

    def _finish(self) -> list[Path]:
        return assemble([self._path], {}, self._delivery)


class MetadataAndBulk(Parts):
    """Of a body whose parts are metadata, and values that these refer to by their Content-Location."""

    def __init__(self, delivery: Delivery, media_type: MediaType) -> None:
        super().__init__(delivery, media_type)
        self._metadata: list[Path] = []
        self._bulk: dict[str, list[Bulk]] = {}

    def _begin(self, kind: MediaType, location: str) -> None:
        if kind.name in ("", _JSON, "application/json"):
            self._metadata.append(self._begin_file(METADATA_LIMIT))
        elif location:
            bulk = Bulk(self._begin_file(), kind.name, kind.parameters.get("transfer-syntax", ""))
            self._bulk.setdefault(location, []).append(bulk)
        else:
            raise Malformed("A part that is no metadata has no Content-Location.")

    def _choose(self) -> list[Path]:
        return assemble(self._metadata, self._bulk, self._delivery)


def assemble(metadata: Sequence[Path], bulk: dict[str, list[Bulk]], delivery: Delivery) -> list[Path]:
    """Make the files.

    Args:
        metadata: files of JSON, each with a data set or a list of them.
        bulk: values by Content-Location.
        delivery: makes the files.

    Raises:
        Malformed: the metadata cannot be read, or a value is missing.
        TooMuch: there are too many, or too large ones.
    """
    made: list[Path] = []
    for path in metadata:
        delivery.check_room()
        for model in _read(path):
            if len(made) >= PART_LIMIT:
                raise TooMuch(f"It has more than {PART_LIMIT:,} instances. Send them in several requests.")
            made.append(delivery.new_file())
            try:
                with made[-1].open("wb") as file:
                    write_instance(model, lambda uri: bulk.get(uri, ()), file)
            except NoInstance as error:
                raise Malformed(f"Instance {len(made)} cannot be made. {error}") from error
    return made


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        said = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Malformed("Its metadata are no JSON.") from error
    models = said if isinstance(said, list) else [said]
    if not all(isinstance(model, dict) for model in models):
        raise Malformed("Its metadata are no data sets.")
    return models
