"""A window with the real server and the real OHIF, and a way to ask the page."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from desktop.app import App, start_app
from desktop.errors import InputError
from desktop.paths import find_paths
from desktop.ui.singletons import protect_singletons
from desktop.ui.start import make_application
from desktop.ui.window import MainWindow

WAIT_MS = 60_000


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application, made as the program makes it."""
    protect_singletons()
    application = QApplication.instance() or make_application()
    assert isinstance(application, QApplication)
    return application


class Program:
    """The program as a test uses it: its services, its window, and its page."""

    def __init__(self, app: App, window: MainWindow) -> None:
        self.app = app
        self.window = window

    def wait_for(self, condition: Callable[[], Any], milliseconds: int = WAIT_MS) -> Any:
        """Run the event loop until the condition holds, and return what it gave."""
        value = condition()
        loop = QEventLoop()
        ticker, limit = QTimer(), QTimer()
        ticker.timeout.connect(loop.quit)
        ticker.start(20)
        limit.setSingleShot(True)
        limit.start(milliseconds)
        while not value and limit.isActive():
            loop.exec()
            value = condition()
        ticker.stop()
        limit.stop()
        assert value, "it did not happen in time"
        return value

    def wait_for_signal(self, signal: Any, do: Callable[[], Any], milliseconds: int = WAIT_MS) -> Any:
        """Do something, and return what the signal then brings."""
        got: list[Any] = []
        connection = signal.connect(lambda *values: got.append(values))
        do()
        try:
            self.wait_for(lambda: bool(got), milliseconds)
        finally:
            signal.disconnect(connection)
        return got[0][0] if len(got[0]) == 1 else got[0]

    def ask(self, script: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        got: list[Any] = []
        self.window.viewer.page.runJavaScript(f"JSON.stringify({script}) ?? 'null'", got.append)
        self.wait_for(lambda: bool(got))
        assert got[0], f"the page could not evaluate: {script}"
        return json.loads(got[0])

    def show(self, *paths: Path) -> str:
        """Import files and wait until an image of theirs is drawn; return the study's UID."""
        return self.wait_for_study(lambda: self.window.import_paths([str(path) for path in paths]))

    def wait_for_study(self, do: Callable[[], Any]) -> str:
        """Do what opens another study, or the same one anew; return its UID when its image is drawn."""
        opened: list[str] = []
        drawn: list[str] = []
        viewer, open_study = self.window.viewer, self.window.viewer.open
        connection = viewer.drawn.connect(drawn.append)

        def note(address: Any) -> None:
            drawn.clear()
            opened.append(address.study_uid)
            open_study(address)

        viewer.open = note
        try:
            do()
            # The study before may be drawn once more meanwhile.
            self.wait_for(lambda: opened and opened[-1] in drawn)
        finally:
            viewer.open = open_study
            viewer.drawn.disconnect(connection)
        return opened[-1]

    def run_aside(self, do: Callable[[], Any]) -> "Future[Any]":
        """Run something in another thread, that is there until the test ends."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(do())
            except InputError as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    def ask_viewport(self, expression: str) -> Any:
        """Evaluate an expression of ``viewport``, the first one that shows something."""
        return self.ask(
            "(() => { const grid = window.services.viewportGridService.getState();"
            " const id = grid.activeViewportId;"
            " const viewport = window.services.cornerstoneViewportService.getCornerstoneViewport(id);"
            f" return {expression}; }})()"
        )


@pytest.fixture
def make_program(qapp: QApplication, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start programs that end with the test."""
    programs: list[Program] = []

    def make(base_dir: Path | None = None, **options: Any) -> Program:
        app = start_app(find_paths(base_dir or tmp_path / "base"))
        app.serve()
        window = MainWindow(app, **options)
        window.show()
        program = Program(app, window)
        programs.append(program)
        return program

    yield make
    for program in reversed(programs):
        program.window.shut_down()
        shiboken6.delete(program.window)
        program.app.close()


@pytest.fixture
def program(make_program: Callable[..., Program]) -> Program:
    """One started program."""
    return make_program()
