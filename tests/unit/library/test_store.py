"""One writer, readers in any thread, and what goes wrong with files."""

import os
import sqlite3
import stat
import sys
import threading
from pathlib import Path

import pytest

from desktop.errors import InputError
from desktop.library.schema import VERSION
from desktop.library.store import Store

COUNT = "SELECT count(*) FROM patients"
INSERT = "INSERT INTO patients VALUES (NULL, 'P1', '', '', '', '')"


def insert(db: sqlite3.Connection) -> str:
    db.execute(INSERT)
    return threading.current_thread().name


def count(db: sqlite3.Connection) -> int:
    return int(db.execute(COUNT).fetchone()[0])


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    with Store(tmp_path / "deep" / "library.sqlite") as store:
        assert count(store.reader()) == 0
        assert store.write(insert).result() == "library writer"
        assert count(store.reader()) == 1
    with Store(tmp_path / "deep" / "library.sqlite") as store:
        assert count(store.reader()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
def test_the_library_is_open_to_its_user_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "library.sqlite"
    before = os.umask(0)
    try:
        with Store(path) as store:
            store.write(insert).result()
            for file in path.parent.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_task_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        db.execute(INSERT)
        raise KeyError("a bug")

    with Store(tmp_path / "library.sqlite") as store:
        with pytest.raises(KeyError, match="a bug"):
            store.write(fail).result()
        assert count(store.reader()) == 0
        # The writer goes on.
        store.write(insert).result()
        assert count(store.reader()) == 1


def test_an_error_of_the_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Store(tmp_path / "library.sqlite") as store:
        with pytest.raises(
            InputError, match=r"The library cannot be written: no such table.*What was written before is kept\."
        ):
            store.write(lambda db: db.execute("INSERT INTO nowhere VALUES (1)")).result()
        with pytest.raises(sqlite3.IntegrityError):
            store.write(lambda db: db.execute("INSERT INTO patients (id) VALUES (1)")).result()
        assert count(store.reader()) == 0


def test_tasks_run_one_after_another_in_their_order(tmp_path: Path) -> None:
    seen: list[int] = []

    def task(number: int):
        def run(db: sqlite3.Connection) -> None:
            assert db.in_transaction
            seen.append(number)

        return run

    with Store(tmp_path / "library.sqlite") as store:
        futures = [store.write(task(number)) for number in range(50)]
        for future in futures:
            future.result()
    assert seen == list(range(50))


def test_a_cancelled_task_does_not_run(tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        started.set()
        go_on.wait()

    with Store(tmp_path / "library.sqlite") as store:
        store.write(hold)
        started.wait()
        waiting = store.write(insert)
        assert waiting.cancel()
        go_on.set()
        store.write(lambda _: None).result()
        assert count(store.reader()) == 0


def test_each_thread_reads_by_a_connection_of_its_own(tmp_path: Path) -> None:
    with Store(tmp_path / "library.sqlite") as store:
        store.write(insert).result()
        mine = store.reader()
        assert store.reader() is mine
        found: list[tuple[int, bool]] = []
        threads = [
            threading.Thread(target=lambda: found.append((count(store.reader()), store.reader() is mine)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(1, False)] * 4


def test_readers_cannot_write(tmp_path: Path) -> None:
    with Store(tmp_path / "library.sqlite") as store, pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.reader().execute(INSERT)


def test_a_reader_sees_what_was_committed_while_another_transaction_is_open(tmp_path: Path) -> None:
    inserted, go_on = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        db.execute(INSERT)
        inserted.set()
        go_on.wait()

    with Store(tmp_path / "library.sqlite") as store:
        future = store.write(slow)
        inserted.wait()
        assert count(store.reader()) == 0
        go_on.set()
        future.result()
        assert count(store.reader()) == 1


def test_closing_finishes_what_was_given_and_may_be_done_twice(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.sqlite")
    futures = [store.write(insert) for _ in range(20)]
    reader = store.reader()
    store.close()
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(InputError, match="The library is closed"):
        store.write(insert)
    with pytest.raises(InputError, match="The library is closed"):
        store.reader()
    with pytest.raises(sqlite3.ProgrammingError):
        count(reader)
    with Store(tmp_path / "library.sqlite") as again:
        assert count(again.reader()) == 20


@pytest.mark.parametrize("name", ["with space", "per%20cent", "ques?tion", "ha#sh", "ünï", "quo'te"])
def test_libraries_of_any_name(name: str, tmp_path: Path) -> None:
    with Store(tmp_path / name / "library.sqlite") as store:
        store.write(insert).result()
        assert count(store.reader()) == 1


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    path.write_text("This is a letter, long enough to be taken for a database's first page. " * 20)
    with pytest.raises(InputError, match="cannot be opened"):
        Store(path)
    assert path.read_text().startswith("This is a letter")
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(InputError, match="cannot be opened"):
        Store(tmp_path / "folder.sqlite")
    with pytest.raises(InputError, match="cannot be opened"):
        Store(path / "library.sqlite")


def test_a_newer_library_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    with Store(path) as store:
        store.write(insert).result()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(
        InputError, match=f"newer Negatoscope .library version {VERSION + 1}, this program knows {VERSION}"
    ):
        Store(path)
    db = sqlite3.connect(path)
    assert count(db) == 1
    assert db.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    db.close()


def test_a_library_that_another_program_holds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    with Store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        future = store.write(insert)
        assert count(store.reader()) == 0
        other.execute("COMMIT")
        other.close()
        future.result()
        assert count(store.reader()) == 1
