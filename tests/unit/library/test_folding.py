"""Text as it is searched: names of many scripts, and what holds for any text."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

import sqlite3
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.library.folding import fold, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("Doe^Jane", "doe^jane"),
        # Latin
        ("Müller", "muller"),
        ("MÜLLER", "muller"),
        ("Mu\N{COMBINING DIAERESIS}ller", "muller"),
        ("Weiß", "weiss"),
        ("WEISS", "weiss"),
        ("WEIẞ", "weiss"),
        ("Żółć", "zolc"),
        ("Łukasz", "lukasz"),
        ("Dvořák", "dvorak"),
        ("Đorđević", "dordevic"),
        ("Ægir", "aegir"),
        ("Œdipe", "oedipe"),
        ("Þórður", "thordur"),
        ("Sørensen", "sorensen"),
        ("IŞIK", "isik"),
        ("ışık", "isik"),
        ("İnci", "inci"),
        ("Nguyễn", "nguyen"),
        ("Għargħur", "gharghur"),
        ("ﬁn", "fin"),
        ("№ 1", "no 1"),
        # Greek: both sigmas are one
        ("ΓΙΏΡΓΟΣ", "γιωργοσ"),
        ("Γιώργος", "γιωργοσ"),
        ("Ϊόλη", "ιολη"),
        # Cyrillic
        ("Алёна", "алена"),
        ("АЛЕНА", "алена"),
        ("Андрей", "андреи"),
        ("Ґалаґан", "галаган"),
        ("Їжак", "іжак"),
        # Hebrew: points, and letters at the end of a word
        ("שָׁלוֹם", "שלומ"),
        ("שלום", "שלומ"),
        # Arabic: points, the stretching line, forms of alef, yeh, kaf and heh
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("أحمد", "احمد"),
        ("إبراهيم", "ابراهيم"),
        ("آمنة", "امنه"),
        ("علی", "علي"),
        ("علي", "علي"),
        ("کریم", "كريم"),
        # Digits
        ("٣٤", "34"),
        ("१२", "12"),
        ("１２", "12"),
        # Japanese: width, kana, forms of kanji
        ("ﾔﾏﾀﾞ", "やまだ"),
        ("ヤマダ", "やまだ"),
        ("やまだ", "やまだ"),
        ("やまた\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}", "やまだ"),
        ("ヴァン", "ゔぁん"),
        ("ｽﾐｽｰ", "すみすー"),
        ("髙﨑", "高崎"),
        ("葛\N{VARIATION SELECTOR-17}城", "葛城"),
        ("ＡＢＣ", "abc"),
        # Korean
        ("김희중", "김희중"),
        (unicodedata.normalize("NFD", "김희중"), "김희중"),
        # Chinese, Thai, Devanagari, Tamil, Georgian, Armenian, Amharic
        ("王小东", "王小东"),
        ("กุลวดี", "กุลวดี"),
        ("कुमार", "कुमार"),
        ("தமிழ்", "தமிழ்"),
        ("ᲒᲘᲝᲠᲒᲘ", "გიორგი"),
        ("Արամ", "արամ"),
        ("አበበ", "አበበ"),
        # What cannot be seen
        ("Do\N{SOFT HYPHEN}e\N{ZERO WIDTH SPACE}", "doe"),
        ("می\N{ZERO WIDTH NON-JOINER}خواهم", "ميخواهم"),
    ],
)
def test_text_as_it_is_searched(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [("が", "か"), ("ぱ", "は"), ("이", "임"), ("ก่", "ก้"), ("कि", "की"), ("и", "і"), ("ال", "لا")],
)
def test_what_is_another_letter_stays_another(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" ^=-'. ", []),
        ("Doe^Jane^A^Dr.^PhD", ["doe", "jane", "a", "dr", "phd"]),
        ("O'Brien-Smith", ["o", "brien", "smith"]),
        ("O’Brien", ["o", "brien"]),
        ("Kaʻahumanu", ["ka", "ahumanu"]),
        ("М'ясоєдов", ["м", "ясоєдов"]),
        ("ABC-123_4", ["abc", "123", "4"]),
        ("1.2.840", ["1", "2", "840"]),
        ("CT  Abdomen/Pelvis\r\n(native)", ["ct", "abdomen", "pelvis", "native"]),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["yamada", "tarou", "山田", "太郎", "やまだ", "たろう"]),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=ヤマダ^タロウ", ["やまだ", "たろう", "山田", "太郎", "やまだ", "たろう"]),
        ("Hong^Gildong=洪^吉洞=홍^길동", ["hong", "gildong", "洪", "吉洞", "홍", "길동"]),
        ("กุลวดี ทอง", ["กุลวดี", "ทอง"]),
        ("कुमार^राम", ["कुमार", "राम"]),
        ("王・小东", ["王", "小东"]),
        ("a\ue000b", ["a\ue000b"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_every_character_stays_as_it_is_when_it_is_folded_again() -> None:
    assert [letter for letter in map(chr, range(0x110000)) if fold(fold(letter)) != fold(letter)] == []


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert words(folded) == words(text)
    assert all(words(word) == [word] for word in words(text))


@given(st.text(st.characters(categories=["L", "N", "P", "Z"])), st.data())
def test_whoever_begins_to_type_finds(text: str, data: st.DataObject) -> None:
    text = unicodedata.normalize("NFKC", text)
    typed = words(text[: data.draw(st.integers(0, len(text)))])
    found = words(text)
    assert typed[:-1] == found[: max(len(typed) - 1, 0)]
    assert not typed or found[len(typed) - 1].startswith(typed[-1])


@given(st.text())
def test_case_makes_no_difference(text: str) -> None:
    assert fold(text.casefold()) == fold(text)


def test_many_marks_take_no_time() -> None:
    # To put them in order takes time by the square of their number: hours, were all looked at.
    folded = fold("\u0e38\u094d\u3099" * 2_000_000)
    assert len(folded) <= 5000


def test_a_name_is_found_by_the_index_with_its_first_syllable() -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE found USING fts5 (words, tokenize = 'unicode61 remove_diacritics 0')")
    names = ["이^수진", "임^수진", "กุลวดี^ทอง", "कुमार^राम", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", "Müller^Łucja"]
    for name in names:
        db.execute("INSERT INTO found VALUES (?)", (" ".join(words(name)),))
    for typed, name in [("이", names[0]), ("กุล", names[2]), ("कुम", names[3]), ("ヤマ", names[4]), ("lucj", names[5])]:
        (word,) = words(typed)
        rows = db.execute("SELECT rowid FROM found WHERE found MATCH ?", (f'"{word}"*',)).fetchall()
        assert [names[row - 1] for (row,) in rows] == [name]
    db.close()
