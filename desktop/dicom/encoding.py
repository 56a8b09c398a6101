"""Turns data sets into JSON, element by element, within bounds of memory and time.

The files of a series have most of their elements in common, byte for byte, so each element's JSON is kept and used
again. pydicom is the judge of the outcome (``tests/unit/dicom/test_metadata.py``).
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from ..errors import Unreadable
from . import dictionary
from .elements import Element, Walker, dictionary_vr
from .metadata import Fragment, Fragments, make_fragment
from .naturalize import JsonElement, Model
from .parsing import AGAIN
from .text import DEFAULT_ENCODINGS, find_encodings
from .values import NUMBERS, WITH_CHARSET, swap_words, to_values

INLINE_LIMIT = 1024
"""Bytes of a binary value up to which it stands in the JSON itself."""

VALUE_LIMIT = 1 << 20
"""Likewise of any other value; real ones are far shorter."""

PICTURE_LIMIT = 1 << 22
"""Likewise of palettes, look-up tables and overlays, which viewers need whole, and at once."""

MODEL_LIMIT = 600_000_000
"""Bytes of memory that the JSON Model may take, about: 1.2 million elements with sequences, or 15 million numbers."""

SWOLLEN_MODEL_LIMIT = 100_000_000
"""Likewise of a small file; of others 64 times their bytes. Only what swells, or makes no sense, holds more."""

_ELEMENT_COST, _VALUE_COST = 500, 40
"""Bytes of memory that an element and each of its values take in the JSON Model, about. A name is as an element."""

_TEXT_COST = 25
"""What a byte costs that is to be decoded: not so much memory, but time."""

_CREATOR_LENGTH = 64
"""Characters of a private creator (PS3.5 §6.2)."""

_KEPT_LENGTH = 4096
_KEPT_COST = 1 << 26
"""Bytes of memory that kept fragments may take, about."""

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "AT": 2} | {vr: size for vr, (_, size) in NUMBERS.items()}
"""Bytes of the words that a value consists of, where they are more than one."""

_AMBIGUOUS = {"US or SS": "US", "OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}
_PRIVATE_VRS = NUMBERS.keys() | set("AE AS AT CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())  # noqa: SIM905

_PIXEL_GROUP = 0x7FE0
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_REPRESENTATION = 0x00280103
_OVERLAY_DATA = 0x60003000

_PICTURES = frozenset({0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, 0x00283006})

_Key = tuple[int, str, bytes, object, bool]


class _Kept:
    """Fragments that were made before, each with what it cost; all are dropped when they are too many."""

    def __init__(self) -> None:
        self._pieces: dict[_Key, tuple[Fragment, int]] = {}
        self._cost = 0
        self.get = self._pieces.get

    def put(self, key: _Key, fragment: Fragment, cost: int) -> None:
        # The value stands in the key, and as often in both texts, in which one byte may take six.
        self._cost += cost + 16 * len(key[2])
        if self._cost > _KEPT_COST:
            self._pieces.clear()
            self._cost = 0
        self._pieces[key] = fragment, cost


_kept = _Kept()


def reserved_block(tag: int) -> int | None:
    """Return the first tag of the block that a private creator reserves (PS3.5 §7.8.1); None if it is no creator."""
    if tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
        return tag & 0xFFFF0000 | (tag & 0xFF) << 8
    return None


def read_creator(data: bytes, element: Element) -> str:
    """Return the private creator that an element names."""
    return data[element.start : min(element.end, element.start + _CREATOR_LENGTH)].decode("latin-1").rstrip("\0 ")


def settle_vr(tag: int, vr: str, creator: str | None, *, signed: bool) -> str:
    """Return the one VR that an element has.

    Args:
        tag: of the element.
        vr: that :class:`~desktop.dicom.elements.Element` has: perhaps unknown, or a choice.
        creator: who reserved the element's private block, if it is in one.
        signed: the pixels have a sign, so a value that may be US or SS is SS.
    """
    if tag >> 16 & 1:
        if reserved_block(tag) is not None:
            vr = "LO"
        elif vr == "UN":
            vr = _private_vr(tag, creator)
    elif vr == "UN":
        vr = dictionary_vr(tag)
    if vr in _AMBIGUOUS:
        vr = "SS" if signed and vr == "US or SS" else _AMBIGUOUS[vr]
    return vr


def encode_dataset(
    walker: Walker,
    elements: Sequence[Element],
    bulk_uri: Callable[[str], str],
    file_size: int,
    encodings: tuple[str, ...] | None = None,
) -> Fragments:
    """Turn a data set's elements into JSON, without file meta, group lengths and pixels.

    Args:
        walker: over the buffer that the elements are in.
        elements: of the top level.
        bulk_uri: given the place of a binary value that is too long to stand inline, such as ``00291010`` or
            ``00081140/0/00091001`` (item numbers from 0), returns the URI to put instead.
        file_size: bytes of the file, deflated if it is: a small one may not hold very much.
        encodings: of all text, whatever the data set and its items say.

    Raises:
        Unreadable: it holds too much.
        Cut, Malformed: a sequence is damaged.
    """
    limit = min(MODEL_LIMIT, max(SWOLLEN_MODEL_LIMIT, 64 * file_size))
    encoder = _Encoder(walker, bulk_uri, limit, encodings_given=encodings is not None)
    return encoder.encode(elements, encodings or DEFAULT_ENCODINGS, signed=False, place="", depth=0)


class _Encoder:
    def __init__(self, walker: Walker, bulk_uri: Callable[[str], str], limit: int, *, encodings_given: bool) -> None:
        self._walker = walker
        self._data = walker.data
        self._little = walker.order == "<"
        self._bulk_uri = bulk_uri
        self._limit = limit
        self._encodings_given = encodings_given
        self._bulk_values = 0
        self._cost = 0

    def encode(
        self,
        elements: Iterable[Element],
        encodings: tuple[str, ...],
        *,
        signed: bool,
        place: str,
        depth: int,
    ) -> Fragments:
        """``encodings`` and ``signed`` are those of the data set around this one; it may have its own.

        Fragments within sequences have no text: it stands in that of the outermost one.
        """
        fragments: Fragments = {}
        creators: dict[int, str] = {}
        for element in elements:
            tag, vr = element.tag, element.vr
            group = tag >> 16
            if tag & 0xFFFF == 0 or group < 8 or group == 0xFFFE or (group == _PIXEL_GROUP and not depth):
                continue
            block = reserved_block(tag)
            if block is not None:
                creators[block] = read_creator(self._data, element)
            vr = settle_vr(tag, vr, creators.get(tag & 0xFFFFFF00), signed=signed)
            fragments[tag] = self._fragment(element, tag, vr, encodings, signed=signed, place=place, depth=depth)
            if tag == SPECIFIC_CHARACTER_SET and not self._encodings_given:
                encodings = find_encodings(fragments[tag].element.get("Value"))
            elif tag == PIXEL_REPRESENTATION:
                signed = fragments[tag].element.get("Value") == [1]
        return fragments

    def _fragment(
        self,
        element: Element,
        tag: int,
        vr: str,
        encodings: tuple[str, ...],
        *,
        signed: bool,
        place: str,
        depth: int,
    ) -> Fragment:
        context: object = self._little
        if vr in WITH_CHARSET:
            context = encodings
        elif vr == "SQ":
            context = (encodings, self._encodings_given, signed, element.implicit, self._little)
        keeps = element.end - element.start <= _KEPT_LENGTH
        value = self._data[element.start : element.end] if keeps else b""
        key = (tag, vr, value, context, depth > 0)
        kept = _kept.get(key) if keeps else None
        if kept is not None:
            fragment, cost = kept
            self._charge(cost)
            return fragment
        bulk_values, cost = self._bulk_values, self._cost
        place = f"{place}{tag:08X}"
        self._charge(_ELEMENT_COST)
        if vr == "SQ":
            made: JsonElement = {"vr": "SQ"}
            items = self._items(element, encodings, signed=signed, place=place, depth=depth + 1)
            if items:
                made["Value"] = items
        else:
            made = self._value(element, tag, vr, encodings, place)
        fragment = Fragment(made, "", "") if depth else make_fragment(tag, made)
        if keeps and self._bulk_values == bulk_values:
            _kept.put(key, fragment, self._cost - cost)
        return fragment

    def _charge(self, cost: int) -> None:
        self._cost += cost
        if self._cost > self._limit:
            raise Unreadable(f"Its header holds too many values: it is damaged. {AGAIN}")

    def _items(
        self, element: Element, encodings: tuple[str, ...], *, signed: bool, place: str, depth: int
    ) -> list[Model]:
        walker, implicit = self._walker, element.implicit
        items: list[Model] = []
        for number, (start, end) in enumerate(walker.items(element.start, element.end, implicit=implicit, depth=depth)):
            inner = walker.elements(start, end, implicit=implicit, depth=depth)
            fragments = self.encode(inner, encodings, signed=signed, place=f"{place}/{number}/", depth=depth)
            items.append({f"{tag:08X}": fragment.element for tag, fragment in fragments.items()})
            self._charge(_ELEMENT_COST)
        return items

    def _value(self, element: Element, tag: int, vr: str, encodings: tuple[str, ...], place: str) -> JsonElement:
        length = element.end - element.start
        if not length:
            return {"vr": vr}
        if length > _inline_limit(tag, vr):
            self._bulk_values += 1
            return {"vr": vr, "BulkDataURI": self._bulk_uri(place)}
        value = self._data[element.start : element.end]
        if vr in _BINARY:
            binary = value if self._little else swap_words(value, WORDS.get(vr, 1))
            return {"vr": vr, "InlineBinary": base64.b64encode(binary).decode("ascii")}
        if vr in WITH_CHARSET:
            self._charge(_TEXT_COST * length)
        values = to_values(vr, value, encodings, self._little)
        self._charge((_ELEMENT_COST if vr == "PN" else _VALUE_COST) * len(values))
        if all(item is None for item in values):
            return {"vr": vr}
        return {"vr": vr, "Value": values}


def _inline_limit(tag: int, vr: str) -> int:
    if tag in _PICTURES or tag & 0xFF00FFFF == _OVERLAY_DATA:
        return PICTURE_LIMIT
    return INLINE_LIMIT if vr in _BINARY else VALUE_LIMIT


@lru_cache(maxsize=1 << 12)
def _private_vr(tag: int, creator: str | None) -> str:
    vr = None if creator is None else dictionary.private_vr_of(tag, creator)
    return vr if vr in _PRIVATE_VRS else "UN"
