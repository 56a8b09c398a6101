"""The page of archives: add one, test it, remove it. What is rare is left to the command line."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...errors import InputError, NegatoscopeError
from ...jobs import Job
from ...pacs.nodefile import add_node, find_node, load_nodes, remove_node
from ...pacs.nodes import OUR_AE_TITLE, Auth, DimseNode, Node, Retrieve, Tls, WebNode
from ...pacs.secrets import Secrets, forget_secret, keep_secret, make_secret_id
from ...paths import Paths
from ...services.conversing import Outcome
from ...services.querying import start_echo
from ..bridge import Bridge

_DIMSE, _WEB = 0, 1


class NodesDialog(QDialog):
    """The archives on the left, a form for a new one on the right."""

    def __init__(self, paths: Paths, secrets: Secrets, bridge: Bridge, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Archives")
        self.resize(820, 420)
        self._paths = paths
        self._secrets = secrets
        self._bridge = bridge
        self._job: Job[None, list[Outcome[None]]] | None = None
        self.listed = QListWidget(self)
        self.test, self.remove, self.add = (QPushButton(text, self) for text in ("Test", "Remove", "Add"))
        self.said = QLabel(self)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._put_together()
        self._show()

    def _put_together(self) -> None:
        self.kind = QComboBox(self)
        self.kind.addItems(["DIMSE (AE title, host, port)", "DICOMweb (address)"])
        self.name = QLineEdit(self)
        self.forms = QStackedWidget(self)
        dimse, web = QWidget(self), QWidget(self)
        self.aet, self.host, self.our_aet = QLineEdit(dimse), QLineEdit(dimse), QLineEdit(OUR_AE_TITLE, dimse)
        self.port = QSpinBox(dimse)
        self.port.setRange(1, 65535)
        self.port.setValue(104)
        self.retrieve = QComboBox(dimse)
        for text, way in (
            ("By C-GET, else by C-MOVE", Retrieve.AUTOMATIC),
            ("By C-GET", Retrieve.GET),
            ("By C-MOVE", Retrieve.MOVE),
        ):
            self.retrieve.addItem(text, way)
        self.tls = QCheckBox("Secured by TLS", dimse)
        first = QFormLayout(dimse)
        for title, field in (
            ("AE title", self.aet), ("Host", self.host), ("Port", self.port), ("Our AE title", self.our_aet),
            ("Images come", self.retrieve), ("", self.tls),
        ):  # fmt: skip
            first.addRow(title, field)
        self.url, self.user, self.password = QLineEdit(web), QLineEdit(web), QLineEdit(web)
        self.url.setPlaceholderText("https://pacs.example/dicom-web")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.auth = QComboBox(web)
        for text, auth in (("Nothing", Auth.NONE), ("User and password", Auth.BASIC), ("Token", Auth.BEARER)):
            self.auth.addItem(text, auth)
        second = QFormLayout(web)
        for title, field in (
            ("Address", self.url), ("It asks for", self.auth), ("User", self.user), ("Password, token", self.password),
        ):  # fmt: skip
            second.addRow(title, field)
        self.forms.addWidget(dimse)
        self.forms.addWidget(web)
        head = QFormLayout()
        head.addRow("Name", self.name)
        head.addRow("It speaks", self.kind)
        right = QVBoxLayout()
        right.addLayout(head)
        right.addWidget(self.forms)
        right.addWidget(self.add, 0, Qt.AlignmentFlag.AlignRight)
        right.addStretch(1)
        left = QVBoxLayout()
        left.addWidget(self.listed, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.test)
        buttons.addWidget(self.remove)
        left.addLayout(buttons)
        both = QHBoxLayout()
        both.addLayout(left, 1)
        both.addLayout(right, 2)
        done = QPushButton("Done", self)
        last = QHBoxLayout()
        last.addWidget(self.said, 1)
        last.addWidget(done)
        layout = QVBoxLayout(self)
        layout.addLayout(both, 1)
        layout.addLayout(last)
        self.kind.currentIndexChanged.connect(self.forms.setCurrentIndex)
        self.auth.currentIndexChanged.connect(self._show_buttons)
        self.listed.currentRowChanged.connect(self._show_buttons)
        self.test.clicked.connect(self.test_node)
        self.remove.clicked.connect(self.remove_node)
        self.add.clicked.connect(self.add_node)
        done.clicked.connect(self.accept)
        # Enter in a field is no end of the dialog.
        for button in (self.test, self.remove, self.add, done):
            button.setAutoDefault(False)

    def _show(self, chosen: str = "") -> None:
        try:
            names = [node.name for node in load_nodes(self._paths.nodes)]
        except InputError as error:
            names = []
            self.said.setText(error.sentence)
        self.listed.clear()
        self.listed.addItems(names)
        if names:
            self.listed.setCurrentRow(names.index(chosen) if chosen in names else 0)
        self._show_buttons()

    def _show_buttons(self) -> None:
        for button in (self.test, self.remove):
            button.setEnabled(self.listed.currentItem() is not None)
        auth = Auth(self.auth.currentData())
        self.user.setEnabled(auth is Auth.BASIC)
        self.password.setEnabled(auth is not Auth.NONE)

    def _chosen(self) -> str:
        item = self.listed.currentItem()
        return "" if item is None else item.text()

    def make_node(self) -> Node:
        """Return the archive that the form tells of.

        Raises:
            ValueError: it cannot be one; the text says why.
        """
        name = self.name.text().strip()
        if self.kind.currentIndex() == _WEB:
            auth = Auth(self.auth.currentData())
            user = self.user.text().strip() if auth is Auth.BASIC else ""
            return WebNode(name, self.url.text().strip(), auth, user)
        node = DimseNode(name, self.aet.text().strip(), self.host.text().strip(), self.port.value())
        return replace(
            node,
            our_aet=self.our_aet.text().strip() or OUR_AE_TITLE,
            retrieve=Retrieve(self.retrieve.currentData()),
            tls=Tls() if self.tls.isChecked() else None,
        )

    def add_node(self) -> None:
        """Add what the form tells of."""
        try:
            node = self.make_node()
            said = self._keep(node)
        except ValueError as error:
            self.said.setText(f"This cannot be an archive: {error}.")
            return
        except NegatoscopeError as error:
            self.said.setText(error.sentence)
            return
        self._show(node.name)
        self.said.setText(said)
        self.password.clear()

    def _keep(self, node: Node) -> str:
        """Add an archive, with its password; return what is to be said of it."""
        said = f"{node.name} was added. Test it now."
        secret = self.password.text() if isinstance(node, WebNode) and node.auth is not Auth.NONE else ""
        if isinstance(node, WebNode) and secret:
            node = replace(node, secret_id=make_secret_id())
            self._secrets.tell(node, secret)
            if not keep_secret(node.secret_id, secret):
                said += " This system has no keyring that can be trusted: its password is known until the program ends."
        add_node(self._paths.nodes, node)
        return said

    def remove_node(self) -> None:
        """Remove the chosen archive, and its password."""
        try:
            forget_secret(remove_node(self._paths.nodes, self._chosen()).secret_id)
        except NegatoscopeError as error:
            self.said.setText(error.sentence)
        self._show()

    def test_node(self) -> None:
        """Ask the chosen archive whether it is there and lets us in."""
        try:
            node = find_node(self._paths.nodes, self._chosen())
        except NegatoscopeError as error:
            self.said.setText(error.sentence)
            return
        self.said.setText(f"Asking {node.name}…")
        self.test.setEnabled(False)
        self._job = start_echo(
            [node], self._secrets, lambda outcome: self._bridge.post(lambda: self._tell(node, outcome))
        )

    def _tell(self, node: Node, outcome: Outcome[None]) -> None:
        self.said.setText(say_test(node, outcome))
        self._show_buttons()


def say_test(node: Node, outcome: Outcome[None]) -> str:
    """Return what came of a test, and for C-MOVE what the archive's administrator has to enter."""
    if outcome.error is not None:
        return outcome.error.sentence
    said = f"{node.name} is there, and lets us in."
    if isinstance(node, DimseNode) and node.retrieve is not Retrieve.GET:
        said += (
            f" For C-MOVE, its administrator must enter our AE title {node.our_aet}, the address of this computer and "
            "the port of the setting listen_port."
        )
    return said
