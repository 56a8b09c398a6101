"""The web engine's profile: its storage, its token, its downloads, and its refusals."""

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QLocale, QObject
from PySide6.QtWebEngineCore import (
    QWebEngineDownloadRequest,
    QWebEngineProfile,
    QWebEngineScript,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
)

from ...paths import Paths
from .policy import Policy, Verdict

log = logging.getLogger(__name__)

ChooseFile = Callable[[str], Path | None]
"""Given a suggested name, asks the user where to save; None to cancel."""


class TokenInterceptor(QWebEngineUrlRequestInterceptor):
    """Adds the token to requests for our server, and refuses all others."""

    def __init__(self, policy: Policy, token: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._policy = policy
        self._authorization = f"Bearer {token}".encode()

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
        """Called by Qt for each request, workers' too."""
        verdict = self._policy.request(info.requestUrl().toString())
        if verdict is Verdict.OWN:
            info.setHttpHeader(b"Authorization", self._authorization)
        elif verdict is Verdict.REFUSE:
            info.block(True)
            log.warning("refused a request of the page to %s", info.requestUrl().host() or "nowhere")


def make_profile(
    paths: Paths, interceptor: QWebEngineUrlRequestInterceptor, choose_file: ChooseFile
) -> QWebEngineProfile:
    """Make the persistent profile. Pages of it must be deleted before it, and the interceptor after it."""
    profile = QWebEngineProfile("negatoscope")
    profile.setPersistentStoragePath(str(paths.web_profile))
    profile.setCachePath(str(paths.web_cache))
    profile.setHttpCacheType(QWebEngineProfile.HttpCacheType.DiskHttpCache)
    profile.setPersistentCookiesPolicy(QWebEngineProfile.PersistentCookiesPolicy.NoPersistentCookies)
    profile.setHttpAcceptLanguage(QLocale().bcp47Name())
    profile.setUrlRequestInterceptor(interceptor)
    settings = profile.settings()
    attribute = QWebEngineSettings.WebAttribute
    for enabled in (attribute.PluginsEnabled, attribute.PdfViewerEnabled, attribute.WebGLEnabled):
        settings.setAttribute(enabled, True)
    for disabled in (
        attribute.LocalContentCanAccessRemoteUrls,
        attribute.LocalContentCanAccessFileUrls,
        attribute.HyperlinkAuditingEnabled,
        attribute.DnsPrefetchEnabled,
        attribute.NavigateOnDropEnabled,
        attribute.ScreenCaptureEnabled,
        # Icons are kept on the disk with the address of their page, and that names the study.
        attribute.AutoLoadIconsForPage,
    ):
        settings.setAttribute(disabled, False)
    profile.scripts().insert(_without_webrtc())
    profile.downloadRequested.connect(lambda request: save_download(request, choose_file))
    return profile


def _without_webrtc() -> QWebEngineScript:
    """WebRTC would go past the interceptor and the content security policy, and OHIF has no use for it."""
    script = QWebEngineScript()
    script.setName("negatoscope without webrtc")
    script.setWorldId(QWebEngineScript.ScriptWorldId.MainWorld)
    script.setInjectionPoint(QWebEngineScript.InjectionPoint.DocumentCreation)
    script.setRunsOnSubFrames(True)
    script.setSourceCode(
        "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel', 'RTCIceTransport'])"
        " { delete window[name]; }"
    )
    return script


def save_download(request: QWebEngineDownloadRequest, choose_file: ChooseFile) -> None:
    """Ask where to save what a page made, and save it there."""
    target = choose_file(Path(request.downloadFileName()).name)
    if target is None:
        request.cancel()
        return
    request.setDownloadDirectory(str(target.parent))
    request.setDownloadFileName(target.name)
    request.accept()
