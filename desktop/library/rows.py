"""Records to rows and back. Vectors and lists are stored as JSON text, paths as the bytes that the system uses."""

import json
import os
import sqlite3
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, get_type_hints

from ..dicom.records import Instance

Record = TypeVar("Record")

ELSEWHERE = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "TransferSyntaxUID", "has_pixels"})
"""Fields of an instance that its series and study know, or its pixels."""


@cache
def column_names(record: Any) -> tuple[str, ...]:
    """Return the columns that hold a record's fields, in order."""
    return tuple(field.name for field in fields(record) if field.compare)


@cache
def _json_fields(record: Any) -> frozenset[str]:
    hints = get_type_hints(record)
    return frozenset(name for name, hint in hints.items() if "tuple[" in str(hint))


def to_row(record: Any, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a record's fields as SQLite takes them."""
    kind: Any = type(record)
    as_json = _json_fields(kind)
    row = {}
    for name in column_names(kind):
        if name in without:
            continue
        value = getattr(record, name)
        row[name] = json.dumps(value) if name in as_json and value is not None else value
    return row


def from_row(record: type[Record], row: sqlite3.Row, **others: Any) -> Record:
    """Return the record that a row holds; ``others`` are fields that stand elsewhere."""
    kind: Any = record
    as_json = _json_fields(kind)
    values: dict[str, Any] = dict(others)
    for name in column_names(kind):
        if name not in values:
            value = row[name]
            values[name] = _tuples(json.loads(value)) if name in as_json and value is not None else value
    return record(**values)


def instance_from_row(row: Any, **others: Any) -> Instance:
    """Return the instance that a row of ``instances`` holds; ``others`` are fields that stand elsewhere."""
    flags = ("has_pixel_measures", "has_orientation", "has_position")
    return from_row(Instance, row, has_pixels=row["offset"] >= 0, **{name: bool(row[name]) for name in flags}, **others)


def _tuples(value: Any) -> Any:
    """Return lists as tuples, also those within."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def path_to_db(path: str) -> bytes:
    """Return a path as it is stored: names that are no text must come back as they were."""
    return os.fsencode(path)


def path_from_db(path: bytes) -> str:
    """Return a path as the program uses it."""
    return os.fsdecode(path)
