"""What the window shows before the first study."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class Welcome(QWidget):
    """What to do, in large letters.

    Signals:
        open_folder, open_files: the user wants to.
    """

    open_folder = Signal()
    open_files = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.text = QLabel("Drop a folder of DICOM files here", self)
        font = self.text.font()
        font.setPointSize(20)
        self.text.setFont(font)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        hint = QLabel("A disc, a stick, a folder, a ZIP archive, or single files. They stay where they are.", self)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        folder = QPushButton("Open folder…", self)
        folder.clicked.connect(self.open_folder)
        folder.setDefault(True)
        files = QPushButton("Open files…", self)
        files.clicked.connect(self.open_files)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addStretch()
        layout.addWidget(self.text)
        layout.addWidget(hint)
        for button in (folder, files):
            button.setMinimumWidth(180)
            layout.addWidget(button, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addStretch()

    def say(self, sentence: str) -> None:
        """Show another sentence in large letters."""
        self.text.setText(sentence)
