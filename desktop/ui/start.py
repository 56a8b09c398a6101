"""Starts Qt, runs the window, and ends everything in order.

Start: environment → graphics → QApplication → services and server → window. End: page, profile, server, workers,
writer; then Qt.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import PySide6
import shiboken6
from PySide6.QtCore import QCoreApplication, QObject, QSettings, QSocketNotifier, Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMessageBox

from .. import __version__
from ..app import App, find_folders, make_folders, start_app
from ..errors import ExitCode, NegatoscopeError, SetupError, UsageError
from ..handover import OwnerEnded, take_ownership
from ..importers.report import ImportReport
from ..options import Options
from ..paths import Paths
from ..services.reporting import nothing_viewable, print_json, print_report
from ..services.requests import show_elsewhere
from . import graphics
from .doctor import examine
from .singletons import protect_singletons
from .theme import apply_theme, as_plain
from .window import MainWindow

log = logging.getLogger(__name__)

_LOOK_MS = 100
_QUIET_SECONDS = 1.0
_SETTLE_SECONDS = 20.0
_MISSING_MS = 5000
_WITHOUT_SCREEN = ("offscreen", "minimal")


def run(options: Options) -> int:
    """Run a command that starts Qt, and return the exit code."""
    protect_singletons()
    with find_folders(options) as paths:
        if options.command == "doctor":
            return examine(options, paths)
        if options.command == "open" and not (options.paths or options.study):
            raise UsageError("Name files and folders, or a study with --study.")
        if options.command == "window" and shown_elsewhere(options, paths):
            return ExitCode.DONE
        return _run(options, paths)


def shown_elsewhere(options: Options, paths: Paths) -> bool:
    """Leave the paths to the program that has the library and a window, if there is one; return whether there was."""
    ownership = take_ownership(paths.lock)
    if ownership is not None:
        ownership.close()
        return False
    try:
        return show_elsewhere(paths.lock, options.paths)
    except OwnerEnded:
        return False


def _run(options: Options, paths: Paths) -> int:
    prepare_environment(options)
    make_folders(paths)
    _prepare_graphics(paths)
    # Qt's own file dialog remembers folders; their names are often those of patients.
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(paths.data / "qt"))
    qt = QApplication.instance() or make_application()
    assert isinstance(qt, QApplication)
    try:
        return _run_with_window(options, paths, qt)
    except NegatoscopeError as error:
        # Whoever has double-clicked the program sees no console.
        if options.command == "window" and qt.platformName() not in _WITHOUT_SCREEN:
            QMessageBox.critical(None, "Negatoscope", as_plain(error.sentence))
        raise


def _run_with_window(options: Options, paths: Paths, qt: QApplication) -> int:
    with start_app(paths, verbose=options.verbose) as app, _quit_on_signals(qt):
        sys.excepthook = _log_exception
        app.warm_up()
        app.serve()
        app.watch()
        window = MainWindow(app, options.data_source, options.mode)
        window.closed.connect(qt.quit)
        try:
            if options.command == "open":
                return _Opening(app, window, options).run(qt)
            window.show()
            window.show_warnings()
            if options.paths:
                window.import_paths(options.paths)
            else:
                window.offer_studies()
            qt.exec()
            return ExitCode.DONE
        finally:
            window.shut_down()
            shiboken6.delete(window)


def prepare_environment(options: Options) -> None:
    """Set what Qt reads when it starts.

    Raises:
        SetupError: there is no screen.
    """
    if sys.platform == "linux":
        if os.geteuid() == 0:
            # Chromium's sandbox does not work for root, and it refuses to start with it.
            os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")
        screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if not screen and "QT_QPA_PLATFORM" not in os.environ:
            if not options.screenshot:
                raise SetupError(
                    "There is no screen (DISPLAY and WAYLAND_DISPLAY are not set). Start the program in a desktop "
                    "session, save a picture with: negatoscope open PATH --screenshot OUT.png, or use a browser with: "
                    "negatoscope serve PATH"
                )
            os.environ["QT_QPA_PLATFORM"] = "offscreen"


def make_application() -> QApplication:
    """Make Qt's application object."""
    # Qt would keep compiled shaders in a folder that --base-dir does not move.
    os.environ.setdefault("QSG_RHI_DISABLE_DISK_CACHE", "1")
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DisableShaderDiskCache)
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    qt = QApplication(sys.argv[:1])
    qt.setApplicationName("negatoscope")
    qt.setApplicationDisplayName("Negatoscope")
    qt.setApplicationVersion(__version__)
    qt.setDesktopFileName("negatoscope")
    apply_theme(qt)
    return qt


def graphics_key() -> str:
    """Return what a choice of graphics depends on."""
    screen = os.environ.get("QT_QPA_PLATFORM") or os.environ.get("XDG_SESSION_TYPE", "")
    return "|".join((PySide6.__version__, sys.platform, screen, str(graphics.find_card())))


def _prepare_graphics(paths: Paths) -> graphics.Graphics:
    return graphics.prepare(paths.cache / "graphics.json", graphics_key())


def _log_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QCoreApplication.quit()
        return
    log.critical("an error was not handled", exc_info=(kind, error, trace))


@contextlib.contextmanager
def _quit_on_signals(qt: QApplication) -> Iterator[None]:
    """End the event loop on SIGTERM and SIGINT.

    Python runs its handlers between two of its own instructions, and Qt's loop has none: so the signal is also
    written to a socket, which Qt listens to.
    """
    reading, writing = socket.socketpair()
    for end in (reading, writing):
        end.setblocking(False)
    notifier = QSocketNotifier(reading.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda *_: reading.recv(64))
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: qt.quit()) for number in numbers]
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        notifier.setEnabled(False)
        shiboken6.delete(notifier)
        reading.close()
        writing.close()


class _Opening(QObject):
    """``negatoscope open``: imports, waits for the first image, saves its picture, ends."""

    def __init__(self, app: App, window: MainWindow, options: Options) -> None:
        super().__init__(window)
        self._app = app
        self._window = window
        self._options = options
        self._report: ImportReport | None = None
        self._first_image: float | None = None
        self._code = ExitCode.TIMED_OUT
        self._sentence = f"No image was drawn within {options.timeout:g} seconds. The log says more."

    def run(self, qt: QApplication) -> int:
        """Run to the end and return the exit code."""
        self._quit: Callable[[], None] = qt.quit
        window = self._window
        window.imported.connect(self._on_imported)
        window.import_failed.connect(self._fail)
        window.viewer.drawn.connect(self._on_drawn)
        window.viewer.missing.connect(self._on_missing)
        window.viewer.crashed.connect(lambda: self._fail("The web engine's process has crashed."))
        window.show()
        QTimer.singleShot(int(self._options.timeout * 1000), self, self._quit)
        if self._options.paths:
            window.import_paths(self._options.paths)
        elif self._options.study and self._app.viewing.study(self._options.study):
            window.open_study(self._options.study)
        else:
            self._fail_soon("There is no such study in the library. See: negatoscope studies")
        qt.exec()
        if self._sentence:
            print(f"negatoscope: {self._sentence}", file=sys.stderr)
        return self._code

    def _fail_soon(self, sentence: str) -> None:
        """Fail once the event loop runs: before, there is nothing to quit."""
        QTimer.singleShot(0, self, lambda: self._fail(sentence))

    def _fail(self, sentence: str, code: ExitCode = ExitCode.FAILED) -> None:
        self._code, self._sentence = code, sentence
        self._quit()

    def _on_imported(self, report: ImportReport) -> None:
        self._report = report
        if not self._options.json:
            print_report(report)
        if self._options.study:
            self._window.open_study(self._options.study)
        elif not self._shown_sets(report.studies):
            if self._options.json:
                self._print()
            self._fail(nothing_viewable(report), ExitCode.NOTHING_VIEWABLE)

    def _on_missing(self, _study: str, _count: int) -> None:
        """The first image may be the one that cannot be read; another one may still be drawn, but not for long."""
        QTimer.singleShot(_MISSING_MS, self, self._give_up)

    def _give_up(self) -> None:
        if self._first_image is None:
            self._fail("The images cannot be shown. negatoscope import says why, or the log.")

    def _shown_sets(self, studies: tuple[str, ...]) -> int:
        return sum(not made.unsupported for uid in studies for made in self._app.viewing.display_sets(uid))

    def _on_drawn(self, _study: str) -> None:
        if self._first_image is not None or (self._options.paths and self._report is None):
            return
        self._first_image = time.monotonic() - self._options.started
        self._settle()

    def _settle(self) -> None:
        """Wait for what the picture should have too: thumbnails, and the tiles of a slide."""
        server, _ = self._app.require_server()
        is_late = time.monotonic() - self._options.started > (self._first_image or 0) + _SETTLE_SECONDS
        if is_late or server.traffic.quiet_seconds > _QUIET_SECONDS:
            self._finish()
        else:
            QTimer.singleShot(_LOOK_MS, self, self._settle)

    def _finish(self) -> None:
        if self._options.screenshot and not _save(self._window.grab().toImage(), Path(self._options.screenshot)):
            self._fail(f"The picture could not be saved as {self._options.screenshot}.")
            return
        if self._options.json:
            self._print()
        else:
            print(f"The first image was there after {self._first_image or 0:.1f} s.", file=sys.stderr)
        self._code, self._sentence = ExitCode.DONE, ""
        self._quit()

    def _print(self) -> None:
        report = self._report
        uids = report.studies if report else (self._options.study or "",)
        entries = [entry for uid in uids if (entry := self._app.viewing.study(uid)) is not None]
        counts = {} if report is None else {outcome.value: count for outcome, count in report.counts.items()}
        source = self._options.data_source or self._app.settings.data_source
        print_json(
            {
                "studies": len(entries),
                "series": sum(entry.series for entry in entries),
                "instances": sum(entry.instances for entry in entries),
                "skipped": counts.get("not_dicom", 0),
                "rejected": counts.get("rejected", 0),
                "display_sets": self._shown_sets(tuple(entry.study.StudyInstanceUID for entry in entries)),
                "indexed_s": None if report is None else round(report.seconds, 3),
                "first_image_s": None if self._first_image is None else round(self._first_image, 3),
                "renderer": self._window.viewer.renderer,
                "data_source": source.value,
            }
        )


def _save(image: QImage, path: Path) -> bool:
    return image.save(str(path))
