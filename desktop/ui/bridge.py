"""The one door by which other threads come to the window: a queued signal that carries closures."""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot

log = logging.getLogger(__name__)


class Bridge(QObject):
    """Runs closures of other threads in the window's thread, in the order in which they came."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, closure: Callable[[], None]) -> None:
        """Have ``closure`` run soon. May be called from any thread."""
        if self._open:
            self._posted.emit(closure)

    def close(self) -> None:
        """Drop everything that still comes."""
        self._open = False

    @Slot(object)
    def _run(self, closure: Callable[[], None]) -> None:
        if self._open:
            closure()
