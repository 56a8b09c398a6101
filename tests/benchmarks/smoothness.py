"""A script: how late a timer of the window's own thread is while OHIF loads a study.

    python smoothness.py BASE FOLDER

The real window, server and OHIF; the study in FOLDER is imported before. A timer of 16 ms stands for all that the
window does: clicks, drawing, progress. Printed are how late each tick came, in milliseconds, while the study was loaded
and, for comparison, while nothing was; and how long the loading took.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

TICK_MS = 16
_SECONDS = 300.0

_LOAD = """(async () => {
  const { cornerstoneViewportService, viewportGridService } = window.services;
  const viewport = cornerstoneViewportService.getCornerstoneViewport(viewportGridService.getState().activeViewportId);
  const ids = viewport.getImageIds();
  window.loading = { all: ids.length, done: 0, failed: 0 };
  for (const id of ids) {
    window.cornerstone.imageLoader.loadAndCacheImage(id).then(
      () => window.loading.done++, () => window.loading.failed++
    );
  }
})()"""


def main(base: str, folder: str) -> None:
    """Measure, and print."""
    import shiboken6
    from PySide6.QtCore import Qt, QTimer

    from desktop.app import start_app
    from desktop.paths import find_paths
    from desktop.services.importing import ImportAsk
    from desktop.ui.singletons import protect_singletons
    from desktop.ui.start import make_application
    from desktop.ui.window import MainWindow

    protect_singletons()
    qt = make_application()
    with start_app(find_paths(base)) as app:
        (uid,) = app.importing.start(ImportAsk((folder,))).wait().studies
        app.serve(0)
        window = MainWindow(app)
        window.show()
        late: list[float] = []
        last = time.perf_counter()

        def tick() -> None:
            nonlocal last
            now = time.perf_counter()
            late.append(max(0.0, (now - last) * 1000 - TICK_MS))
            last = now

        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(TICK_MS)
        timer.timeout.connect(tick)
        ready: list[str] = []
        window.viewer.ready.connect(ready.append)
        drawn: list[str] = []
        window.viewer.drawn.connect(drawn.append)
        _wait(qt, lambda: bool(ready))
        # What comes first in a new process is not what is measured.
        last = started = time.perf_counter()
        timer.start()
        window.open_study(uid)
        _wait(qt, lambda: bool(drawn))
        first = time.perf_counter() - started
        window.viewer.page.runJavaScript(_LOAD)
        told: dict[str, int] = {}

        def note(text: Any) -> None:
            told.update(json.loads(text or "{}"))

        asking = QTimer()
        asking.timeout.connect(lambda: window.viewer.page.runJavaScript("JSON.stringify(window.loading)", note))
        asking.start(250)
        _wait(qt, lambda: bool(told) and told["done"] + told["failed"] == told["all"])
        seconds = time.perf_counter() - started
        timer.stop()
        asking.stop()
        window.shut_down()
        shiboken6.delete(window)
    print(
        json.dumps(
            {"late_ms": late, "seconds": seconds, "first_s": first, "images": told["done"], "failed": told["failed"]}
        )
    )


def _wait(qt: Any, condition: Callable[[], bool]) -> None:
    from PySide6.QtCore import QEventLoop

    end = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("It did not happen in time.")
        qt.processEvents(QEventLoop.ProcessEventsFlag.AllEvents | QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)


if __name__ == "__main__":
    main(*sys.argv[1:3])
