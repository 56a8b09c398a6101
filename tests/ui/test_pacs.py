"""The PACS tab with real archives: what is found, what is fetched, and how archives are added."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from builders import ask, make_stack
from keyring.backends import fail
from PySide6.QtCore import Qt
from server.orthanc import Orthanc, find_orthanc, free_port, run_orthanc

from desktop.pacs.answers import Answer
from desktop.pacs.nodefile import add_node, load_nodes
from desktop.pacs.nodes import Auth, DimseNode, Node, Retrieve, Timeouts, Tls, WebNode
from desktop.pacs.query import Level
from desktop.pacs.secrets import Secrets
from desktop.paths import find_paths
from desktop.services.querying import Finding, Here
from desktop.ui.bridge import Bridge
from desktop.ui.pacs.findings import COLUMNS, FindingModel, say_here
from desktop.ui.pacs.nodes import NodesDialog

STUDY = "1.2.3.77"


@pytest.fixture(autouse=True)
def _no_keyring() -> Iterator[None]:
    """Keep tests away from the keyring of whoever runs them."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Orthanc with two studies of two patients."""
    program = find_orthanc()
    if program is None:
        pytest.skip("Orthanc is not here (Debian's packages orthanc and orthanc-dicomweb)")
    folder = tmp_path_factory.mktemp("orthanc")
    (folder / "orthanc").mkdir()
    files = make_stack(
        folder / "a", 12, StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1", PatientName="DOE^JO", PatientID="77"
    )
    files += make_stack(
        folder / "b", 2, StudyInstanceUID=f"{STUDY}8", SeriesInstanceUID=f"{STUDY}8.1", PatientName="DOE^AL",
        PatientID="78", StudyDate="20200101",
    )  # fmt: skip
    with run_orthanc(program, folder / "orthanc", aet="ORTHANC", DicomAlwaysAllowGet=True) as started:
        started.store(file.read_bytes() for file in files)
        yield started


def rows(model: Any) -> list[list[str]]:
    return [
        [model.index(row, column).data() for column in range(model.columnCount())] for row in range(model.rowCount())
    ]


def nodes_of(orthanc: Orthanc) -> tuple[Node, ...]:
    return (
        DimseNode("Radiology", "ORTHANC", "127.0.0.1", orthanc.dicom_port),
        WebNode("Files", f"http://127.0.0.1:{orthanc.port}/dicom-web"),
        DimseNode("Gone", "GONE", "127.0.0.1", free_port(), timeouts=Timeouts(2, 2)),
    )


def test_a_study_is_found_and_opened(program: Any, orthanc: Orthanc):
    window, pacs = program.window, program.window.pacs
    for node in nodes_of(orthanc):
        add_node(program.app.paths.nodes, node)
    program.app.watch()
    window.archives.show()
    pacs.show_nodes()
    assert [pacs.nodes.itemText(number) for number in range(4)] == ["All archives", "Radiology", "Files", "Gone"]
    pacs.name.setText("doe")
    pacs.start_search()
    program.wait_for(lambda: not pacs._left)
    # Two archives have both studies; the third one's failure is told beside them.
    assert sorted((row[0], row[-1]) for row in rows(pacs.findings)) == [
        ("DOE, AL", "Files"),
        ("DOE, AL", "Radiology"),
        ("DOE, JO", "Files"),
        ("DOE, JO", "Radiology"),
    ]
    assert pacs.said.text().startswith("4 studies\n")
    assert "Nothing listens at Gone" in pacs.said.text()
    assert not pacs.open.isEnabled()
    row = next(number for number, row in enumerate(rows(pacs.findings)) if row[0] == "DOE, JO" and row[-1] == "Files")
    pacs.table.selectRow(row)
    assert pacs.open.isEnabled()
    assert program.wait_for_study(pacs.start_opening) == STUDY
    program.wait_for(lambda: not pacs._running())
    (transfer,) = rows(pacs.transfers)
    assert transfer[1:] == ["Files", "12 of 12", "Complete"]
    assert [row[-2] for row in rows(pacs.findings) if row[0] == "DOE, JO"] == ["all", "all"]
    # Whatever was shown first, nobody is left in the belief that it is all.
    program.wait_for(lambda: window.grown.isVisible() or window.coverage.text().startswith("12 of 12"))
    if window.grown.isVisible():
        assert program.wait_for_study(window.grown.click) == STUDY
        program.wait_for(lambda: window.coverage.text().startswith("12 of 12"))
    assert not window.grown.isVisible()
    # What is here is opened at once, and is not fetched again.
    pacs.number.setText("78")
    pacs.dates.setCurrentIndex(1)
    pacs.start_search()
    program.wait_for(lambda: not pacs._left)
    assert rows(pacs.findings) == []
    pacs.dates.setCurrentIndex(0)
    pacs.nodes.setCurrentIndex(1)
    pacs.start_search()
    program.wait_for(lambda: not pacs._left)
    pacs.table.selectRow(0)
    pacs.start_retrieving()
    program.wait_for(lambda: len(pacs.transfers.transfers) == 2 and not pacs._running())
    assert rows(pacs.transfers)[0][1:] == ["Radiology", "2 of 2", "Complete"]
    assert window.windowTitle().startswith("DOE, JO")
    pacs.table.selectRow(0)
    pacs.search_priors()
    program.wait_for(lambda: not pacs._left)
    assert pacs.number.text() == "78"
    assert {row[1] for row in rows(pacs.findings)} == {"78"}


def test_more_images_of_the_open_study_are_offered(program: Any, tmp_path: Path):
    first, *others = make_stack(tmp_path / "in", 3)
    program.show(first)
    assert not program.window.grown.isVisible()
    program.app.importing.start(ask(*others)).wait()
    program.wait_for(program.window.grown.isVisible)
    assert program.window.grown.text() == "2 more images of this study here: show it anew"
    program.wait_for_study(program.window.grown.click)
    program.wait_for(lambda: not program.window.grown.isVisible())
    assert program.window.coverage.text().startswith("3 of 3")


@pytest.fixture
def dialog(qapp: Any, tmp_path: Path, qtbot: Any) -> Iterator[NodesDialog]:
    """The page of archives, of which there is none."""
    bridge = Bridge()
    made = NodesDialog(find_paths(tmp_path / "base").make(), Secrets(), bridge, None)
    qtbot.addWidget(made)
    yield made
    bridge.close()


def test_archives_are_added_tested_and_removed(dialog: NodesDialog, qtbot: Any):
    assert not dialog.test.isEnabled()
    dialog.add_node()
    assert dialog.said.text().startswith("This cannot be an archive: ")
    dialog.name.setText("CT room")
    dialog.aet.setText("CT1")
    dialog.host.setText("127.0.0.1")
    dialog.port.setValue(free_port())
    dialog.tls.setChecked(True)
    dialog.retrieve.setCurrentIndex(2)
    dialog.add_node()
    assert "was added" in dialog.said.text()
    dialog.add_node()
    assert "CT room" in dialog.said.text()
    dialog.kind.setCurrentIndex(1)
    dialog.name.setText("Web")
    dialog.url.setText("https://pacs.example/dicom-web")
    dialog.auth.setCurrentIndex(1)
    dialog.user.setText("jo")
    dialog.password.setText("open sesame")
    dialog.add_node()
    assert "no keyring" in dialog.said.text()
    assert dialog.password.text() == ""
    path = dialog._paths.nodes
    dimse, web = load_nodes(path)
    assert dimse == DimseNode("CT room", "CT1", "127.0.0.1", dialog.port.value(), tls=Tls(), retrieve=Retrieve.MOVE)
    assert isinstance(web, WebNode)
    assert (web.url, web.auth, web.user, bool(web.secret_id)) == (
        "https://pacs.example/dicom-web", Auth.BASIC, "jo", True,
    )  # fmt: skip
    assert dialog._secrets.find(web) == "open sesame"
    assert "sesame" not in path.read_text()
    dialog.listed.setCurrentRow(0)
    dialog.test_node()
    qtbot.waitUntil(lambda: "Asking" not in dialog.said.text(), timeout=20_000)
    assert "Nothing listens at CT room" in dialog.said.text()
    for _ in range(2):
        dialog.remove_node()
    assert load_nodes(path) == ()
    assert not dialog.remove.isEnabled()


@pytest.mark.parametrize(
    ("here", "count", "there", "said"),
    [
        (Here.NO, 0, "5", ""),
        (Here.PARTLY, 2, "5", "2 of 5"),
        (Here.ALL, 5, "5", "all"),
        (Here.YES, 1200, "", "1,200"),
        (Here.OTHER_PATIENT, 0, "5", "another patient's study has this UID"),
    ],
)
def test_what_is_here_is_said(here: Here, count: int, there: str, said: str):
    answer = Answer("A", Level.STUDY, {"NumberOfStudyRelatedInstances": there})
    assert say_here(Finding(answer, here, count)) == said


def test_marks_in_answers_are_words(qapp: Any):
    model = FindingModel()
    marks = "<b>x</b>"
    model.add([Finding(Answer("A", Level.STUDY, {"PatientName": marks, "ModalitiesInStudy": "CT\\MR"}), Here.NO, 0)])
    assert model.index(0, 0).data() == marks
    assert model.index(0, 4).data() == "CT, MR"
    assert model.headerData(0, Qt.Orientation.Horizontal) == COLUMNS[0][0]
    many = [Finding(Answer("A", Level.STUDY, {"PatientID": str(number)}), Here.NO, 0) for number in range(10_000)]
    model.add(many)
    assert model.rowCount() == 10_001
    model.clear()
    assert model.rowCount() == 0
