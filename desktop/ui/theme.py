"""How the window looks: dark, since images are read in the dark, and in the colours of OHIF."""

import html

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

_Role = QPalette.ColorRole
_COLORS = {
    _Role.Window: "#090c29",
    _Role.WindowText: "#e6ecf5",
    _Role.Base: "#050615",
    _Role.AlternateBase: "#0b1030",
    _Role.Text: "#e6ecf5",
    _Role.PlaceholderText: "#8090ac",
    _Role.Button: "#14224f",
    _Role.ButtonText: "#e6ecf5",
    _Role.BrightText: "#ffffff",
    _Role.ToolTipBase: "#14224f",
    _Role.ToolTipText: "#e6ecf5",
    _Role.Highlight: "#1d5fb8",
    _Role.HighlightedText: "#ffffff",
    _Role.Link: "#5acce6",
    _Role.Accent: "#5acce6",
}
_DIMMED = "#6b7793"
_STYLE = """
QToolBar { border: 0; padding: 4px; spacing: 4px; }
QToolBar QToolButton { padding: 4px 10px; border-radius: 4px; }
QToolBar QToolButton:hover { background: #14224f; }
QToolBar QToolButton:checked { background: #1d3a7a; }
QStatusBar { color: #a9b7d0; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { padding: 0 6px; }
QStatusBar QLabel#remarks { color: #ffcf5c; }
QStatusBar QLabel#missing { background: #b3261e; color: #ffffff; font-weight: bold; }
QStatusBar QPushButton#grown { background: #b8860b; color: #ffffff; font-weight: bold; padding: 2px 10px; }
QHeaderView::section { background: #0b1030; color: #a9b7d0; border: 0; padding: 4px 6px; }
"""


def as_plain(text: str) -> str:
    """Return text for a tooltip or a message that Qt shows as it is.

    Qt takes what looks like HTML for HTML, and names of files may look so: it would even load pictures.
    """
    return f"<p style='white-space:pre-wrap'>{html.escape(text)}</p>"


def apply_theme(qt: QApplication) -> None:
    """Give the application its style and colours, the same on every system."""
    qt.setStyle("Fusion")
    qt.styleHints().setColorScheme(Qt.ColorScheme.Dark)
    palette = QPalette()
    for role, color in _COLORS.items():
        palette.setColor(role, QColor(color))
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(_DIMMED))
    qt.setPalette(palette)
    qt.setStyleSheet(_STYLE)
