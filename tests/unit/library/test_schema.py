"""The tables, and that a migration happens whole or not at all."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from desktop.dicom.metadata import pack
from desktop.errors import InputError
from desktop.library import schema
from desktop.library.queries import find_series, search_studies
from desktop.library.schema import VERSION, migrate


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_new_library_has_all_tables(db: sqlite3.Connection) -> None:
    migrate(db)
    assert version(db) == VERSION
    assert tables(db) >= {"patients", "studies", "series", "instances", "files", "metadata", "study_search"}
    assert not db.in_transaction


def test_migrating_twice_changes_nothing(db: sqlite3.Connection) -> None:
    migrate(db)
    db.execute("INSERT INTO charsets VALUES ('1.2', 'ISO_IR 101')")
    migrate(db)
    assert db.execute("SELECT count(*) FROM charsets").fetchone() == (1,)
    assert not db.in_transaction


def test_a_newer_library_is_refused(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA user_version = {VERSION + 3}")
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    with pytest.raises(InputError, match="Install that one, or start with another --base-dir"):
        migrate(db)
    assert version(db) == VERSION + 3
    assert tables(db) == set()
    assert not db.in_transaction


def test_a_migration_that_fails_leaves_the_library_as_it_was(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(db)
    before = tables(db)
    broken = "CREATE TABLE more (id INTEGER);\nINSERT INTO more VALUES (1);\nINSERT INTO nowhere VALUES (2);\n"
    monkeypatch.setattr(schema, "_MIGRATIONS", (*schema._MIGRATIONS, (broken, None)))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(db)
    assert version(db) == VERSION
    assert tables(db) == before
    assert not db.in_transaction


def test_an_older_library_goes_through_the_missing_steps_only(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(db)
    more = ("CREATE TABLE two (id INTEGER);\n", "ALTER TABLE two ADD COLUMN more TEXT;\n")
    steps = (*schema._MIGRATIONS, *((script, None) for script in more))
    monkeypatch.setattr(schema, "_MIGRATIONS", steps)
    monkeypatch.setattr(schema, "VERSION", VERSION + 2)
    migrate(db)
    assert version(db) == VERSION + 2
    db.execute("INSERT INTO two (id, more) VALUES (1, 'a')")


def test_triggers_are_kept_whole_when_a_script_is_split() -> None:
    statements = schema._statements(schema._V1)
    assert sum(statement.startswith("CREATE TRIGGER") for statement in statements) == 2
    assert all(statement.endswith(";") for statement in statements)
    assert sum(map(len, statements)) > len(schema._V1) * 0.9


def insert(db: sqlite3.Connection, table: str, **values: object) -> None:
    """Insert a row; what is not given is 0."""
    row = {row["name"]: values.get(row["name"], 0) for row in db.execute(f"PRAGMA table_info({table})")}
    names = ", ".join(f'"{name}"' for name in row)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def test_counters_of_series_follow_their_instances(db: sqlite3.Connection) -> None:
    migrate(db)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = OFF")
    for series in ("1", "2"):
        insert(db, "series", id=series, uid=series, SeriesInstanceUID=series)
    for count, series in enumerate(("1", "1", "1", "2", "2")):
        insert(db, "instances", id=None, uid=str(count), file=count, series=series)
    db.execute("DELETE FROM instances WHERE uid = '1'")
    assert [tuple(row) for row in db.execute("SELECT id, instances FROM series")] == [(1, 2), (2, 2)]


def test_another_programs_database_is_refused_and_left_as_it_is(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(InputError, match="another program's database"):
        migrate(db)
    assert tables(db) == {"theirs"}
    assert version(db) == 0


def test_a_library_of_version_1_keeps_all_that_is_in_it(db: sqlite3.Connection) -> None:
    db.row_factory = sqlite3.Row
    for statement in schema._statements(schema._V1):
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    insert(db, "patients", id=1, PatientID="P1", PatientName="Müller^Änne")
    insert(db, "studies", id=1, patient=1, uid="1.2", StudyInstanceUID="1.2", StudyDescription="Thorax")
    insert(db, "series", id=1, study=1, uid="1.2.3", SeriesInstanceUID="1.2.3")
    for number, outcome in enumerate(("added", "conflict"), start=1):
        insert(db, "files", id=number, path=b"/%d" % number, outcome=outcome, reason="", reader=1)
        insert(db, "instances", id=number, uid=f"1.2.3.{number}", series=1, file=number)
    migrate(db)
    assert [tuple(row) for row in db.execute("SELECT path, medium, reader, copy FROM files ORDER BY id")] == [
        (b"/1", 1, 0, ""),
        (b"/2", 1, 0, ""),
    ]
    assert [tuple(row) for row in db.execute("SELECT instances, conflicts FROM series")] == [(2, 1)]
    assert [entry.conflicts for entry in search_studies(db, "anne thor")] == [1]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_library_of_version_2_learns_what_tells_images_apart(db: sqlite3.Connection) -> None:
    db.row_factory = sqlite3.Row
    for statement in schema._statements(schema._V1 + schema._V2):
        db.execute(statement)
    schema.index_studies(db)
    db.execute("PRAGMA user_version = 2")
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    insert(db, "patients", id=1)
    insert(db, "studies", id=1, patient=1, uid="1.2", StudyInstanceUID="1.2")
    insert(db, "series", id=1, study=1, uid="1.2.3", SeriesInstanceUID="1.2.3")
    for number in range(1, 1203):
        insert(db, "files", id=number, medium=1, path=b"/%d" % number, outcome="added", reason="", twin=None)
        insert(db, "instances", id=number, uid=f"1.2.3.{number}", series=1, file=number)
        piece = pack(f'{{"00180081":{{"vr":"DS","Value":[{number}.5]}}}}')
        insert(db, "metadata", instance=number, dicom_json=piece, ohif_json=piece)
    migrate(db)
    found = [json.loads(row["traits"]) for row in db.execute("SELECT traits FROM instances ORDER BY id")]
    assert found == [[["EchoTime", number + 0.5]] for number in range(1, 1203)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_library_of_version_4_learns_by_which_request_series_were_made(db: sqlite3.Connection) -> None:
    db.row_factory = sqlite3.Row
    for statement in schema._statements(schema._V1 + schema._V2 + schema._V3 + schema._V4):
        db.execute(statement)
    schema.index_studies(db)
    db.execute("PRAGMA user_version = 4")
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    insert(db, "patients", id=1)
    insert(db, "studies", id=1, patient=1, uid="1.2", StudyInstanceUID="1.2")
    request = '{"00401001":{"vr":"SH","Value":["RP1"]}}'
    pieces = [
        (1, '{"00080201":{"vr":"SH","Value":["+0100"]},"00400244":{"vr":"DA"}}'),
        (1, '{"00400244":{"vr":"DA","Value":["20260101"]},"00080201":{"vr":"SH","Value":["+0200"]}}'),
        (1, f'{{"00400275":{{"vr":"SQ","Value":[{request}]}}}}'),
        (2, '{"00080060":{"vr":"CS","Value":["CT"]}}'),
    ]
    for series in (1, 2):
        insert(db, "series", id=series, study=1, uid=f"1.2.{series}", SeriesInstanceUID=f"1.2.{series}")
    for number, (series, text) in enumerate(pieces, start=1):
        insert(db, "files", id=number, medium=1, path=b"/%d" % number, outcome="added", reason="", twin=None)
        insert(db, "instances", id=number, uid=f"1.2.3.{number}", series=series, file=number)
        insert(db, "metadata", instance=number, dicom_json=pack(text), ohif_json=pack(text))
    migrate(db)
    first, second = (entry.series for entry in find_series(db, "1.2"))
    assert first.TimezoneOffsetFromUTC == "+0100"
    assert (first.PerformedProcedureStepStartDate, first.PerformedProcedureStepStartTime) == ("20260101", "")
    assert first.RequestAttributesSequence == (("", "RP1"),)
    assert (second.TimezoneOffsetFromUTC, second.RequestAttributesSequence) == ("", None)
