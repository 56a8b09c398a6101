"""Files that are damaged in many ways, always the same ones. ``dev.py fuzz`` damages more, under limits."""

from pathlib import Path

import pytest
from fuzz.cases import make_case
from fuzz.damages import HEAVY, STRUCTURAL
from fuzz.examining import examine
from fuzz.importing import EDGE, import_twice
from fuzz.sources import Source, find_sources, pydicom_files
from unit.helpers import file_ref

from desktop.importers import reading
from desktop.importers.reading import ReaderPool
from desktop.library.outcomes import Refusal

SEED, CASES = 20260102, 500
LIGHT = tuple(damage for damage in STRUCTURAL if damage not in HEAVY)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return find_sources((pydicom_files,))


@pytest.fixture(scope="module")
def damaged(sources: list[Source], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    for number in range(CASES):
        case = make_case(SEED, number, sources, LIGHT)
        (folder / case.name).write_bytes(case.data)
    return folder


def test_a_case_can_be_repeated(sources: list[Source]) -> None:
    for number in range(20):
        assert make_case(SEED, number, sources) == make_case(SEED, number, sources)
    assert make_case(SEED, 1, sources) != make_case(SEED + 1, 1, sources)


def test_each_damaged_file_is_read_or_refused(damaged: Path) -> None:
    outcomes = set()
    for path in sorted(damaged.iterdir()):
        examined = examine(file_ref(path))
        assert examined.troubles == (), path.name
        outcomes.add(examined.outcome)
    assert outcomes >= {"Header", "rejected", "not_dicom"}


def test_each_damaged_file_has_one_outcome_in_an_import(damaged: Path, tmp_path: Path) -> None:
    pool = ReaderPool(2)
    try:
        imported = import_twice(damaged, tmp_path / "base", pool)
    finally:
        pool.close()
    assert imported.troubles == ()
    assert imported.counts.total() >= CASES


@pytest.mark.parametrize("error", [RecursionError(), MemoryError(), KeyError("a"), ValueError("a")])
def test_no_unexpected_exception_is_overlooked(
    error: Exception, sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = tmp_path / "a"
    path.write_bytes(sources[0].data)
    monkeypatch.setattr(reading, "parse", fail)
    refused = reading.read(file_ref(path))
    assert isinstance(refused, Refusal)
    assert EDGE.search(refused.reason)
    (trouble,) = examine(file_ref(path)).troubles
    assert trouble.kind == type(error).__name__
