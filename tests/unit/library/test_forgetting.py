"""Studies that are taken out of the library: whole, alone, and without a trace in its tables."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.helpers import header_of
from unit.library.conftest import Library

from desktop.dicom.records import Copy
from desktop.library.adding import add_readings
from desktop.library.forgetting import StoredFile, find_stored_files, forget_study, replace_study
from desktop.library.outcomes import Outcome
from desktop.library.places import note_medium
from desktop.library.queries import find_studies, get_study, search_studies
from desktop.media import Medium, MediumKind

STUDY = ROOT_UID + "1"
OTHER = {"StudyInstanceUID": "1.2.2", "SeriesInstanceUID": "1.2.2.1"}
TABLES = ("patients", "studies", "series", "instances", "metadata", "files", "study_search")


def rows(library: Library) -> dict[str, int]:
    return {table: len(library.rows(f"SELECT * FROM {table}")) for table in TABLES}


def test_nothing_is_left_of_the_only_study(library: Library, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "in", 3)
    paths += make_stack(tmp_path / "more", 2, SeriesInstanceUID=ROOT_UID + "1.7")
    library.add_files(*paths)
    assert forget_study(library.db, STUDY) == 5
    assert rows(library) == dict.fromkeys(TABLES, 0)
    library.check()


def test_another_study_of_the_same_patient_stays(library: Library, tmp_path: Path) -> None:
    library.add_files(*make_stack(tmp_path / "in", 2), save(make_image(**OTHER), tmp_path / "other"))
    forget_study(library.db, STUDY)
    library.check()
    assert [entry.study.StudyInstanceUID for entry in search_studies(library.db, "doe")] == ["1.2.2"]
    assert rows(library)["patients"] == 1


@pytest.mark.parametrize("uid", ["1.2.9", "", "%", "1.2.2'"])
def test_what_is_not_there_is_no_harm(library: Library, tmp_path: Path, uid: str) -> None:
    library.add_files(save(make_image(**OTHER), tmp_path / "other"))
    before = rows(library)
    assert forget_study(library.db, uid) == 0
    assert find_stored_files(library.db, uid) == []
    assert rows(library) == before


def test_of_two_patients_of_one_study_uid_one_is_forgotten(library: Library, tmp_path: Path) -> None:
    library.add_files(save(make_image(PatientID="A"), tmp_path / "a"), save(make_image(PatientID="B"), tmp_path / "b"))
    served = {entry.patient.PatientID: entry.study.StudyInstanceUID for entry in find_studies(library.db)}
    assert len(set(served.values())) == 2
    forget_study(library.db, served["A"])
    library.check()
    (left,) = find_studies(library.db)
    assert (left.patient.PatientID, left.study.StudyInstanceUID, left.shares_uid) == ("B", served["B"], False)


def test_a_duplicate_takes_the_place_of_what_was_forgotten_when_it_is_imported_again(
    library: Library, tmp_path: Path
) -> None:
    (path,) = make_stack(tmp_path / "in", 1)
    (tmp_path / "twin").write_bytes(path.read_bytes())
    assert [item.outcome for item in library.add_files(path, tmp_path / "twin")] == [Outcome.ADDED, Outcome.DUPLICATE]
    forget_study(library.db, STUDY)
    library.check()
    (again,) = library.add_files(tmp_path / "twin")
    assert again.outcome is Outcome.ADDED


def test_stored_files_say_where_they_are(library: Library, tmp_path: Path) -> None:
    stick = Medium("uuid:1", "Stick", "/media/stick", MediumKind.REMOVABLE)
    note_medium(library.db, stick)
    one, two, three = (header_of(path) for path in make_stack(tmp_path / "in", 3))
    two = replace(two, file=replace(two.file, medium="uuid:1"))
    copy = Copy("0123456789012345/" + "0" * 48 + ".dcm", 17)
    other = header_of(save(make_image(**OTHER), tmp_path / "other"))
    library.add([one, two, three, other])
    library.db.execute(
        "UPDATE files SET copy = ?, copy_mtime_ns = ? WHERE path = ?", (copy.name, 17, three.file.path.encode())
    )
    expected = [StoredFile(one.file, None), StoredFile(two.file, None), StoredFile(three.file, copy)]
    assert find_stored_files(library.db, STUDY) == expected
    assert find_stored_files(library.db) == [*expected, StoredFile(other.file, None)]


def test_a_study_that_is_replaced_keeps_its_uid_and_its_version_grows(library: Library, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "in", 2)
    library.add_files(*paths)
    headers = [header_of(path) for path in paths]
    seen = [get_study(library.db, STUDY)]
    for _ in range(3):
        library.db.execute("BEGIN")
        replace_study(library.db, STUDY, lambda served: add_readings(library.db, headers, served))
        library.db.execute("COMMIT")
        library.check()
        seen.append(get_study(library.db, STUDY))
    versions = [entry.version for entry in seen if entry is not None]
    assert len(versions) == 4
    assert versions == sorted(set(versions))


def test_a_replacement_that_fails_changes_nothing(library: Library, tmp_path: Path) -> None:
    library.add_files(*make_stack(tmp_path / "in", 2))
    before = list(library.db.iterdump())

    def fail(_served: object) -> None:
        raise OSError("not now")

    library.db.execute("BEGIN")
    with pytest.raises(OSError, match="not now"):
        replace_study(library.db, STUDY, fail)
    library.db.execute("ROLLBACK")
    assert list(library.db.iterdump()) == before
