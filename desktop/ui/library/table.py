"""The list of studies, as a plain table."""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTableView, QVBoxLayout, QWidget

from ...dicom.text import format_date, format_person_name
from ...library.queries import StudyEntry
from ...services.reporting import find_remarks
from ..theme import as_plain

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
    ("Remarks", lambda entry: "; ".join(find_remarks(entry))),
)
_REMARKS = len(_COLUMNS) - 1


class StudyModel(QAbstractTableModel):
    """Studies as rows.

    Signals:
        wants_more: the last row is on the screen, and there are more.
    """

    wants_more = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: Sequence[StudyEntry] = ()
        self._more = False

    def show(self, entries: Sequence[StudyEntry], *, more: bool = False) -> None:
        """Show these studies; ``more``: others could be shown behind them."""
        self._more = more
        shown = len(self.entries)
        if entries == self.entries:
            return
        if shown and entries[:shown] == self.entries:
            # The place that the user has scrolled to stays.
            self.beginInsertRows(QModelIndex(), shown, len(entries) - 1)
            self.entries = entries
            self.endInsertRows()
            return
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def canFetchMore(self, parent: _Index) -> bool:
        """Return whether there are more studies than are shown."""
        return self._more and not parent.isValid()

    def fetchMore(self, parent: _Index) -> None:
        """Ask for them, once."""
        if self.canFetchMore(parent):
            self._more = False
            self.wants_more.emit()

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
        entry = self.entries[index.row()]
        value = _COLUMNS[index.column()][1](entry)
        if role == Qt.ItemDataRole.DisplayRole:
            return str(value)
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == _REMARKS:
            return as_plain(str(value))
        if role == Qt.ItemDataRole.ForegroundRole and entry.away:
            return QPalette().brush(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
        if role == Qt.ItemDataRole.TextAlignmentRole and isinstance(value, int):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None


class StudyList(QWidget):
    """The table, and a line to search in it.

    Signals:
        chosen: the user wants this study; with its UID.
        searched: the words changed.
        more: the list was scrolled to its end, and there are more studies.
        menu_wanted: what can be done with this study is asked for; with its entry, and where on the screen.
    """

    chosen = Signal(str)
    searched = Signal(str)
    more = Signal()
    menu_wanted = Signal(object, object)

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
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._ask_for_menu)
        self.model.wants_more.connect(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.search)
        layout.addWidget(self.table)

    def show_studies(self, entries: Sequence[StudyEntry], current: str | None, *, more: bool = False) -> None:
        """Show these studies, and mark the one that is open; ``more``: others could be shown behind them."""
        self.model.show(entries, more=more)
        for row, entry in enumerate(entries):
            if entry.study.StudyInstanceUID == current:
                self.table.selectRow(row)
                return
        self.table.clearSelection()

    def _ask_for_menu(self, at: QPoint) -> None:
        index = self.table.indexAt(at)
        if index.isValid():
            self.menu_wanted.emit(self.model.entries[index.row()], self.table.viewport().mapToGlobal(at))

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self.model.entries[index.row()].study.StudyInstanceUID)
