"""A process that draws one WebGL picture, looks at it, and prints what drew it; see :mod:`desktop.ui.graphics`."""

import sys

import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

_COLOR = QColor(255, 0, 255)
_PAGE = """<!doctype html><body style="margin:0;background:#000"><canvas width=64 height=64></canvas><script>
const gl = document.querySelector('canvas').getContext('webgl2', {preserveDrawingBuffer: true});
let name = '';
if (gl) {
  gl.clearColor(1, 0, 1, 1);
  gl.clear(gl.COLOR_BUFFER_BIT);
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  name = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
}
</script>"""
_LOOKS, _EVERY_MS = 40, 50


def main() -> int:
    """Print the renderer's name and return 0 if its picture is on the screen; else return 1."""
    application = QApplication(sys.argv[:1])
    profile = QWebEngineProfile()
    page = QWebEnginePage(profile)
    view = QWebEngineView()
    view.setPage(page)
    view.resize(96, 96)
    view.show()
    renderer: list[str] = []
    looks = iter(range(_LOOKS))

    def look() -> None:
        drawn = view.grab().toImage().pixelColor(16, 16) == _COLOR
        if renderer and not renderer[0]:
            application.exit(1)
        elif renderer and drawn:
            application.exit(0)
        elif next(looks, None) is None:
            application.exit(1)

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(_EVERY_MS)
    page.loadFinished.connect(lambda _good: page.runJavaScript("name", renderer.append))
    page.setHtml(_PAGE)
    code = application.exec()
    timer.stop()
    for thing in (view, page, profile):
        shiboken6.delete(thing)
    if code == 0:
        print(renderer[0])
    return code
