"""The PACS tab: a line to search in other archives, what they answered, and what is fetched from them."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ...app import App
from ...counting import count_of
from ...dicom.text import format_date, format_person_name
from ...errors import InputError, NegatoscopeError
from ...jobs import Job
from ...pacs.answers import remarks_of
from ...pacs.asking import Account
from ...pacs.nodefile import load_nodes
from ...pacs.nodes import Node
from ...pacs.query import Query
from ...pacs.secrets import Secrets
from ...services.conversing import Outcome
from ...services.fetching import FetchAsk, FetchProgress
from ...services.querying import Finding, Here
from ..bridge import Bridge
from .findings import DESCRIPTION, FindingModel
from .nodes import NodesDialog
from .transfers import Transfer, TransferModel

_DATES = (("Any date", ""), ("Today", "today"), ("7 days", "-7d"), ("30 days", "-30d"), ("1 year", "-1y"))
_LAST = 3


class PacsPanel(QWidget):
    """Searches and fetches.

    Args:
        open_study: shows a study of the library, given its UID.
    """

    def __init__(
        self, app: App, bridge: Bridge, parent: QWidget, *, secrets: Secrets, open_study: Callable[[str], None]
    ) -> None:
        super().__init__(parent)
        self._app = app
        self._bridge = bridge
        self._secrets = secrets
        self._open = open_study
        self._job: Job[None, list[Outcome[Account]]] | None = None
        self._to_open: Transfer | None = None
        self._searches = self._left = 0
        self._sentences: list[str] = []
        self.findings = FindingModel(self)
        self.transfers = TransferModel(self)
        self._put_together()
        self.show_nodes()

    # How it looks

    def _put_together(self) -> None:
        self.name, self.number = QLineEdit(self), QLineEdit(self)
        self.name.setPlaceholderText("Name: doe, or Doe, Jo")
        self.number.setPlaceholderText("Patient ID")
        self.modality = QLineEdit(self)
        self.modality.setPlaceholderText("Modality: CT, MR")
        self.modality.setMaximumWidth(140)
        self.dates = QComboBox(self)
        for text, value in _DATES:
            self.dates.addItem(text, value)
        self.nodes = QComboBox(self)
        self.nodes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.search = QPushButton("Search", self)
        self.stop = QPushButton("Stop", self)
        self.stop.setEnabled(False)
        edit = QPushButton("Archives…", self)
        line = QHBoxLayout()
        for widget, stretch in (
            (self.name, 3), (self.number, 2), (self.modality, 0), (self.dates, 0), (self.nodes, 0), (self.search, 0),
            (self.stop, 0), (edit, 0),
        ):  # fmt: skip
            line.addWidget(widget, stretch)
        self.table = _make_table(self.findings, DESCRIPTION)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.running = _make_table(self.transfers, _LAST)
        self.retrieve, self.open, self.priors, self.cancel = (
            QPushButton(text, self) for text in ("Retrieve", "Open", "Priors", "Cancel transfer")
        )
        self.priors.setToolTip("Search for all studies of this patient")
        self.said = QLabel(self)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setWordWrap(True)
        below = QHBoxLayout()
        below.addWidget(self.said, 1)
        for button in (self.priors, self.retrieve, self.open, self.cancel):
            below.addWidget(button)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self.table)
        split.addWidget(self.running)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        self.running.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addLayout(line)
        layout.addWidget(split, 1)
        layout.addLayout(below)
        for edited in (self.name, self.number, self.modality):
            edited.returnPressed.connect(self.start_search)
        self.search.clicked.connect(self.start_search)
        self.stop.clicked.connect(self.stop_search)
        edit.clicked.connect(self.edit_nodes)
        self.retrieve.clicked.connect(self.start_retrieving)
        self.open.clicked.connect(self.start_opening)
        self.priors.clicked.connect(self.search_priors)
        self.cancel.clicked.connect(self.cancel_transfers)
        self.table.activated.connect(self.start_opening)
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)
        self.running.selectionModel().selectionChanged.connect(self._show_buttons)
        self._show_buttons()

    def show_nodes(self) -> None:
        """Offer the archives that are known."""
        nodes = self._known()
        chosen = self.nodes.currentText()
        self.nodes.clear()
        if len(nodes) > 1:
            self.nodes.addItem("All archives", nodes)
        for node in nodes:
            self.nodes.addItem(node.name, (node,))
        self.nodes.setCurrentIndex(max(self.nodes.findText(chosen), 0))
        self.search.setEnabled(bool(nodes))
        if not nodes and not self.said.text():
            self.said.setText("No archive is known yet. Add one with “Archives…”.")

    def _known(self) -> tuple[Node, ...]:
        """Return the archives; what is wrong with their file is said."""
        try:
            return load_nodes(self._app.paths.nodes)
        except InputError as error:
            self.said.setText(error.sentence)
            return ()

    def edit_nodes(self) -> None:
        """Show the page of archives."""
        dialog = NodesDialog(self._app.paths, self._secrets, self._bridge, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(self._note_nodes)
        dialog.open()

    def _note_nodes(self) -> None:
        self.said.clear()
        self.show_nodes()

    def _show_buttons(self) -> None:
        chosen = self._chosen()
        self.retrieve.setEnabled(bool(chosen) and self._app.owns_library)
        self.open.setEnabled(len(chosen) == 1)
        self.priors.setEnabled(len(chosen) == 1 and bool(chosen[0].answer.values.get("PatientID")))
        self.cancel.setVisible(bool(self.transfers.transfers))
        self.cancel.setEnabled(bool(self._running()))

    def _chosen(self) -> list[Finding]:
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.findings.findings[row] for row in rows]

    # Searching

    def start_search(self) -> None:
        """Ask the archives for what stands in the line."""
        modalities = tuple(part for part in self.modality.text().split(",") if part.strip())
        self._ask(
            self.nodes.currentData() or (),
            {
                "name": self.name.text().strip(),
                "patient_id": self.number.text().strip(),
                "dates": self.dates.currentData(),
                "modalities": modalities,
            },
        )

    def search_priors(self) -> None:
        """Ask all archives for the other studies of a patient."""
        for finding in self._chosen()[:1]:
            self.number.setText(finding.answer.values.get("PatientID", ""))
            self.name.clear()
            self.modality.clear()
            self.dates.setCurrentIndex(0)
            self.nodes.setCurrentIndex(0)
            self.start_search()

    def _ask(self, nodes: Sequence[Node], terms: dict[str, object]) -> None:
        self.stop_search()
        self.findings.clear()
        self._show_buttons()
        try:
            query = Query(**terms)  # type: ignore[arg-type]
        except NegatoscopeError as error:
            self.said.setText(error.sentence)
            return
        self.said.setText("Searching…")
        self._sentences = []
        self._searches += 1
        number = self._searches

        def on_findings(findings: Sequence[Finding]) -> None:
            self._bridge.post(lambda: self._add(number, findings))

        def on_outcome(outcome: Outcome[Account]) -> None:
            self._bridge.post(lambda: self._note_outcome(number, outcome))

        self._left = len(nodes)
        self.stop.setEnabled(True)
        self._job = self._app.querying.find(nodes, self._secrets, query, on_findings, on_outcome)

    def stop_search(self) -> None:
        """Stop a search that is under way; what was answered stays."""
        if self._job is not None:
            self._job.cancel()

    def _add(self, number: int, findings: Sequence[Finding]) -> None:
        if number == self._searches:
            self.findings.add(findings)

    def _note_outcome(self, number: int, outcome: Outcome[Account]) -> None:
        if number != self._searches:
            return
        self._left -= 1
        self._sentences += say_outcome(outcome)
        more = "Searching… " if self._left else ""
        found = count_of(len(self.findings.findings), "study", "studies")
        self.said.setText("\n".join([f"{more}{found}", *self._sentences]))
        self.stop.setEnabled(bool(self._left))

    # Fetching

    def start_retrieving(self) -> None:
        """Fetch the chosen studies."""
        for finding in self._chosen():
            self._fetch(finding)

    def start_opening(self) -> None:
        """Show a study: at once if it is here, else as soon as something of it is."""
        for finding in self._chosen()[:1]:
            if finding.here in (Here.ALL, Here.YES):
                self._open(finding.answer.uid)
            elif self._app.owns_library:
                self._to_open = self._fetch(finding)

    def _fetch(self, finding: Finding) -> Transfer | None:
        answer = finding.answer
        node = next((one for one in self._known() if one.name == answer.node), None)
        if node is None or not answer.uid:
            self.said.setText("This cannot be fetched: its archive is not known any more, or it has no UID.")
            return None
        values = answer.values
        title = ", ".join(
            part
            for part in (
                format_person_name(values.get("PatientName", "")),
                format_date(values.get("StudyDate", "")),
                values.get("StudyDescription", ""),
            )
            if part
        )
        return self._start(FetchAsk(node, answer.uid, title=title or answer.uid))

    def go_on(self) -> None:
        """Fetch on what was being fetched when the program was ended."""
        if self._app.owns_library:
            for ask in self._app.fetching.find_unfinished(self._known()):
                self._start(ask)

    def _start(self, ask: FetchAsk) -> Transfer:
        for transfer in self._running():
            if transfer.ask == ask:
                return transfer

        def on_progress(progress: FetchProgress) -> None:
            self._bridge.post(lambda: self._note_progress(transfer, progress))

        job = self._app.fetching.start(
            ask,
            self._secrets,
            self._app.settings,
            on_progress,
            on_end=lambda _job: self._bridge.post(lambda: self._note_end(transfer)),
        )
        transfer = Transfer(ask, job)
        self.transfers.add(transfer)
        self.running.show()
        self._show_buttons()
        return transfer

    def cancel_transfers(self) -> None:
        """Stop the transfers that are chosen, or all; what has come stays."""
        rows = {index.row() for index in self.running.selectionModel().selectedRows()}
        for row, transfer in enumerate(self.transfers.transfers):
            if transfer.is_running and (not rows or row in rows):
                transfer.job.cancel()

    def _running(self) -> list[Transfer]:
        return [transfer for transfer in self.transfers.transfers if transfer.is_running]

    def _note_progress(self, transfer: Transfer, progress: FetchProgress) -> None:
        if transfer.is_running:
            transfer.progress = progress
            self.transfers.note_change(transfer)
            self._open_early(transfer)

    def _open_early(self, transfer: Transfer) -> None:
        """Show a study that was asked for as soon as something of it is here: the rest comes while it is read."""
        if transfer is self._to_open and self._app.viewing.study(transfer.ask.study_uid) is not None:
            self._to_open = None
            self._open(transfer.ask.study_uid)

    def _note_end(self, transfer: Transfer) -> None:
        transfer.report = transfer.job.result
        if transfer.report is None:
            error = transfer.job.error
            transfer.error = error.sentence if isinstance(error, NegatoscopeError) else "It failed. The log says where."
        self.transfers.note_change(transfer)
        self._open_early(transfer)
        if self._to_open is transfer:
            self._to_open = None
        self.findings.replace(self._app.querying.compare_again(self.findings.findings))
        self._show_buttons()

    def close_down(self) -> None:
        """Stop what runs, and wait for it a little."""
        self.stop_search()
        if self._job is not None:
            self._job.join(5.0)
        self._app.fetching.end()
        for transfer in self._running():
            transfer.job.cancel()
        for transfer in self._running():
            transfer.job.join(5.0)


def say_outcome(outcome: Outcome[Account]) -> list[str]:
    """Return what is to be said of an archive that has answered."""
    sentences = [] if outcome.error is None else [outcome.error.sentence]
    if outcome.result is not None:
        if outcome.result.was_cut:
            sentences.append(f"{outcome.node} has more: the list was cut. Search for less.")
        sentences += [f"{outcome.node}: {remark}" for remark in remarks_of(outcome.result.odd)]
    return sentences


def _make_table(model: FindingModel | TransferModel, stretched: int) -> QTableView:
    table = QTableView()
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    # Of long lists, only what is on the screen is looked at.
    header.setResizeContentsPrecision(50)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return table
