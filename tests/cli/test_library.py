"""``negatoscope library``, archives and their passwords, private sessions, and two programs on one library."""

import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from cli.running import SECONDS, Finished, Program, list_files
from unit.dicom.zips import make_aes

from desktop.dicom import keyring
from desktop.managing import LIBRARY_ACTIONS
from desktop.paths import Paths, find_paths, find_resources

Call = Callable[..., Finished]

STUDY = ROOT_UID + "1"
OTHER = {"StudyInstanceUID": ROOT_UID + "2", "SeriesInstanceUID": ROOT_UID + "2.1", "PatientName": "Roe^Rod"}
PASSWORD = "Pässwort-4711 with spaces"

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")
with_viewer = pytest.mark.skipif(
    not (find_resources() / "ohif" / "index.html").is_file(), reason="OHIF has not been fetched"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images of one study and one of another, a duplicate, a text, and a file that is cut."""
    files = tmp_path / "files"
    first, *_ = make_stack(files / "ct", 3)
    save(make_image(**OTHER, PatientID="P2", StudyDate="20250101"), files / "mr")
    shutil.copy(first, files / "the same again")
    (files / "notes.txt").write_text("notes")
    (files / "cut.dcm").write_bytes(first.read_bytes()[:300])
    return files


@pytest.fixture
def paths(base_dir: Path) -> Paths:
    return find_paths(base_dir)


def change(paths: Paths, statement: str) -> None:
    with closing(sqlite3.connect(paths.library, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(statement)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def studies(call: Call) -> dict[str, Any]:
    return {study["StudyInstanceUID"]: study for study in call("studies", "--json").json()}


@contextmanager
def at_terminal(program: Program, *words: str | Path) -> "Iterator[tuple[subprocess.Popen[str], int]]":
    """Start the program at a terminal; give it and where one types."""
    keyboard, terminal = os.openpty()
    with start(program, *words, stdin=terminal, start_new_session=True) as process:
        try:
            yield process, keyboard
        finally:
            os.close(keyboard)
            os.close(terminal)


@contextmanager
def start(program: Program, *words: str | Path, **popen: Any) -> "Iterator[subprocess.Popen[str]]":
    """Start the program as no other helper does; it is killed if it is still there at the end."""
    given = {"env": program.environment(), "stdin": subprocess.DEVNULL, **popen}
    process = subprocess.Popen(
        program.command(words), cwd=program.current, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **given
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


# What is asked of it


def test_check(call: Call, paths: Paths, folder: Path) -> None:
    empty = call("library", "check", "--json")
    assert (empty.code, empty.json()) == (0, {"studies": 0, "instances": 0, "copies": 0, "away": 0, "faults": []})
    call("import", folder / "ct")
    call("import", folder / "mr", "--copy")
    done = call("library", "check", "--json")
    assert (done.code, done.json()) == (0, {"studies": 2, "instances": 4, "copies": 1, "away": 0, "faults": []})
    shutil.rmtree(folder / "ct")
    done = call("library", "check", "--full")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "2 studies, 4 images, 1 of them copied.",
        "3 images are not here now: their medium is out, or their files were moved.",
        "The library is sound.",
    ]
    (copy,) = paths.copies.glob("*/*.dcm")
    data, times = bytearray(copy.read_bytes()), copy.stat()
    data[-1] ^= 1
    copy.write_bytes(data)
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert call("library", "check").code == 0
    full = call("library", "check", "--full", "--json")
    assert full.code == 1
    assert full.json()["faults"] == ["1 copies are damaged. Import them again from their source."]
    in_words = call("library", "check", "--full")
    assert in_words.code == 1
    assert "Fault: 1 copies are damaged." in in_words.out
    assert "sound" not in in_words.out


def test_imports_and_reports(call: Call, folder: Path, tmp_path: Path) -> None:
    assert call("library", "imports", "--json").json() == []
    none = call("library", "report")
    assert (none.code, none.out) == (1, "")
    assert "There is no such import. See: negatoscope library imports" in none.sentence()
    account = call("import", folder, "--json").json()
    call("import", folder / "mr", "--copy")
    second, first = call("library", "imports", "--json").json()
    assert list(first) == [
        *("number", "started", "state", "sources", "copied", "seconds"),
        *("added", "updated", "unchanged", "duplicate", "conflict", "not_dicom", "rejected"),
    ]
    assert (first["number"], first["state"], first["sources"], first["copied"]) == (1, "done", [str(folder)], False)
    assert (second["number"], second["copied"], second["updated"]) == (2, True, 1)
    for outcome in ("added", "duplicate", "not_dicom", "rejected"):
        assert first[outcome] == account[outcome]
    lines = call("library", "imports").out.splitlines()
    assert [line.split()[0] for line in lines] == ["2", "1"]
    assert "4 added, 1 duplicate, 1 not_dicom, 1 rejected" in lines[1]
    assert call("library", "report", "--json").json() == []
    assert call("library", "report", "--number", "1", "--json").json() == account["reasons"]
    in_words = call("library", "report", "--number", "1").out.splitlines()
    assert len(in_words) == 3
    assert all(line.startswith("  ") for line in in_words)
    saved = tmp_path / "out.csv"
    assert call("library", "report", "--number", "1", "--csv", saved).out == ""
    names, *rows = csv.reader(io.StringIO(saved.read_text(encoding="utf-8-sig"), newline=""))
    assert names == ["outcome", "reason", "path"]
    assert [row[2] for row in rows] == [item["path"] for item in account["reasons"]]
    both = call("library", "report", "--number", "1", "--csv", saved, "--json")
    assert both.json() == account["reasons"]
    for number in ("0", "3", "999999999"):
        assert call("library", "report", "--number", number).code == 1


def test_an_import_saves_its_account(call: Call, folder: Path, tmp_path: Path) -> None:
    saved = tmp_path / "out.csv"
    done = call("import", folder, "--csv", saved, "--json")
    assert done.code == 0
    _, *rows = csv.reader(io.StringIO(saved.read_text(encoding="utf-8-sig"), newline=""))
    assert [dict(zip(("outcome", "reason", "path"), row, strict=True)) for row in rows] == [
        {key: item[key] for key in ("outcome", "reason", "path")} for item in done.json()["reasons"]
    ]
    unsaved = call("import", folder, "--csv", tmp_path / "nowhere" / "out.csv")
    assert unsaved.code == 1
    assert "could not be saved" in unsaved.sentence()


def test_the_list_as_csv(call: Call, tmp_path: Path) -> None:
    names = ["=1+1^Möhre", 'Quote"d, Jane', "山田^太郎"]
    for number, name in enumerate(names):
        said = {"StudyInstanceUID": f"1.{number}", "SeriesInstanceUID": f"1.{number}.1", "PatientID": f"-{number}"}
        save(make_image(SpecificCharacterSet="ISO_IR 192", PatientName=name, **said), tmp_path / "in" / str(number))
    call("import", tmp_path / "in")
    done = call("studies", "--csv")
    assert (done.code, done.err) == (0, "")
    columns, *rows = csv.reader(io.StringIO(done.out, newline=""))
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    assert sorted(row["PatientName"] for row in found) == sorted(["'=1+1^Möhre", *names[1:]])
    assert {row["PatientID"] for row in found} == {"'-0", "'-1", "'-2"}
    assert call("studies", "--csv", "nobody").out.splitlines() == [",".join(columns)]
    wrong = call("studies", "--csv", "--json")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Choose --csv or --json." in wrong.sentence()


def test_forget(call: Call, folder: Path) -> None:
    call("import", folder)
    before = list_files(folder)
    done = call("library", "forget", "--study", STUDY, "--json")
    assert (done.code, done.json()) == (0, {"in_place": 3, "copies": 0})
    assert done.sentence() == "Forgotten. 3 files stay where they are.\n"
    assert list(studies(call)) == [OTHER["StudyInstanceUID"]]
    assert list_files(folder) == before
    again = call("library", "forget", "--study", STUDY)
    assert (again.code, again.out) == (1, "")
    assert "not in the library" in again.sentence()
    call("import", folder / "mr", "--copy")
    copied = call("library", "forget", "--study", OTHER["StudyInstanceUID"])
    assert (copied.code, copied.out) == (1, "")
    assert "Delete it instead." in copied.sentence()
    assert call("library", "check").code == 0


def test_nothing_is_deleted_unasked(call: Call, paths: Paths, folder: Path) -> None:
    call("import", folder / "ct", "--copy")
    before = list_files(paths.copies, folder)
    asked = call("library", "delete", "--study", STUDY)
    assert (asked.code, asked.out) == (2, "")
    assert "3 copies go into the trash; 0 files stay where they are. Say --yes to do it." in asked.sentence()
    assert list_files(paths.copies, folder) == before
    assert studies(call)[STUDY]["instances"] == 3


def test_deleting_for_good(call: Call, paths: Paths, folder: Path) -> None:
    call("import", folder / "ct", "--copy")
    call("import", folder / "mr")
    before = list_files(folder)
    done = call("library", "delete", "--study", STUDY, "--yes", "--permanently", "--json")
    assert (done.code, done.json()) == (0, {"in_place": 0, "copies": 3})
    assert done.sentence() == "3 copies go for good; 0 files stay where they are.\n"
    assert list(paths.copies.rglob("*.dcm")) == []
    assert list(studies(call)) == [OTHER["StudyInstanceUID"]]
    in_place = call("library", "delete", "--study", OTHER["StudyInstanceUID"], "--yes")
    assert in_place.sentence() == "0 copies go into the trash; 1 file stays where it is.\n"
    assert studies(call) == {}
    assert list_files(folder) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the trash of Linux")
def test_the_trash_gets_what_is_deleted(program: Program, folder: Path) -> None:
    program.run("import", folder / "ct", "--copy")
    data = {path.read_bytes() for path in (folder / "ct").iterdir()}
    done = program.run("library", "delete", "--study", STUDY, "--yes")
    assert done.code == 0, done.err
    trash = program.home / ".local" / "share" / "Trash" / "files"
    assert {path.read_bytes() for path in trash.rglob("*") if path.is_file()} == data
    assert not any((program.base / "data" / "copies").rglob("*.dcm"))
    # Put back, they are taken in again.
    (thrown,) = trash.iterdir()
    (program.base / "data" / "copies").mkdir(exist_ok=True)
    shutil.move(thrown, program.base / "data" / "copies" / thrown.name)
    checked = program.run("library", "check")
    assert checked.code == 1
    assert "3 copies are in no list." in checked.out
    assert "negatoscope library rebuild" in checked.out
    assert program.run("library", "rebuild").code == 0
    assert program.run("studies", "--json").json()[0]["instances"] == 3
    assert program.run("library", "check", "--full").code == 0


@posix
@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("yesterday\n", 1), ("\x04", 1)]
)
def test_whoever_sits_at_a_terminal_is_asked(program: Program, folder: Path, answer: str, code: int) -> None:
    program.run("import", folder / "ct", "--copy")
    with at_terminal(program, "library", "delete", "--study", STUDY, "--permanently") as (process, keyboard):
        os.write(keyboard, answer.encode())
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (code, "")
    assert "3 copies go for good; 0 files stay where they are. Delete? [y/N]" in err
    assert ("Nothing was deleted." in err) is (code == 1)
    assert len(list((program.base / "data" / "copies").rglob("*.dcm"))) == (0 if code == 0 else 3)


def test_preload(call: Call, folder: Path) -> None:
    call("import", folder)
    count = len(studies(call))
    one = call("library", "preload", "--study", STUDY, "--json")
    assert (one.code, one.json()) == (0, {"studies": 1, "read": 0, "away": 0})
    done = call("library", "preload", "--json")
    assert (done.code, done.json()) == (0, {"studies": count - 1, "read": 0, "away": 0})
    again = call("library", "preload")
    assert (again.code, again.out) == (0, "0 studies were prepared.\n")
    unknown = call("library", "preload", "--study", "1.2.3.4.5")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no such study" in unknown.sentence()


def test_charset(call: Call, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 2, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jürgen")
    call("import", tmp_path / "in")
    assert studies(call)[STUDY]["PatientName"] == "Müller^Jürgen"
    done = call("library", "charset", "--study", STUDY, "--charset", "ISO_IR 144", "--json")
    assert (done.code, done.json()["PatientName"]) == (0, "Mќller^Jќrgen")
    assert done.sentence() == "The study was read again.\n"
    assert studies(call)[STUDY]["PatientName"] == "Mќller^Jќrgen"
    assert call("library", "charset", "--study", STUDY, "--charset", "").code == 0
    assert studies(call)[STUDY]["PatientName"] == "Müller^Jürgen"
    wrong = call("library", "charset", "--study", STUDY, "--charset", "nonsense")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no such character set" in wrong.sentence()
    shutil.rmtree(tmp_path / "in")
    away = call("library", "charset", "--study", STUDY, "--charset", "ISO_IR 144")
    assert (away.code, away.out) == (1, "")
    assert "Nothing was changed" in away.sentence()


def test_rebuild(call: Call, paths: Paths, folder: Path) -> None:
    call("import", folder)
    before = studies(call)
    put_away = str(paths.data / "library.before-rebuild.sqlite")
    done = call("library", "rebuild", "--json")
    assert (done.code, done.json()) == (0, {"read": 4, "kept": 0, "lost": 0, "damaged": False, "before": put_away})
    (folder / "mr").rename(folder.parent / "mr")
    in_words = call("library", "rebuild")
    assert (in_words.code, in_words.err) == (0, "")
    assert in_words.out.splitlines() == [
        "3 files were read again, 1 that are not here now were kept as they were.",
        f"The library as it was: {put_away}. Delete it when all is well.",
    ]
    (folder.parent / "mr").rename(folder / "mr")
    assert studies(call) == before


def test_a_damaged_library_is_mended_as_the_program_says(call: Call, paths: Paths, folder: Path) -> None:
    call("import", folder)
    before = studies(call)
    change(paths, "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)")
    said = call("studies")
    assert said.code == 1
    assert "Mend it: negatoscope library rebuild" in said.sentence()
    checked = call("library", "check", "--json")
    assert checked.code == 1
    assert "rows cannot be read" in checked.json()["faults"][0]
    done = call("library", "rebuild")
    assert done.code == 0
    assert "The library was damaged. It may have held more. Import your folders again, to be sure." in done.out
    assert studies(call) == before
    assert call("library", "check").code == 0


def test_what_is_lost_is_told(call: Call, paths: Paths, folder: Path) -> None:
    call("import", folder / "ct")
    change(paths, "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)")
    (folder / "ct" / "IM0000").unlink()
    done = call("library", "rebuild", "--json")
    assert (done.code, done.json()["read"], done.json()["lost"]) == (1, 2, 1)
    change(paths, "UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)")
    (folder / "ct" / "IM0001").unlink()
    assert "1 files could not be taken over. Import their folders again." in call("library", "rebuild").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "ACTION"),
        (["explode"], "explode"),
        (["Check"], "Check"),
        (["check", "more"], "more"),
        (["forget"], "Name a study with --study. See: negatoscope studies"),
        (["delete", "--yes"], "Name a study"),
        (["forget", "--study", ""], "Name a study"),
        (["charset", "--study", STUDY], "Name a character set with --charset"),
        (["charset", "--charset", "ISO_IR 100"], "Name a study"),
        (["report", "--number", "one"], "'one' is no number"),
        (["report", "--number", "-1"], "-1"),
        (["report", "--number", "1e3"], "no number"),
        (["check", "--csv", "x"], "library check has no option --csv"),
        (["check", "--study", STUDY], "library check has no option --study"),
        (["forget", "--study", STUDY, "--permanently"], "library forget has no option --permanently"),
        (["forget", "--study", STUDY, "--yes"], "library forget has no option --yes"),
        (["rebuild", "--full"], "library rebuild has no option --full"),
        (["imports", "--number", "1"], "library imports has no option --number"),
        (["delete", "--study", STUDY, "--charset", "GBK"], "library delete has no option --charset"),
    ],
)
def test_wrong_words(call: Call, paths: Paths, folder: Path, words: list[str], said: str) -> None:
    call("import", folder / "ct")
    before = studies(call)
    done = call("library", *words)
    assert (done.code, done.out) == (2, "")
    assert done.sentence().startswith("negatoscope: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert studies(call) == before


def test_every_action_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [action for action in LIBRARY_ACTIONS if f'"library", "{action}"' not in text] == []


# What is said of media that are gone, of interrupted imports and of bad places


def test_a_study_that_is_not_here_is_listed_with_what_it_lies_on(call: Call, folder: Path) -> None:
    call("import", folder / "ct")
    (folder / "ct").rename(folder.parent / "away")
    where = str(folder / "ct")
    study = studies(call)[STUDY]
    assert (study["away"], study["remarks"]) == (where, [f"not here now ({where})"])
    assert f"not here now ({where})" in call("studies").out
    assert where in call("studies", "--csv").out
    (folder.parent / "away").rename(folder / "ct")
    study = studies(call)[STUDY]
    assert (study["away"], study["remarks"]) == ("", [])


def test_an_interrupted_import_is_told_of_until_the_next_one(call: Call, paths: Paths, folder: Path) -> None:
    call("import", folder / "mr")
    change(paths, "UPDATE imports SET state = 'running'")
    done = call("studies", "--json")
    assert "negatoscope: The last import was interrupted." in done.sentence()
    assert len(done.json()) == 1
    assert call("library", "imports", "--json").json()[0]["state"] == "interrupted"
    assert "interrupted" in call("import", folder / "mr").err
    assert call("studies").err == ""


def test_a_bad_place_is_told_of_and_used_all_the_same(call: Call, tmp_path: Path, folder: Path) -> None:
    base = tmp_path / "Dropbox" / "base"
    done = call("--base-dir", base, "import", folder / "ct", "--json")
    assert (done.code, done.json()["added"]) == (0, 3)
    assert "synchronises" in done.sentence()
    assert "--base-dir" in done.err


# Archives and their passwords


@pytest.fixture(autouse=True)
def _no_passwords_left() -> Iterator[None]:
    yield
    keyring._keys.clear()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    files = {path.name: path.read_bytes() for path in make_stack(tmp_path / "content", 2)}
    shutil.rmtree(tmp_path / "content")
    return Path(make_aes(tmp_path / "locked.zip", files, PASSWORD.encode()))


def with_input(program: Program, said: bytes, *words: str | Path) -> Finished:
    """Run the program with something on standard input."""
    done = subprocess.run(
        program.command(words),
        cwd=program.current,
        env=program.environment(),
        input=said,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_password_from_a_file(call: Call, archive: Path, tmp_path: Path, end: str, mark: str) -> None:
    file = tmp_path / "password"
    file.write_text(mark + PASSWORD + end, encoding="utf-8", newline="")
    done = call("import", archive, "--password-file", file, "--json")
    assert (done.code, done.json()["added"], done.json()["rejected"]) == (0, 2, 0)


def test_a_password_from_standard_input(program: Program, archive: Path, tmp_path: Path) -> None:
    other = {"a": save(make_image(**OTHER), tmp_path / "x").read_bytes()}
    second = make_aes(tmp_path / "second.zip", other, PASSWORD.encode())
    done = with_input(program, f"{PASSWORD}\n".encode(), "import", archive, second, "--password-file", "-", "--json")
    assert (done.code, done.json()["added"]) == (0, 3)
    assert done.sentence() == ""


@pytest.mark.parametrize("said", [b"wrong-4711\n", b"", b"\0"])
def test_a_wrong_password_is_told_and_stops_nothing_else(
    program: Program, archive: Path, tmp_path: Path, said: bytes
) -> None:
    plain = save(make_image(**OTHER), tmp_path / "plain")
    done = with_input(program, said, "import", archive, plain, "--password-file", "-", "--json")
    report = done.json()
    assert (done.code, report["added"], report["rejected"], report["trouble"]) == (0, 1, 2, "")
    assert done.sentence() == f"negatoscope: The password of {archive} is wrong.\n"
    assert "wrong-4711" not in done.out


@pytest.mark.parametrize("said", [b"\xff\xfe", None])
def test_a_password_that_cannot_be_read_begins_nothing(
    program: Program, archive: Path, tmp_path: Path, said: bytes | None
) -> None:
    file = tmp_path / "password"
    if said is not None:
        file.write_bytes(said)
    done = program.run("import", archive, "--password-file", file, "--json")
    assert (done.code, done.out) == (1, "")
    assert done.sentence() == f"negatoscope: The password file {file} cannot be read.\n"
    assert program.run("library", "imports", "--json").json() == []


def test_without_a_password_each_file_is_told_of(call: Call, archive: Path) -> None:
    done = call("import", archive, "--json")
    assert done.code == 3
    report = done.json()
    assert (report["rejected"], report["not_dicom"], report["trouble"]) == (2, 1, "")
    assert [item["path"] for item in report["reasons"]][1:] == [f"{archive}/IM0000", f"{archive}/IM0001"]
    assert all("password" in item["reason"] for item in report["reasons"][1:])


def read_until(stream: Any, text: str) -> str:
    """Read a stream up to a text, by letters: what follows may be a question."""
    found = ""
    while not found.endswith(text):
        letter = stream.read(1)
        assert letter, found
        found += letter
    return found


@posix
def test_whoever_sits_at_a_terminal_may_type_a_password_again(program: Program, archive: Path) -> None:
    with at_terminal(program, "import", archive) as (process, keyboard):
        read_until(process.stderr, f"Password of {archive} (empty: leave it out): ")
        os.write(keyboard, b"wrong\n")
        read_until(process.stderr, "That password is wrong.\n")
        read_until(process.stderr, "(empty: leave it out): ")
        os.write(keyboard, f"{PASSWORD}\n".encode())
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (0, "")
    assert "2 added" in err
    assert PASSWORD not in err


@posix
def test_whoever_has_no_password_leaves_the_archive_out(program: Program, archive: Path) -> None:
    with at_terminal(program, "import", archive) as (process, keyboard):
        read_until(process.stderr, "(empty: leave it out): ")
        os.write(keyboard, b"\n")
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 3
    assert "2 rejected" in err


def test_a_password_is_kept_nowhere(program: Program, archive: Path) -> None:
    before = list_files(archive)
    done = with_input(program, PASSWORD.encode(), "-v", "import", archive, "--copy", "--password-file", "-", "--json")
    assert (done.code, done.json()["added"]) == (0, 2)
    assert list_files(archive) == before
    for path in program.base.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()
    assert PASSWORD not in done.out + done.err


# Private sessions


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_private_session_leaves_nothing(program: Program, folder: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program.run("import", folder / "mr")
    before = list_files(program.home, program.current, folder)
    library = {path: path.read_bytes() for path in files_below(program.base)}
    for words in (
        ["import", folder, "--private", "--json"],
        ["--private", "import", folder, "--copy"],
        ["--private", "display-sets", folder],
        ["--private", "studies"],
        ["--private", "library", "check"],
        ["--private", "library", "rebuild"],
    ):
        done = program.run(*words, TMPDIR=str(temporary))
        assert done.code == 0, done.err
    assert program.run("--private", "studies", "--json").json() == []
    assert list_files(program.home, program.current, folder) == before
    assert list(temporary.iterdir()) == []
    assert {path: path.read_bytes() for path in files_below(program.base)} == library
    assert not (program.base / "cache" / "private").exists()


def tell_in_time(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


@posix
@with_viewer
def test_a_private_session_that_is_killed_is_wiped_at_the_next_start(
    program: Program, folder: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    private = program.base / "cache" / "private"
    environment = program.environment(TMPDIR=str(temporary), XDG_RUNTIME_DIR=str(temporary))
    with start(program, "--private", "serve", "--json", folder, env=environment) as process:
        assert process.stderr is not None
        assert "4 added" in process.stderr.readline()
        assert any(path.name == "library.sqlite" for path in files_below(private))
        # Others leave it alone, also such as are private themselves.
        assert program.run("studies", "--json").json() == []
        assert program.run("--private", "studies", "--json").json() == []
        assert any(path.name == "library.sqlite" for path in files_below(private))
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
    assert program.run("studies", "--json", TMPDIR=str(temporary)).json() == []
    assert not private.exists()
    for path in files_below(program.base):
        assert b"Jane" not in path.read_bytes()
    assert list(temporary.iterdir()) == []


# Two programs on one library


@contextmanager
def serving(program: Program, *words: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a program that has the library."""
    with program.start("serve", "--json", *words) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        yield process


def fill(folder: Path, copies: int = 60) -> Path:
    """Write enough files to have time for something else while they are read."""
    make_stack(folder / "0", 100)
    for number in range(1, copies):
        (folder / str(number)).mkdir()
        for path in (folder / "0").iterdir():
            os.link(path, folder / str(number) / path.name)
    return folder


def rows(program: Program, query: str) -> list[Any]:
    library = program.base / "data" / "library.sqlite"
    if not library.is_file():
        return []
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{library}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()
    return []


@posix
@with_viewer
def test_what_a_second_program_can_do_while_another_has_the_library(program: Program, folder: Path) -> None:
    with serving(program):
        done = program.run("import", folder, "--json")
        assert (done.code, done.sentence()) == (0, "")
        assert (done.json()["found"], done.json()["added"], len(done.json()["reasons"])) == (7, 4, 3)
        in_words = program.run("import", folder)
        assert in_words.code == 0
        assert in_words.err.splitlines()[0] == "7 files: 4 unchanged, 1 there already, 1 not DICOM, 1 rejected."
        copied = program.run("import", "--copy", folder / "mr", "--json")
        assert (copied.code, copied.json()["updated"]) == (0, 1)
        assert len(files_below(program.base / "data" / "copies")) == 1
        nothing = program.run("import", folder / "notes.txt")
        assert nothing.code == 3
        assert program.run("import", folder / "nowhere").code == 3
        assert len(program.run("studies", "--json").json()) == 2
        assert [study["PatientName"] for study in program.run("studies", "rod", "--json").json()] == ["Roe^Rod"]
        assert len(program.run("display-sets", "--study", STUDY, "--json").json()) == 1
        assert len(program.run("display-sets", folder / "ct", "--json").json()) == 1
        assert program.run("library", "check").code == 0
        assert len(program.run("library", "imports", "--json").json()) >= 4
        assert len(program.run("library", "report", "--number", "1", "--json").json()) == 3
        before = list_files(program.base / "data" / "copies", folder)
        for words in (
            ["library", "forget", "--study", STUDY],
            ["library", "delete", "--study", OTHER["StudyInstanceUID"], "--yes", "--permanently"],
            ["library", "charset", "--study", STUDY, "--charset", "ISO_IR 100"],
            ["library", "rebuild"],
        ):
            refused = program.run(*words)
            assert (refused.code, refused.out) == (1, "")
            assert "Another Negatoscope has this library open." in refused.sentence()
        assert list_files(program.base / "data" / "copies", folder) == before
        assert len(program.run("studies", "--json").json()) == 2
    assert program.run("library", "check", "--full").code == 0


@posix
@with_viewer
def test_paths_that_are_handed_over_are_those_of_the_second_program(program: Program, folder: Path) -> None:
    odd = os.fsdecode(b"odd\xff name")
    shutil.copytree(folder / "ct", program.current / odd)
    with serving(program):
        done = program.run("import", odd, "--json")
        assert (done.code, done.json()["added"]) == (0, 3)
        assert program.run("library", "imports", "--json").json()[0]["sources"] == [str(program.current / odd)]


@posix
@with_viewer
def test_a_password_is_not_handed_over_and_that_is_told(program: Program, archive: Path) -> None:
    with serving(program):
        done = with_input(program, PASSWORD.encode(), "import", archive, "--password-file", "-")
        assert (done.code, done.out) == (1, "")
        assert "no password can be handed to it" in done.sentence()
        without = program.run("import", archive, "--json")
        assert without.code == 3
        assert without.json()["rejected"] == 2


@posix
@with_viewer
@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_ends_an_import_that_was_handed_over(program: Program, tmp_path: Path, as_json: bool) -> None:
    # So many that it is not at its end before the signal comes, on the slowest computer too.
    files = fill(tmp_path / "in", 300)
    with serving(program) as owner:
        with program.start("import", files, *["--json"] * as_json) as second:
            tell_in_time(lambda: rows(program, "SELECT 1 FROM instances LIMIT 1"))
            second.send_signal(signal.SIGINT)
            out, err = second.communicate(timeout=SECONDS)
        assert second.returncode == 1
        assert "Traceback" not in err
        assert owner.poll() is None
        (entry,) = program.run("library", "imports", "--json").json()
        assert entry["state"] == "cancelled"
        if as_json:
            report = json.loads(out)
            assert report["cancelled"] is True
            assert report["found"] == sum(report[key] for key in list(report)[1:8]) > 0
            assert {key: entry[key] for key in list(report)[1:8]} == {key: report[key] for key in list(report)[1:8]}
        else:
            assert "It was cancelled before its end." in err
        # The owner goes on, and reads the rest.
        assert program.run("import", files / "0", "--json").code == 0
    assert program.run("library", "check").code == 0


@posix
@with_viewer
def test_a_second_program_that_is_killed_ends_its_import(program: Program, tmp_path: Path) -> None:
    files = fill(tmp_path / "in")
    with serving(program) as owner:
        with program.start("import", files) as second:
            tell_in_time(lambda: rows(program, "SELECT 1 FROM instances LIMIT 1"))
            second.send_signal(signal.SIGKILL)
        tell_in_time(lambda: rows(program, "SELECT 1 FROM imports WHERE state = 'cancelled'"))
        assert owner.poll() is None


@posix
@with_viewer
def test_an_owner_that_is_killed_in_an_import_is_followed_by_the_next(program: Program, tmp_path: Path) -> None:
    files = fill(tmp_path / "in")
    with serving(program, files) as owner:
        tell_in_time(lambda: rows(program, "SELECT 1 FROM instances LIMIT 1"))
        owner.send_signal(signal.SIGKILL)
        owner.wait(SECONDS)
    done = program.run("studies", "--json")
    assert done.code == 0
    assert "The last import was interrupted." in done.sentence()
    assert done.json()[0]["instances"] > 0
    again = program.run("import", files, "--json")
    assert (again.code, again.json()["found"]) == (0, 6000)
    assert program.run("studies", "--json").json()[0]["instances"] == 100
    checked = program.run("library", "check", "--full")
    assert (checked.code, checked.err) == (0, "")
    assert not list((program.base / "data").glob("negatoscope-*"))


@posix
@with_viewer
def test_a_second_program_is_told_when_the_owner_is_killed(program: Program, tmp_path: Path) -> None:
    files = fill(tmp_path / "in")
    with serving(program) as owner, program.start("import", files, "--json") as second:
        tell_in_time(lambda: rows(program, "SELECT 1 FROM instances LIMIT 1"))
        owner.send_signal(signal.SIGKILL)
        out, err = second.communicate(timeout=SECONDS)
    assert second.returncode in (0, 1)
    assert "Traceback" not in err
    if second.returncode == 1:
        assert (out, err) == ("", "negatoscope: Negatoscope ended before it had answered. Try again.\n")
    assert program.run("import", files, "--json").code == 0
    assert program.run("library", "check").code == 0


@posix
@with_viewer
def test_one_that_served_beside_another_goes_on_when_that_ends(program: Program, folder: Path) -> None:
    program.run("import", folder / "ct")
    with serving(program) as first, serving(program) as second:
        first.send_signal(signal.SIGTERM)
        assert first.wait(SECONDS) == 0
        assert len(program.run("studies", "--json").json()) == 1
        # The library has no owner now: whoever comes next may write.
        assert program.run("import", folder / "mr", "--json").json()["added"] == 1
        assert program.run("library", "forget", "--study", STUDY).code == 0
        second.send_signal(signal.SIGTERM)
        assert second.wait(SECONDS) == 0
    assert program.run("library", "check").code == 0


def test_five_programs_that_start_at_once_all_come_to_their_end(program: Program, tmp_path: Path) -> None:
    for number in range(5):
        said = {"StudyInstanceUID": f"1.{number + 1}", "SeriesInstanceUID": f"1.{number + 1}.1"}
        make_stack(tmp_path / str(number), 10, **said)
    with ExitStack() as stack:
        imports = [
            stack.enter_context(start(program, "import", tmp_path / str(number), "--json")) for number in range(5)
        ]
        for process in imports:
            out, err = process.communicate(timeout=SECONDS)
            done = Finished(process.returncode, out, err)
            assert (done.code, done.sentence()) == (0, "")
            assert done.json()["added"] == 10
    assert len(program.run("studies", "--json").json()) == 5
    assert len(program.run("library", "imports", "--json").json()) == 5
    assert program.run("library", "check").code == 0
