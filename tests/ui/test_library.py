"""The list of studies, what can be done with one, and imports that are paused, cancelled or handed over."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, ask, make_image, make_stack, save
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox, QPushButton

from desktop.handover import Request, hand_over
from desktop.services.holding import Holding
from desktop.ui import window as window_module
from desktop.ui.questions import confirm_delete, confirm_forget

STUDY = ROOT_UID + "1"


def column(program: Any, title: str) -> list[str]:
    model = program.window.studies.model
    titles = [model.headerData(number, Qt.Orientation.Horizontal) for number in range(model.columnCount())]
    return [model.index(row, titles.index(title)).data() for row in range(model.rowCount())]


def menu_of(program: Any, row: int = 0) -> dict[str, Any]:
    menu: QMenu = program.window.study_actions.make_menu(program.window.studies.model.entries[row])
    return {action.text(): action for action in menu.actions() if action.text()}


def answer(monkeypatch: pytest.MonkeyPatch, *, yes: bool) -> list[str]:
    """Answer all questions; return what they said."""
    said: list[str] = []

    def choose(box: QMessageBox) -> int:
        said.append(box.text())
        buttons = [button for button in box.buttons() if (box.buttonRole(button) == _ROLE) is yes]
        buttons[0].click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", choose)
    return said


_ROLE = QMessageBox.ButtonRole.DestructiveRole


def test_a_study_is_forgotten_only_if_the_user_says_so(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = make_stack(tmp_path / "in", 3)
    program.app.importing.start(ask(tmp_path / "in")).wait()
    program.wait_for(lambda: column(program, "Images") == ["3"])
    assert "Delete…" not in menu_of(program)
    said = answer(monkeypatch, yes=False)
    menu_of(program)["Forget…"].trigger()
    assert "3 files stay where they are" in said[0]
    assert program.app.viewing.study(STUDY) is not None
    answer(monkeypatch, yes=True)
    menu_of(program)["Forget…"].trigger()
    program.wait_for(lambda: column(program, "Images") == [])
    assert all(file.exists() for file in files)


def test_a_study_is_copied_and_its_copies_deleted(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    files = make_stack(tmp_path / "in", 3)
    program.show(tmp_path / "in")
    program.wait_for_signal(program.window.imported, menu_of(program)["Copy into the library"].trigger)
    assert program.app.holdings.holding(STUDY).copies == 3
    said = answer(monkeypatch, yes=True)
    monkeypatch.setattr("desktop.services.holding.send2trash", lambda path: path.rename(tmp_path / "trash"))
    menu_of(program)["Delete…"].trigger()
    assert "3 copies in the library go into the trash" in said[0]
    program.wait_for(lambda: program.window.bar.line.text() == "The study is deleted.")
    program.wait_for(lambda: column(program, "Images") == [])
    assert len(list((tmp_path / "trash").iterdir())) == 3
    assert all(file.exists() for file in files)


def test_what_is_opened_can_be_copied_at_once(program: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 2)
    program.window.copying.trigger()
    program.show(tmp_path / "in")
    assert program.app.holdings.holding(STUDY).copies == 2


def test_a_study_that_is_not_here_is_dimmed_and_cannot_be_opened(program: Any, tmp_path: Path):
    make_stack(tmp_path / "stick", 2)
    program.app.importing.start(ask(tmp_path / "stick")).wait()
    (tmp_path / "stick").rename(tmp_path / "away")
    program.app.watch()
    program.wait_for(lambda: any("not here now" in remark for remark in column(program, "Remarks")))
    menu = menu_of(program)
    assert not menu["Open"].isEnabled()
    assert menu["Forget…"].isEnabled()
    (tmp_path / "away").rename(tmp_path / "stick")
    program.app.presence.look()
    program.wait_for(lambda: column(program, "Remarks") == [""])


def test_remarks_of_the_open_study_are_shown(program: Any, tmp_path: Path):
    path = save(make_image(), tmp_path / "in" / "a")
    path.write_bytes(path.read_bytes()[:-20])
    program.show(tmp_path / "in")
    assert program.window.remarks.text() == "1 image truncated"
    assert program.window.remarks.isVisible()
    make_stack(tmp_path / "other", 1, StudyInstanceUID=ROOT_UID + "7", SeriesInstanceUID=ROOT_UID + "7.1")
    program.show(tmp_path / "other")
    program.wait_for(lambda: not program.window.remarks.isVisible())


def test_letters_of_a_study_are_chosen(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    image = make_image(PatientName="x")
    path = save(image, tmp_path / "in" / "a")
    path.write_bytes(path.read_bytes().replace(b"PN\x02\x00x ", b"PN\x04\x00\xb1\xb3o "))
    program.show(tmp_path / "in")
    assert "letters may be wrong" in column(program, "Remarks")[0]
    choices: list[str] = []

    def choose(_parent: object, _title: str, _text: str, items: list[str], *_: object) -> tuple[str, bool]:
        choices.extend(items)
        return next(item for item in items if item.startswith("ISO_IR 101 ")), True

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    menu_of(program)["Character set…"].trigger()
    program.wait_for(lambda: column(program, "Patient") == ["ąło"])
    assert choices[0] == "As the files say"


def test_a_password_is_asked_until_it_is_right(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pyzipper = pytest.importorskip("pyzipper")
    image = save(make_image(), tmp_path / "image")
    with pyzipper.AESZipFile(tmp_path / "a.zip", "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(b"right")
        archive.write(image, "image")
    said: list[str] = []
    words = iter(["wrong", "right"])

    def answer_text(_parent: object, _title: str, text: str, *_: object) -> tuple[str, bool]:
        said.append(text)
        return next(words), True

    monkeypatch.setattr(QInputDialog, "getText", answer_text)
    assert program.show(tmp_path / "a.zip") == STUDY
    assert ["wrong" in text for text in said] == [False, True]
    assert "right" not in (tmp_path / "base" / "logs" / "negatoscope.log").read_text()


def test_an_import_is_paused_resumed_and_cancelled(program: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 400)
    bar = program.window.bar
    job = program.window.import_paths([str(tmp_path / "in")])
    bar.pause_button.click()
    assert (job.paused, bar.pause_button.text()) == (True, "Resume")
    bar.pause_button.click()
    assert not job.paused
    bar.cancel_button.click()
    report = program.wait_for_signal(program.window.imported, lambda: None)
    assert report.cancelled
    assert bar.go_on_button.isVisible()
    assert not bar.cancel_button.isVisible()
    report = program.wait_for_signal(program.window.imported, bar.go_on_button.click)
    assert report.viewable == 400
    assert not bar.go_on_button.isVisible()


def test_a_second_program_hands_its_paths_over(program: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 2)
    lock = program.app.paths.lock
    asked: list[Any] = []

    def hand() -> None:
        request = Request("show", (str(tmp_path / "in"),))
        asked.append(program.run_aside(lambda: hand_over(lock, request, timeout=20)))

    assert program.wait_for_study(hand) == STUDY
    assert asked[0].result(20) == {"shown": True}


def test_an_interrupted_import_is_offered_again(make_program: Callable[..., Any], tmp_path: Path):
    make_stack(tmp_path / "in", 2)
    first = make_program(tmp_path / "base")
    first.app.importing.start(ask(tmp_path / "in")).wait()
    first.app.store.write(lambda db: db.execute("UPDATE imports SET state = 'running'")).result()
    first.window.shut_down()
    first.app.close()
    again = make_program(tmp_path / "base")
    again.window.show_warnings()
    assert "Nothing that was read is lost" in again.window.bar.line.text()
    report = again.wait_for_signal(again.window.imported, again.window.bar.go_on_button.click)
    assert report.viewable == 2


def test_many_studies_come_as_the_list_is_scrolled(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(window_module, "_PAGE", 10)
    program.window._limit = 10
    for number in range(25):
        save(make_image(StudyInstanceUID=f"1.2.{number}", SeriesInstanceUID=f"1.3.{number}"), tmp_path / str(number))
    program.app.importing.start(ask(*(tmp_path / str(number) for number in range(25)))).wait()
    program.wait_for(lambda: len(column(program, "Patient")) == 10)
    program.window.dock.show()
    for count in (20, 25):
        program.window.studies.table.scrollToBottom()
        program.wait_for(lambda count=count: len(column(program, "Patient")) == count)


def test_a_zip_is_shown_from_where_it_is(program: Any, tmp_path: Path):
    files = make_stack(tmp_path / "in", 3)
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"DICOM/{file.name}")
    program.show(tmp_path / "study.zip")
    assert program.ask_viewport("viewport.getImageIds().length") == 3


@pytest.mark.parametrize("confirm", [confirm_forget, confirm_delete])
def test_the_safe_button_is_the_default(program: Any, monkeypatch: pytest.MonkeyPatch, confirm: Callable[..., bool]):
    defaults: list[str] = []

    def look(box: QMessageBox) -> int:
        default = box.defaultButton()
        assert isinstance(default, QPushButton)
        defaults.append(default.text())
        return 0

    monkeypatch.setattr(QMessageBox, "exec", look)
    more = {"permanently": False} if confirm is confirm_delete else {}
    assert confirm(program.window, Holding(1, 2), **more) is False
    assert [text.replace("&", "") for text in defaults] == ["Cancel"]
