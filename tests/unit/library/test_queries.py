"""What is asked of the library."""

import contextlib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, save
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from unit.helpers import file_ref, header_of
from unit.library.conftest import Library

from desktop.dicom.records import FileRef
from desktop.library.conditions import COLUMNS
from desktop.library.instances import read_own_uids
from desktop.library.matching import Criterion
from desktop.library.outcomes import Outcome, Refusal
from desktop.library.queries import (
    Form,
    KnownFile,
    find_instances,
    find_series,
    find_served,
    find_studies,
    get_study,
    known_files,
    locate,
    search_studies,
    stored_metadata,
)

NAMES = [
    "Müller^Jürgen",
    "O'Neil^Shaun",
    "Smith-Jones^Ann",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "100%^Under_score",
    "Star*^Quest?on",
    "Brack[et]^Back\\slash",
    'Quo"te^A',
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of one study for each name: study n is of day n, and has n instances, called n.1, n.2 and so on."""
    tmp_path = tmp_path_factory.mktemp("studies")
    for number, name in enumerate(NAMES, start=1):
        for instance in range(1, number + 1):
            dataset = make_image(
                PatientName=name.replace("\\", "/") if "\\" in name else name,
                PatientID=f"ID-{number:03d}",
                StudyInstanceUID=f"1.{number}",
                SeriesInstanceUID=f"1.{number}.{1 + instance % 2}",
                SOPInstanceUID=f"1.{number}.9.{instance}",
                StudyDate=f"202601{number:02d}",
                StudyDescription=["Head", "Thorax", "Knee left"][number % 3],
                AccessionNumber=f"ACC{number}",
                Modality=["CT", "MR"][instance % 2],
                SeriesNumber=1 + instance % 2,
                InstanceNumber=instance,
            )
            dataset.SpecificCharacterSet = "ISO_IR 192"
            save(dataset, tmp_path / f"{number}.{instance}")
    return tmp_path


@pytest.fixture(scope="module")
def studies(folder: Path) -> Iterator[Library]:
    """A library of them, which tests leave as it is."""
    library = Library()
    library.add_files(*sorted(folder.iterdir()))
    yield library
    library.db.close()


def found(entries: list[Any]) -> list[int]:
    """Return the numbers of the studies, in the order in which they came."""
    return [int(entry.study.StudyInstanceUID.split(".")[1]) for entry in entries]


# Search by words


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("   ", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("-", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("müller", [1]),
        ("MULLER", [1]),
        ("mul", [1]),
        ("jürgen müller", [1]),
        ("Müller^Jürgen", [1]),
        (unicodedata.normalize("NFD", "Müller"), [1]),
        ("ller", []),
        ("neil", [2]),
        ("O'Neil", [2]),
        ("smith-jones", [3]),
        ("jones", [3]),
        ("smith jones ann", [3]),
        ("yamada", [4]),
        ("山田", [4]),
        ("山", [4]),
        ("太郎", [4]),
        ("やまだ", [4]),
        ("100%", [5]),
        ("under_score", [5]),
        ("star*", [6]),
        ("brack[et]", [7]),
        ('quo"te', [8]),
        ("ID-003", [3]),
        ("003", [3]),
        ("20260105", [5]),
        ("202601", [8, 7, 6, 5, 4, 3, 2, 1]),
        # As the list shows it.
        ("2026-01-05", [5]),
        ("2026-01", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("2026-02", []),
        ("knee 2026-01-05", [5]),
        ("2026-01-05 2026-01-06", []),
        ("ACC7", [7]),
        ("knee", [8, 5, 2]),
        ("knee left", [8, 5, 2]),
        ("left knee quo", [8]),
        ("1.6", [6]),
        ("nobody", []),
        ("knee nobody", []),
    ],
)
def test_words_that_begin_words(text: str, numbers: list[int], studies: Library) -> None:
    assert found(search_studies(studies.db, text)) == numbers


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
@example('"')
@example('NEAR("a" "b")')
@example("a AND OR NOT b")
@example("PatientName:muller")
@example("*")
@example("^muller")
@example("a\0b")
@example("((((")
def test_no_text_makes_a_search_fail(text: str) -> None:
    with contextlib.closing(Library().db) as db:
        assert search_studies(db, text) == []


# Criteria


@pytest.mark.parametrize(
    ("column", "patterns", "numbers"),
    [
        ("PatientID", ("ID-003",), [3]),
        ("PatientID", ("id-003",), []),
        ("PatientID", ("ID-00?",), [8, 7, 6, 5, 4, 3, 2, 1]),
        ("PatientID", ("ID-00", "ID-001"), [1]),
        ("PatientID", ("*3", "*4"), [4, 3]),
        ("PatientID", ("ID-[0]03",), []),
        ("PatientID", ("%",), []),
        ("PatientName", ("*",), [8, 7, 6, 5, 4, 3, 2, 1]),
        ("PatientName", ("smith*",), [3]),
        ("PatientName", ("SMITH-JONES^ANN",), [3]),
        ("PatientName", ("*jones*",), [3]),
        ("PatientName", ("Müller^J?rgen",), [1]),
        ("PatientName", ("100%*",), [5]),
        ("PatientName", ("1%",), []),
        ("PatientName", ("%",), []),
        ("PatientName", ("*Under_score",), [5]),
        ("PatientName", ("*Under?score",), [5]),
        ("PatientName", ("*Unde__score",), []),
        ("PatientName", ("Brack[et]*",), [7]),
        ("PatientName", ("Brack[a-z]*",), []),
        ("PatientName", ("!*",), []),
        ("PatientName", ('Quo"te*',), [8]),
        ("PatientName", ("O'Neil*",), [2]),
        ("PatientName", ("*山田*",), [4]),
        ("StudyDescription", ("knee*",), [8, 5, 2]),
        ("StudyDescription", ("Knee",), []),
        ("AccessionNumber", ("ACC[1-3]",), []),
        ("ModalitiesInStudy", ("CT",), [8, 7, 6, 5, 4, 3, 2]),
        ("ModalitiesInStudy", ("C*",), [8, 7, 6, 5, 4, 3, 2]),
        ("ModalitiesInStudy", ("MR", "CT"), [8, 7, 6, 5, 4, 3, 2, 1]),
        ("ModalitiesInStudy", ("US",), []),
        ("StudyInstanceUID", ("1.4",), [4]),
        ("StudyInstanceUID", ("1.4", "1.6", "1.9"), [6, 4]),
        # In a UID these are no wild cards: they would mix studies.
        ("StudyInstanceUID", ("*",), []),
        ("StudyInstanceUID", ("1.?",), []),
        ("PatientName", ("x' OR '1'='1",), []),
    ],
)
def test_patterns(column: str, patterns: tuple[str, ...], numbers: list[int], studies: Library) -> None:
    assert found(find_studies(studies.db, (Criterion(column, patterns),))) == numbers


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [
        ("20260103", "20260105", [5, 4, 3]),
        ("20260107", "", [8, 7]),
        ("", "20260102", [2, 1]),
        ("20270101", "", []),
        ("20260105", "20260103", []),
    ],
)
def test_ranges(low: str, high: str, numbers: list[int], studies: Library) -> None:
    assert found(find_studies(studies.db, (Criterion("StudyDate", low=low, high=high),))) == numbers


def test_a_range_leaves_out_what_has_no_date(library: Library, tmp_path: Path) -> None:
    library.add_files(save(make_image(StudyDate=""), tmp_path / "a"))
    for low, high in (("20200101", ""), ("", "20300101"), ("20200101", "20300101")):
        assert find_studies(library.db, (Criterion("StudyDate", low=low, high=high),)) == []


def test_criteria_are_joined_and_results_are_cut(studies: Library) -> None:
    knees = Criterion("StudyDescription", ("Knee*",))
    assert found(find_studies(studies.db, (knees, Criterion("StudyDate", low="20260103", high="")))) == [8, 5]
    assert found(find_studies(studies.db, limit=2)) == [8, 7]
    assert found(find_studies(studies.db, limit=2, offset=3)) == [5, 4]
    assert found(find_studies(studies.db, limit=0)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_no_pattern_makes_a_search_fail(pattern: str) -> None:
    with contextlib.closing(Library().db) as db:
        for columns in COLUMNS.values():
            for column in columns:
                for criterion in (Criterion(column, (pattern,), fuzzy=True), Criterion(column, low=pattern, high="a")):
                    assert find_studies(db, (criterion,)) == []
                    assert find_series(db, None, (criterion,)) == []
                    assert find_instances(db, None, None, (criterion,)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(name=st.text(st.sampled_from("aB*?[]%_!'\"-^ "), min_size=1, max_size=8))
def test_a_text_is_found_by_itself(name: str, tmp_path: Path) -> None:
    stripped = name.strip()
    path = save(make_image(StudyDescription=stripped, StudyID=stripped), tmp_path / "a")
    library = Library()
    with contextlib.closing(library.db) as db:
        library.add_files(path)
        for column in ("StudyDescription", "StudyID"):
            if stripped:
                assert len(find_studies(db, (Criterion(column, (stripped,)),))) == 1
                assert len(find_studies(db, (Criterion(column, (f"*{stripped[1:]}",)),))) == 1


# One study, its series and instances


def test_a_study_is_got_by_its_uid_alone(studies: Library) -> None:
    entry = get_study(studies.db, "1.3")
    assert entry is not None
    assert (entry.patient.PatientID, entry.series, entry.instances, entry.ModalitiesInStudy) == (
        "ID-003",
        2,
        3,
        ("CT", "MR"),
    )
    for uid in ("*", "?", "1.?", "1.3 ", "", "1.[3]", "%"):
        assert get_study(studies.db, uid) is None


def test_series_of_a_study(studies: Library) -> None:
    entries = find_series(studies.db, "1.3")
    assert [(entry.series.SeriesInstanceUID, entry.series.SeriesNumber, entry.instances) for entry in entries] == [
        ("1.3.1", 1, 1),
        ("1.3.2", 2, 2),
    ]
    assert {entry.study_uid for entry in entries} == {"1.3"}
    assert find_series(studies.db, "*") == []
    assert [entry.study_uid for entry in find_series(studies.db, None, (Criterion("SeriesNumber", ("1",)),))] == [
        f"1.{number}" for number in range(2, 9)
    ]
    assert len(find_series(studies.db, None, (Criterion("Modality", ("M*",)),), limit=3, offset=1)) == 3
    assert len(find_series(studies.db, None, (Criterion("PatientID", ("ID-004",)),))) == 2


def test_instances_of_a_study_and_series(studies: Library) -> None:
    entries = find_instances(studies.db, "1.4")
    assert [entry.instance.SOPInstanceUID for entry in entries] == ["1.4.9.2", "1.4.9.4", "1.4.9.1", "1.4.9.3"]
    assert {(entry.instance.StudyInstanceUID, entry.TransferSyntaxUID) for entry in entries} == {
        ("1.4", "1.2.840.10008.1.2.1")
    }
    assert [entry.instance.InstanceNumber for entry in find_instances(studies.db, "1.4", "1.4.2")] == [1, 3]
    assert find_instances(studies.db, "1.4", "1.3.1") == []
    assert find_instances(studies.db, "*") == find_instances(studies.db, "1.4", "*") == []
    third = Criterion("InstanceNumber", ("3",))
    assert [entry.instance.SOPInstanceUID for entry in find_instances(studies.db, "1.4", None, (third,))] == ["1.4.9.3"]
    assert len(find_instances(studies.db, None)) == 36
    assert len(find_instances(studies.db, None, limit=5, offset=34)) == 2


def test_records_are_those_of_the_file(studies: Library, folder: Path) -> None:
    header = header_of(folder / "4.3")
    (entry,) = (entry for entry in find_instances(studies.db, "1.4") if entry.instance.InstanceNumber == 3)
    assert entry.instance == header.instance
    located = locate(studies.db, "1.4", "1.4.2", "1.4.9.3")
    assert located is not None
    assert (located.instance, located.pixels, located.file) == (header.instance, header.pixels, header.file)
    study = get_study(studies.db, "1.4")
    assert study is not None
    assert (study.study, study.patient) == (header.study, header.patient)
    assert find_series(studies.db, "1.4")[1].series == header.series


@pytest.mark.parametrize(
    "uids",
    [
        ("1.4", "1.4.2", "1.4.9.2"),
        ("1.4", "1.4.1", "1.4.9.3"),
        ("1.3", "1.4.2", "1.4.9.3"),
        ("*", "*", "*"),
        ("", "", ""),
    ],
)
def test_an_instance_is_located_in_its_own_series_and_study_only(uids: tuple[str, str, str], studies: Library) -> None:
    assert locate(studies.db, *uids) is None


def test_stored_metadata_of_each_level(studies: Library) -> None:
    def uids(*of: str) -> list[str]:
        return [piece.SOPInstanceUID for piece in stored_metadata(studies.db, Form.DICOM_JSON, *of)]

    assert uids("1.4") == ["1.4.9.2", "1.4.9.4", "1.4.9.1", "1.4.9.3"]
    assert uids("1.4", "1.4.2") == ["1.4.9.1", "1.4.9.3"]
    assert uids("1.4", "1.4.2", "1.4.9.3") == ["1.4.9.3"]
    assert uids("1.4", "1.4.1", "1.4.9.3") == uids("1.5", "1.4.2") == uids("*") == []


def test_pieces_of_an_older_form_are_given_until_their_file_is_read_again(studies: Library) -> None:
    studies.db.execute("BEGIN")
    studies.db.execute("UPDATE metadata SET version = version - 1 WHERE instance % 2 = 0")
    pieces = [len(stored_metadata(studies.db, Form.OHIF_JSON, f"1.{number}")) for number in range(1, 9)]
    studies.db.execute("ROLLBACK")
    assert sum(pieces) == 36


def test_series_without_number_come_first(library: Library, tmp_path: Path) -> None:
    for name, number in (("a", 2), ("b", None), ("c", 1)):
        library.add_files(save(make_image(SeriesNumber=number, SeriesInstanceUID=f"1.{ord(name)}"), tmp_path / name))
    assert [entry.series.SeriesNumber for entry in find_series(library.db, ROOT_UID + "1")] == [None, 1, 2]


# Known files


def test_known_files(library: Library, tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "a")
    text = tmp_path / "b"
    text.write_text("text")
    strange = os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller")
    library.add_files(path)
    library.add(
        [
            Refusal(file_ref(text), Outcome.NOT_DICOM, "It is a text."),
            Refusal(FileRef(strange, 1, 2), Outcome.REJECTED, "It is damaged."),
        ]
    )
    refs = [file_ref(path), file_ref(text), FileRef(strange, 1, 2), FileRef(str(tmp_path / "unknown"), 0, 0)]
    # One has changed since; and a file of the same path on some disc is another one.
    changed = FileRef(str(path), 5, 6)
    known = known_files(library.db, [*refs, FileRef(str(path), refs[0].size, refs[0].mtime_ns, "disc")])
    assert known == {
        refs[0]: KnownFile(refs[0], Outcome.ADDED, "", ROOT_UID + "1"),
        refs[1]: KnownFile(refs[1], Outcome.NOT_DICOM, "It is a text.", ""),
        refs[2]: KnownFile(refs[2], Outcome.REJECTED, "It is damaged.", ""),
    }
    assert known_files(library.db, [changed]) == {changed: known[refs[0]]}
    assert known_files(library.db, []) == {}


def test_files_that_an_older_program_read_are_not_known(library: Library, tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "a")
    library.add_files(path)
    library.db.execute("UPDATE files SET reader = reader - 1")
    assert known_files(library.db, [file_ref(path)]) == {}


def test_many_known_files(library: Library) -> None:
    refs = [FileRef(f"/nowhere/{number}", number, number) for number in range(1203)]
    library.add([Refusal(ref, Outcome.NOT_DICOM, "It is a text.") for ref in refs])
    known = known_files(library.db, refs)
    assert [known[ref].file for ref in refs] == refs


def test_what_an_object_refers_to_is_looked_for_among_its_patients_instances(library: Library, tmp_path: Path) -> None:
    other = {"PatientID": "P2", "PatientName": "Roe^Richard"}
    images = [
        {"SOPInstanceUID": "1.2.1"},
        {"SOPInstanceUID": "1.2.1", **other},
        {"SOPInstanceUID": "1.2.2", **other},
        {"SOPInstanceUID": "1.2.3", "StudyInstanceUID": "1.2.77", "SeriesInstanceUID": "1.2.78"},
    ]
    library.add_files(*(save(make_image(**more), tmp_path / str(at)) for at, more in enumerate(images)))
    first, second = (
        library.rows("SELECT uid FROM studies WHERE patient = ? AND uid != '1.2.77'", patient)[0][0]
        for (patient,) in library.rows("SELECT id FROM patients ORDER BY PatientID != 'P2' DESC")
    )
    (made_up,) = library.rows("SELECT uid FROM instances WHERE SOPInstanceUID = '1.2.1' AND uid != '1.2.1'")
    assert find_served(library.db, first, "1.2.1") == "1.2.1"
    assert find_served(library.db, second, "1.2.1") == made_up[0]
    assert find_served(library.db, first, "1.2.2") is None
    assert find_served(library.db, first, "1.2.3") == "1.2.3"
    assert find_served(library.db, second, "1.2.3") is None
    assert find_served(library.db, "1.2.99", "1.2.1") is None
    assert read_own_uids(library.db, first) == {}
    assert read_own_uids(library.db, second) == {made_up[0]: "1.2.1"}
