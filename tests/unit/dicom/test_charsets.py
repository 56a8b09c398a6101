"""Text in every character set: the examples of PS3.5, what is met in the field, doubts, and what users may choose."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

import contextlib
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import charset as judge
from unit.helpers import element, file_ref, item, model_of, part10, plain_of

from desktop.dicom.header import read_header
from desktop.dicom.records import Header
from desktop.dicom.text import CHARSETS, UNKNOWN, decode, find_encodings, is_doubtful, parse_charset

ESC = b"\x1b"


def read(terms: str, value: bytes, *, name: bool = True) -> tuple[str, bool]:
    encodings = find_encodings(terms)
    return decode(value, encodings, person_name=name), is_doubtful(value, encodings, person_name=name)


# Annexes H, I, J and K of PS3.5, byte by byte

YAMADA = "Yamada^Tarou=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    ("terms", "value", "text"),
    [
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            YAMADA,
        ),
        (
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        ),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (
            "ISO_IR 192",
            b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=",
            "Wang^XiaoDong=王^小東=",
        ),
        ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        ("GBK", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        (
            "\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab= ",
            "Zhang^XiaoDong=张^小东= ",
        ),
    ],
)
def test_names_of_the_standard(terms: str, value: bytes, text: str) -> None:
    assert read(terms, value) == (text, False)


def test_long_texts_of_the_standard() -> None:
    korean = "\x1b$)CThe first line includes 한글.\r\n\x1b$)CThe second line includes 한글, too.\r\nThe third line"
    text, doubtful = read("\\ISO 2022 IR 149", korean.encode("euc_kr"), name=False)
    assert text == "The first line includes 한글.\r\nThe second line includes 한글, too.\r\nThe third line"
    assert not doubtful
    chinese = (
        b"1.\x1b$)A\xb5\xda\xd2\xbb\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n"
        b"2.\x1b$)A\xb5\xda\xb6\xfe\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n"
        b"3.\x1b$)A\xb5\xda\xc8\xfd\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n"
    )
    assert read("\\ISO 2022 IR 58", chinese, name=False) == (
        "1.第一行文字。\r\n2.第二行文字。\r\n3.第三行文字。\r\n",
        False,
    )


# Each character set, with and without code extensions

SINGLE_BYTE = [
    (100, b"-A", "iso8859_1", "Äneas^Rüdiger Éçñß"),
    (101, b"-B", "iso8859_2", "Wałęsa^Lech Dvořák Őry"),
    (109, b"-C", "iso8859_3", "Ħagar^Ġorġ Ĉapeko"),
    (110, b"-D", "iso8859_4", "Bērziņš^Jānis Žąsys"),
    (148, b"-M", "iso8859_9", "Çavuşoğlu^İbrahim"),
    (203, b"-b", "iso8859_15", "Œdipe^Ÿ € Šimon Žofie"),
    (144, b"-L", "iso8859_5", "Люксембург^Ёлка"),
    (126, b"-F", "iso8859_7", "Διονυσιος^Ώρα"),
    (127, b"-G", "iso8859_6", "قباني^لنزار"),
    (138, b"-H", "iso8859_8", "שרון^דבורה"),
    (166, b"-T", "tis_620", "นามสกุล^ชื่อ"),
    (13, b")I", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
]


@pytest.mark.parametrize(("number", "escape", "codec", "text"), SINGLE_BYTE)
def test_one_character_set_alone(number: int, escape: bytes, codec: str, text: str) -> None:
    value = text.encode(codec)
    assert read(f"ISO_IR {number}", value) == (text, False)
    assert read(f"ISO 2022 IR {number}", value) == (text, False)


@pytest.mark.parametrize(("number", "escape", "codec", "text"), SINGLE_BYTE)
def test_one_character_set_by_code_extension(number: int, escape: bytes, codec: str, text: str) -> None:
    value = b"^".join(ESC + escape + part.encode(codec) for part in text.split("^"))
    assert read(f"\\ISO 2022 IR {number}", value) == (text, False)
    assert read(f"ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR {number}", value) == (text, False)
    # Not announced, it is followed all the same.
    assert read("", value) == (text, True)


@pytest.mark.parametrize(
    ("term", "value", "text"),
    [
        ("87", b"\x1b$B==;z\x1b(B", "十字"),  # whose bytes are delimiters
        ("87", b"\x1b$B;3\x1b(BA\x1b$BED\x1b(B", "山A田"),
        ("87", b"\x1b$B;3 ED\x1b(B ", "山 田 "),
        ("159", b"\x1b$(D0!0\\\x1b(B", "丂伙"),
        ("149", b"\x1b$)C\xb1\xe8A\xc8\xf1", "김A희"),
        ("58", b"\x1b$)A\xd5\xc5A\xd0\xa1", "张A小"),
    ],
)
def test_characters_of_two_bytes(term: str, value: bytes, text: str) -> None:
    assert read(f"\\ISO 2022 IR {term}", value) == (text, False)
    assert read(f"ISO 2022 IR 100\\ISO 2022 IR {term}", value) == (text, False)
    assert read("ISO_IR 100", value) == (text, True)


def test_several_at_once() -> None:
    value = "Müller".encode("latin-1") + b"=\x1b$B;3\x1b(B^\x1b$)C\xb1\xe8^\x1b-L\xbb^\x1b$(D0!\x1b(B^\xfc"
    terms = "ISO 2022 IR 100\\ISO 2022 IR 87\\ISO 2022 IR 149\\ISO 2022 IR 144\\ISO 2022 IR 159"
    assert read(terms, value) == ("Müller=山^김^Л^丂^ü", False)


def test_kanji_leave_katakana_in_force() -> None:
    # G0 and G1 are designated apart from one another.
    assert read("ISO 2022 IR 13\\ISO 2022 IR 87", b"\x1b$B;3\xd4\xcfED\x1b(J") == ("山ﾔﾏ田", False)
    assert read("\\ISO 2022 IR 149\\ISO 2022 IR 87", b"\x1b$)C\x1b$B;3\x1b(B\xb1\xe8") == ("山김", False)


def test_romaji_has_an_overline_and_a_backslash_that_parts_values() -> None:
    assert read("ISO_IR 13", b"A~B\\C") == ("A\N{OVERLINE}B\\C", False)
    assert read("ISO 2022 IR 13\\ISO 2022 IR 87", b"~\x1b$B;3\x1b(J~") == ("‾山‾", False)
    assert read("\\ISO 2022 IR 87", b"~\x1b$B;3\x1b(J~^~\x1b(B~") == ("~山‾^~~", False)


def test_gbk_is_whole() -> None:
    # Python's own gbk lacks the Roman numerals and ǹ.
    assert read("GBK", b"\xa2\xa1\xa8\xbf") == ("ⅰǹ", False)


def test_gb18030_has_all_characters() -> None:
    for text in ("𠮷", "ü", "한", "\U0010ffff"):
        assert read("GB18030", text.encode("gb18030")) == (text, False)


NAMES = {
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 100\\ISO 2022 IR 87\\ISO 2022 IR 159": "Müller丂山",
    "\\ISO 2022 IR 149": "Hong=洪吉洞=홍길동",
    "\\ISO 2022 IR 144": "Люкceмбypг",
    "ISO 2022 IR 126\\ISO 2022 IR 144": "ΔιονυσιοςЛюк",
}


@pytest.mark.parametrize(("terms", "name"), NAMES.items())
def test_what_pydicom_writes_is_read(terms: str, name: str) -> None:
    encodings = judge.convert_encodings(terms.split("\\"))
    value = b"=".join(
        b"^".join(judge.encode_string(part, encodings) for part in group.split("^")) for group in name.split("=")
    )
    assert read(terms, value) == (name, False)


# What puts the first character set in force again


@pytest.mark.parametrize("delimiter", [b"^", b"=", b"\\", b"\r\n", b"\n", b"\f", b"\t"])
def test_a_delimiter_ends_a_code_extension(delimiter: bytes) -> None:
    value = b"\x1b-L\xbb" + delimiter + b"\xbb"
    assert read("ISO 2022 IR 100\\ISO 2022 IR 144", value) == (f"Л{delimiter.decode()}»", False)


def test_a_name_has_more_delimiters_than_other_text() -> None:
    value = b"\x1b-L\xbb^=\xbb"
    assert read("ISO 2022 IR 100\\ISO 2022 IR 144", value) == ("Л^=»", False)
    assert read("ISO 2022 IR 100\\ISO 2022 IR 144", value, name=False) == ("Л^=Л", False)


def test_the_end_of_a_line_ends_kanji() -> None:
    assert read("\\ISO 2022 IR 87", b"\x1b$B;3\r\nED", name=False) == ("山\r\nED", False)


# Wrong spellings, and combinations that make no sense


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("ISO-IR 100", "ISO_IR 100"),
        ("ISO_IR_100", "ISO_IR 100"),
        ("ISO IR 100", "ISO_IR 100"),
        ("ISO_IR100", "ISO_IR 100"),
        ("iso_ir 100", "ISO_IR 100"),
        (" ISO_IR 100   ", "ISO_IR 100"),
        ("IR 100", "ISO_IR 100"),
        ("ISO 8859-1", "ISO_IR 100"),
        ("ISO-8859-1", "ISO_IR 100"),
        ("ISO_8859-15", "ISO_IR 203"),
        ("latin1", "ISO_IR 100"),
        ("Latin-2", "ISO_IR 101"),
        ("UTF-8", "ISO_IR 192"),
        ("UTF8", "ISO_IR 192"),
        ("utf_8", "ISO_IR 192"),
        ("ISO 2022 IR 192", "ISO_IR 192"),
        ("ISO_IR 192 ", "ISO_IR 192"),
        ("ASCII", "ISO_IR 6"),
        ("iso2022 ir 87", "ISO 2022 IR 87"),
        ("ISO_IR 87", "ISO 2022 IR 87"),
        ("ISO-2022-JP", "ISO 2022 IR 87"),
        ("ISO 2022IR149", "ISO 2022 IR 149"),
        ("ISO_2022_IR_100", "ISO 2022 IR 100"),
        ("ISO 2022-IR 58", "ISO 2022 IR 58"),
        ("ISO 2022 58", "ISO 2022 IR 58"),
        ("gb18030 ", "GB18030"),
        ("ISO 2022 GBK", "GBK"),
        ("euc-kr", "ISO 2022 IR 149"),
        ("Shift_JIS", "ISO_IR 13"),
        ("TIS-620", "ISO_IR 166"),
    ],
)
def test_wrong_spellings(spelled: str, meant: str) -> None:
    assert find_encodings(spelled) == find_encodings([spelled]) == parse_charset(spelled) == (meant,)


@pytest.mark.parametrize(
    ("terms", "value", "text", "doubtful"),
    [
        ("ISO_IR 192\\ISO 2022 IR 87", "山田".encode(), "山田", False),
        ("ISO_IR 192\\ISO 2022 IR 87", b"\x1b$B;3\x1b(B", "山", False),
        ("ISO 2022 IR 100\\ISO_IR 192", "Müller".encode(), "Müller", False),
        ("ISO 2022 IR 100\\ISO_IR 192", "Müller".encode("latin-1"), "Müller", True),
        ("\\ISO_IR 192", "Müller".encode(), "Müller", False),
        ("ISO_IR 192\\GBK", "王".encode(), "王", False),
        ("ISO_IR 100\\ISO 2022 IR 87", b"\x1b$B;3\x1b(B", "山", False),
        ("ISO_IR 13\\ISO 2022 IR 87", b"\xd4=\x1b$B;3\x1b(J", "ﾔ=山", False),
        ("ISO 2022 IR 87", b"\x1b$B;3\x1b(B", "山", False),
        ("ISO 2022 IR 149", "김희중".encode("euc_kr"), "김희중", False),
        ("\\ISO 2022 IR 149", "김희중".encode("euc_kr"), "김희중", True),
        ("\\ISO 2022 IR 149", b"\x1b$)C" + "김^희중".encode("euc_kr"), "김^희중", True),
        ("ISO 2022 IR 149", "김^뷁".encode("cp949"), "김^뷁", True),
        ("\\ISO 2022 IR 58", "张^小".encode("gb2312"), "张^小", True),
        ("\\ISO 2022 IR 58", b"\x1b$)A" + "小東".encode("gbk"), "小東", True),
        ("ISO_IR 13", "表示^高".encode("shift_jis"), "表示^高", True),
        ("\\ISO 2022 IR 87", "表示".encode("shift_jis"), "表示", True),
        ("\\ISO 2022 IR 87", "表示".encode(), "表示", True),
        ("\\ISO 2022 IR 87", b"\x1b$B|b66 |b\x1b(B", "髙橋 髙", True),
        ("\\ISO 2022 IR 87", b"\x1b$@;3\x1b(J", "山", True),
    ],
)
def test_what_is_met_in_the_field(terms: str, value: bytes, text: str, doubtful: bool) -> None:
    assert read(terms, value) == (text, doubtful)


@pytest.mark.parametrize("terms", ["", "ISO_IR 6", "ISO 2022 IR 6", "NONSENSE"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Müller 山".encode(), "Müller 山"),
        ("Müller".encode("latin-1"), "Müller"),
        ("Mü".encode() + b"\xfc", "MÃ¼ü"),
        (b"\xed\xa0\x80", "í\xa0\x80"),
        (b"\xc0\x80", "À\x80"),
    ],
)
def test_without_a_character_set_it_is_utf_8_or_latin_1(terms: str, value: bytes, text: str) -> None:
    assert read(terms, value) == (text, True)


# Doubt


@pytest.mark.parametrize(
    ("terms", "value", "text"),
    [
        ("ISO_IR 192", b"M\xfcller", "M\ufffdller"),
        ("ISO_IR 192", "M\ufffdller".encode(), "M\ufffdller"),
        ("ISO_IR 127", b"\xa1", "\ufffd"),
        ("ISO_IR 100", "Мир".encode(), "Ð\x9cÐ¸Ñ\x80"),
        ("GB18030", b"\xff", "\ufffd"),
        ("\\ISO 2022 IR 87", b"\x1b$B~~;3;\x1b(B", "\ufffd山\ufffd"),
        ("\\ISO 2022 IR 87", b"\x1b$B;3\x1b$(D0!\x1b(B", "山丂"),
        ("NONSENSE", b"Doe", "Doe"),
        ("ISO 2022 IR 100\\NONSENSE", b"Doe", "Doe"),
        ("", b"A\x1b(ZB", "A\ufffdB"),
        ("ISO_IR 100", b"A\x1bB\x1b", "A\ufffdB\ufffd"),
        ("ISO_IR 100", b"\x1b$$$$A", "\ufffd$$$$A"),
    ],
)
def test_doubtful_text(terms: str, value: bytes, text: str) -> None:
    assert read(terms, value) == (text, True)


@pytest.mark.parametrize("terms", ["", "ISO_IR 6", "ISO_IR 100", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87"])
@pytest.mark.parametrize("value", [b"", b"Doe^Jane", b" ", b"A\\B\r\n\t~", b"A\x1b(BB"])
def test_ascii_is_beyond_doubt(terms: str, value: bytes) -> None:
    assert read(terms, value) == (value.decode().replace("\x1b(B", ""), False)


@given(st.text(st.characters(codec="gb18030", exclude_characters="\ufffd", categories=["L", "N", "P"])))
def test_whatever_was_written_by_the_rules_is_beyond_doubt(text: str) -> None:
    for terms, codec in (("GB18030", "gb18030"), ("ISO_IR 192", "utf-8")):
        assert read(terms, text.encode(codec)) == (text, False)


@pytest.mark.parametrize(
    "value",
    [
        b"\x1b$)C\xb1\xe8^" * 50_000,
        b"\x1b" * 300_000,
        b"\x1b" + b"$" * 300_000,
        b"\x1b$B" + b"a " * 150_000,
        b"\x1b$B" + b"!!\xe9" * 100_000,
        b"\x1b(J" + b"~\xe9" * 150_000,
        b"\xff" * 300_000,
    ],
    ids=lambda value: repr(value[:8]),
)
def test_hostile_text_takes_time_by_its_length(value: bytes) -> None:
    started = time.process_time()
    read("\\ISO 2022 IR 149\\ISO 2022 IR 87", value)
    # By the square of its length it would be minutes.
    assert time.process_time() - started < 10


# What users may choose


@pytest.mark.parametrize(
    ("typed", "encodings"),
    [
        ("ISO_IR 101", ("ISO_IR 101",)),
        (" latin2 ", ("ISO_IR 101",)),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", ("ISO 2022 IR 6", "ISO 2022 IR 87")),
        ("\\ISO 2022 IR 87", ("ISO_IR 6", "ISO 2022 IR 87")),
        ("ISO 2022 IR 13 \\ iso 2022 ir 87 \\ISO 2022 IR 159", ("ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 159")),
    ],
)
def test_a_character_set_that_a_user_types(typed: str, encodings: tuple[str, ...]) -> None:
    assert parse_charset(typed) == encodings
    assert parse_charset("\\".join(encodings)) == encodings


@pytest.mark.parametrize(
    "typed",
    ["", " ", "\\", "klingon", UNKNOWN, "ISO_IR 999", "ISO_IR 100\\klingon", "ISO_IR 192\\ISO 2022 IR 87", "\\GBK"],
)
def test_what_is_no_character_set_is_told_with_all_that_are(typed: str) -> None:
    with pytest.raises(ValueError, match="There is no such character set") as told:
        parse_charset(typed)
    assert all(term in str(told.value) for term, _ in CHARSETS)


@given(st.text(max_size=30))
def test_anything_may_be_typed(typed: str) -> None:
    with contextlib.suppress(ValueError):
        assert UNKNOWN not in parse_charset(typed)


def test_the_menu_has_each_character_set_once() -> None:
    terms = [term for term, _ in CHARSETS]
    assert [parse_charset(term) for term in terms] == [(term,) for term in terms]
    assert len(set(terms)) == len({words for _, words in CHARSETS}) == len(terms) == 20
    # All Defined Terms of PS3.3 C.12.1.1.2.
    numbers = {term.rpartition(" ")[2] for term in terms}
    single = {"6", "13", "100", "101", "109", "110", "126", "127", "138", "144", "148", "166", "203"}
    assert numbers == single | {"58", "87", "149", "159", "192", "GB18030", "GBK"}


# Files


LISTED = {
    0x00080050: "SH",
    0x00080090: "PN",
    0x00081030: "LO",
    0x0008103E: "LO",
    0x00100010: "PN",
    0x00100020: "LO",
    0x00200010: "SH",
}
UMLAUT, KANJI = "Müller".encode("latin-1"), b"\x1b$B;3\x1b(B"


def header_with(folder: Path, said: bytes, *elements: bytes, charset: str | None = None) -> Header:
    """Read a file that says ``said`` of its character set, and holds these elements; in the order of their tags."""
    parts = [*elements, element(0x00080018, "UI", b"1.2.3\0"), element(0x0020000D, "UI", b"1.2\0")]
    if said:
        parts.append(element(0x00080005, "CS", said))
    path = folder / "file"
    path.write_bytes(part10(b"".join(sorted(parts, key=lambda part: struct.unpack_from("<HH", part)))))
    return read_header(file_ref(path), charset)


@pytest.mark.parametrize(("tag", "vr"), LISTED.items())
def test_doubt_about_what_lists_show_is_told(tag: int, vr: str, tmp_path: Path) -> None:
    for said, value, doubtful in (
        (b"", b"Muller", False),
        (b"", UMLAUT, True),
        (b"KLINGON", UMLAUT, True),
        (b"ISO_IR 192", UMLAUT, True),
        (b"ISO_IR 100", UMLAUT, False),
        (b"ISO-IR 100", UMLAUT, False),
        (b"ISO_IR 100", KANJI, True),
        (b"\\ISO 2022 IR 87", KANJI, False),
    ):
        assert header_with(tmp_path, said, element(tag, vr, value)).doubtful_text is doubtful


def test_doubt_about_what_no_list_shows_is_not_told(tmp_path: Path) -> None:
    nested = element(0x00081110, "SQ", item(element(0x00100010, "PN", UMLAUT)))
    assert not header_with(tmp_path, b"", element(0x00080080, "LO", UMLAUT), nested).doubtful_text


def test_an_unknown_character_set_is_doubtful_by_itself(tmp_path: Path) -> None:
    assert header_with(tmp_path, b"KLINGON", element(0x00100010, "PN", b"Doe^Jane")).doubtful_text


def test_delimiters_of_names_count_in_names_only(tmp_path: Path) -> None:
    value, said = b"\x1b$)C\xb1\xe8^\xc8\xf1", b"\\ISO 2022 IR 149"
    assert header_with(tmp_path, said, element(0x00100010, "PN", value)).doubtful_text
    assert not header_with(tmp_path, said, element(0x00081030, "LO", value)).doubtful_text


RUSSIAN = "Мир".encode("iso8859_5")


@pytest.mark.parametrize(
    ("charset", "text", "doubtful"),
    [
        (None, "ΌΨΰ", False),
        ("", "ΌΨΰ", False),
        ("ISO_IR 144", "Мир", False),
        ("cyrillic", "Мир", False),
        ("ISO 2022 IR 144\\ISO 2022 IR 87", "Мир", False),
        ("ISO_IR 100", "¼Øà", False),
        ("ISO_IR 192", "\ufffd\ufffd\ufffd", True),
        ("ISO_IR 6", "¼Øà", True),
    ],
)
def test_a_character_set_is_used_instead_of_the_one_that_the_file_says(
    charset: str | None, text: str, doubtful: bool, tmp_path: Path
) -> None:
    name = element(0x00100010, "PN", RUSSIAN)
    header = header_with(tmp_path, b"ISO_IR 126", name, element(0x00080050, "SH", RUSSIAN), charset=charset)
    assert (header.patient.PatientName, header.study.AccessionNumber) == (text, text)
    assert header.doubtful_text is doubtful
    # What the file says of itself stays.
    assert model_of(header)["00080005"]["Value"] == ["ISO_IR 126"]
    assert plain_of(header)["PatientName"] == text


def test_it_is_used_in_sequences_too(tmp_path: Path) -> None:
    def names(charset: str | None) -> list[str]:
        label = element(0x00080104, "LO", RUSSIAN + b" ")
        own = element(0x00080005, "CS", b"ISO_IR 126") + label
        deeper = element(0x00082112, "SQ", item(own) + item(label))
        header = header_with(
            tmp_path, b"ISO_IR 100", label, element(0x00082112, "SQ", item(deeper) + item(own)), charset=charset
        )
        model = model_of(header)
        one, other = model["00082112"]["Value"]
        found = [model, *one["00082112"]["Value"], other]
        return [each["00080104"]["Value"][0] for each in found]

    # Pieces are kept from file to file: one way of reading must not get those of the other.
    for _ in range(2):
        assert names(None) == ["¼Øà", "ΌΨΰ", "¼Øà", "ΌΨΰ"]
        assert names("ISO_IR 100") == ["¼Øà"] * 4
        assert names("ISO_IR 144") == ["Мир"] * 4
        assert names("ISO_IR 126") == ["ΌΨΰ"] * 4


def test_it_changes_no_uid_that_is_made(tmp_path: Path) -> None:
    parts = [element(0x00100010, "PN", RUSSIAN + b" "), element(0x0020000D, "UI", b"none")]
    plain = header_with(tmp_path, b"ISO_IR 126", *parts)
    chosen = header_with(tmp_path, b"ISO_IR 126", *parts, charset="ISO_IR 144")
    assert plain.patient != chosen.patient
    assert plain.instance == chosen.instance
    assert plain.instance.StudyInstanceUID.startswith("2.25.")


def test_a_character_set_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no such character set"):
        header_with(tmp_path, b"ISO_IR 126", charset="KLINGON")
