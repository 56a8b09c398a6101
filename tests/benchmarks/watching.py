"""A script: runs the command ``import`` in this process and watches it, then asks the library what windows ask.

    python watching.py BASE FOLDER STUDIES

STUDIES is the number of studies to ask for, of those that :func:`studies.make_library` made; 0: ask nothing. It prints
what the command told, with how it went on, the work and the memory, and how long each question took.
"""

# The import's workers come through here too, so nothing heavy is imported up here.
import contextlib
import io
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from desktop.app import App

TIMES = 20
"""How often each question is asked, of another study each time."""

PAGE = 500
"""Studies that the window shows at first. It asks for one more, to know whether there are more."""

_SOON, _LATER = 0.01, 0.1


def main(base: str, folder: str, studies: str) -> None:
    """Import, ask, and print."""
    from desktop.__main__ import main as run
    from desktop.app import start_app
    from desktop.paths import find_paths

    paths = find_paths(base)
    printed = io.StringIO()
    with _Watch(paths.library) as watch, contextlib.redirect_stdout(printed):
        code = run(["--base-dir", base, "import", folder, "--json"])
    if code != 0:
        raise SystemExit(f"The import ended with {code}.")
    told: dict[str, Any] = {
        "progress": watch.progress,
        "main_s": watch.used,
        "workers_s": sum(os.times()[2:4]),
        "import_peak_bytes": _peak_memory(),
    }
    told |= json.loads(printed.getvalue())
    if int(studies):
        with start_app(paths) as app:
            told["questions"] = _ask_all(app, int(studies))
        told["peak_bytes"] = _peak_memory()
    print(json.dumps(told))


class _Watch:
    """Looks from aside how many files are in the library, again and again.

    Attributes:
        progress: files, seconds since the start, and seconds of a core that this process had used by then.
        used: seconds of a core that this process used.
    """

    def __init__(self, library: Path) -> None:
        self.progress: list[tuple[int, float, float]] = []
        self.used = 0.0
        self._library = library
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._started = time.perf_counter(), time.process_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.used = time.process_time() - self._started[1]
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_LATER if self.progress else _SOON)
            # A library may not be there yet, or have no tables.
            with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as db:
                while not ended:
                    self._look(db)
                    ended = self._ended.wait(_LATER if self.progress else _SOON)
                self._look(db)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._library.as_uri()}?mode=ro", uri=True)

    def _look(self, db: sqlite3.Connection) -> None:
        # In a new library this is their number, and quickly found.
        (number,) = db.execute("SELECT max(id) FROM files").fetchone()
        if number is not None:
            now = time.perf_counter() - self._started[0], time.process_time() - self._started[1]
            self.progress.append((number, *now))


def _ask_all(app: "App", studies: int) -> dict[str, list[float]]:
    """Return milliseconds by question."""
    from http.client import HTTPConnection

    import studies as made

    host = app.serve(0)
    server, _ = app.require_server()
    connection = HTTPConnection("127.0.0.1", host.port)
    head = {"Authorization": f"Bearer {server.secrets.token}"}
    viewing = app.viewing

    def get(path: str) -> bytes:
        connection.request("GET", path, headers=head)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        return body

    questions: dict[str, Callable[[int], Any]] = {
        f"studies, the first {PAGE}": lambda _number: viewing.studies(limit=PAGE + 1),
        "studies, all": lambda _number: viewing.studies(),
        "search, a Patient ID": lambda number: viewing.studies(made.patient_id(number)),
        "search, name and year": lambda number: viewing.studies(f"{made.family(number)[:5]} {made.year(number)}"),
        "search, a word of two studies in five": lambda _number: viewing.studies("thorax"),
        "open a study: display sets": lambda number: viewing.display_sets(made.study_uid(number)),
        "open a study: JSON for OHIF": lambda number: get(f"/studies/{made.study_uid(number)}/ohif-dicom-json"),
        "open a series: DICOM-JSON": lambda number: get(
            f"/dicom-web/studies/{made.study_uid(number)}/series/{made.series_uid(number, 2)}/metadata"
        ),
    }
    return {name: [_time(ask, number * studies // TIMES) for number in range(TIMES)] for name, ask in questions.items()}


def _time(ask: Callable[[int], Any], number: int) -> float:
    started = time.perf_counter()
    found = ask(number)
    took = (time.perf_counter() - started) * 1000
    if not found:
        raise SystemExit(f"Nothing was found for study {number}.")
    return took


def _peak_memory() -> int | None:
    """Return the most that this process has had in memory at once, in bytes; None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
