"""What the program leaves behind: nothing outside of its own folder, and nobody's name in its log."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest
from builders import make_image, make_stack, save
from cli.running import Program, list_files
from server.asking import add

from desktop.app import App
from desktop.paths import find_paths

NAME, NUMBER = "Secretive^Hilda", "ID-4711-X"
PRIVATE = ("Secretive", "Hilda", "SECRETIVE", NUMBER, "4711", "A-0815", "1.2.826.0.1", "Station Nine", "Doctor^Wu")


def write_patient(folder: Path) -> Path:
    """Write a patient's files into a folder that is named after her, as archives do."""
    inner = folder / "SECRETIVE_HILDA_ID-4711-X" / "Station Nine"
    said = {
        "PatientName": NAME,
        "PatientID": NUMBER,
        "AccessionNumber": "A-0815",
        "ReferringPhysicianName": "Doctor^Wu",
    }
    make_stack(inner / "CT Secretive", 3, **said)
    save(make_image(**said, SOPInstanceUID="1.2.826.0.1.7"), inner / "one")
    save(make_image(**said, SOPInstanceUID="1.2.826.0.1.7", InstanceNumber=9), inner / "another of this UID")
    (inner / "Secretive.txt").write_text("Secretive, Hilda")
    (inner / "damaged.dcm").write_bytes((inner / "one").read_bytes()[:400])
    (inner / "cut short.dcm").write_bytes((inner / "one").read_bytes()[:-50])
    return folder / "SECRETIVE_HILDA_ID-4711-X"


def find_private(text: str, *more: str) -> list[str]:
    return [word for word in (*PRIVATE, *more) if word in text]


def logs_of(program: Program) -> str:
    return "".join(path.read_text() for path in (program.base / "logs").iterdir())


def test_nothing_is_written_anywhere_else(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    looked_at = (program.home, program.current, folder)
    before = list_files(*looked_at)
    for words, code in (
        (["import", folder], 0),
        (["studies"], 0),
        (["display-sets", folder, "--json"], 0),
        (["import", tmp_path / "nowhere"], 3),
        (["display-sets", "--study", "1.2"], 1),
        (["import"], 2),
        (["--version"], 0),
    ):
        assert program.run(*words, TMPDIR=str(temporary)).code == code
    assert list_files(*looked_at) == before
    assert list(temporary.iterdir()) == []
    kept = {path.relative_to(program.base).parts[0] for path in program.base.rglob("*")}
    assert kept <= {"config", "data", "cache", "logs"}


@pytest.mark.skipif(sys.platform == "win32", reason="homes of POSIX")
def test_without_a_base_dir_it_keeps_to_the_users_folders(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    before = list_files(program.current, folder)
    # The last one counts; an environment variable does the same.
    assert program.run("import", folder, "--base-dir", program.home / "chosen").code == 0
    assert (program.home / "chosen" / "data" / "library.sqlite").is_file()
    assert not program.base.exists()
    assert list_files(program.current, folder) == before


def test_a_plain_import_leaves_no_name_in_the_log(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    done = program.run("-v", "import", folder)
    assert done.code == 0
    # The user is told of her own files, on her own screen.
    assert "Secretive.txt" in done.err
    assert program.run("-v", "display-sets", folder).code == 0
    assert find_private(logs_of(program), str(tmp_path), str(program.home)) == []


@pytest.mark.parametrize("fault", ["no table", "no text", "read only", "full of nonsense"])
def test_a_failing_import_leaves_no_name_in_the_log(program: Program, tmp_path: Path, fault: str) -> None:
    folder = write_patient(tmp_path / "files")
    with App(find_paths(program.base).make()) as app:
        add(app, [folder / "Station Nine" / "one"])
    library = program.base / "data" / "library.sqlite"
    with sqlite3.connect(library) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        if fault == "no table":
            db.execute("DROP TABLE metadata")
        elif fault == "no text":
            db.execute("UPDATE patients SET PatientName = CAST(x'5365637265746976655e48696c6461ff' AS TEXT)")
        elif fault == "full of nonsense":
            db.execute("UPDATE instances SET ImageType = 'Secretive^Hilda', phases = 'ID-4711-X'")
            db.execute("UPDATE files SET outcome = 'nonsense', reason = 'ID-4711-X'")
    db.close()
    if fault == "read only":
        with library.open("r+b") as file:
            file.seek(5000)
            file.write(b"Secretive^Hilda" * 2000)
    done = program.run("-v", "import", folder, "--json")
    assert done.code in (0, 1)
    assert program.run("-v", "studies").code in (0, 1)
    assert find_private(logs_of(program), str(folder)) == []


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_files_that_cannot_be_read_leave_no_name_in_the_log(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    os.mkfifo(folder / "Secretive pipe")
    (folder / "Secretive loop").symlink_to(folder)
    (folder / "Secretive nowhere").symlink_to("Hilda")
    (folder / "Secretive device").symlink_to("/dev/zero")
    report = program.run("-v", "import", folder, "--json").json()
    assert report["found"] == sum(report[key] for key in list(report)[1:8])
    names = {Path(item["path"]).name for item in report["reasons"]}
    assert names >= {"Secretive pipe", "Secretive nowhere", "Secretive device"}
    assert find_private(logs_of(program), str(tmp_path)) == []
