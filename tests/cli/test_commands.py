"""The commands that need no window: what they print, where, and with which exit code."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from cli.running import SECONDS, Finished, Program, list_files
from pydicom import dcmread
from server.asking import Served, make_viewer, start_threads

from desktop import __version__
from desktop.app import App
from desktop.paths import find_paths

Call = Callable[..., Finished]

COUNTS = ("found", "added", "updated", "unchanged", "duplicate", "conflict", "not_dicom", "rejected")
IMPORT_KEYS = [*COUNTS, "seconds", "reasons", "cancelled", "trouble"]
STUDY_KEYS = {
    *("StudyInstanceUID", "PatientName", "PatientID", "StudyDate", "StudyDescription", "ModalitiesInStudy"),
    *("series", "instances", "away", "remarks"),
}
DISPLAY_SET_KEYS = {
    *("displaySetInstanceUID", "SOPClassHandlerId", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber"),
    *("SeriesDescription", "Modality", "numImageFrames", "isMultiFrame", "isReconstructable", "instances", "messages"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two studies, and of files that are none."""
    files = tmp_path / "files"
    make_stack(files / "ct", 3)
    other = {"StudyInstanceUID": ROOT_UID + "2", "SeriesInstanceUID": ROOT_UID + "2.1", "PatientName": "Roe^Rod"}
    save(make_image(**other, Modality="MR", StudyDate="20250101", PatientID="P2"), files / "mr" / "image")
    shutil.copy(files / "ct" / "IM0000", files / "ct" / "the same again")
    (files / "notes.txt").write_text("These are the notes.")
    (files / "damaged.dcm").write_bytes((files / "mr" / "image").read_bytes()[:300])
    return files


def test_import(call: Call, folder: Path) -> None:
    done = call("import", folder, "--json")
    assert done.code == 0
    report = done.json()
    assert list(report) == IMPORT_KEYS
    counts = {key: report[key] for key in IMPORT_KEYS[:8]}
    assert counts == {
        "found": 7,
        "added": 4,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 1,
        "conflict": 0,
        "not_dicom": 1,
        "rejected": 1,
    }
    assert report["found"] == sum(counts.values()) - counts["found"]
    assert report["seconds"] >= 0
    assert (report["cancelled"], report["trouble"]) == (False, "")
    assert {Path(item["path"]).name: item["outcome"] for item in report["reasons"]} == {
        "the same again": "duplicate",
        "notes.txt": "not_dicom",
        "damaged.dcm": "rejected",
    }
    for item in report["reasons"]:
        assert list(item) == ["path", "outcome", "reason"]
        assert Path(item["path"]).is_absolute()
        assert item["reason"].endswith(".") or "there already" in item["reason"]
    again = call("import", folder, "--json").json()
    assert (again["found"], again["unchanged"], again["added"]) == (7, 4, 0)


def test_import_in_words(call: Call, folder: Path) -> None:
    done = call("import", folder)
    assert (done.code, done.out) == (0, "")
    first, *lines = done.sentence().splitlines()
    assert first == "7 files: 4 added, 1 there already, 1 not DICOM, 1 rejected."
    assert len(lines) == 3
    assert all(line.startswith("  ") for line in lines)


@pytest.mark.parametrize(
    ("what", "as_json"),
    [
        *(("missing", True), ("missing", False), ("empty folder", True), ("empty folder", False)),
        *(("no DICOM", True), ("empty file", True), ("damaged", False)),
    ],
)
def test_nothing_viewable(call: Call, tmp_path: Path, folder: Path, what: str, as_json: bool) -> None:
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "empty file").touch()
    path = {"no DICOM": folder / "notes.txt", "damaged": folder / "damaged.dcm"}.get(what, tmp_path / what)
    done = call("import", path, *["--json"] * as_json)
    assert done.code == 3
    assert "negatoscope: Nothing to show." in done.sentence()
    if as_json:
        report = done.json()
        assert report["found"] == sum(report[key] for key in COUNTS[1:]) == (0 if what == "empty folder" else 1)
        assert len(report["reasons"]) == report["found"]
    else:
        assert done.out == ""


def test_paths_that_look_like_something_else(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("-weird", "import", "--json")):
        save(make_image(InstanceNumber=number), tmp_path / name / "image")
    done = call("import", "--json", "--", "-weird", "import", "--json")
    assert (done.code, done.json()["added"]) == (0, 3)
    assert call("import", "./import", "./-weird", "--json").json()["unchanged"] == 2
    assert call("import", "import", "--json").json()["unchanged"] == 1


def test_one_missing_path_does_not_stop_the_others(call: Call, folder: Path) -> None:
    done = call("import", folder / "nowhere", folder / "ct", "--json")
    assert done.code == 0
    assert (done.json()["added"], done.json()["rejected"]) == (3, 1)


def test_studies(call: Call, folder: Path) -> None:
    assert call("studies", "--json").json() == []
    call("import", folder)
    done = call("studies", "--json")
    assert (done.code, done.err) == (0, "")
    studies = done.json()
    assert all(study.keys() >= STUDY_KEYS for study in studies)
    assert studies[0] | {} == {
        "StudyInstanceUID": ROOT_UID + "1",
        "PatientName": "Doe^Jane",
        "PatientID": "P1",
        "PatientBirthDate": "19700102",
        "PatientSex": "F",
        "StudyDate": "20260102",
        "StudyTime": "101500",
        "StudyDescription": "Abdomen",
        "AccessionNumber": "A1",
        "ModalitiesInStudy": ["CT"],
        "series": 1,
        "instances": 3,
        "unsent": 0,
        "away": "",
        "remarks": [],
    }
    assert [study["PatientName"] for study in studies] == ["Doe^Jane", "Roe^Rod"]
    for query, found in (
        ("rod", ["Roe^Rod"]),
        ("DOE j", ["Doe^Jane"]),
        ("2025", ["Roe^Rod"]),
        ("nobody", []),
        ('"', ["Doe^Jane", "Roe^Rod"]),
        ("do* OR ro*", []),
    ):
        assert [study["PatientName"] for study in call("studies", "--json", *query.split()).json()] == found
    table = call("studies")
    assert table.code == 0
    assert [line.split()[0] for line in table.out.splitlines()] == ["20260102", "20250101"]
    assert "3 images" in table.out


def test_display_sets(call: Call, folder: Path) -> None:
    done = call("display-sets", folder, "--json")
    assert done.code == 0
    sets = done.json()
    assert len(sets) == 2
    assert all(made.keys() >= DISPLAY_SET_KEYS for made in sets)
    stack = next(made for made in sets if made["Modality"] == "CT")
    assert stack["numImageFrames"] == len(stack["instances"]) == 3
    assert set(stack["instances"]) == {f"{ROOT_UID}1.1.{number}" for number in (1, 2, 3)}
    assert stack["isReconstructable"] is True
    by_study = call("display-sets", "--study", ROOT_UID + "1", "--json")
    assert by_study.json() == [stack]
    table = call("display-sets", "--study", ROOT_UID + "1")
    assert table.code == 0
    study, head, row = table.out.splitlines()
    assert study == f"Doe^Jane · P1 · 20260102 · Abdomen · {ROOT_UID}1"
    assert head.split()[:4] == ["series", "modality", "label", "holds"]
    assert "3 images" in row
    assert "3 of 3" in row
    in_words = call("display-sets", folder)
    assert len(in_words.out.splitlines()) == 6
    assert "unchanged" in in_words.err


def test_display_sets_are_those_of_the_server(call: Call, folder: Path, base_dir: Path, tmp_path: Path) -> None:
    printed = {made["displaySetInstanceUID"]: made for made in call("display-sets", folder, "--json").json()}
    with App(find_paths(base_dir)) as app:
        app.serve(0, make_viewer(tmp_path / "resources"))
        start_threads(app)
        served = Served(app)
        for number in (1, 2):
            answer = served.json(f"/display-sets?study={ROOT_UID}{number}")
            told = [made.pop("thumbnail") for made in answer]
            assert all(address.startswith(f"/thumbnails/studies/{ROOT_UID}{number}/") for address in told)
            assert answer == call("display-sets", "--study", f"{ROOT_UID}{number}", "--json").json()
            assert all(printed[made["displaySetInstanceUID"]] == made for made in answer)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["display-sets"], 2, "Name files and folders, or a study with --study, and not both."),
        (["display-sets", "--json"], 2, "Name files"),
        (["display-sets", "a", "--study", "1.2"], 2, "and not both"),
        (["display-sets", "--study", "1.2.3"], 1, "There is no such study in the library."),
        (["display-sets", "--study", "' OR 1=1"], 1, "There is no such study"),
        (["display-sets", "--study", "*"], 1, "There is no such study"),
        (["display-sets", "/nowhere", "--json"], 3, "rejected"),
        (["display-sets", "/nowhere"], 3, "There is no such file or folder."),
    ],
)
def test_display_sets_of_nothing(call: Call, words: list[str], code: int, said: str) -> None:
    done = call(*words)
    assert done.code == code
    assert said in done.sentence()
    assert done.out in ("", "[]\n")


def test_sample(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "sample"
    done = call("sample", folder)
    assert (done.code, done.out) == (0, "")
    assert str(folder) in done.err
    files = sorted(folder.iterdir())
    assert len(files) == 40
    assert dcmread(files[0]).PatientName == "Sample^Sam"
    report = call("import", folder, "--json").json()
    assert (report["added"], report["reasons"]) == (40, [])
    (made,) = call("display-sets", folder, "--json").json()
    assert (made["numImageFrames"], made["isReconstructable"], made["messages"]) == (40, True, [])
    before = list_files(folder)
    again = call("sample", folder)
    assert again.code == 1
    assert "is not empty" in again.sentence()
    assert list_files(folder) == before


@pytest.mark.parametrize("where", ["a file", "below a file"])
def test_a_sample_that_cannot_be_written(call: Call, tmp_path: Path, where: str) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    done = call("sample", file if where == "a file" else file / "below")
    assert done.code == 1
    assert "cannot be written" in done.sentence()
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "settings.json"),
        ("[]", "not a JSON object"),
        ("\x00", "settings.json"),
        ({"port": -1}, "port"),
        ({"port": "80"}, "port"),
        ({"port": 65536}, "port"),
        ({"data_source": "telepathy"}, "telepathy"),
        ({"data_source": []}, "settings.json"),
    ],
)
def test_broken_settings(
    call: Call, settings: Callable[[object], Path], folder: Path, value: object, said: str
) -> None:
    path = settings(value)
    before = path.read_bytes()
    done = call("import", folder, "--json")
    assert (done.code, done.out) == (1, "")
    assert said in done.sentence()
    assert "Mend or delete it." in done.err
    assert path.read_bytes() == before


def test_settings_of_a_newer_version_are_kept(call: Call, settings: Callable[[object], Path], folder: Path) -> None:
    path = settings({"a newer key": {"x": 1}, "port": 0})
    assert call("import", folder).code == 0
    assert json.loads(path.read_text()) == {"a newer key": {"x": 1}, "port": 0}


@pytest.mark.parametrize("kind", ["newer", "no database", "a folder", "another program's"])
def test_libraries_that_cannot_be_used(call: Call, base_dir: Path, folder: Path, kind: str) -> None:
    path = base_dir / "data" / "library.sqlite"
    path.parent.mkdir(parents=True)
    if kind == "newer":
        call("import", folder)
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 1000")
        db.close()
    elif kind == "a folder":
        path.mkdir()
    elif kind == "another program's":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE studies (id)")
        db.close()
    else:
        path.write_text("This is no database, but a text that is long enough to be looked at." * 10)
    before = path.read_bytes() if kind in ("newer", "no database") else b""
    for words in (["studies", "--json"], ["import", str(folder), "--json"]):
        done = call(*words)
        assert (done.code, done.out) == (1, "")
        assert "library" in done.sentence()
        assert done.err.startswith("negatoscope: ")
    if before:
        assert path.read_bytes() == before
    if kind == "another program's":
        with sqlite3.connect(path) as db:
            assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("studies",)]
        db.close()


@pytest.mark.parametrize("words", [["studies"], ["studies", "--json"], ["display-sets", "--study", ROOT_UID + "1"]])
def test_a_damaged_library_is_told_in_a_sentence(call: Call, base_dir: Path, folder: Path, words: list[str]) -> None:
    call("import", folder)
    with sqlite3.connect(base_dir / "data" / "library.sqlite") as db:
        db.execute("UPDATE patients SET PatientName = CAST(x'5365637265746976650AFF' AS TEXT)")
    db.close()
    done = call(*words)
    assert (done.code, done.out) == (1, "")
    assert "library" in done.sentence()
    assert "Secretive" not in done.err


def test_a_base_dir_that_cannot_be_made(call: Call, tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = call("--base-dir", file / "below", "import", folder)
    assert done.code == 1
    assert "cannot be made" in done.sentence()
    assert "--base-dir" in done.err


def test_folders_are_open_to_this_user_only(program: Program, folder: Path) -> None:
    if os.name == "nt":
        pytest.skip("rights of POSIX")
    assert program.run("import", folder).code == 0
    for path in [program.base / name for name in ("config", "data", "cache", "logs")]:
        assert path.stat().st_mode & 0o077 == 0
    assert (program.base / "data" / "library.sqlite").stat().st_mode & 0o077 == 0


def test_as_a_process(program: Program, folder: Path) -> None:
    version = program.run("--version")
    assert (version.code, version.out, version.err) == (0, f"negatoscope {__version__}\n", "")
    assert program.run("--help").out.startswith("usage: negatoscope")
    done = program.run("import", folder, "--json")
    assert done.code == 0
    assert done.json()["added"] == 4
    assert done.sentence() == ""
    assert len(program.run("studies", "--json").json()) == 2
    wrong = program.run("import")
    assert (wrong.code, wrong.out) == (2, "")
    nothing = program.run("import", folder / "notes.txt")
    assert (nothing.code, nothing.out) == (3, "")
    assert "Nothing to show." in nothing.sentence()


@pytest.mark.skipif(sys.platform == "win32", reason="names that are no text")
def test_names_that_are_no_text(program: Program, tmp_path: Path) -> None:
    odd = os.fsdecode(b"odd\xff\x1b[2J\nname")
    folder = tmp_path / "files" / odd
    save(make_image(), folder / "image")
    (folder / "notes").write_text("notes")
    done = program.run("import", folder, "--json")
    assert done.code == 0
    report = done.json()
    assert (report["added"], report["not_dicom"]) == (1, 1)
    assert report["reasons"][0]["path"] == str(folder / "notes")
    in_words = program.run("import", folder)
    assert in_words.code == 0
    assert "\x1b" not in in_words.sentence()
    assert len(in_words.err.splitlines()) == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_any_console_can_print_it(program: Program, tmp_path: Path, encoding: str) -> None:
    said = {"PatientName": "山田^太郎", "StudyDescription": "Ü \x1b[31mred\x07", "SeriesDescription": "Größe 😀"}
    path = save(make_image(SpecificCharacterSet="ISO_IR 192", **said), tmp_path / "Müller" / "image")
    (tmp_path / "Müller" / "メモ").write_text("x")
    for words, lines in (
        (["import", path.parent], 0),
        (["studies"], 1),
        (["display-sets", "--study", ROOT_UID + "1"], 3),
    ):
        done = program.run(*words, PYTHONIOENCODING=encoding)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out + done.sentence()
        assert "\x07" not in done.out
        assert len(done.out.splitlines()) == lines
    printed = program.run("studies", "--json", PYTHONIOENCODING=encoding).json()
    assert printed[0]["PatientName"] == "山田^太郎"


def test_names_stand_as_they_are_where_they_can(call: Call, tmp_path: Path) -> None:
    save(make_image(SpecificCharacterSet="ISO_IR 192", PatientName="山田^太郎"), tmp_path / "image")
    call("import", tmp_path / "image")
    assert "山田^太郎" in call("studies").out


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("words", [["studies"], ["studies", "--json"], ["--help"], ["import", "files", "--json"]])
def test_nobody_reads_the_output(program: Program, folder: Path, words: list[str]) -> None:
    shutil.copytree(folder, program.current / "files")
    program.run("import", "files")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            program.command(words),
            cwd=program.current,
            env=program.environment(),
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert b"Broken" not in done.stderr
