"""One line that says what goes on, with how far an import is, and what can be done about it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from ..counting import count_of
from ..importers.report import ImportProgress
from .theme import as_plain


class ImportBar(QWidget):
    """A line of text, a bar, and buttons.

    Signals:
        pause, resume, cancel, details: the user wants to.
        go_on: the user wants the rest of an import that was cancelled or interrupted.
    """

    pause = Signal()
    resume = Signal()
    cancel = Signal()
    details = Signal()
    go_on = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = QLabel(self)
        self.line.setTextFormat(Qt.TextFormat.PlainText)
        # A long sentence must not make the window wider.
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar(self)
        self.progress.setFixedSize(180, 12)
        self.progress.setTextVisible(False)
        self.pause_button = self._button("Pause", self._toggle)
        self.cancel_button = self._button("Cancel", self.cancel)
        self.details_button = self._button("Details…", self.details)
        self.go_on_button = self._button("Continue", self.go_on)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.addWidget(self.line, 1)
        for widget in (
            self.progress,
            self.pause_button,
            self.cancel_button,
            self.go_on_button,
            self.details_button,
        ):
            layout.addWidget(widget)
        self._paused = False
        self.show_idle()

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.line.setText(sentence)
        self.line.setToolTip(as_plain(sentence))

    def show_running(self) -> None:
        """Show that an import has begun."""
        self._paused = False
        self.pause_button.setText("Pause")
        self.progress.setRange(0, 0)
        self._show(running=True)

    def show_idle(self, *, has_details: bool = False, can_go_on: bool = False) -> None:
        """Show that no import runs."""
        self._show(running=False)
        self.details_button.setVisible(has_details)
        self.go_on_button.setVisible(can_go_on)

    def show_progress(self, progress: ImportProgress) -> None:
        """Show how far it is."""
        if progress.walking:
            self.progress.setRange(0, 0)
        else:
            self.progress.setRange(0, max(progress.found, 1))
            self.progress.setValue(progress.done)
        studies = count_of(progress.studies, "study", "studies")
        state = "Paused" if self._paused else "Reading"
        self.say(f"{state}: {progress.done:,} of {progress.found:,} files, {studies}")

    def _show(self, *, running: bool) -> None:
        for widget in (self.progress, self.pause_button, self.cancel_button):
            widget.setVisible(running)
        self.details_button.hide()
        self.go_on_button.hide()

    def _toggle(self) -> None:
        self._paused = not self._paused
        self.pause_button.setText("Resume" if self._paused else "Pause")
        if self._paused:
            self.say(f"{self.line.text().replace('Reading:', 'Paused:')}")
            self.pause.emit()
        else:
            self.resume.emit()

    def _button(self, text: str, clicked: object) -> QPushButton:
        button = QPushButton(text, self)
        button.setFlat(True)
        button.clicked.connect(clicked)
        return button
