"""What is being fetched, and what was, as a plain table."""

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ...services.fetching import FetchAsk, FetchJob, FetchProgress, FetchReport
from ..theme import as_plain

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Study", "Archive", "Images", "State")


@dataclass(slots=True)
class Transfer:
    """One study that is fetched."""

    ask: FetchAsk
    job: FetchJob
    progress: FetchProgress | None = None
    report: FetchReport | None = None
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.report is None and not self.error

    def say_images(self) -> str:
        """Return how many images are here, of how many."""
        if self.report is not None:
            here = self.report.before + self.report.fetched
            return f"{here:,}" if self.report.listed is None else f"{here:,} of {self.report.listed:,}"
        if self.progress is None:
            return ""
        of = "" if self.progress.total is None else f" of {self.progress.total:,}"
        return f"{self.progress.images:,}{of}"

    def say_state(self) -> str:
        """Return how it goes, in a sentence."""
        if self.error:
            return self.error
        if self.report is not None:
            return say_end(self.report)
        if self.progress is None:
            return "Asking what there is…"
        size = f"{self.progress.bytes / 1e6:,.0f} MB" if self.progress.bytes else "Fetching…"
        left = self.progress.seconds_left
        return size if left is None else f"{size}, {left:,.0f} s to go"


def say_end(report: FetchReport) -> str:
    """Return how a fetching has ended, in a sentence."""
    if report.error is not None:
        return report.error.sentence
    if report.missing:
        return f"{len(report.missing):,} did not come. Retrieve it again to get what is missing."
    if report.refused:
        return f"{sum(count for _, count in report.refused):,} objects cannot be taken into the library."
    return "Complete" if report.is_complete else "All that came is here; the archive does not list its images"


class TransferModel(QAbstractTableModel):
    """Transfers as rows, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.transfers: list[Transfer] = []

    def add(self, transfer: Transfer) -> None:
        """Show one more."""
        self.beginInsertRows(QModelIndex(), 0, 0)
        self.transfers.insert(0, transfer)
        self.endInsertRows()

    def note_change(self, transfer: Transfer) -> None:
        """Show what has changed of one."""
        row = self.transfers.index(transfer)
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(_COLUMNS) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return the number of transfers."""
        return 0 if parent.isValid() else len(self.transfers)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        transfer = self.transfers[index.row()]
        texts = (transfer.ask.title, transfer.ask.node.name, transfer.say_images(), transfer.say_state())
        text = texts[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        notes = transfer.report.notes if transfer.report is not None and index.column() == len(texts) - 1 else ()
        return as_plain("\n".join((text, *notes)))
