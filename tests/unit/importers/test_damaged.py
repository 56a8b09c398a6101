"""Files that are damaged in many ways, always the same ones. ``dev.py fuzz`` damages more, under limits."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from fuzz import watching
from fuzz.cases import make_case
from fuzz.damages import STRUCTURAL
from fuzz.examining import Examined, examine, make_trouble
from fuzz.importing import EDGE, import_twice
from fuzz.large import HEAVY
from fuzz.sources import Source, find_sources, pydicom_files
from unit.helpers import file_ref

from desktop.dicom.records import FileRef
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


def _spin(_: FileRef) -> Examined:
    while True:
        pass


def _gorge(_: FileRef) -> Examined:
    try:
        bytearray(2 * watching.MEMORY)
    except MemoryError as error:
        return Examined("", (make_trouble("read", error),))
    return Examined("rejected")


def _crash(_: FileRef) -> Examined:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Examined("rejected")


@pytest.mark.skipif(not watching.WATCHES, reason="has no limits")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("examine", "kind"),
    [
        (_spin, "time"),
        (_gorge, "MemoryError"),
        (_crash, "crash by SIGSEGV"),
        (lambda _: os._exit(1), "crash without an answer"),
        (lambda _: Examined("rejected"), None),
    ],
)
def test_what_breaks_a_limit_is_ended_and_told(
    examine: Any, kind: str | None, sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_sources", sources)
    monkeypatch.setattr(watching, "SECONDS", -1 if kind == "time" else watching.SECONDS)
    monkeypatch.setattr(watching, "examine", examine)
    watched = watching.watch(SEED, 1, tmp_path)
    assert watched.path.is_file()
    assert [trouble.kind for trouble in watched.found.troubles] == ([] if kind is None else [kind])
    assert watched.ended is (kind is not None)


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
