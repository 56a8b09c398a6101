"""Lists for other programs: whatever stands in a file, a line is a line, and no cell is a formula."""

import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from desktop.dicom.memberpaths import member_path
from desktop.dicom.records import Patient, Study
from desktop.errors import InputError
from desktop.library.outcomes import FileOutcome, Outcome
from desktop.library.queries import StudyEntry
from desktop.services.lists import report_csv, save_csv, studies_csv, write_csv
from desktop.services.reporting import STUDY_COLUMNS, printable_csv

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def cell(value: object) -> str:
    """Return what a value has become, read back."""
    (names, row) = read(write_csv(("a", "b", "c"), [("x", value, "y")]))
    assert names == ["a", "b", "c"]
    assert (row[0], row[2]) == ("x", "y")
    return row[1]


@pytest.mark.parametrize(
    "text",
    [
        "Doe^Jane",
        "",
        "a,b;c\td",
        '"',
        '""',
        'He said "no", twice',
        "'",
        "Müller^Änne",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "محمد",
        "\U0001f600",
        "e\u0301",
        "a=b",
        "1+1",
        "\\",
        " leading",
        "\ufeffmark",
        "null\0byte",
        "\x1b[31m",
    ],
)
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 170",
        "-2",
        "@SUM(A1)",
        "\tx",
        "＝1+1",  # noqa: RUF001
        "＋1",  # noqa: RUF001
        "－1",  # noqa: RUF001
        "＠x",  # noqa: RUF001
        '=HYPERLINK("http://x","y")',
        "=cmd|' /C calc'!A0",
    ],
)
def test_what_begins_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["  =1", "\n=1", "\r\n-1", "\u2028@x", "\x0b+1", "\r=1", "\u3000=1"])
def test_a_formula_behind_spaces_or_ends_of_lines_is_one(text: str) -> None:
    assert cell(text).startswith("'")


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
)
def test_an_end_of_a_line_in_a_cell_is_a_space(end: str) -> None:
    text = write_csv(("a",), [(f"one{end}two",)])
    assert text == "a\r\none two\r\n"
    assert printable_csv(text).splitlines() == ["a", "one two"]


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), max_size=4))
@example([('",\r\n=1', "'=1", 0)])
@example([("\n\n", "\r", -1)])
def test_no_cell_spoils_another(rows: list[tuple[str, str, int]]) -> None:
    text = write_csv(("a", "b", "c"), rows)
    found = read(text)
    assert [len(row) for row in found] == [3] * (len(rows) + 1)
    assert len(text.splitlines()) == text.count("\r\n") == len(rows) + 1
    for (one, other, number), row in zip(rows, found[1:], strict=True):
        assert not any(value.lstrip().startswith(FORMULAS) for value in row)
        for said, value in zip((one, other, str(number)), row, strict=True):
            assert value.removeprefix("'") == " ".join(said.splitlines()).removeprefix("'")


@given(st.text())
def test_a_line_printed_is_one_line_that_moves_no_cursor(text: str) -> None:
    printed = printable_csv(write_csv(("a",), [(text,)]))
    assert printed.count("\n") == 2
    assert not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in printed.replace("\n", ""))
    (_, *rows) = read(printed)
    assert all(len(row) <= 1 for row in rows)


def make_entry(name: str) -> StudyEntry:
    patient = Patient(PatientID="-4711", PatientName=name, PatientBirthDate="19700102", PatientSex="F")
    study = Study("1.2.3", "20260102", "101500", 'Abdomen, "native"', "S1", "=A1")
    return StudyEntry(patient, study, ("CT", "SR"), 2, 250, 3, conflicts=1, away="CD, of\nJane", doubtful_text=True)


def test_a_study_is_a_line() -> None:
    text = studies_csv([make_entry("Müller^Änne"), make_entry("@Roe")])
    names, *rows = read(text)
    assert tuple(names) == STUDY_COLUMNS
    (first, second) = [dict(zip(names, row, strict=True)) for row in rows]
    assert first == {
        "StudyInstanceUID": "1.2.3",
        "PatientName": "Müller^Änne",
        "PatientID": "'-4711",
        "PatientBirthDate": "19700102",
        "PatientSex": "F",
        "StudyDate": "20260102",
        "StudyTime": "101500",
        "StudyDescription": 'Abdomen, "native"',
        "AccessionNumber": "'=A1",
        "ModalitiesInStudy": "CT, SR",
        "series": "2",
        "instances": "250",
        "unsent": "0",
        "away": "CD, of Jane",
        "remarks": "not here now (CD, of Jane), 1 image with a UID that another file has, letters may be wrong",
    }
    assert second["PatientName"] == "'@Roe"


def test_no_studies_are_a_line_of_names() -> None:
    assert read(studies_csv([])) == [list(STUDY_COLUMNS)]


def test_an_account_names_files_as_people_know_them() -> None:
    paths = ["/a/b, c", "/odd\udcff\n", "=cmd", member_path("/x/a.zip", 12, "DICOM/IM1")]
    outcomes = [FileOutcome(path, Outcome.REJECTED, 'It is "cut", short.') for path in paths]
    names, *rows = read(report_csv(outcomes))
    assert names == ["outcome", "reason", "path"]
    assert [row[2] for row in rows] == ["/a/b, c", "/odd\\udcff\\x0a", "'=cmd", "/x/a.zip/DICOM/IM1"]
    assert {tuple(row[:2]) for row in rows} == {("rejected", 'It is "cut", short.')}


def test_a_saved_list_says_that_it_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    save_csv(path, write_csv(("a",), [("山田",)]))
    assert path.read_bytes() == b"\xef\xbb\xbfa\r\n" + "山田\r\n".encode()


@pytest.mark.parametrize("where", ["folder", "nowhere/out.csv", "file/out.csv"])
def test_a_list_that_cannot_be_saved_is_told(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="could not be saved as"):
        save_csv(tmp_path / where, "a")
