"""The button by which the open study is shown in another mode of the viewer."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from ...displaysets.modes import MODES


class ModeButton(QToolButton):
    """A button with a menu of modes. It is hidden where there is nothing to choose.

    Signals:
        chosen: a mode; with its name.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolTip("Show the study in another mode of the viewer")
        self._choices = QMenu(self)
        self.setMenu(self._choices)
        self.hide()

    @property
    def names(self) -> list[str]:
        """The modes that can be chosen."""
        return [str(action.data()) for action in self._choices.actions()]

    def offer(self, names: Sequence[str], current: str) -> None:
        """Offer modes; ``current`` is the one that is shown."""
        self._choices.clear()
        for name in names:
            action = QAction(MODES[name].title, self._choices, checkable=True, checked=name == current)
            action.setData(name)
            action.triggered.connect(lambda _checked, name=name: self.chosen.emit(name))
            self._choices.addAction(action)
        self.setText(f"View: {MODES[current].title}" if current in MODES else "View")
