"""A library in memory, and what is asked of it to see that it is sound."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from unit.helpers import header_of

from desktop.library.adding import Reading, add_readings
from desktop.library.matching import define_matching
from desktop.library.outcomes import FileOutcome
from desktop.library.places import define_places
from desktop.library.schema import migrate


class Library:
    """A library in memory."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        define_places(self.db, Path("copies"))
        define_matching(self.db)
        migrate(self.db)

    def add(self, readings: Sequence[Reading]) -> list[FileOutcome]:
        """Add what was read, in one transaction, and see that the library is sound afterwards."""
        self.db.execute("BEGIN")
        outcomes = add_readings(self.db, readings)
        self.db.execute("COMMIT")
        self.check()
        return outcomes

    def add_files(self, *paths: Path) -> list[FileOutcome]:
        """Read files and add them."""
        return self.add([header_of(path) for path in paths])

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Return rows as tuples."""
        return [tuple(row) for row in self.db.execute(query, values)]

    def check(self) -> None:
        """Assert what must hold at all times."""
        assert self.rows("PRAGMA foreign_key_check") == []
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        # Each file with an outcome of an instance has one, and no other has.
        query = (
            "SELECT path, outcome FROM files LEFT JOIN instances ON file = files.id "
            "WHERE (instances.id IS NULL) = (outcome IN ('added', 'updated', 'conflict'))"
        )
        assert self.rows(query) == []
        count = "(SELECT count(*) FROM instances WHERE series = series.id)"
        assert self.rows(f"SELECT id, instances, {count} FROM series WHERE instances != {count}") == []
        assert self.rows("SELECT id FROM series WHERE instances = 0") == []
        assert self.rows("SELECT id FROM studies WHERE id NOT IN (SELECT study FROM series)") == []
        assert self.rows("SELECT id FROM patients WHERE id NOT IN (SELECT patient FROM studies)") == []
        assert self.rows("SELECT rowid FROM study_search ORDER BY 1") == self.rows("SELECT id FROM studies ORDER BY 1")
        assert self.rows("SELECT instance FROM metadata ORDER BY 1") == self.rows("SELECT id FROM instances ORDER BY 1")


@pytest.fixture
def library() -> Iterator[Library]:
    made = Library()
    yield made
    made.db.close()
