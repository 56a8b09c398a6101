"""The main window: the viewer, the list of studies, one line that says what goes on, and drops taken anywhere."""

import logging
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QStackedLayout,
    QToolBar,
    QWidget,
)

from ..app import App
from ..dicom.text import format_person_name
from ..events import Event, LibraryChanged
from ..importers.report import ImportProgress, ImportReport
from ..jobs import JobState
from ..services.importing import ImportJob
from ..settings import DataSource
from .bridge import Bridge
from .graphics import is_software
from .library.table import StudyList
from .report import ReportDialog
from .viewer.view import Viewer
from .welcome import Welcome

log = logging.getLogger(__name__)

_REFRESH_MS = 300
_SEARCH_MS = 200


class MainWindow(QMainWindow):
    """The program's window.

    Signals:
        imported: an import has ended; with its report.
        import_failed: an import could not go on; with the sentence.
        closed: the user has closed the window.
    """

    imported = Signal(object)
    import_failed = Signal(str)
    closed = Signal()

    def __init__(self, app: App, data_source: DataSource | None = None) -> None:
        super().__init__()
        self._app = app
        self._data_source = data_source
        self._study: str | None = None
        self._report: ImportReport | None = None
        self._jobs: list[ImportJob] = []
        self.setWindowTitle("Negatoscope")
        self.resize(1400, 900)
        self.setAcceptDrops(True)
        self._bridge = Bridge(self)
        server, host = app.require_server()
        self.viewer = Viewer(app.paths, host.origin, server.secrets.token, self._choose_file, self._open_outside, self)
        self.viewer.ready.connect(self._on_ready)
        self.viewer.went.connect(self._on_went)
        self.viewer.missing.connect(self._on_missing)
        self.viewer.failed.connect(lambda reason: log.info("OHIF: %s", reason))
        self.welcome = Welcome(self)
        self.welcome.open_folder.connect(self.choose_folder)
        self.welcome.open_files.connect(self.choose_files)
        self._put_together()
        self._refresh = _make_timer(self, _REFRESH_MS, self._show_studies)
        self._search = _make_timer(self, _SEARCH_MS, self._show_studies)
        self.studies.searched.connect(lambda _text: self._search.start())
        self._unsubscribe = app.events.subscribe(self._on_event)
        self._show_studies()
        self.viewer.start()

    # What the window can be asked

    def import_paths(self, paths: Sequence[str]) -> ImportJob:
        """Import files and folders, and show the first study when it is there."""
        self.line.setText("Looking for files…")
        self.progress.setRange(0, 0)
        self.progress.show()
        self.details.hide()
        job = self._app.importing.start(
            paths,
            on_progress=lambda progress: self._bridge.post(lambda: self._show_progress(progress)),
            on_end=lambda job: self._bridge.post(lambda: self._end_import(job)),
        )
        self._jobs.append(job)
        return job

    def open_study(self, study_uid: str) -> None:
        """Show a study of the library."""
        entry = self._app.viewing.study(study_uid)
        if entry is None:
            self.line.setText("This study is not in the library any more.")
            return
        self.welcome.hide()
        self.viewer.open(self._app.viewer_address(entry, self._data_source))
        if all(made.unsupported for made in self._app.viewing.display_sets(study_uid)):
            self.line.setText("This study has no images that can be shown yet. OHIF lists what it holds.")

    def offer_studies(self) -> None:
        """Show the list, if there is something in it from before."""
        if self.studies.model.entries:
            self.dock.show()

    def choose_folder(self) -> None:
        """Ask for a folder, and import it."""
        folder = QFileDialog.getExistingDirectory(self, "Open a folder of DICOM files")
        if folder:
            self.import_paths([folder])

    def choose_files(self) -> None:
        """Ask for files, and import them."""
        files, _ = QFileDialog.getOpenFileNames(self, "Open DICOM files")
        if files:
            self.import_paths(files)

    def shut_down(self) -> None:
        """Delete the page and its profile, and listen no more. May be called twice."""
        self._unsubscribe()
        self._bridge.close()
        self._refresh.stop()
        self._search.stop()
        self.viewer.close_page()

    # Qt's events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if local_paths(event.mimeData().urls()):
            _take_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped."""
        paths = local_paths(event.mimeData().urls())
        if paths:
            _take_copy(event)
            self.import_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say so; whoever started the window ends the rest."""
        event.accept()
        self.closed.emit()

    # How it looks

    def _put_together(self) -> None:
        bar = QToolBar("Main", self)
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.addToolBar(bar)
        folder = QAction("Open folder…", self, iconText="Open folder…")
        folder.setShortcut(QKeySequence.StandardKey.Open)
        folder.triggered.connect(self.choose_folder)
        files = QAction("Open files…", self, iconText="Open files…")
        files.setShortcut("Ctrl+Shift+O")
        files.triggered.connect(self.choose_files)
        self.studies = StudyList(self)
        self.studies.chosen.connect(self.open_study)
        self.dock = QDockWidget("Studies", self)
        self.dock.setWidget(self.studies)
        self.dock.setAllowedAreas(Qt.DockWidgetArea.AllDockWidgetAreas)
        self.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, self.dock)
        self.resizeDocks([self.dock], [220], Qt.Orientation.Vertical)
        self.dock.hide()
        shown = self.dock.toggleViewAction()
        shown.setText("Studies")
        shown.setShortcut("Ctrl+L")
        bar.addActions([folder, files, shown])
        middle = QWidget(self)
        # Both are there at once: a page that is not on the screen is slowed down by the web engine.
        stack = QStackedLayout(middle)
        stack.setStackingMode(QStackedLayout.StackingMode.StackAll)
        stack.addWidget(self.welcome)
        stack.addWidget(self.viewer)
        stack.setCurrentWidget(self.welcome)
        self.setCentralWidget(middle)
        self.line = QLabel(self)
        self.progress = QProgressBar(self)
        self.progress.setMaximumWidth(220)
        self.progress.setMaximumHeight(12)
        self.progress.setTextVisible(False)
        self.progress.hide()
        self.details = QPushButton("Details…", self)
        self.details.setFlat(True)
        self.details.clicked.connect(self._show_report)
        self.details.hide()
        self.missing = QLabel(self)
        self.missing.setObjectName("missing")
        self.missing.hide()
        self.graphics = QLabel(self)
        self.graphics.hide()
        status = self.statusBar()
        status.addWidget(self.line)
        status.addWidget(self.progress)
        status.addWidget(self.details)
        status.addPermanentWidget(self.missing)
        status.addPermanentWidget(self.graphics)
        status.addPermanentWidget(QLabel("Not a medical device", self))

    # What happens

    def _on_event(self, event: Event) -> None:
        if isinstance(event, LibraryChanged):
            self._bridge.post(self._note_change)

    def _note_change(self) -> None:
        if not self._refresh.isActive():
            self._refresh.start()

    def _on_went(self, studies: tuple[str, ...]) -> None:
        """The page's address says what it shows: the title must never name another patient."""
        self._study = studies[0] if len(studies) == 1 else None
        self.missing.hide()
        entries = [self._app.viewing.study(uid) for uid in studies]
        names = {format_person_name(entry.patient.PatientName) or "Unnamed patient" for entry in entries if entry}
        self.setWindowTitle(" - ".join([*(sorted(names) if len(names) == 1 else []), "Negatoscope"]))
        self._show_studies()

    def _on_missing(self, study_uid: str, count: int) -> None:
        if study_uid == self._study:
            images = "1 image" if count == 1 else f"{count:,} images"
            self.missing.setText(f"{images} of this study cannot be read. The views are not complete.")
            self.missing.show()

    def _on_ready(self, renderer: str) -> None:
        self.missing.hide()
        if not renderer:
            self.graphics.setText("This computer cannot draw images (no WebGL)")
        elif is_software(renderer):
            self.graphics.setText("Drawn without a graphics card: scrolling may be slow")
        self.graphics.setVisible(not renderer or is_software(renderer))

    def _show_studies(self) -> None:
        self.studies.show_studies(self._app.viewing.studies(self.studies.search.text()), self._study)

    def _show_progress(self, progress: ImportProgress) -> None:
        if not any(not job.join(0) for job in self._jobs):
            return
        if progress.walking:
            self.progress.setRange(0, 0)
        else:
            self.progress.setRange(0, max(progress.found, 1))
            self.progress.setValue(progress.done)
        studies = "1 study" if progress.studies == 1 else f"{progress.studies:,} studies"
        self.line.setText(f"Reading: {progress.done:,} of {progress.found:,} files, {studies}")

    def _end_import(self, job: ImportJob) -> None:
        self._jobs = [other for other in self._jobs if other is not job]
        if not self._jobs:
            self.progress.hide()
        if job.state is JobState.FAILED or job.result is None:
            sentence = str(job.error) if job.error is not None else "The import did not end well."
            self.line.setText(sentence)
            self.import_failed.emit(sentence)
            return
        report = job.result
        self._report = report
        self.line.setText(report.sentence() if report.viewable else f"Nothing to show. {report.sentence()}")
        self.details.setVisible(bool(report.reasons))
        self._show_studies()
        first = self._app.viewing.choose(report.studies)
        if first is not None:
            if len(self.studies.model.entries) > 1:
                self.dock.show()
            self.open_study(first.study.StudyInstanceUID)
        elif self._study is None:
            self.welcome.say(f"Nothing to show.\n{report.sentence()}")
        self.imported.emit(report)

    def _show_report(self) -> None:
        if self._report is not None:
            dialog = ReportDialog(self._report, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def _choose_file(self, name: str) -> Path | None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)
        target, _ = QFileDialog.getSaveFileName(self, "Save", str(Path(folder) / name))
        return Path(target) if target else None

    def _open_outside(self, url: QUrl) -> None:
        host = url.host() or url.toString()
        answer = QMessageBox.question(
            self,
            "Leave Negatoscope?",
            f"This link leads to {host}, outside this program.\n\nOpen it in the system's browser?",
        )
        if answer == QMessageBox.StandardButton.Yes:
            QDesktopServices.openUrl(url)


def _take_copy(event: QDropEvent) -> None:
    """Whoever dropped the files might take another answer for a move, and delete them."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def local_paths(urls: Sequence[QUrl]) -> list[str]:
    """Return the files and folders among dropped addresses."""
    return [url.toLocalFile() for url in urls if url.isLocalFile()]


def _make_timer(parent: QWidget, milliseconds: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer
