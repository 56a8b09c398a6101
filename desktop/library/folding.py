"""Text in the form in which it is searched: without what people leave out, or write in another way.

Index and query are folded alike, so two spellings find one another if they fold to the same. That is wanted of case,
accents, Arabic and Hebrew points, full and half width, katakana and hiragana.
"""

# ruff: noqa: RUF001 - letters that look like others are what this is about

import unicodedata
from functools import lru_cache

_LIMIT = 4096
"""Characters that are looked at; real values have some dozens. Putting marks in order takes time by their square."""

_ALIKE = {
    # Latin letters that Unicode does not take apart.
    "æ": "ae",
    "ð": "d",
    "ø": "o",
    "þ": "th",
    "đ": "d",
    "ħ": "h",
    "ı": "i",
    "ł": "l",
    "ŋ": "ng",
    "œ": "oe",
    "ŧ": "t",
    "ґ": "г",
    # Hebrew letters that have another form at the end of a word, as Greek sigma has.
    "ך": "כ",
    "ם": "מ",
    "ן": "נ",
    "ף": "פ",
    "ץ": "צ",
    # Arabic letters that keyboards of several countries have in several forms.
    "ة": "ه",
    "ى": "ي",
    "ٱ": "ا",
    "ک": "ك",
    "ھ": "ه",
    "ہ": "ه",
    "ی": "ي",
    "ـ": "",
    # Kanji of names that many keyboards lack.
    "髙": "高",
    "﨑": "崎",
    "𠮷": "吉",
}
_HIRAGANA = {chr(code): chr(code - 0x60) for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
_VARIATIONS = {chr(code): "" for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}
# Modifier letters that stand for an apostrophe or an accent.
_APOSTROPHES = {chr(code): "'" for code in range(0x2B9, 0x2D2)}
_LETTERS = _ALIKE | _HIRAGANA | _VARIATIONS | _APOSTROPHES

_POINTS = range(10, 37)
"""Combining classes of the points of Hebrew, Arabic and Syriac."""

_ACCENTS = range(200, 256)
"""Combining classes of marks above, below and beside a letter of any script."""

_OVERLAY = 1


def fold(text: str) -> str:
    """Return ``text`` in the form in which it is searched.

    Marks that make another letter stay: the voicing of kana, the vowel signs of Thai and of Indian scripts. All others
    are dropped, so й is и. Digits of all scripts are 0 to 9.

    Hangul is put together to syllables. Taken apart, each query would find more while it is typed, but 이 would find
    임 and 인 as well, whole other families; and an editor hands over syllables anyway, when each is finished.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text[:_LIMIT]).casefold())
    return unicodedata.normalize("NFC", "".join(map(_fold_letter, text)))


def words(text: str) -> list[str]:
    """Return the words of ``text``, folded: runs of letters and digits. All else, such as ``^ = - ' .``, is between.

    Each beginning of ``text``, in Unicode's form NFKC, gives these words up to one that is a beginning of its word.
    """
    return "".join(letter if _is_of_word(letter) else " " for letter in fold(text)).split()


@lru_cache(maxsize=8192)
def _fold_letter(letter: str) -> str:
    if letter in _LETTERS:
        return _LETTERS[letter]
    combining = unicodedata.combining(letter)
    invisible = unicodedata.category(letter) == "Cf"
    if invisible or combining == _OVERLAY or combining in _POINTS or combining in _ACCENTS:
        return ""
    digit = unicodedata.decimal(letter, None)
    return letter if digit is None else str(digit)


@lru_cache(maxsize=8192)
def _is_of_word(letter: str) -> bool:
    category = unicodedata.category(letter)
    # Letters, marks and digits; and letters of private use, which hospitals have in names.
    return category[0] in "LMN" or category == "Co"
