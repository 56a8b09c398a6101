"""Character sets and person names (PS3.3 §C.12.1.1.2, PS3.5 §6.1, §6.2.1).

Text is decoded as the standard says. What cannot be so is guessed, and :func:`is_doubtful` tells of it.
"""

import codecs
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

DEFAULT_ENCODINGS = ("ISO_IR 6",)
"""The default repertoire, of data sets that name no character set."""

_Decoder = Callable[[bytes, str], tuple[str, int]]
_decoder = codecs.getdecoder
_ASCII, _SHIFT_JIS = _decoder("ascii"), _decoder("cp932")
_RUNS = re.compile(rb"[!-~]+|[^!-~]+")

# JIS X 0201. 05/12 in romaji is the yen sign, but it parts values too, so it stays a backslash.
_KATAKANA = "".join(map(chr, range(0x80))) + "\ufffe" * 33 + "".join(map(chr, range(0xFF61, 0xFFA0))) + "\ufffe" * 32
_ROMAJI = _KATAKANA.replace("~", "\N{OVERLINE}")


def _by_table(table: str) -> _Decoder:
    return lambda value, errors: codecs.charmap_decode(value, errors, table)


def _two_byte(decode: _Decoder) -> _Decoder:
    """Return a decoder of text whose graphic characters have two bytes below 80H each; ``decode`` is given those."""
    return lambda value, errors: (
        "".join((decode if run > b" " else _ASCII)(run, errors)[0] for run in _RUNS.findall(value)),
        len(value),
    )


def _kanji(escape: bytes, codec: str) -> _Decoder:
    decode = _decoder(codec)
    return _two_byte(lambda value, errors: decode(escape + value, errors))


def _decode_extended_kanji(value: bytes, errors: str) -> tuple[str, int]:
    """Decode JIS X 0208 with what Microsoft's systems add to it, such as 髙 and 﨑, by way of Shift JIS."""
    shifted = bytearray()
    for high, low in zip(value[::2], value[1::2], strict=False):
        row = high - 0x21
        shifted.append((row >> 1) + (0x81 if row < 62 else 0xC1))
        shifted.append(low + (0x7E if row & 1 else 0x1F + (low > 0x5F)))
    return _SHIFT_JIS(bytes(shifted) + b"\x81" * (len(value) % 2), errors)


class _Charset(NamedTuple):
    """One character set.

    Attributes:
        terms: its Defined Terms; menus show the first.
        words: what it is for.
        decoders: of text without escape sequences: as the standard says, then of what is met in its place.
        names: what else it is called, in capitals without signs.
        escape: behind the escape character, what designates it as G1.
    """

    terms: tuple[str, ...]
    words: str
    decoders: tuple[_Decoder, ...]
    names: str = ""
    escape: bytes = b""


def _iso_8859(part: int, number: int, escape: bytes, words: str, name: str) -> _Charset:
    terms = (f"ISO_IR {number}", f"ISO 2022 IR {number}")
    return _Charset(terms, words, (_decoder(f"iso8859_{part}"),), f"ISO8859{part} {name}", escape)


_UTF_8 = _Charset(("ISO_IR 192",), "Unicode in UTF-8: all languages", (_decoder("utf_8"),), "UTF8")
_GB18030 = _Charset(("GB18030",), "Chinese: all", (_decoder("gb18030"),), "GB18030")
# GBK is a part of GB 18030, whose codec knows more of it.
_GBK = _Charset(("GBK",), "Chinese: simplified and traditional", _GB18030.decoders, "GBK CP936 ISO2022GBK")
_TABLE = (
    _Charset(("ISO_IR 6", "ISO 2022 IR 6"), "Default: English", (_ASCII, _decoder("latin_1")), "ASCII USASCII ISO646"),
    _UTF_8,
    _iso_8859(1, 100, b"-A", "Latin 1: German, French, Spanish, Italian, Portuguese, Nordic …", "LATIN1"),
    _iso_8859(2, 101, b"-B", "Latin 2: Polish, Czech, Slovak, Hungarian, Croatian, Romanian …", "LATIN2"),
    _iso_8859(3, 109, b"-C", "Latin 3: Maltese, Esperanto", "LATIN3"),
    _iso_8859(4, 110, b"-D", "Latin 4: Estonian, Latvian, Lithuanian …", "LATIN4"),
    _iso_8859(9, 148, b"-M", "Latin 5: Turkish", "LATIN5"),
    _iso_8859(15, 203, b"-b", "Latin 9: as Latin 1, with all of French and Finnish", "LATIN9"),
    _iso_8859(5, 144, b"-L", "Cyrillic: Russian, Bulgarian, Serbian …", "CYRILLIC"),
    _iso_8859(7, 126, b"-F", "Greek", "GREEK"),
    _iso_8859(6, 127, b"-G", "Arabic", "ARABIC"),
    _iso_8859(8, 138, b"-H", "Hebrew", "HEBREW"),
    _iso_8859(11, 166, b"-T", "Thai", "THAI TIS620"),
    _Charset(
        ("ISO_IR 13", "ISO 2022 IR 13"),
        "Japanese: katakana of half width",
        (_by_table(_ROMAJI), _SHIFT_JIS),
        "JISX0201 SHIFTJIS SJIS CP932",
    ),
    _Charset(("ISO 2022 IR 87",), "Japanese: kanji", (_ASCII, _SHIFT_JIS), "JISX0208 ISO2022JP"),
    _Charset(("ISO 2022 IR 159",), "Japanese: more kanji", (_ASCII, _SHIFT_JIS), "JISX0212 ISO2022JP2"),
    _Charset(
        ("ISO 2022 IR 149",), "Korean", (_decoder("euc_kr"), _decoder("cp949")), "EUCKR CP949 KSX1001 KSC5601", b"$)C"
    ),
    _Charset(
        ("ISO 2022 IR 58",), "Chinese: simplified", (_decoder("gb2312"), *_GB18030.decoders), "GB2312 EUCCN", b"$)A"
    ),
    _GB18030,
    _GBK,
)

CHARSETS = tuple((charset.terms[0], charset.words) for charset in _TABLE)
"""For a menu: Defined Terms, and the languages that each is for."""

UNKNOWN = "?"
"""Stands for a term that nobody knows."""

_TERM_LENGTH = 64
"""Characters of a term that are looked at; in files there are 16 (PS3.5 §6.2)."""

_BY_TERM = {term: charset for charset in _TABLE for term in charset.terms} | {UNKNOWN: _TABLE[0]}
_BY_NAME = {name: charset.terms[0] for charset in _TABLE for name in charset.names.split()}
_ALONE = frozenset(_UTF_8.terms + _GB18030.terms + _GBK.terms)
_REGISTERED = re.compile(r"(?:ISO)?(2022)?(?:IR)?(\d{1,3})")


class _Designation(NamedTuple):
    """What an escape sequence puts in force (PS3.3 Tables C.12-3 and C.12-4).

    Attributes:
        terms: of the character sets that announce it.
        g1: decoders of text with bytes from 80H on.
        two_byte: decoders of text whose characters have two bytes below 80H.
        tilde: what 07/14 is, where they have one.
    """

    terms: Sequence[str]
    g1: tuple[_Decoder, ...] = ()
    two_byte: tuple[_Decoder, ...] = ()
    tilde: str = "~"


_JAPANESE = ("ISO_IR 13", "ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 159")
_JIS_X0208 = (_kanji(b"\x1b$B", "iso2022_jp"), _two_byte(_decode_extended_kanji))
_DESIGNATIONS = {
    charset.escape: _Designation(charset.terms, charset.decoders) for charset in _TABLE if charset.escape
} | {
    b"(B": _Designation((*_BY_TERM,)),
    # Whoever writes kanji may return to romaji as well as to ASCII: ISO-2022-JP has both.
    b"(J": _Designation(_JAPANESE, tilde="\N{OVERLINE}"),
    b")I": _Designation(_JAPANESE[:2], (_by_table(_KATAKANA),)),
    b"$B": _Designation(_JAPANESE[2:3], two_byte=_JIS_X0208),
    # The edition of 1978, which is not DICOM's.
    b"$@": _Designation((), two_byte=_JIS_X0208),
    b"$(D": _Designation(_JAPANESE[3:], two_byte=(_kanji(b"\x1b$(D", "iso2022_jp_2"),)),
}

_ESCAPE = b"\x1b"
_SEQUENCE = re.compile(rb"\x1b([ -/]{1,3}[0-~])")
# What puts the first character set in force again (PS3.5 §6.1.2.5.3), and escape sequences. Where each character has
# two bytes, a delimiter cannot be told from half of one.
_NAME_STOP, _TEXT_STOP, _CONTROL = (re.compile(stops) for stops in (rb"[\0-\x1f\\^=]", rb"[\0-\x1f\\]", rb"[\0-\x1f]"))
_NEXT = re.compile(_ESCAPE)
_HALVES = re.compile(rb"[\0-\x7f]+|[\x80-\xff]+")
# Text has no control characters of C1 (PS3.5 §6.1.3): where they come out, another character set was meant.
_BROKEN = re.compile("[\x80-\x9f\N{REPLACEMENT CHARACTER}]")


def find_encodings(specific_character_set: str | Sequence[object] | None) -> tuple[str, ...]:
    """Return the Defined Terms that Specific Character Set (0008,0005) means, each once.

    Wrong spellings are understood. A term that nobody knows, or that is no text since the element is damaged, is
    decoded as the default repertoire; the value itself is kept in the metadata.
    """
    if not specific_character_set:
        return DEFAULT_ENCODINGS
    if isinstance(specific_character_set, str):
        specific_character_set = specific_character_set.split("\\")
    names = [value.strip() if isinstance(value, str) else UNKNOWN if value else "" for value in specific_character_set]
    terms = [_find_term(name[:_TERM_LENGTH]) for number, name in enumerate(names) if name or not number]
    # UTF-8 makes no sense beside others. It is tried first, since hardly any other text happens to be valid UTF-8.
    return tuple(sorted(dict.fromkeys(terms), key=lambda term: term not in _UTF_8.terms))


@lru_cache(maxsize=256)
def _find_term(name: str) -> str:
    if not name:
        return DEFAULT_ENCODINGS[0]
    bare = re.sub(r"[^0-9A-Z]", "", name.upper())
    if bare in _BY_NAME:
        return _BY_NAME[bare]
    if found := _REGISTERED.fullmatch(bare):
        terms = (f"ISO_IR {found[2]}", f"ISO 2022 IR {found[2]}")
        for term in reversed(terms) if found[1] else terms:
            if term in _BY_TERM:
                return term
    return UNKNOWN


def parse_charset(text: str) -> tuple[str, ...]:
    """Return the encodings that a user asks for: one term, or several with a backslash between them.

    Raises:
        ValueError: there is no such character set; the sentence lists what there is.
    """
    encodings = find_encodings(text)
    alone = len(encodings) == 1 or _ALONE.isdisjoint(encodings)
    if not text.strip("\\ ") or UNKNOWN in encodings or not alone:
        terms = ", ".join(term for term, _ in CHARSETS)
        raise ValueError(
            f"There is no such character set. Choose one of {terms}; or several with \\ between them, "
            f"but {', '.join(sorted(_ALONE))} only alone."
        )
    return encodings


def decode(value: bytes, encodings: Sequence[str], *, person_name: bool = False) -> str:
    """Decode ``value``; what cannot be decoded becomes U+FFFD, never an error.

    Without a character set, what is UTF-8 is taken for it, and anything else for Latin-1. Escape sequences are
    followed whether they were announced or not.

    Args:
        value: the element's bytes.
        encodings: as of :func:`find_encodings`.
        person_name: in a name, ``^`` and ``=`` end a code extension too.
    """
    # In romaji, a tilde is none.
    if value.isascii() and _ESCAPE not in value and encodings[0] not in ("ISO_IR 13", "ISO 2022 IR 13"):
        return value.decode("ascii")
    return _decode(value, encodings, person_name=person_name)[0]


def is_doubtful(value: bytes, encodings: Sequence[str], *, person_name: bool = False) -> bool:
    """Whether :func:`decode`, given the same, had to guess.

    So it is where bytes are none of the character set, where letters beyond ASCII have no character set that is known,
    and where a term is unknown or an escape sequence was not announced.
    """
    if value.isascii() and _ESCAPE not in value:
        return UNKNOWN in encodings
    text, guessed = _decode(value, encodings, person_name=person_name)
    return guessed or UNKNOWN in encodings or _BROKEN.search(text) is not None


def _decode(value: bytes, encodings: Sequence[str], *, person_name: bool) -> tuple[str, bool]:
    """Return the text, and whether it was guessed."""
    decoders = _find_decoders(tuple(encodings))
    if _ESCAPE not in value:
        return _try(value, decoders)
    return _decode_extended(value, encodings, decoders, _NAME_STOP if person_name else _TEXT_STOP)


@lru_cache(maxsize=256)
def _find_decoders(encodings: tuple[str, ...]) -> tuple[_Decoder, ...]:
    """Return what to try text without escape sequences with: the first character set, and then what fits best."""
    first, *others = (_BY_TERM[term].decoders for term in encodings)
    return first[0], *_UTF_8.decoders, *(decoder for decoders in others for decoder in decoders), *first[1:]


def _try(value: bytes, decoders: Sequence[_Decoder]) -> tuple[str, bool]:
    for number, decoder in enumerate(decoders):
        try:
            return decoder(value, "strict")[0], number > 0
        except UnicodeDecodeError:
            continue
    return decoders[0](value, "replace")[0], True


def _decode_extended(
    value: bytes, encodings: Sequence[str], decoders: Sequence[_Decoder], delimiters: re.Pattern[bytes]
) -> tuple[str, bool]:
    """Decode text with escape sequences (PS3.5 §6.1.2.5)."""
    g0: _Designation | None = None
    g1: _Designation | None = None
    texts, guessed, at = [], False, 0
    while at < len(value):
        if value[at] == _ESCAPE[0]:
            sequence = _SEQUENCE.match(value, at)
            found = _DESIGNATIONS.get(sequence[1]) if sequence else None
            if found is None:
                texts.append("\N{REPLACEMENT CHARACTER}")
            elif found.g1:
                g1 = found
            else:
                g0 = found
            guessed |= found is None or set(found.terms).isdisjoint(encodings)
            at = sequence.end() if sequence else at + 1
            continue
        stops = _CONTROL if g0 and g0.two_byte else delimiters if g0 or g1 else _NEXT
        stop = stops.search(value, at)
        end = stop.start() if stop else len(value)
        text, guess = _decode_part(value[at:end], g0, g1, decoders)
        texts.append(text)
        guessed |= guess
        at = end
        if stop and stop[0] != _ESCAPE:
            g0 = g1 = None
    return "".join(texts), guessed


def _decode_part(
    part: bytes, g0: _Designation | None, g1: _Designation | None, decoders: Sequence[_Decoder]
) -> tuple[str, bool]:
    upper = g1.g1 if g1 else decoders
    if g0 and g0.two_byte:
        # Bytes from 80H on are seldom here, and any guess would take its time for each of them.
        upper = upper[:1]
        pieces = [_try(half, g0.two_byte if half.isascii() else upper) for half in _HALVES.findall(part)]
        return "".join(text for text, _ in pieces), any(guessed for _, guessed in pieces)
    text, guessed = _try(part, upper)
    return text.replace("~", g0.tilde) if g0 else text, guessed


def format_person_name(name: str) -> str:
    """Return a name for a list: ``Doe, Jane A``, with an ideographic or phonetic group behind it."""
    groups = [_format_group(group) for group in name.split("=")]
    return "  ".join(group for group in groups if group)


def _format_group(group: str) -> str:
    family, _, others = group.partition("^")
    given = " ".join(part for part in others.split("^") if part).strip()
    return ", ".join(part for part in (family.strip(), given) if part)


def format_date(date: str) -> str:
    """Return a DA value as ``2026-01-31``; what is no date stays as it is."""
    digits = date.replace(".", "")
    if len(digits) == 8 and digits.isascii() and digits.isdigit():
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return date
