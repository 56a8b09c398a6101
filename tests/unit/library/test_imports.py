"""The accounts of imports: kept with all that is to be said, the last fifty of them."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.library.conftest import Library

from desktop.dicom.memberpaths import member_path
from desktop.library.imports import (
    ImportState,
    begin_import,
    end_import,
    find_imports,
    find_interrupted,
    get_import,
    note_interrupted,
)
from desktop.library.outcomes import FileOutcome, Outcome

ENDED = [ImportState.DONE, ImportState.CANCELLED, ImportState.STOPPED]
COUNTS = {outcome: number for number, outcome in enumerate(Outcome, start=1)}


def begin(library: Library, *sources: str, copied: bool = False) -> int:
    return begin_import(library.db, sources, copied=copied)


def end(library: Library, number: int, state: ImportState = ImportState.DONE, *reasons: FileOutcome) -> None:
    end_import(library.db, number, state, seconds=1.5, counts=COUNTS, reasons=reasons, trouble="A sentence.")


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("copied", [False, True])
def test_an_account_is_kept_as_it_was_given(state: ImportState, copied: bool, library: Library) -> None:
    number = begin(library, "/a", "/b c", copied=copied)
    (running,) = find_imports(library.db)
    assert (running.number, running.state, running.copied, running.seconds) == (number, "running", copied, 0)
    assert running.counts == dict.fromkeys(Outcome, 0)
    reasons = [
        FileOutcome("/a/1", Outcome.REJECTED, "It cannot be read.", ""),
        FileOutcome(member_path("/a/\udcff.zip", 1, "ä"), Outcome.ADDED, "A remark.", "1.2.3"),
        FileOutcome("/a/1", Outcome.DUPLICATE, "Twice, since it is told twice."),
    ]
    end(library, number, state, *reasons)
    found = get_import(library.db, number)
    assert found is not None
    entry, told = found
    assert entry == replace(running, state=state, seconds=1.5, counts=COUNTS, trouble="A sentence.")
    assert told == reasons
    assert entry.started.endswith("+00:00")
    assert find_interrupted(library.db) is None


SOURCES = st.text("ab/\n\t ä\udcff\0", min_size=1).map(lambda text: "/" + text).filter(lambda text: "\0\0" not in text)


@given(sources=st.lists(SOURCES.filter(lambda text: not text.endswith("\0")), max_size=4))
def test_sources_come_back_as_they_were(sources: list[str]) -> None:
    library = Library()
    begin(library, *sources)
    (entry,) = find_imports(library.db)
    assert entry.sources == tuple(sources)
    library.db.close()


def test_the_oldest_accounts_go_with_all_that_they_say(library: Library) -> None:
    # As the store has it.
    library.db.execute("PRAGMA foreign_keys = ON")
    numbers = []
    for at in range(53):
        numbers.append(begin(library, f"/{at}"))
        end(library, numbers[-1], ImportState.DONE, FileOutcome("/a", Outcome.REJECTED, "It is damaged."))
    kept = find_imports(library.db)
    assert [entry.number for entry in kept] == numbers[:2:-1]
    assert get_import(library.db, numbers[0]) is None
    assert get_import(library.db, 10**6) is None
    assert library.rows("SELECT count(*) FROM import_reasons") == [(50,)]


def test_what_ran_when_the_program_ended_was_interrupted(library: Library) -> None:
    note_interrupted(library.db)
    assert find_interrupted(library.db) is None
    numbers = [begin(library, "/a") for _ in range(3)]
    end(library, numbers[1])
    assert find_interrupted(library.db) is None, "it runs"
    note_interrupted(library.db)
    assert [entry.state for entry in find_imports(library.db)] == ["interrupted", "done", "interrupted"]
    interrupted = find_interrupted(library.db)
    assert interrupted is not None
    assert interrupted.number == numbers[2]
    end(library, begin(library, "/a"))
    assert find_interrupted(library.db) is None, "a later one came to its end"


def test_an_outcome_that_is_unknown_to_an_account_is_zero(library: Library) -> None:
    number = begin(library, "/a")
    library.db.execute('UPDATE imports SET counts = \'{"added": 3, "later": 1}\' WHERE id = ?', (number,))
    (entry,) = find_imports(library.db)
    assert dict(entry.counts) == dict.fromkeys(Outcome, 0) | {Outcome.ADDED: 3}


def test_paths_are_stored_as_the_system_has_them(library: Library) -> None:
    begin(library, "/\udcff", "/ä")
    assert library.rows("SELECT sources FROM imports") == [(os.fsencode("/\udcff") + b"\0\0" + os.fsencode("/ä"),)]
