"""The main window: the viewer, the list of studies, one line that says what goes on, and drops taken anywhere."""

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QStackedLayout,
    QToolBar,
    QWidget,
)

from ..app import App, find_warnings
from ..counting import count_of
from ..dicom.memberpaths import shown
from ..dicom.passwords import unlock
from ..dicom.text import format_person_name
from ..displaysets.coverage import find_coverage
from ..displaysets.modes import MODES
from ..events import Event, LibraryChanged
from ..importers.keeping import Keep
from ..importers.pipeline import ImportJob
from ..importers.report import ImportProgress, ImportReport
from ..jobs import JobState
from ..library.imports import find_interrupted
from ..library.transfers import find_unfinished
from ..pacs.secrets import Secrets
from ..services.importing import ImportAsk
from ..services.reporting import find_remarks
from ..settings import DataSource
from .bridge import Bridge
from .graphics import is_software
from .importbar import ImportBar
from .library.actions import StudyActions
from .library.table import StudyList
from .questions import PasswordQuestion, ask_password
from .report import ReportDialog
from .theme import as_plain
from .viewer.modes import ModeButton
from .viewer.view import Viewer
from .welcome import Welcome

if TYPE_CHECKING:
    from .pacs.panel import PacsPanel

log = logging.getLogger(__name__)

_REFRESH_MS = 300
_SEARCH_MS = 200
_PAGE = 500
"""Studies that are shown at once; more come as the list is scrolled."""


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

    def __init__(self, app: App, data_source: DataSource | None = None, mode: str | None = None) -> None:
        """``data_source`` and ``mode`` are used instead of those of the settings and of the study."""
        super().__init__()
        self._app = app
        self._data_source = data_source
        self._mode = mode
        self._study: str | None = None
        self._report: ImportReport | None = None
        self._jobs: list[ImportJob] = []
        self._left: ImportAsk | None = None
        self._limit = _PAGE
        self._opened_with: dict[str, int] = {}
        self._has_pacs = False
        self.setWindowTitle("Negatoscope")
        self.resize(1400, 900)
        self.setAcceptDrops(True)
        self._bridge = Bridge(self)
        self._passwords = PasswordQuestion(self, self._bridge)
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
        self.studies.more.connect(self._show_more)
        self.studies.menu_wanted.connect(self.study_actions.show_menu)
        app.requests.show = lambda paths: self._bridge.post(lambda: self.show_handed_over(paths))
        self._unsubscribe = app.events.subscribe(self._on_event)
        self._show_studies()
        self.viewer.start()

    # What the window can be asked

    def import_paths(self, paths: Sequence[str], keep: Keep | None = None) -> ImportJob:
        """Import files and folders, and show the first study when it is there."""
        if keep is None:
            keep = Keep.COPY if self.copying.isChecked() else Keep.IN_PLACE
        ask = ImportAsk(
            tuple(paths),
            keep,
            on_progress=lambda progress: self._bridge.post(lambda: self._show_progress(progress)),
            on_end=lambda job: self._bridge.post(lambda: self._end_import(job, ask)),
            ask_password=self._passwords.ask,
        )
        self.bar.say("Looking for files…")
        self.bar.show_running()
        job = self._app.importing.start(ask)
        self._jobs.append(job)
        return job

    def go_on_importing(self) -> None:
        """Import once more what was cancelled or interrupted: what was read is only counted."""
        if self._left is not None:
            self.import_paths(self._left.paths, self._left.keep)

    def show_handed_over(self, paths: Sequence[str]) -> None:
        """Come to the front, for a program that was started a second time."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()
        if paths:
            self.import_paths(paths)

    def open_study(self, study_uid: str, mode: str | None = None) -> None:
        """Show a study of the library, in a mode of the viewer or in the one that fits it."""
        entry = self._app.viewing.study(study_uid)
        if entry is None:
            self.bar.say("This study is not in the library any more.")
            return
        if not self._unlock(study_uid):
            self.bar.say("The archive of this study asks for its password.")
            return
        self.welcome.hide()
        self._opened_with[study_uid] = entry.instances
        self.viewer.open(self._app.viewer_address(entry, self._data_source, mode or self._mode))

    def _unlock(self, study_uid: str) -> bool:
        """Have the user type the passwords that a study's archives ask for; return whether it can be read."""
        wrong = False
        while (archive := self._app.viewing.find_locked(study_uid)) is not None:
            password = ask_password(self, shown(archive), wrong=wrong)
            if password is None:
                return False
            wrong = not unlock(archive, password)
        return True

    def offer_studies(self) -> None:
        """Show the list, if there is something in it from before."""
        if self.studies.model.entries:
            self.dock.show()

    def show_warnings(self) -> None:
        """Say what is to be said of the library."""
        warnings = find_warnings(self._app)
        if warnings:
            self.bar.say(" ".join(warnings))
        if self._app.owns_library and find_unfinished(self._app.store.reader()):
            self.show_archives()
            self.pacs.go_on()
        interrupted = find_interrupted(self._app.store.reader())
        if interrupted is not None and self._app.owns_library:
            self._left = ImportAsk(interrupted.sources, Keep.COPY if interrupted.copied else Keep.IN_PLACE)
            self.bar.show_idle(can_go_on=bool(self._left.paths))

    @cached_property
    def pacs(self) -> "PacsPanel":
        """The PACS tab, which is made when it is first shown: it takes a while to load."""
        from .pacs.panel import PacsPanel

        self._has_pacs = True
        made = PacsPanel(
            self._app, self._bridge, self, secrets=Secrets(), open_study=lambda study: self.open_study(study)
        )
        self.archives.setWidget(made)
        return made

    def show_archives(self) -> None:
        """Show the PACS tab."""
        self.pacs.setFocus()
        self.archives.show()
        self.archives.raise_()

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
        self._app.requests.show = None
        self._passwords.close()
        self.study_actions.close()
        if self._has_pacs:
            self.pacs.close_down()
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
        self.studies.chosen.connect(lambda study: self.open_study(study))
        self.dock = QDockWidget("Studies", self)
        self.dock.setWidget(self.studies)
        self.dock.setAllowedAreas(Qt.DockWidgetArea.AllDockWidgetAreas)
        self.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, self.dock)
        self.archives = QDockWidget("PACS", self)
        self.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, self.archives)
        self.tabifyDockWidget(self.dock, self.archives)
        self.archives.hide()
        asked = self.archives.toggleViewAction()
        asked.setText("PACS")
        asked.setShortcut("Ctrl+F")
        asked.triggered.connect(lambda shown: self.show_archives() if shown else None)
        self.resizeDocks([self.dock], [220], Qt.Orientation.Vertical)
        self.dock.hide()
        listed = self.dock.toggleViewAction()
        listed.setText("Studies")
        listed.setShortcut("Ctrl+L")
        self.copying = QAction("Copy into library", self, iconText="Copy into library", checkable=True)
        self.copying.setToolTip("Copy what is opened into the library, so that the disc can go")
        bar.addActions([folder, files, listed, asked, self.copying])
        self.modes = ModeButton(self)
        self.modes.chosen.connect(lambda mode: self.open_study(self._study, mode) if self._study else None)
        self._modes_shown = bar.addWidget(self.modes)
        self._modes_shown.setVisible(False)
        self.study_actions = StudyActions(
            self._app,
            self._bridge,
            self,
            say=lambda sentence: self.bar.say(sentence),
            open_study=self.open_study,
            import_paths=self.import_paths,
        )
        middle = QWidget(self)
        # Both are there at once: a page that is not on the screen is slowed down by the web engine.
        stack = QStackedLayout(middle)
        stack.setStackingMode(QStackedLayout.StackingMode.StackAll)
        stack.addWidget(self.welcome)
        stack.addWidget(self.viewer)
        stack.setCurrentWidget(self.welcome)
        self.setCentralWidget(middle)
        self.bar = ImportBar(self)
        self.bar.details.connect(self._show_report)
        self.bar.pause.connect(lambda: self._each_job("pause"))
        self.bar.resume.connect(lambda: self._each_job("resume"))
        self.bar.cancel.connect(lambda: self._each_job("cancel"))
        self.bar.go_on.connect(self.go_on_importing)
        self.missing = QLabel(self)
        self.missing.setObjectName("missing")
        self.missing.setTextFormat(Qt.TextFormat.PlainText)
        self.missing.hide()
        self.remarks = QLabel(self)
        self.remarks.setObjectName("remarks")
        self.remarks.setTextFormat(Qt.TextFormat.PlainText)
        self.remarks.setToolTip("What to know of the study that is open")
        self.remarks.hide()
        self.grown = QPushButton(self)
        self.grown.setObjectName("grown")
        self.grown.clicked.connect(lambda: self.open_study(self._study, self.viewer.mode) if self._study else None)
        self.grown.hide()
        self.coverage = QLabel(self)
        self.coverage.setObjectName("coverage")
        self.coverage.setTextFormat(Qt.TextFormat.PlainText)
        self.coverage.hide()
        self.graphics = QLabel(self)
        self.graphics.hide()
        status = self.statusBar()
        status.addWidget(self.bar, 1)
        status.addPermanentWidget(self.grown)
        status.addPermanentWidget(self.coverage)
        status.addPermanentWidget(self.remarks)
        status.addPermanentWidget(self.missing)
        status.addPermanentWidget(self.graphics)
        if self._app.is_private:
            status.addPermanentWidget(QLabel("Private: wiped at the end", self))
        if not self._app.owns_library:
            status.addPermanentWidget(QLabel("Another Negatoscope has the library", self))
        status.addPermanentWidget(QLabel("Not a medical device", self))

    # What happens

    def _on_event(self, event: Event) -> None:
        if isinstance(event, LibraryChanged):
            self._bridge.post(self._note_change)

    def _note_change(self) -> None:
        self._show_growth()
        if not self._refresh.isActive():
            self._refresh.start()

    def _on_went(self, studies: tuple[str, ...]) -> None:
        """The page's address says what it shows: the title must never name another patient."""
        self._study = studies[0] if len(studies) == 1 else None
        self.missing.hide()
        entries = [entry for uid in studies if (entry := self._app.viewing.study(uid)) is not None]
        self.remarks.setText("; ".join(remark for entry in entries for remark in find_remarks(entry)))
        self.remarks.setVisible(bool(self.remarks.text()))
        for entry in entries:
            self._opened_with.setdefault(entry.study.StudyInstanceUID, entry.instances)
        self._show_growth()
        self._show_views()
        names = {format_person_name(entry.patient.PatientName) or "Unnamed patient" for entry in entries}
        self.setWindowTitle(" - ".join([*(sorted(names) if len(names) == 1 else []), "Negatoscope"]))
        self._show_studies()

    def _show_growth(self) -> None:
        """Offer to show the study anew, when more of it is here than when it was opened: the page does not know."""
        entry = self._app.viewing.study(self._study) if self._study else None
        more = 0 if entry is None else entry.instances - self._opened_with.get(entry.study.StudyInstanceUID, 0)
        self.grown.setText(f"{count_of(more, 'more image')} of this study here: show it anew")
        self.grown.setVisible(more > 0)

    def _show_views(self) -> None:
        """Say how many images of the study its views show, and offer its modes."""
        study, mode = self._study, self.viewer.mode
        sets = self._app.viewing.display_sets(study, mode) if study and mode in MODES else []
        self.coverage.setVisible(bool(sets))
        self._modes_shown.setVisible(False)
        if not study or not sets:
            return
        coverage = find_coverage(sets)
        self.coverage.setText(coverage.sentence)
        self.coverage.setToolTip(as_plain("\n".join(coverage.reasons)))
        offered = self._app.viewing.opening(study).offered
        names = offered if mode in offered else (*offered, mode)
        self.modes.offer(names, mode)
        self._modes_shown.setVisible(len(names) > 1)

    def _on_missing(self, study_uid: str, count: int) -> None:
        if study_uid == self._study:
            images = count_of(count, "image")
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
        # One more than is shown says whether there are more.
        entries = self._app.viewing.studies(self.studies.search.text(), limit=self._limit + 1)
        self.studies.show_studies(entries[: self._limit], self._study, more=len(entries) > self._limit)

    def _show_more(self) -> None:
        self._limit += _PAGE
        self._show_studies()

    def _each_job(self, verb: str) -> None:
        for job in self._jobs:
            {"pause": job.pause, "resume": job.resume, "cancel": job.cancel}[verb]()

    def _show_progress(self, progress: ImportProgress) -> None:
        if any(not job.join(0) for job in self._jobs):
            self.bar.show_progress(progress)

    def _end_import(self, job: ImportJob, ask: ImportAsk) -> None:
        self._jobs = [other for other in self._jobs if other is not job]
        self._app.presence.look()
        if job.state is JobState.FAILED or job.result is None:
            sentence = str(job.error) if job.error is not None else "The import did not end well."
            self._show_end(sentence, can_go_on=True)
            self.import_failed.emit(sentence)
            return
        report = job.result
        self._report = report
        stopped = report.cancelled or bool(report.trouble)
        self._left = ask if stopped else None
        sentence = report.sentence() if report.viewable else f"Nothing to show. {report.sentence()}"
        self._show_end(sentence, has_details=bool(report.reasons), can_go_on=stopped)
        self._show_studies()
        first = None if report.cancelled else self._app.viewing.choose(report.studies)
        if first is not None:
            if len(self.studies.model.entries) > 1:
                self.dock.show()
            self.open_study(first.study.StudyInstanceUID)
        elif self._study is None:
            self.welcome.say(sentence.replace("Nothing to show. ", "Nothing to show.\n"))
        self.imported.emit(report)

    def _show_end(self, sentence: str, *, has_details: bool = False, can_go_on: bool = False) -> None:
        if not self._jobs:
            self.bar.show_idle(has_details=has_details, can_go_on=can_go_on)
        self.bar.say(sentence)

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
