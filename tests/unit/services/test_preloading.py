"""Studies are prepared before they are opened, and files that an older program read are read again."""

import gzip
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.bench import Bench

from desktop.dicom.metadata import METADATA_VERSION
from desktop.errors import InputError
from desktop.library import joined as joined_module
from desktop.library.forgetting import forget_study
from desktop.library.joined import find_joined, find_unjoined
from desktop.library.joining import get_joined
from desktop.library.store import Store
from desktop.services import preloading as module
from desktop.services.preloading import Preloading, PreloadReport

SECONDS = 20
STUDY = f"{ROOT_UID}1"


@pytest.fixture
def preloading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Preloading]:
    monkeypatch.setattr(module, "_REST_SECONDS", 0.01)
    made = Preloading(bench.store, bench.pool, bench.events, bench.copies, lambda: bench.importing.is_running)
    yield made
    made.close()


def make_studies(folder: Path, count: int) -> list[Path]:
    return [
        save(
            make_image(
                StudyInstanceUID=f"{ROOT_UID}{number}",
                SeriesInstanceUID=f"{ROOT_UID}{number}.1",
                SOPInstanceUID=f"{ROOT_UID}{number}.1.1",
            ),
            folder / f"image{number}",
        )
        for number in range(1, count + 1)
    ]


def outdate(bench: Bench, number: int = METADATA_VERSION - 1) -> None:
    """Make the library one of an older program, whose pieces say less."""

    def change(db: sqlite3.Connection) -> None:
        db.execute("UPDATE files SET reader = ?", (number,))
        db.execute("UPDATE metadata SET version = ?", (number,))
        db.execute("UPDATE instances SET traits = '[]'")

    bench.store.write(change).result()


def wait_for(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_studies_are_prepared_once(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    bench.run(*make_studies(tmp_path / "files", 3))
    assert preloading.run() == PreloadReport(studies=3, read=0, away=0)
    db = bench.store.reader()
    assert find_unjoined(db) == []
    kept = find_joined(db, STUDY)
    assert kept is not None
    (study,) = json.loads(gzip.decompress(kept.packed))["studies"]
    assert study["StudyInstanceUID"] == STUDY
    assert kept == get_joined(bench.store, STUDY)
    assert preloading.run() == PreloadReport(studies=0, read=0, away=0)


def test_one_study_is_prepared(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    bench.run(*make_studies(tmp_path / "files", 3))
    assert preloading.run(STUDY).studies == 1
    assert sorted(find_unjoined(bench.store.reader())) == [f"{ROOT_UID}2", f"{ROOT_UID}3"]


def test_a_study_that_changes_is_prepared_anew(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "stack", 3)
    bench.run(paths[0])
    preloading.run()
    (uid,) = [row[0] for row in bench.rows("SELECT uid FROM studies")]
    first = get_joined(bench.store, uid)
    bench.run(*paths)
    assert find_joined(bench.store.reader(), uid) is None
    assert preloading.run().studies == 1
    second = find_joined(bench.store.reader(), uid)
    assert first is not None
    assert second is not None
    assert first.digest != second.digest
    assert gzip.decompress(second.packed).count(b'"url"') == 3
    assert bench.rows("SELECT count(*) FROM joined") == [(1,)]


def test_another_form_is_made_anew(
    bench: Bench, preloading: Preloading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(*make_studies(tmp_path / "files", 2))
    preloading.run()
    monkeypatch.setattr(joined_module, "JOINED_VERSION", joined_module.JOINED_VERSION + 1)
    assert find_joined(bench.store.reader(), STUDY) is None
    assert preloading.run().studies == 2


def test_pieces_go_with_their_study(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    bench.run(*make_studies(tmp_path / "files", 2))
    preloading.run()
    bench.store.write(lambda db: forget_study(db, STUDY)).result()
    assert bench.rows("SELECT count(*) FROM joined") == [(1,)]


def test_what_an_older_program_read_is_read_again(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    here, copied, away, changed = make_studies(tmp_path / "files", 4)
    bench.run(here, away, changed)
    bench.copy(copied)
    traits = bench.rows("SELECT uid, traits FROM instances ORDER BY uid")
    outdate(bench)
    copied.unlink()
    away.unlink()
    changed.write_bytes(changed.read_bytes() + b"\0\0")
    assert preloading.run() == PreloadReport(studies=4, read=2, away=2)
    now = bench.rows("SELECT uid, traits FROM instances ORDER BY uid")
    assert [now[0], now[1]] == traits[:2]
    assert [row[1] for row in now[2:]] == ["[]", "[]"]
    assert bench.rows("SELECT count(*) FROM files WHERE reader != ?", METADATA_VERSION) == [(2,)]
    # No image is lost over it, and nobody is asked for those that are away again and again.
    assert bench.instances() == 4
    assert preloading.run() == PreloadReport(studies=0, read=0, away=2)


def test_a_file_that_cannot_be_read_any_more_stays_known(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    (path,) = make_studies(tmp_path / "files", 1)
    bench.run(path)
    outdate(bench)
    status, size = path.stat(), path.stat().st_size
    path.write_bytes(b"\0" * size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert preloading.run() == PreloadReport(studies=1, read=0, away=1)
    assert bench.instances() == 1


def test_it_follows_the_library_by_itself(bench: Bench, preloading: Preloading, tmp_path: Path) -> None:
    paths = make_studies(tmp_path / "files", 3)
    bench.run(paths[0])
    outdate(bench)
    preloading.watch()
    preloading.watch()
    wait_for(lambda: find_joined(bench.store.reader(), STUDY) is not None)
    wait_for(lambda: bench.rows("SELECT reader FROM files") == [(METADATA_VERSION,)])
    bench.run(*paths)
    wait_for(lambda: find_unjoined(bench.store.reader()) == [])


def test_it_waits_while_files_are_imported(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 0.01)
    bench.run(*make_studies(tmp_path / "files", 1))
    busy = [True]
    asked: list[bool] = []

    def is_busy() -> bool:
        asked.append(True)
        return busy[0]

    preloading = Preloading(bench.store, bench.pool, bench.events, bench.copies, is_busy)
    try:
        preloading.watch()
        wait_for(lambda: len(asked) > 3)
        assert find_unjoined(bench.store.reader()) == [STUDY]
        busy[0] = False
        wait_for(lambda: find_unjoined(bench.store.reader()) == [])
    finally:
        preloading.close()
        preloading.close()


def test_a_library_that_cannot_be_written_is_served_all_the_same(bench: Bench, tmp_path: Path) -> None:
    bench.run(*make_studies(tmp_path / "files", 1))
    with Store(tmp_path / "base" / "library.sqlite", bench.copies, reads_only=True) as other:
        assert get_joined(other, STUDY) is not None
        with pytest.raises(InputError, match="Another Negatoscope has this library open"):
            Preloading(other, bench.pool, bench.events, bench.copies).run()
    assert find_unjoined(bench.store.reader()) == [STUDY]
