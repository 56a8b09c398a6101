"""A window with the real server and the real OHIF, and a way to ask the page."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from builders import make_stack, own_uids
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication
from server.asking import start_threads

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


def start_program(base_dir: Path, **options: Any) -> Program:
    """Start the program."""
    app = start_app(find_paths(base_dir))
    app.serve()
    window = MainWindow(app, **options)
    window.show()
    return Program(app, window)


def end_program(program: Program) -> None:
    """End it, and delete its window."""
    program.window.shut_down()
    shiboken6.delete(program.window)
    program.app.close()


@pytest.fixture
def make_program(qapp: QApplication, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start programs that end with the test."""
    programs: list[Program] = []

    def make(base_dir: Path | None = None, **options: Any) -> Program:
        programs.append(start_program(base_dir or tmp_path / "base", **options))
        return programs[-1]

    yield make
    for program in reversed(programs):
        end_program(program)


@pytest.fixture
def program(make_program: Callable[..., Program]) -> Program:
    """One started program."""
    return make_program()


@pytest.fixture(scope="session")
def _long_lived(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("shared")
    make_stack(folder / "in", 1, **own_uids())
    program = start_program(folder / "base")
    # Whatever threads it needs begin now: none seems to be left behind by a test.
    start_threads(program.app)
    program.app.pictures.warm_up()
    program.show(folder / "in")
    clear(program)
    yield program
    end_program(program)


@pytest.fixture
def shared(_long_lived: Program, request: pytest.FixtureRequest) -> Iterator[Program]:
    """A program that most tests share, as it takes seconds to start. Its library is empty, and it shows nothing.

    Each test brings studies of its own, whose UIDs no other test uses: the page remembers.
    """
    failed = request.session.testsfailed
    yield _long_lived
    if request.session.testsfailed > failed:
        _long_lived.window.viewer.start()
    clear(_long_lived)


def clear(program: Program) -> None:
    """Empty the library, and leave the study that is shown."""
    window = program.window
    program.wait_for(lambda: not window._jobs)
    program.wait_for(lambda: program.ask("typeof window.negatoscope?.open") == "function")
    program.ask("window.negatoscope.open('/') ?? 1")
    program.wait_for(lambda: window.windowTitle() == "Negatoscope")
    for entry in program.app.viewing.studies():
        program.app.holdings.delete(entry.study.StudyInstanceUID, permanently=True)
    window.studies.search.clear()
    window.copying.setChecked(False)
    window.dock.hide()
    program.wait_for(lambda: not window.studies.model.entries)
