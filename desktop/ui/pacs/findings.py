"""What other archives answered, as a plain table."""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ...dicom.text import format_date, format_person_name
from ...services.querying import Finding, Here

_Index = QModelIndex | QPersistentModelIndex


def say_here(finding: Finding) -> str:
    """Return how much of a finding is in the library, in a few words."""
    there = finding.answer.instances
    return {
        Here.NO: "",
        Here.PARTLY: f"{finding.instances_here:,} of {there:,}" if there is not None else f"{finding.instances_here:,}",
        Here.ALL: "all",
        Here.YES: f"{finding.instances_here:,}",
        Here.OTHER_PATIENT: "another patient's study has this UID",
    }[finding.here]


def _value(keyword: str) -> Callable[[Finding], str]:
    return lambda finding: finding.answer.values.get(keyword, "").replace("\\", ", ")


def _images(finding: Finding) -> str | int:
    return "" if finding.answer.instances is None else finding.answer.instances


COLUMNS: tuple[tuple[str, Callable[[Finding], str | int]], ...] = (
    ("Patient", lambda finding: format_person_name(finding.answer.values.get("PatientName", "")) or "(no name)"),
    ("Patient ID", _value("PatientID")),
    ("Born", lambda finding: format_date(finding.answer.values.get("PatientBirthDate", ""))),
    ("Study date", lambda finding: format_date(finding.answer.values.get("StudyDate", ""))),
    ("Modality", _value("ModalitiesInStudy")),
    ("Description", _value("StudyDescription")),
    ("Accession", _value("AccessionNumber")),
    ("Images", _images),
    ("Here", say_here),
    ("Archive", lambda finding: finding.answer.node),
)
DESCRIPTION = 5


class FindingModel(QAbstractTableModel):
    """Studies that archives have, as rows, in the order in which they were answered."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.findings: list[Finding] = []

    def clear(self) -> None:
        """Show nothing."""
        self.beginResetModel()
        self.findings = []
        self.endResetModel()

    def add(self, findings: Sequence[Finding]) -> None:
        """Show more, behind the others."""
        if findings:
            count = len(self.findings)
            self.beginInsertRows(QModelIndex(), count, count + len(findings) - 1)
            self.findings += findings
            self.endInsertRows()

    def replace(self, findings: Sequence[Finding]) -> None:
        """Show the same ones, of which more or less is here now."""
        self.findings = list(findings)
        if findings:
            self.dataChanged.emit(self.index(0, 0), self.index(len(findings) - 1, len(COLUMNS) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return the number of studies."""
        return 0 if parent.isValid() else len(self.findings)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][0]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text."""
        if not index.isValid():
            return None
        finding = self.findings[index.row()]
        value = COLUMNS[index.column()][1](finding)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{value:,}" if isinstance(value, int) else value
        if role == Qt.ItemDataRole.TextAlignmentRole and isinstance(value, int):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None
