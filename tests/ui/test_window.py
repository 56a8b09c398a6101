"""What the window does with drops, links, downloads, crashes and bad input."""

import csv
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import ask, make_image, make_stack, make_study, own_uids, save
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QMessageBox, QWidget

from desktop.ui.report import ReportDialog
from desktop.ui.window import local_paths


def drop(target: QWidget, *paths: Path) -> bool:
    """Drop files on a widget, as the system does; return whether they were taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(target, event)
    assert event.dropAction() is Qt.DropAction.CopyAction, "the files stay where they are"
    return event.isAccepted()


def test_local_paths():
    urls = [QUrl.fromLocalFile("/a b/ü"), QUrl("https://example.org/x"), QUrl("file:///c")]
    assert local_paths(urls) == ["/a b/ü", "/c"]


def test_a_drop_on_the_picture_is_imported_and_shown(shared: Any, tmp_path: Path):
    make_stack(tmp_path / "one", 2, **own_uids())
    uids = own_uids()
    make_stack(tmp_path / "two", 2, **uids)
    shared.show(tmp_path / "one")
    # The innermost widget of the web engine gets it first.
    inner = shared.window.viewer._view.focusProxy() or shared.window.viewer._view
    assert shared.wait_for_study(lambda: drop(inner, tmp_path / "two")) == uids["StudyInstanceUID"]
    assert shared.window.dock.isVisible(), "with two studies there is something to choose from"
    assert shared.window.studies.model.rowCount() == 2


def test_marks_in_a_patients_data_are_words(program: Any, tmp_path: Path):
    # An equals sign would end a group of the name.
    marks = "<b>Jane</b><s>x</s>"
    make_stack(
        tmp_path / "in", 2, PatientName=f"{marks}^A", PatientID=marks, StudyDescription=marks, SeriesDescription=marks
    )
    program.show(tmp_path / "in")
    program.wait_for(lambda: marks in program.window.windowTitle())
    labels = [label for label in program.window.findChildren(QLabel) if marks in label.text()]
    for label in (*labels, program.window.missing, program.window.remarks, program.window.coverage):
        assert label.textFormat() == Qt.TextFormat.PlainText


def test_the_list_opens_a_study(shared: Any, tmp_path: Path):
    one, two = own_uids(), own_uids()
    make_stack(tmp_path / "one", 1, **one, StudyDate="20200101")
    make_stack(
        tmp_path / "two",
        1,
        **two,
        PatientName="Roe^Ann",
        StudyDate="20250101",
    )
    assert shared.show(tmp_path) == two["StudyInstanceUID"], "the newest comes first"
    assert shared.window.windowTitle().startswith("Roe, Ann")
    table = shared.window.studies.table
    model = table.model()
    assert [model.index(row, 0).data() for row in range(2)] == ["Roe, Ann", "Doe, Jane"]
    assert shared.wait_for_study(lambda: table.activated.emit(model.index(1, 0))) == one["StudyInstanceUID"]
    assert shared.window.windowTitle().startswith("Doe, Jane")
    shared.window.studies.search.setText("roe")
    shared.wait_for(lambda: model.rowCount() == 1)


def test_the_title_follows_a_study_that_ohif_opens_by_itself(shared: Any, tmp_path: Path):
    make_stack(tmp_path / "one", 1, **own_uids(), StudyDate="20250101")
    other = {**own_uids(), "PatientName": "Roe^Ann"}
    make_stack(tmp_path / "two", 1, StudyDate="20200101", **other)
    shared.show(tmp_path)
    assert shared.window.windowTitle().startswith("Doe, Jane")
    shared.ask("window.negatoscope.open('/') ?? 1")
    shared.wait_for(lambda: shared.window.windowTitle() == "Negatoscope")
    path = f"/viewer/dicomweb?StudyInstanceUIDs={other['StudyInstanceUID']}"
    shared.wait_for_signal(shared.window.viewer.drawn, lambda: shared.ask(f"window.negatoscope.open('{path}') ?? 1"))
    assert shared.window.windowTitle().startswith("Roe, Ann")


def test_the_title_is_right_when_a_study_cannot_be_drawn(shared: Any, tmp_path: Path):
    one = own_uids()
    make_stack(tmp_path / "one", 1, **one)
    other = {**own_uids(), "PatientName": "Roe^Ann"}
    (gone,) = make_stack(tmp_path / "two", 1, **other)
    shared.app.importing.start(ask(tmp_path)).wait()
    gone.unlink()
    shared.wait_for_study(lambda: shared.window.open_study(one["StudyInstanceUID"]))
    shared.window.open_study(other["StudyInstanceUID"])
    shared.wait_for(lambda: shared.window.windowTitle().startswith("Roe, Ann"))
    shared.wait_for(lambda: "1 image of this study cannot be read" in shared.window.missing.text())
    assert shared.window.missing.isVisible()
    path = f"/viewer/dicomweb?StudyInstanceUIDs={one['StudyInstanceUID']}"
    shared.wait_for_signal(shared.window.viewer.drawn, lambda: shared.ask(f"window.negatoscope.open('{path}') ?? 1"))
    assert shared.window.windowTitle().startswith("Doe, Jane")
    assert not shared.window.missing.isVisible()


def test_an_image_that_cannot_be_read_never_shows_another_one(shared: Any, tmp_path: Path):
    uids = own_uids()
    files = make_stack(tmp_path / "in", 4, **uids)
    shared.app.importing.start(ask(tmp_path / "in")).wait()
    files[2].unlink()
    shared.wait_for_study(lambda: shared.window.open_study(uids["StudyInstanceUID"]))
    cover = "viewport.element.querySelector('.negatoscope-missing')?.textContent ?? ''"
    assert shared.ask_viewport(cover) == ""
    # From the head down: the second one is the third file.
    shared.ask_viewport("viewport.setImageIdIndex(1).catch(() => 0) && 1")
    text = shared.wait_for(lambda: shared.ask_viewport(cover))
    assert "cannot be shown" in text
    assert "disc or stick" in text
    shared.wait_for(lambda: image_level(shared) == 0)
    shared.ask_viewport("viewport.setImageIdIndex(3) && 1")
    shared.wait_for(lambda: shared.ask_viewport(cover) == "" and image_level(shared) > 0)
    assert "1 image of this study cannot be read" in shared.window.missing.text()


def image_level(program: Any) -> int:
    """The lightest grey in the picture, away from letters."""
    image = program.window.viewer.grab().toImage()
    box = program.ask_viewport("(b => [b.left, b.top, b.width, b.height])(viewport.element.getBoundingClientRect())")
    left, top, width, height = (int(value) for value in box)
    rows = range(top + height // 4, top + height // 3, 4)
    return max(image.pixelColor(x, y).lightness() for x in range(left + width // 3, left + width // 2, 4) for y in rows)


def test_the_open_study_stays_when_it_is_opened_again(program: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 3, **own_uids())
    study = program.show(tmp_path / "in")
    program.ask("(window.marker = 1)")
    for again in (
        lambda: program.window.open_study(study),
        lambda: program.window.import_paths([str(tmp_path / "in")]),
    ):
        again()
        program.wait_for(lambda: not program.window._jobs)
        assert program.ask("window.marker") == 1
        assert program.ask_viewport("viewport.getImageIds().length") == 3


def test_images_come_back_with_their_stick(shared: Any, tmp_path: Path):
    uids = own_uids()
    make_stack(tmp_path / "stick", 3, **uids)
    shared.app.importing.start(ask(tmp_path / "stick")).wait()
    (tmp_path / "stick").rename(tmp_path / "out")
    shared.window.open_study(uids["StudyInstanceUID"])
    shared.wait_for(lambda: shared.window.missing.isVisible())
    (tmp_path / "out").rename(tmp_path / "stick")
    shared.wait_for_signal(shared.window.viewer.drawn, lambda: shared.window.open_study(uids["StudyInstanceUID"]))
    assert not shared.window.missing.isVisible()


def test_what_the_viewer_would_show_wrongly_is_not_shown(shared: Any, tmp_path: Path):
    save(
        make_study(SamplesPerPixel=4, PhotometricInterpretation="ARGB", PlanarConfiguration=0, BitsAllocated=8),
        tmp_path / "in" / "a",
    )
    report = shared.wait_for_signal(shared.window.imported, lambda: shared.window.import_paths([str(tmp_path / "in")]))
    assert "4 samples" in report.reasons[0].reason
    assert "1 of them with a remark" in shared.window.bar.line.text()
    shared.wait_for(lambda: "cannot be read" in shared.window.missing.text())


def test_a_study_opens_though_the_viewer_has_stopped(shared: Any, tmp_path: Path):
    make_stack(tmp_path / "one", 1, **own_uids())
    uids = own_uids()
    make_stack(tmp_path / "two", 1, **uids)
    shared.show(tmp_path / "one")
    viewer = shared.window.viewer
    shared.wait_for_signal(viewer.crashed, lambda: os.kill(viewer.page.renderProcessPid(), signal.SIGKILL))
    assert shared.show(tmp_path / "two") == uids["StudyInstanceUID"]


def test_the_list_is_there_when_there_is_something_from_before(make_program: Callable[..., Any], tmp_path: Path):
    make_stack(tmp_path / "in", 1)
    program = make_program()
    program.window.offer_studies()
    assert not program.window.dock.isVisible()
    program.app.importing.start(ask(tmp_path / "in")).wait()
    program.window._show_studies()
    program.window.offer_studies()
    assert program.window.dock.isVisible()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on, None and True are never freed")
def test_no_reference_is_lost_to_qt(shared: Any, tmp_path: Path):
    from desktop.ui.singletons import protect_singletons

    protect_singletons()
    assert min(map(sys.getrefcount, (None, True, False, NotImplemented))) > 1 << 39
    make_stack(tmp_path / "in", 1, **own_uids())
    shared.show(tmp_path / "in")
    # More than Python has references to True.
    shared.ask(
        "Array.from({length: 12000}, () => document.dispatchEvent("
        "new CustomEvent('negatoscope', {detail: '{\"fact\": \"failed\"}'}))).length"
    )
    assert shared.ask("1") == 1


def test_pages_have_no_webrtc(program: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 1, **own_uids())
    program.show(tmp_path / "in")
    assert program.ask("typeof RTCPeerConnection") == "undefined"


def test_files_added_to_the_open_study_are_shown(shared: Any, tmp_path: Path):
    files = make_stack(tmp_path / "all", 4, **own_uids())
    (tmp_path / "later").mkdir()
    moved = [file.rename(tmp_path / "later" / file.name) for file in files[2:]]
    shared.show(tmp_path / "all")
    assert shared.ask_viewport("viewport.getImageIds().length") == 2
    shared.show(moved[0].parent)
    shared.wait_for(lambda: shared.ask_viewport("viewport.getImageIds().length") == 4)


def test_bad_input_is_told_and_does_not_stop_the_rest(shared: Any, tmp_path: Path):
    folder = tmp_path / "in"
    good = make_stack(folder, 2, **own_uids())
    (folder / "text.dcm").write_text("I am no image.")
    (folder / "empty.dcm").touch()
    cut = good[1].read_bytes()
    (folder / "cut.dcm").write_bytes(cut[:300])
    shared.wait_for_signal(
        shared.window.viewer.drawn, lambda: shared.window.import_paths([str(folder), str(tmp_path / "nothing")])
    )
    assert shared.window.bar.line.text() == "6 files: 2 added, 2 not DICOM, 2 rejected."
    assert shared.window.bar.details_button.isVisible()
    shared.window.bar.details_button.click()
    dialog = shared.wait_for(lambda: shared.window.findChild(ReportDialog))
    model = dialog.table.model()
    cells = {
        Path(model.index(row, 2).data()).name: (model.index(row, 0).data(), model.index(row, 1).data())
        for row in range(model.rowCount())
    }
    assert set(cells) == {"text.dcm", "empty.dcm", "cut.dcm", "nothing"}
    assert cells["text.dcm"] == ("not dicom", "It is a text.")
    dialog.save(tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        saved = list(csv.DictReader(file))
    assert {Path(row["path"]).name: row["reason"] for row in saved} == {name: cell[1] for name, cell in cells.items()}
    dialog.reject()
    shared.wait_for(lambda: not shared.window.findChildren(ReportDialog))


def test_nothing_viewable_is_told(program: Any, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("No images here.")
    report = program.wait_for_signal(
        program.window.imported, lambda: program.window.import_paths([str(tmp_path / "notes.txt")])
    )
    assert report.viewable == 0
    assert "Nothing to show" in program.window.welcome.text.text()
    assert program.window.welcome.isVisible()


def test_a_study_without_images_shows_its_report(shared: Any, pydicom_files: Path):
    assert shared.show(pydicom_files / "reportsi.dcm")
    text = "document.querySelector('iframe')?.contentDocument?.body?.innerText ?? ''"
    shared.wait_for(lambda: "Clinical history" in shared.ask(text) or shared.ask(text))
    assert shared.window.bar.line.text() == "1 file: 1 added."


def test_requests_to_elsewhere_never_leave(shared: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 1, **own_uids())
    shared.show(tmp_path / "in")
    met: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)

        def listen() -> None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                return
            with connection:
                met.append(connection.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        shared.window.viewer.page.runJavaScript(
            f"window.tried = 0; fetch('{address}').catch(() => window.tried++);"
            f"const image = new Image(); image.onerror = () => window.tried++; image.src = '{address}';"
            f"new Worker('{address}').onerror = () => window.tried++;"
        )
        thread.join()
    assert met == []
    assert shared.ask("window.tried") >= 1


def test_a_link_in_a_new_window_is_opened_outside_after_asking(
    shared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_stack(tmp_path / "in", 1, **own_uids())
    shared.show(tmp_path / "in")
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    asked: list[str] = []
    opened: list[str] = []

    def question(_parent: QWidget, _title: str, text: str) -> QMessageBox.StandardButton:
        asked.append(text)
        return answers.pop(0)

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    for count in (1, 2):
        shared.window.viewer.page.runJavaScript("window.open('https://example.org/page')")
        shared.wait_for(lambda count=count: len(asked) == count)
    assert "example.org" in asked[0]
    assert opened == ["https://example.org/page"]
    shared.window.viewer.page.runJavaScript("window.open('file:///etc/passwd'); window.open('javascript:1')")
    assert shared.ask("location.pathname").startswith("/viewer")
    assert len(asked) == 2


def test_a_download_is_saved_where_the_user_says(shared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_stack(tmp_path / "in", 1, **own_uids())
    shared.show(tmp_path / "in")
    target = tmp_path / "chosen name.csv"
    suggested: list[str] = []

    def choose(_parent: QWidget, _title: str, suggestion: str) -> tuple[str, str]:
        suggested.append(Path(suggestion).name)
        return (str(target), "") if len(suggested) == 1 else ("", "")

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    script = (
        "(() => { const a = document.createElement('a'); a.download = 'report.csv';"
        " a.href = URL.createObjectURL(new Blob(['a,b'])); a.click(); })()"
    )
    shared.window.viewer.page.runJavaScript(script)
    shared.wait_for(lambda: target.is_file() and target.read_text() == "a,b")
    shared.window.viewer.page.runJavaScript(script)
    shared.wait_for(lambda: len(suggested) == 2)
    assert suggested == ["report.csv", "report.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chosen name.csv", "in"]


def test_a_crash_offers_to_start_again(shared: Any, tmp_path: Path):
    make_stack(tmp_path / "in", 1, **own_uids())
    study = shared.show(tmp_path / "in")
    viewer = shared.window.viewer
    pid = viewer.page.renderProcessPid()
    assert pid
    shared.wait_for_signal(viewer.crashed, lambda: os.kill(pid, signal.SIGKILL))
    assert viewer.currentWidget() is viewer._crash
    assert shared.wait_for_signal(viewer.drawn, viewer._crash.button.click) == study
    assert viewer.currentWidget() is viewer._view


def test_what_the_page_says_is_logged_without_names(program: Any, tmp_path: Path):
    save(make_image(PatientName="Zyxwv^Abcde", PatientID="ID-98765"), tmp_path / "in" / "a")
    program.show(tmp_path / "in")
    program.ask("console.error('a broken thing of Zyxwv ID-98765 in 1.2.840.113619.2.55.3.1')")
    log = program.app.paths.log
    program.wait_for(lambda: "a broken thing" in log.read_text())
    text = log.read_text()
    for secret in ("Zyxwv", "Abcde", "ID-98765", "113619.2.55", str(tmp_path / "in")):
        assert secret not in text


def test_a_busy_window_closes(make_program: Callable[..., Any], tmp_path: Path):
    make_stack(tmp_path / "in", 200)
    program = make_program()
    program.window.import_paths([str(tmp_path / "in")])
    program.window.close()
    # The fixture ends it, and fails on anything left behind.


def test_the_log_is_quiet_in_ordinary_use(program: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    make_stack(tmp_path / "in", 3)
    with caplog.at_level(logging.WARNING):
        program.show(tmp_path / "in")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
