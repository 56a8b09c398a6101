"""Shows an import's account: which files were not taken, and why."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QStandardPaths, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QMessageBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..dicom.memberpaths import shown
from ..errors import InputError
from ..importers.report import ImportReport
from ..services.lists import report_csv, save_csv
from .theme import as_plain

_TITLES = ("Outcome", "Reason", "File")
_Index = QModelIndex | QPersistentModelIndex


class ReportModel(QAbstractTableModel):
    """All files of which there is something to say: there may be very many."""

    def __init__(self, report: ImportReport, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reasons = report.reasons

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return the number of files."""
        return 0 if parent.isValid() else len(self._reasons)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        item = self._reasons[index.row()]
        text = (item.outcome.value.replace("_", " "), item.reason, shown(item.path))[index.column()]
        return as_plain(text) if role == Qt.ItemDataRole.ToolTipRole else text


class ReportDialog(QDialog):
    """A table of all files of which there is something to say, and a way to save it."""

    def __init__(self, report: ImportReport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report = report
        self.setWindowTitle("What was found")
        self.resize(1000, 520)
        self.table = QTableView(self)
        self.table.setModel(ReportModel(report, self.table))
        self.table.verticalHeader().hide()
        self.table.setWordWrap(False)
        self.table.setShowGrid(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.resizeColumnsToContents()
        self.table.setColumnWidth(1, min(self.table.columnWidth(1), 520))
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        sentence = QLabel(report.sentence(), self)
        sentence.setTextFormat(Qt.TextFormat.PlainText)
        sentence.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.save_button = buttons.addButton("Save as CSV…", QDialogButtonBox.ButtonRole.ActionRole)
        self.save_button.clicked.connect(self._choose_place)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(sentence)
        layout.addWidget(self.table)
        layout.addWidget(buttons)

    def save(self, path: Path) -> None:
        """Save the table."""
        try:
            save_csv(path, report_csv(self._report.reasons))
        except InputError as error:
            QMessageBox.warning(self, "Negatoscope", as_plain(error.sentence))

    def _choose_place(self) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        target, _ = QFileDialog.getSaveFileName(self, "Save as CSV", str(Path(folder) / "import.csv"), "CSV (*.csv)")
        if target:
            self.save(Path(target))
