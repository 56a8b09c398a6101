"""How facts come from the page to the program: OHIF's extension announces them, a script of ours hands them on.

The script lives in a world of its own (``ApplicationWorld``): the page can send facts, and cannot touch the channel.
"""

import json
import logging

from PySide6.QtCore import QFile, QIODevice, QObject, Signal, Slot
from PySide6.QtWebChannel import QWebChannel
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineScript

log = logging.getLogger(__name__)

_EVENT = "negatoscope"
_RELAY = """
(() => {
  const early = [];
  let host = null;
  document.addEventListener(%(event)s, event => {
    const fact = String(event.detail);
    host ? host.tell(fact) : early.push(fact);
  });
  new QWebChannel(qt.webChannelTransport, channel => {
    host = channel.objects.host;
    early.splice(0).forEach(fact => host.tell(fact));
  });
})();
"""


class Facts(QObject):
    """Receives what the page says.

    Signals:
        ready: OHIF has started and can open studies; with the name of the graphics renderer.
        drawn: an image of this study is on the screen.
        missing: an image could not be loaded; with its study, and how many of it could not by now.
        failed: OHIF could not do what it was asked; with its words.
    """

    ready = Signal(str)
    drawn = Signal(str)
    missing = Signal(str, int)
    failed = Signal(str)

    @Slot(str)
    def tell(self, text: str) -> None:
        """Called by the page with one fact as JSON; anything else is passed over."""
        try:
            fact = json.loads(text)
            name, value, count = fact["fact"], str(fact.get("value", "")), int(fact.get("count", 0))
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("the page said something that is no fact")
            return
        if name == "missing":
            self.missing.emit(value, count)
        signal = {"ready": self.ready, "drawn": self.drawn, "failed": self.failed}.get(name)
        if signal is not None:
            signal.emit(value)


def connect_page(page: QWebEnginePage) -> tuple[Facts, QWebChannel]:
    """Install the channel in a page; return what will announce its facts, and the channel. Keep both."""
    facts = Facts(page)
    channel = QWebChannel(page)
    channel.registerObject("host", facts)
    world = QWebEngineScript.ScriptWorldId.ApplicationWorld
    page.setWebChannel(channel, world)
    script = QWebEngineScript()
    script.setName("negatoscope relay")
    script.setWorldId(world)
    script.setInjectionPoint(QWebEngineScript.InjectionPoint.DocumentCreation)
    script.setSourceCode(_channel_source() + _RELAY % {"event": json.dumps(_EVENT)})
    page.scripts().insert(script)
    return facts, channel


def _channel_source() -> str:
    file = QFile(":/qtwebchannel/qwebchannel.js")
    if not file.open(QIODevice.OpenModeFlag.ReadOnly):
        raise RuntimeError("Qt's web channel script is missing")
    source = bytes(file.readAll().data()).decode()
    file.close()
    return source
