"""Character sets that were chosen for studies, and text in unusual letters: how it is stored and found."""

from pathlib import Path

import pytest
from builders import make_image, save
from unit.helpers import file_ref
from unit.library.conftest import Library

from desktop.dicom.records import Header
from desktop.importers.reading import Order, read
from desktop.library.charsets import choose_charset, find_charsets
from desktop.library.queries import search_studies


def test_nothing_is_chosen_at_first(library: Library) -> None:
    assert find_charsets(library.db) == {}


def test_the_last_choice_counts(library: Library) -> None:
    for charset in ("ISO_IR 100", "ISO_IR 144", "ISO 2022 IR 6\\ISO 2022 IR 87"):
        choose_charset(library.db, "1.2", charset)
        choose_charset(library.db, "1.3", "GB18030")
        assert find_charsets(library.db) == {"1.2": charset, "1.3": "GB18030"}


def test_a_choice_is_taken_back(library: Library) -> None:
    choose_charset(library.db, "1.2", "ISO_IR 100")
    choose_charset(library.db, "1.3", "ISO_IR 100")
    choose_charset(library.db, "1.2", "")
    choose_charset(library.db, "1.4", "")
    assert find_charsets(library.db) == {"1.3": "ISO_IR 100"}


def write(path: Path, charset: str, name: bytes, **attributes: str) -> Path:
    """Write a file whose patient's name is these bytes."""
    mark = "X" * (len(name) + len(name) % 2)
    save(make_image(SpecificCharacterSet=charset, PatientName=mark, **attributes), path)
    data = path.read_bytes()
    assert data.count(mark.encode()) == 1
    path.write_bytes(data.replace(mark.encode(), name.ljust(len(mark))))
    return path


NAMES = [
    # As PS3.5 Annexes H, I, J and K have them, and what is usual.
    ("ISO_IR 100", "Buc^Jérôme".encode("latin-1"), ["jerome", "JÉRÔME", "buc jer", "jer buc"]),
    ("ISO_IR 144", "Люда^Щепин".encode("iso8859-5"), ["люда", "ЩЕП ЛЮД"]),
    ("ISO_IR 126", "Διονυσιος".encode("iso8859-7"), ["διον", "ΔΙΟΝΥΣΙΟΣ"]),
    ("ISO_IR 127", "قباني^لنزار".encode("iso8859-6"), ["قباني", "لنزار قباني"]),
    ("ISO_IR 138", "שרון^דבורה".encode("iso8859-8"), ["שרון", "דבורה"]),
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        [
            "yamada",
            "tarou yamada",
            "山田",
            "太郎 山田",
            "山田太郎",
            "山田太",
            "やまだ",
            "たろう",
            "ヤマダ",
            "やまだたろう",
            "山田 yam たろ",
        ],
    ),
    (
        "ISO_IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        ["ヤマダ", "ﾔﾏﾀﾞ", "やまだ", "タロウ", "山田太郎", "山田"],
    ),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        ["hong gil", "洪", "吉洞", "洪吉洞", "홍", "길동", "홍길동", "길동 hong"],
    ),
    ("ISO_IR 192", "Wang^XiaoDong=王^小东=".encode(), ["王", "小东", "王小东", "xiaodong", "小东 wang"]),
    ("GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030"), ["王", "小东"]),
    ("ISO_IR 166", "นามสกุล".encode("tis-620"), ["นาม"]),
]


@pytest.mark.parametrize(("charset", "name", "queries"), NAMES, ids=[charset for charset, *_ in NAMES])
def test_a_name_in_other_letters_is_found_by_each_of_its_words_in_any_order(
    library: Library, tmp_path: Path, charset: str, name: bytes, queries: list[str]
) -> None:
    library.add_files(write(tmp_path / "a", charset, name))
    library.add_files(
        write(tmp_path / "b", "ISO_IR 100", b"Nobody", StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1", PatientID="N")
    )
    for query in queries:
        found = [entry.study.StudyInstanceUID for entry in search_studies(library.db, query)]
        assert len(found) == 1, query
        assert found != ["1.9"], query


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("müller änne", True),
        ("ANNE muller", True),
        ("mu", True),
        ("MÜ", True),
        ("mu\u0308", True),
        ("änne thor 2026", True),
        ("p-17", True),
        ("P 17", True),
        ("17", True),
        ("2026-01-02", True),
        ("20260102", True),
        ("2026-01", True),
        ("2026-02", False),
        ("ller", False),
        ("müller max", False),
        ("muellerx", False),
        ('"', True),
        ("*", True),
        ("mul*", True),
        ("NOT muller", False),
        ("muller OR nobody", False),
        ("words: muller", False),
        ("erring", True),
        ("\0", True),
        ("muller\0anne", True),
    ],
)
def test_case_accents_and_order_make_no_difference(library: Library, tmp_path: Path, query: str, found: bool) -> None:
    said = {"PatientName": "Müller^Änne", "PatientID": "P-17", "StudyDescription": "Thorax nativ"}
    library.add_files(save(make_image(SpecificCharacterSet="ISO_IR 192", **said), tmp_path / "a"))
    assert bool(search_studies(library.db, query)) is found


def test_a_chosen_character_set_takes_the_place_of_that_of_the_file(library: Library, tmp_path: Path) -> None:
    path = write(tmp_path / "a", "ISO_IR 100", "Люкс".encode("iso8859-5"), StudyInstanceUID="1.5")
    for charsets, name in (({}, "»îÚá"), ({"1.5": "ISO_IR 144"}, "Люкс"), ({"1.6": "ISO_IR 144"}, "»îÚá")):
        header = read(file_ref(path), Order(charsets=charsets))
        assert isinstance(header, Header)
        assert header.patient.PatientName == name
