"""Character sets and names, with pydicom as the judge."""

from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import charset, dcmread
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName
from unit.helpers import header_of, model_of, plain_of

from desktop.dicom.text import (
    DEFAULT_ENCODINGS,
    UNKNOWN,
    decode,
    find_encodings,
    format_date,
    format_person_name,
    is_doubtful,
)

CHARSET_FILES = sorted((Path(str(pydicom.data.__file__)).parent / "charset_files").glob("*.dcm"))
TERMS = [
    *charset.python_encoding,
    "ISO IR 100",
    "ISO_IR_100",
    "ISO 2022-IR 87",
    "GB18030 ",
    "latin_1",
    "nonsense",
    "utf-8",
]


@pytest.mark.parametrize("path", CHARSET_FILES, ids=lambda path: path.stem)
def test_texts_are_decoded_as_pydicom_does(path: Path) -> None:
    dataset, model = dcmread(path), model_of(header_of(path))
    checked = compare_texts(dataset, model)
    assert checked > 0


def compare_texts(dataset: Dataset, model: dict[str, Any]) -> int:
    checked = 0
    for element in dataset:
        if element.VR not in ("SQ", "PN", "LO", "SH", "ST", "LT", "UT", "UC") or not element.value:
            continue
        found = model[f"{element.tag:08X}"]["Value"]
        values = element.value if element.VM > 1 or element.VR == "SQ" else [element.value]
        if element.VR == "SQ":
            checked += sum(map(compare_texts, values, found))
        elif element.VR == "PN":
            for name, judge in zip(found, values, strict=True):
                groups = [name.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")]
                assert groups == [judge.alphabetic, judge.ideographic, judge.phonetic]
                checked += 1
        else:
            assert found == list(values)
            checked += 1
    return checked


def test_names_are_whole() -> None:
    names = {path.stem: header_of(path).patient.PatientName for path in CHARSET_FILES}
    assert names["chrH31"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert names["chrH32"] == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"
    assert names["chrI2"] == "Hong^Gildong=洪^吉洞=홍^길동"
    assert names["chrX1"] == "Wang^XiaoDong=王^小東"
    assert names["chrX2"] == "Wang^XiaoDong=王^小东"
    assert names["chrGerm"] == "Äneas^Rüdiger"
    assert names["chrRuss"] == "Люкceмбypг"  # noqa: RUF001
    assert names["chrHbrw"] == "שרון^דבורה"
    assert names["chrArab"] == "قباني^لنزار"
    assert names["chrGreek"] == "Διονυσιος"
    assert names["chrFrenMulti"] == "Buc^Jérôme"


def test_plain_names_have_all_groups() -> None:
    (path,) = (path for path in CHARSET_FILES if path.stem == "chrH31")
    assert plain_of(header_of(path))["PatientName"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    ("terms", "encodings"),
    [
        (None, DEFAULT_ENCODINGS),
        ("", DEFAULT_ENCODINGS),
        ([], DEFAULT_ENCODINGS),
        ([None], DEFAULT_ENCODINGS),
        ([""], DEFAULT_ENCODINGS),
        (["ISO_IR 100"], ("ISO_IR 100",)),
        ("ISO_IR 192", ("ISO_IR 192",)),
        (["ISO_IR 192"], ("ISO_IR 192",)),
        ([None, "ISO 2022 IR 87"], ("ISO_IR 6", "ISO 2022 IR 87")),
        (["", "ISO 2022 IR 87"], ("ISO_IR 6", "ISO 2022 IR 87")),
        ("\\ISO 2022 IR 87", ("ISO_IR 6", "ISO 2022 IR 87")),
        (["ISO 2022 IR 6", None, "ISO 2022 IR 87"], ("ISO 2022 IR 6", "ISO 2022 IR 87")),
        (["ISO 2022 IR 100", "ISO 2022 IR 87"] * 3, ("ISO 2022 IR 100", "ISO 2022 IR 87")),
        (["NONSENSE"], (UNKNOWN,)),
        (["ISO_IR 999", "ISO 2022 IR 87"], (UNKNOWN, "ISO 2022 IR 87")),
        ([1], (UNKNOWN,)),
        (["rot13"], (UNKNOWN,)),
        (["utf-16"], (UNKNOWN,)),
        (["?"], (UNKNOWN,)),
        (["a\0b"], (UNKNOWN,)),
        (["ISO_IR 100" * 1000], (UNKNOWN,)),
        ([{"00080100": {"vr": "SH"}}], (UNKNOWN,)),
    ],
)
def test_encodings_of_terms(terms: Any, encodings: tuple[str, ...]) -> None:
    assert find_encodings(terms) == encodings


@pytest.mark.parametrize("term", [term for term in charset.python_encoding if term])
def test_each_term_that_pydicom_knows_is_known(term: str) -> None:
    assert UNKNOWN not in find_encodings(term)


ONE_TERM = st.one_of(st.sampled_from(TERMS), st.text(max_size=16), st.none(), st.integers())


@given(
    st.one_of(st.none(), st.text(max_size=20), st.lists(ONE_TERM, max_size=4)), st.binary(max_size=60), st.booleans()
)
@example(["ISO 2022 IR 87", "ISO 2022 IR 159"], b"\x1b$B\x1b$(D", True)
@example(["ISO 2022 IR 149"], b"\x1b$)C\xff\xff", False)
@example(["hex"], b"\xff", False)
@example(["idna"], b"\xff.\xff", False)
@example(["rot13"], b"\xff", False)
@example(["unicode_escape"], b"\\ud800\xff", False)
@example(["utf-7"], b"+2AA-\xff", False)
@example(["utf-16"], b"\xd8", False)
@example(["punycode"], b"\xff-", False)
@example(["GB18030"], b"\x83\x36\xc7\x39\x84\x31\xa4\x37", False)
@example(["ISO_IR 192"], b"\xed\xa0\x80", False)
def test_a_wrong_character_set_never_raises(terms: Any, value: bytes, person_name: bool) -> None:
    encodings = find_encodings(terms)
    text = decode(value, encodings, person_name=person_name)
    assert is_doubtful(value, encodings, person_name=person_name) in (False, True)
    # What cannot be stored would stop the import.
    assert text.encode("utf-8").decode("utf-8") == text


@given(st.text(max_size=40))
def test_utf8_comes_back_as_it_was(text: str) -> None:
    plain = text.replace("\x1b", "")
    assert decode(plain.encode("utf-8", "replace"), ("ISO_IR 192",)) == plain.encode("utf-8", "replace").decode()


def test_what_cannot_be_decoded_is_marked() -> None:
    assert decode(b"M\xfcller", ("ISO_IR 192",)) == "M\N{REPLACEMENT CHARACTER}ller"
    assert decode(b"M\xfcller", DEFAULT_ENCODINGS) == "Müller"


@pytest.mark.parametrize("delimiter", ["^", "="])
def test_in_a_name_its_delimiters_end_a_code_extension(delimiter: str) -> None:
    # PS3.5 §6.1.2.5.3. Behind it, the byte is Latin-1 again, and no half of a Korean letter.
    value = b"\x1b$)C" + "길동".encode("euc_kr") + delimiter.encode() + b"\xe9A"
    encodings = find_encodings(["ISO 2022 IR 100", "ISO 2022 IR 149"])
    assert decode(value, encodings, person_name=True) == f"길동{delimiter}éA"
    judge = PersonName(value, encodings=charset.convert_encodings(["ISO 2022 IR 100", "ISO 2022 IR 149"]))
    assert decode(value, encodings, person_name=True) == str(judge.decode())


def test_a_backslash_within_a_character_ends_no_value() -> None:
    tricky = next(chr(code) for code in range(0x4E00, 0x9FFF) if chr(code).encode("gb18030").endswith(b"\\"))
    assert decode(tricky.encode("gb18030") + b"\\A", ("GB18030",)).split("\\") == [tricky, "A"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", ""),
        ("Doe", "Doe"),
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^A^Dr.^PhD", "Doe, Jane A Dr. PhD"),
        ("^Jane", "Jane"),
        ("^^^", ""),
        ("Doe^^^Dr.", "Doe, Dr."),
        (" Doe ^ Jane ", "Doe, Jane"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou  山田, 太郎  やまだ, たろう"),
        ("=山田^太郎", "山田, 太郎"),
    ],
)
def test_names_for_lists(name: str, shown: str) -> None:
    assert format_person_name(name) == shown


@given(st.text())
def test_any_name_can_be_shown(name: str) -> None:
    letters = [letter for letter in format_person_name(name) if not letter.isspace() and letter not in ",^="]
    assert letters == [letter for letter in name if not letter.isspace() and letter not in ",^="]


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("20260131", "2026-01-31"),
        ("2026.01.31", "2026-01-31"),
        ("", ""),
        ("202601", "202601"),
        ("2026013\N{FULLWIDTH DIGIT ONE}", "2026013\N{FULLWIDTH DIGIT ONE}"),
        ("unknown!", "unknown!"),
    ],
)
def test_dates_for_lists(date: str, shown: str) -> None:
    assert format_date(date) == shown
