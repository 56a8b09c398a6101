"""The viewer: one page with OHIF, started once, in which studies are opened without loading it anew."""

import json
import logging
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtWebEngineCore import QWebEnginePage
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ...app import StudyAddress
from ...paths import Paths
from .channel import connect_page
from .page import ViewerPage
from .policy import Policy, mode_of_address, studies_of_address
from .profile import ChooseFile, TokenInterceptor, make_profile

log = logging.getLogger(__name__)

START_PATH = "/notfoundstudy"
"""A page of OHIF's that asks nothing of the data source: it is started there and waits."""


class Viewer(QStackedWidget):
    """OHIF, or the page that says that it has crashed.

    Signals:
        ready: OHIF can open studies; with the name of the graphics renderer.
        drawn: an image is on the screen; with the UID of its study.
        failed: OHIF could not open what it was asked to; with its words.
        missing: an image could not be loaded; with its study, and how many of it could not by now.
        went: OHIF shows other studies now, or none; with a tuple of their UIDs.
        crashed: the web engine's process has ended.
    """

    ready = Signal(str)
    drawn = Signal(str)
    failed = Signal(str)
    missing = Signal(str, int)
    went = Signal(object)
    crashed = Signal()

    def __init__(
        self,
        paths: Paths,
        origin: str,
        token: str,
        choose_file: ChooseFile,
        open_outside: Callable[[QUrl], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        policy = Policy(origin)
        self._origin = origin
        self._address: StudyAddress | None = None
        self._loaded: StudyAddress | None = None
        self._shown: dict[str, int | None] = {}
        self._ready = False
        self._has_missing = False
        self.renderer = ""
        # Kept here: Qt does not keep it.
        self._interceptor = TokenInterceptor(policy, token)
        self._profile = make_profile(paths, self._interceptor, choose_file)
        self.page = ViewerPage(self._profile, policy, open_outside)
        self.page.setBackgroundColor(Qt.GlobalColor.black)
        self._view = QWebEngineView(self)
        self._view.setPage(self.page)
        self._view.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        # What is dropped is for the window, which takes it anywhere.
        self._view.setAcceptDrops(False)
        self._crash = CrashPage(self)
        self._crash.reload.connect(self.start)
        self.addWidget(self._view)
        self.addWidget(self._crash)
        self._facts, self._channel = connect_page(self.page)
        self._facts.ready.connect(self._on_ready)
        self._facts.drawn.connect(self._on_drawn)
        self._facts.missing.connect(self._on_missing)
        self._facts.failed.connect(self.failed)
        self.page.renderProcessTerminated.connect(self._on_terminated)
        self.page.urlChanged.connect(self._on_url)

    def start(self) -> None:
        """Start OHIF, with the study that is to be open, or so that it is warm when there will be one."""
        self._ready = self._has_missing = False
        self._shown.clear()
        self._loaded = self._address
        self.setCurrentWidget(self._view)
        self.page.load(QUrl(self._origin + (self._address.path if self._address else START_PATH)))

    def open(self, address: StudyAddress) -> None:
        """Show a study as soon as OHIF is ready.

        OHIF goes on showing what it first heard of a study, so for one that has changed since it is started anew.
        """
        self._address = address
        if self.currentWidget() is self._crash:
            self.start()
            return
        if not self._ready:
            return
        if self._shown.get(address.study_uid, address.version) != address.version:
            self.start()
            return
        if self.page.url() == QUrl(self._origin + address.path):
            # It is there. OHIF would leave the page for the same one, and show nothing.
            if self._has_missing:
                self.start()
            return
        self._shown[address.study_uid] = address.version
        self.page.runJavaScript(f"window.negatoscope.open({json.dumps(address.path)})")

    @property
    def mode(self) -> str:
        """The mode of the page that is shown; empty before there is one."""
        return mode_of_address(self.page.url().toString())

    def close_page(self) -> None:
        """Delete the page, then its profile, in this order, as Qt wants it. May be called twice."""
        for thing in (self._view, self.page, self._profile, self._interceptor):
            if shiboken6.isValid(thing):
                shiboken6.delete(thing)

    def _on_drawn(self, study_uid: str) -> None:
        # The page before may still say something while the next one is loaded.
        if self._ready:
            self.drawn.emit(study_uid)

    def _on_missing(self, study_uid: str, count: int) -> None:
        if not self._ready:
            return
        self._has_missing = True
        self.missing.emit(study_uid, count)

    def _on_ready(self, renderer: str) -> None:
        self._ready = True
        self.renderer = renderer
        self.ready.emit(renderer)
        if self._loaded is not None:
            self._shown[self._loaded.study_uid] = self._loaded.version
        if self._address is not None and self._address != self._loaded:
            self.open(self._address)

    def _on_url(self, url: QUrl) -> None:
        studies = studies_of_address(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        for study in studies:
            # OHIF may have opened it by itself, from its own list, and in what version nobody knows.
            self._shown.setdefault(study, None)
        self.went.emit(studies)

    def _on_terminated(self, status: QWebEnginePage.RenderProcessTerminationStatus, code: int) -> None:
        if status == QWebEnginePage.RenderProcessTerminationStatus.NormalTerminationStatus:
            return
        log.error("the web engine's process ended: %s, code %s", status.name, code)
        self._ready = False
        self.setCurrentWidget(self._crash)
        self.crashed.emit()


class CrashPage(QWidget):
    """Says that the viewer has crashed, and offers to start it again.

    Signals:
        reload: the user wants that.
    """

    reload = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        text = QLabel(
            "<h2>The viewer has stopped</h2><p>The process that draws the images has ended. "
            "Your files and the library are not touched.<br>"
            "Measurements that were not saved are lost.</p>"
        )
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton("Start the viewer again")
        self.button.clicked.connect(self.reload)
        layout = QVBoxLayout(self)
        layout.addStretch()
        layout.addWidget(text)
        layout.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addStretch()
