"""A script: how late a timer of the window's own thread is while OHIF loads a study.

    python smoothness.py BASE FOLDER

The real window, server and OHIF; the study in FOLDER is imported before. A timer of 16 ms stands for all that the
window does: clicks, drawing, progress. Printed are how late each tick came, in milliseconds, from the opening of the
study until all of its images are loaded, and while nothing was done before; and how long the loading took.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from desktop.ui.window import MainWindow

TICK_MS = 16
IDLE_SECONDS = 5.0
_LOOK_MS = 250
_SECONDS = 300.0

_LOAD = """(() => {
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
    # The import's workers come through here too, so nothing heavy is imported above.
    import shiboken6

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
        try:
            window.show()
            told = _measure(window, uid)
        finally:
            window.shut_down()
            shiboken6.delete(window)
    del qt
    print(json.dumps(told))


def _measure(window: "MainWindow", uid: str) -> dict[str, Any]:
    viewer = window.viewer
    ready: list[str] = []
    drawn: list[str] = []
    viewer.ready.connect(ready.append)
    viewer.drawn.connect(drawn.append)
    _wait(lambda: bool(ready))
    with_nothing = _Ticks()
    end = time.monotonic() + IDLE_SECONDS
    _wait(lambda: time.monotonic() > end)
    idle = with_nothing.stop()
    ticks = _Ticks()
    started = time.perf_counter()
    window.open_study(uid)
    _wait(lambda: bool(drawn))
    first = time.perf_counter() - started
    viewer.page.runJavaScript(_LOAD)
    state: dict[str, int] = {}

    def note(text: str) -> None:
        # Empty while the page is busy with something else.
        state.update(json.loads(text or "{}"))

    def is_loaded() -> bool:
        viewer.page.runJavaScript("JSON.stringify(window.loading ?? {})", note)
        return bool(state) and state["done"] + state["failed"] == state["all"]

    _wait(is_loaded)
    seconds = time.perf_counter() - started
    counts = {"images": state["done"], "failed": state["failed"]}
    return {"late_ms": ticks.stop(), "idle_late_ms": idle, "seconds": seconds, "first_s": first} | counts


class _Ticks:
    """A timer of the window's thread, and how late it was each time."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def stop(self) -> list[float]:
        """Stop, and return the milliseconds by which each tick was late."""
        self._timer.stop()
        return self._late

    def _tick(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, (now - self._last) * 1000 - TICK_MS))
        self._last = now


def _wait(condition: Callable[[], bool]) -> None:
    """Run the event loop until the condition holds."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop, ticker = QEventLoop(), QTimer()
    ticker.timeout.connect(loop.quit)
    ticker.start(_LOOK_MS)
    end = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("It did not happen in time.")
        loop.exec()
    ticker.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
