"""What the window asks: passwords, and whether something is really to go."""

import threading

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMessageBox, QWidget

from ..counting import count_of, files_stay
from ..dicom.text import CHARSETS
from ..services.holding import Holding
from .bridge import Bridge
from .theme import as_plain

_BY_FILES = "As the files say"


class PasswordQuestion:
    """Asks for the password of an archive in the window, on behalf of an import in another thread."""

    def __init__(self, parent: QWidget, bridge: Bridge) -> None:
        self._parent = parent
        self._bridge = bridge
        self._closing = threading.Event()

    def ask(self, archive: str, wrong: bool) -> str | None:
        """Return what the user typed; None if it was cancelled, or the window closes. Not for the window's thread."""
        answers: list[str | None] = []
        answered = threading.Event()

        def ask() -> None:
            answers.append(ask_password(self._parent, archive, wrong=wrong))
            answered.set()

        self._bridge.post(ask)
        while not answered.wait(0.1):
            if self._closing.is_set():
                return None
        return answers[0]

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closing.set()


def ask_password(parent: QWidget, archive: str, *, wrong: bool) -> str | None:
    """Ask for the password of an archive."""
    said = "That password is wrong.\n\n" if wrong else ""
    text, accepted = QInputDialog.getText(
        parent,
        "Password",
        as_plain(f"{said}This archive is protected by a password:\n{archive}"),
        QLineEdit.EchoMode.Password,
    )
    return text if accepted and text else None


def confirm_forget(parent: QWidget, holding: Holding) -> bool:
    """Ask whether a study is to be forgotten."""
    return _confirm(
        parent,
        "Forget this study?",
        f"It leaves the list. {files_stay(holding.in_place)}; opening it again brings it back.",
        "Forget",
    )


def confirm_delete(parent: QWidget, holding: Holding, *, permanently: bool) -> bool:
    """Ask whether the library's copies of a study are to be deleted."""
    where = "are deleted for good. This cannot be undone" if permanently else "go into the trash"
    kept = f"\n\nOutside the library, {files_stay(holding.in_place)}." if holding.in_place else ""
    said = f"{count_of(holding.copies, 'copy', 'copies')} in the library {where}.{kept}"
    return _confirm(parent, "Delete this study?", said, "Delete")


def ask_charset(parent: QWidget) -> str | None:
    """Ask in which character set a study is to be read; empty for that of its files, None for no change."""
    words = [_BY_FILES, *(f"{term}   {what}" for term, what in CHARSETS)]
    text, accepted = QInputDialog.getItem(
        parent, "Character set", "Read names and texts of this study as:", words, 0, False
    )
    if not accepted:
        return None
    return "" if text == _BY_FILES else text.partition("   ")[0]


def _confirm(parent: QWidget, title: str, text: str, yes: str) -> bool:
    box = QMessageBox(QMessageBox.Icon.Question, title, f"{title}\n\n{text}", parent=parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    button = box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.exec()
    chosen = box.clickedButton() is button
    box.deleteLater()
    return chosen
