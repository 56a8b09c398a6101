"""What the tests of the lower rings share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from unit.bench import Bench

from desktop.importers.reading import ReaderPool

# No time limits: a busy computer is no fault. No database: tests write below tmp_path only.
settings.register_profile("unit", deadline=None, database=None, print_blob=True)
settings.load_profile("unit")


@pytest.fixture
def bench(tmp_path: Path, pool: ReaderPool) -> Iterator[Bench]:
    """A library below the test's folder, and what imports into it."""
    made = Bench(tmp_path / "base", pool)
    yield made
    made.close()
