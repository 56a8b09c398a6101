"""One page of the web engine: where it may go, what it may have, and what it says."""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, QUrl
from PySide6.QtWebEngineCore import (
    QWebEngineNewWindowRequest,
    QWebEnginePage,
    QWebEnginePermission,
    QWebEngineProfile,
)

from ...logs import shorten
from .policy import Policy, Verdict

log = logging.getLogger("ohif")

_Level = QWebEnginePage.JavaScriptConsoleMessageLevel
_LEVELS = {
    _Level.InfoMessageLevel: logging.INFO,
    _Level.WarningMessageLevel: logging.INFO,
    _Level.ErrorMessageLevel: logging.INFO,
}
"""OHIF complains of much that is none of the user's business, so its errors are for the log file."""


class ViewerPage(QWebEnginePage):
    """A page that stays on our server.

    Args:
        open_outside: asks the user, then lets the system open an address.
    """

    def __init__(
        self,
        profile: QWebEngineProfile,
        policy: Policy,
        open_outside: Callable[[QUrl], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(profile, parent)
        self._policy = policy
        self._open_outside = open_outside
        self.newWindowRequested.connect(self._on_new_window)
        self.permissionRequested.connect(self._on_permission)

    def acceptNavigationRequest(self, url: QUrl | str, kind: QWebEnginePage.NavigationType, is_main: bool) -> bool:
        """Called by Qt before the page goes anywhere."""
        url = QUrl(url)
        verdict = self._policy.link(url.toString())
        if verdict is Verdict.ASK and kind == QWebEnginePage.NavigationType.NavigationTypeLinkClicked and is_main:
            self._open_outside(url)
        return verdict in (Verdict.OWN, Verdict.INSIDE)

    def javaScriptConsoleMessage(self, level: _Level, message: str, _line: int, _source: str) -> None:
        """Called by Qt with what the page writes on its console."""
        log.log(_LEVELS.get(level, logging.INFO), "%s", shorten(message))

    def _on_new_window(self, request: QWebEngineNewWindowRequest) -> None:
        if self._policy.link(request.requestedUrl().toString()) is Verdict.ASK:
            self._open_outside(request.requestedUrl())

    def _on_permission(self, permission: QWebEnginePermission) -> None:
        """Camera, microphone, place: nothing of that is needed. The clipboard is, for copying pictures."""
        wanted = permission.permissionType() == QWebEnginePermission.PermissionType.ClipboardReadWrite
        permission.grant() if wanted else permission.deny()
