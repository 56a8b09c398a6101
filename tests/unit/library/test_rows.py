"""Records to rows and back."""

import os
import sqlite3
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.dicom.records import Instance, Patient, Pixels, Series, Study
from desktop.library.rows import ELSEWHERE, column_names, from_row, instance_from_row, path_from_db, path_to_db, to_row

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "bool": st.booleans(),
    "int": INTEGERS,
    "bytes": st.binary(max_size=20),
    "int | None": st.none() | INTEGERS,
    "float | None": st.none() | NUMBERS,
    "tuple[str, ...]": st.lists(TEXT, max_size=4).map(tuple),
    "tuple[tuple[str, str], ...] | None": st.none() | st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    "tuple[float, ...] | None": st.none() | st.lists(NUMBERS, max_size=6).map(tuple),
    "tuple[tuple[str, str | float | tuple[float, ...]], ...]": st.lists(
        st.tuples(TEXT, TEXT | NUMBERS | st.lists(NUMBERS, max_size=3).map(tuple)), max_size=4
    ).map(tuple),
}


def records(kind: type) -> st.SearchStrategy[Any]:
    hints = {
        name: hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
        for name, hint in get_type_hints(kind).items()
    }
    return st.builds(kind, **{name: KINDS[hints[name]] for name in column_names(kind)})


def through_the_database(row: dict[str, Any]) -> sqlite3.Row:
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    quoted = [f'"{name}"' for name in row]
    db.execute(f"CREATE TABLE t ({', '.join(quoted)})")
    db.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    found: sqlite3.Row = db.execute("SELECT * FROM t").fetchone()
    db.close()
    return found


@pytest.mark.parametrize("kind", [Patient, Study, Series, Instance, Pixels])
@given(data=st.data())
def test_records_come_back_as_they_were(kind: type, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    row = to_row(record)
    assert tuple(row) == column_names(kind)
    assert from_row(kind, through_the_database(row)) == record


def test_fields_that_stand_elsewhere() -> None:
    instance = Instance("1.2.3", StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1")
    row = to_row(instance, without=ELSEWHERE)
    assert not ELSEWHERE & row.keys()
    row |= {"offset": 0, "TransferSyntaxUID": "1.2.3"}
    found = instance_from_row(through_the_database(row), StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1")
    assert (found.SOPInstanceUID, found.StudyInstanceUID, found.SeriesInstanceUID) == ("1.2.3", "1.9", "1.9.1")


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_paths_come_back_as_they_were(name: bytes) -> None:
    path = os.fsdecode(name)
    assert path_to_db(path) == name
    assert path_from_db(path_to_db(path)) == path
