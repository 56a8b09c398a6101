"""The list of studies, as a plain table."""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTableView, QVBoxLayout, QWidget

from ...dicom.text import format_date, format_person_name
from ...library.queries import StudyEntry

_Index = QModelIndex | QPersistentModelIndex

_COLUMNS: tuple[tuple[str, Callable[[StudyEntry], str | int]], ...] = (
    ("Patient", lambda entry: format_person_name(entry.patient.PatientName) or "(no name)"),
    ("Patient ID", lambda entry: entry.patient.PatientID),
    ("Born", lambda entry: format_date(entry.patient.PatientBirthDate)),
    ("Study date", lambda entry: format_date(entry.study.StudyDate)),
    ("Modality", lambda entry: ", ".join(entry.ModalitiesInStudy)),
    ("Description", lambda entry: entry.study.StudyDescription),
    ("Series", lambda entry: entry.series),
    ("Images", lambda entry: entry.instances),
)


class StudyModel(QAbstractTableModel):
    """Studies as rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: Sequence[StudyEntry] = ()

    def show(self, entries: Sequence[StudyEntry]) -> None:
        """Show these studies."""
        if entries == self.entries:
            return
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return the number of studies."""
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section][0]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text."""
        if not index.isValid():
            return None
        value = _COLUMNS[index.column()][1](self.entries[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and isinstance(value, int):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None


class StudyList(QWidget):
    """The table, and a line to search in it.

    Signals:
        chosen: the user wants this study; with its UID.
        searched: the words changed.
    """

    chosen = Signal(str)
    searched = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = StudyModel(self)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search: name, ID, number, date, description")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.searched)
        self.table = QTableView(self)
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(5, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        # Enter and double click, by the custom of the system.
        self.table.activated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.search)
        layout.addWidget(self.table)

    def show_studies(self, entries: Sequence[StudyEntry], current: str | None) -> None:
        """Show these studies, and mark the one that is open."""
        self.model.show(entries)
        for row, entry in enumerate(entries):
            if entry.study.StudyInstanceUID == current:
                self.table.selectRow(row)
                return
        self.table.clearSelection()

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self.model.entries[index.row()].study.StudyInstanceUID)
