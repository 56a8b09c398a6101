"""What the program leaves behind: nothing outside of its own folder, and nobody's name in its log."""

import json
import os
import random
import sqlite3
import sys
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from cli.running import Program, list_files
from cli.test_serve import family
from server.asking import add
from unit.dicom.zips import make_aes

from desktop import logs
from desktop.app import App
from desktop.paths import find_paths

STUDY = ROOT_UID + "1"
NAME, NUMBER = "Secretive^Hilda", "ID-4711-X"
PASSWORD = "open sesame 31415"
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


def write_locked(folder: Path) -> Path:
    """Write an archive that is named after her too, and asks for a password."""
    dataset = make_image(PatientName=NAME, PatientID=NUMBER, StudyInstanceUID="1.2.826.0.1.9", SeriesInstanceUID="1.9")
    data = save(dataset, folder / "x").read_bytes()
    (folder / "x").unlink()
    return Path(make_aes(folder / "Secretive Hilda.zip", {"SECRETIVE/HILDA 4711": data}, PASSWORD.encode()))


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
        (["import", folder, "--copy"], 0),
        (["studies", "--csv"], 0),
        (["library", "check", "--full"], 0),
        (["library", "imports"], 0),
        (["library", "report"], 0),
        (["library", "rebuild"], 0),
        (["library", "delete", "--study", STUDY, "--yes", "--permanently"], 0),
        (["library", "forget", "--study", STUDY], 1),
        (["--private", "import", folder], 0),
    ):
        done = program.run(*words, TMPDIR=str(temporary))
        assert done.code == code, (words, done.err)
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


def test_no_command_of_the_library_leaves_a_name_in_the_log(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    archive = write_locked(tmp_path)
    (tmp_path / "Secretive password").write_text(PASSWORD)
    for words, code in (
        (["import", folder, "--copy"], 0),
        (["import", archive, "--password-file", tmp_path / "Secretive password", "--csv", tmp_path / "Hilda.csv"], 0),
        (["import", archive, "--password-file", tmp_path / "Secretive nowhere"], 1),
        (["import", folder, "--csv", tmp_path / "Secretive nowhere" / "Hilda.csv"], 1),
        (["studies", "secretive", "--csv"], 0),
        (["studies", "4711"], 0),
        (["library", "check", "--full"], 0),
        (["library", "imports"], 0),
        (["library", "report", "--number", "1"], 0),
        (["library", "report", "--csv", tmp_path / "Secretive nowhere" / "Hilda.csv"], 1),
        (["library", "charset", "--study", STUDY, "--charset", "ISO_IR 101"], 0),
        (["library", "charset", "--study", STUDY, "--charset", "Secretive"], 2),
        (["library", "charset", "--study", "1.2.826.0.1.9", "--charset", "ISO_IR 101"], 1),
        (["library", "forget", "--study", STUDY], 1),
        (["library", "rebuild"], 0),
        (["library", "delete", "--study", STUDY, "--yes"], 0),
        (["library", "forget", "--study", "1.2.826.0.1.9"], 0),
        (["library", "forget", "--study", "Secretive^Hilda"], 1),
    ):
        done = program.run("-v", *words)
        assert done.code == code, (words, done.err)
    assert find_private(logs_of(program), str(tmp_path), str(program.home), PASSWORD) == []


@pytest.mark.skipif(sys.platform == "win32", reason="names that are no text")
def test_a_damaged_library_leaves_no_name_in_the_log(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    program.run("import", folder)
    library = program.base / "data" / "library.sqlite"
    for seed in range(6):
        rng = random.Random(seed)
        data = bytearray(library.read_bytes())
        for _ in range(20):
            start = rng.randrange(4096, len(data))
            data[start : start + 40] = b"Secretive^Hilda ID-4711-X \xff"[: len(data) - start]
        library.write_bytes(data)
        for words in (["studies"], ["import", folder], ["library", "check"], ["library", "rebuild"]):
            done = program.run("-v", *words)
            assert done.code in (0, 1)
            done.sentence()
    assert find_private(logs_of(program), str(tmp_path)) == []


def test_a_second_program_leaves_no_name_in_the_log_of_either(program: Program, tmp_path: Path) -> None:
    folder = write_patient(tmp_path / "files")
    with App(find_paths(program.base).make()) as app:
        logs.start_logging(app.paths.log, verbose=True)
        assert program.run("-v", "import", folder).code == 0
        assert program.run("-v", "import", folder / "Station Nine", "--copy").code == 0
        assert program.run("-v", "studies").code == 0
        assert program.run("-v", "library", "forget", "--study", STUDY).code == 1
    assert find_private(logs_of(program), str(tmp_path)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_password_is_in_nobodys_arguments_or_environment(program: Program, tmp_path: Path) -> None:
    data = {f"{number:04d}": path.read_bytes() for number, path in enumerate(make_stack(tmp_path / "in", 400))}
    archive = make_aes(tmp_path / "a.zip", data, PASSWORD.encode())
    (tmp_path / "password").write_text(PASSWORD)
    seen = 0
    with program.start("import", archive, "--password-file", tmp_path / "password", "--json") as process:
        while process.poll() is None:
            for entry in family(process.pid):
                try:
                    told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                except OSError:
                    continue
                seen += b"spawn" in told or b"desktop" in told
                assert PASSWORD.encode() not in told
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["added"] == 400
    assert seen > 3
    for path in (*program.base.rglob("*"), *program.home.rglob("*")):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


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
            db.execute("UPDATE instances SET ImageType = 'Secretive^Hilda', traits = 'ID-4711-X'")
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
