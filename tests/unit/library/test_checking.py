"""Whether the library is sound: each kind of damage is told of, and nothing else is."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.dicom.zips import make_zip, members
from unit.helpers import header_of
from unit.library.conftest import Library

from desktop.dicom.records import Copy, FileRef
from desktop.importers.keeping import digest_of
from desktop.importers.reading import read
from desktop.library.checking import CheckReport, check_library
from desktop.library.places import define_places, note_medium
from desktop.library.schema import migrate
from desktop.media import Medium, MediumKind

REBUILD = "Rebuild the library: negatoscope library rebuild"
UNREADABLE = f" rows cannot be read, and no files were looked for. {REBUILD}"


class Checked(Library):
    """A library with a folder of copies."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.copies = folder
        define_places(self.db, folder)

    def copy_in(self, path: Path, study: str = "0123456789012345") -> Path:
        """Add a file of which the library has a copy; return the copy."""
        name = f"{study}/{digest_of(path)[:48]}.dcm"
        copy = self.copies / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        self.add([replace(header_of(path), copy=Copy(name, copy.stat().st_mtime_ns))])
        return copy

    def report(self, *, full: bool = False) -> CheckReport:
        return check_library(self.db, self.copies, digest_of if full else None)

    def break_off(self, statement: str) -> None:
        """Do what no program of ours does."""
        self.db.execute("PRAGMA foreign_keys = OFF")
        self.db.execute(statement)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Checked]:
    made = Checked(tmp_path / "copies")
    yield made
    made.db.close()


def test_an_empty_library_is_sound(library: Checked) -> None:
    assert library.report(full=True) == CheckReport(0, 0, 0, 0, ())


def test_a_sound_library_is_counted(library: Checked, tmp_path: Path) -> None:
    library.add_files(*make_stack(tmp_path / "in", 3))
    library.copy_in(save(make_image(StudyInstanceUID="1.2.2", SeriesInstanceUID="1.2.2.1"), tmp_path / "copied"))
    before = list(library.db.iterdump())
    assert library.report() == library.report(full=True) == CheckReport(2, 4, 1, 0, ())
    assert list(library.db.iterdump()) == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM series", f"A row of instances refers to one of series that is not there. {REBUILD}"),
        ("DELETE FROM files", f"A row of instances refers to one of files that is not there. {REBUILD}"),
        ("DELETE FROM studies", f"A row of series refers to one of studies that is not there. {REBUILD}"),
        ("DELETE FROM patients", f"A row of studies refers to one of patients that is not there. {REBUILD}"),
        ("DELETE FROM media", f"A row of files refers to one of media that is not there. {REBUILD}"),
        ("UPDATE series SET instances = 7", f"1 series are counted wrongly. {REBUILD}"),
        ("DELETE FROM study_search", f"1 studies cannot be searched. {REBUILD}"),
        ("DELETE FROM metadata", f"3 images lack metadata. {REBUILD}"),
        ("UPDATE patients SET PatientName = CAST(x'4BFF' AS TEXT)", UNREADABLE),
        ("UPDATE instances SET ImageType = 'no list'", UNREADABLE),
        ("UPDATE files SET outcome = 'nonsense'", UNREADABLE),
        ("UPDATE files SET path = id", UNREADABLE),
        ("INSERT INTO imports VALUES (1, '', 'x', '', 0, 0, '{}', '')", UNREADABLE),
        ("INSERT INTO imports VALUES (1, '', 'done', x'', 0, 0, '[]', '')", UNREADABLE),
    ],
)
def test_damage_of_the_tables_is_told(library: Checked, tmp_path: Path, statement: str, said: str) -> None:
    library.add_files(*make_stack(tmp_path / "in", 3))
    library.break_off(statement)
    assert any(fault.endswith(said) for fault in library.report().faults)
    assert not any("Jane" in fault or "P1" in fault for fault in library.report().faults)


def test_many_faults_of_one_kind_are_some_sentences(library: Checked, tmp_path: Path) -> None:
    library.add_files(*make_stack(tmp_path / "in", 40))
    library.break_off("DELETE FROM files")
    assert len(library.report().faults) < 20


def _cut(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:-1])


def _flip(copy: Path) -> None:
    data, times = bytearray(copy.read_bytes()), copy.stat()
    data[-1] ^= 1
    copy.write_bytes(data)
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "said", "seen_at_once"),
    [
        (lambda copy: copy.unlink(), "1 copies cannot be read. Import them again from their source.", True),
        (_cut, "1 copies have another size than their files. Import them again from their source.", True),
        (_flip, "1 copies are damaged. Import them again from their source.", False),
        (os.utime, f"1 copies have another date. {REBUILD}", True),
    ],
    ids=["gone", "cut", "flipped", "touched"],
)
def test_damage_of_a_copy_is_told(
    library: Checked, tmp_path: Path, change: Callable[[Path], None], said: str, seen_at_once: bool
) -> None:
    library.copy_in(save(make_image(), tmp_path / "other"))
    change(library.copy_in(save(make_image(), tmp_path / "file")))
    assert library.report(full=True).faults == (said,)
    assert library.report().faults == ((said,) if seen_at_once else ())


def test_a_copy_that_no_row_tells_of_is_told(library: Checked, tmp_path: Path) -> None:
    copy = library.copy_in(save(make_image(), tmp_path / "file"))
    copy.with_name("0" * 48 + ".dcm").write_bytes(b"x")
    (library.copies / "something else.txt").write_text("x")
    assert library.report().faults == (
        "1 copies are in no list. Import them again from their source, or take them in: negatoscope library rebuild",
    )


def test_files_that_are_away_are_no_fault(library: Checked, tmp_path: Path) -> None:
    here, gone = make_stack(tmp_path / "in", 2)
    content = {
        "a": save(make_image(StudyInstanceUID="1.2.5", SeriesInstanceUID="1.2.5.1"), tmp_path / "x").read_bytes()
    }
    archive = make_zip(tmp_path / "a.zip", content)
    (member,) = members(archive)
    status = Path(archive).stat()
    stick = Medium("uuid:1", "My stick", "/media/stick", MediumKind.REMOVABLE)
    note_medium(library.db, stick)
    on_stick = header_of(save(make_image(SOPInstanceUID=ROOT_UID + "77"), tmp_path / "on stick"))
    library.add_files(here, gone)
    library.add([read(FileRef(member, len(content["a"]), status.st_mtime_ns))])  # type: ignore[list-item]
    library.add([replace(on_stick, file=replace(on_stick.file, medium="uuid:1"))])
    assert library.report() == CheckReport(2, 4, 0, 1, ())
    gone.unlink()
    assert library.report().away == 2
    Path(archive).unlink()
    assert library.report() == CheckReport(2, 4, 0, 3, ())


@pytest.mark.parametrize("where", [100, 4096, 3 * 4096, 10 * 4096])
def test_a_database_that_is_overwritten_is_not_called_sound(tmp_path: Path, where: int) -> None:
    path = tmp_path / "library.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    define_places(db, tmp_path)
    db.row_factory = sqlite3.Row
    migrate(db)
    db.close()
    with path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xff" * 64)
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    try:
        faults = check_library(db, tmp_path).faults
    except sqlite3.DatabaseError:
        faults = ("beyond reading",)
    finally:
        db.close()
    assert faults
