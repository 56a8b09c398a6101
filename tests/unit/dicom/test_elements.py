"""Walking over data elements, with pydicom as the judge of where they are."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import config
from pydicom.filereader import data_element_generator
from unit.helpers import UNDEFINED, element, implicit_element, item, sequence_end

from desktop.dicom.elements import MAX_DEPTH, Cut, Element, Malformed, Walker, dictionary_vr
from desktop.dicom.sniff import Encoding, guess_encoding

LITTLE, BIG = Encoding(implicit_vr=False, little_endian=True), Encoding(implicit_vr=False, little_endian=False)
IMPLICIT = Encoding(implicit_vr=True, little_endian=True)


def walk(data: bytes, encoding: Encoding = LITTLE, **options: object) -> list[Element]:
    return list(Walker(data, encoding).elements(0, len(data), implicit=encoding.implicit_vr, **options))


def places(elements: list[Element], data: bytes) -> list[tuple[int, str, bytes]]:
    return [(found.tag, found.vr, data[found.start : found.end]) for found in elements]


@pytest.mark.parametrize("order", ["<", ">"])
def test_short_and_long_forms_of_explicit_vr(order: str) -> None:
    data = b"".join(
        [
            element(0x00080005, "CS", b"ISO_IR 100", order=order),
            element(0x00080008, "CS", b"", order=order),
            element(0x00081120, "SQ", b"", order=order),
            element(0x00100010, "PN", b"A^B ", order=order),
            element(0x00420011, "OB", b"\1\2\3\4", order=order),
        ]
    )
    assert places(walk(data, LITTLE if order == "<" else BIG), data) == [
        (0x00080005, "CS", b"ISO_IR 100"),
        (0x00080008, "CS", b""),
        (0x00081120, "SQ", b""),
        (0x00100010, "PN", b"A^B "),
        (0x00420011, "OB", b"\1\2\3\4"),
    ]


def test_implicit_vr_takes_vrs_from_the_dictionary() -> None:
    data = (
        implicit_element(0x00080060, b"CT")
        + implicit_element(0x00091001, b"abcd")
        + implicit_element(0x00280106, b"\1\0")
        + implicit_element(0x00280000, b"\4\0\0\0")
    )
    assert [found.vr for found in walk(data, IMPLICIT)] == ["CS", "UN", "US or SS", "UL"]


def test_odd_lengths_are_followed() -> None:
    data = element(0x00080005, "CS", b"ISO_IR 1") + element(0x00080060, "CS", b"CTX") + element(0x00100020, "LO", b"P")
    assert places(walk(data), data)[1:] == [(0x00080060, "CS", b"CTX"), (0x00100020, "LO", b"P")]


def test_an_element_in_implicit_vr_within_explicit_ones() -> None:
    data = element(0x00080060, "CS", b"CT") + implicit_element(0x00080070, b"ACME") + element(0x00100020, "LO", b"P1")
    assert places(walk(data), data) == [
        (0x00080060, "CS", b"CT"),
        (0x00080070, "LO", b"ACME"),
        (0x00100020, "LO", b"P1"),
    ]


def test_an_unknown_vr_has_a_short_length() -> None:
    data = element(0x00080060, "ZZ", b"CT") + element(0x00100020, "LO", b"P1")
    assert places(walk(data), data) == [(0x00080060, "UN", b"CT"), (0x00100020, "LO", b"P1")]


INNER = element(0x00080100, "SH", b"T-1 ") + element(0x00080104, "LO", b"Head")
IMPLICIT_INNER = implicit_element(0x00080100, b"T-1 ") + implicit_element(0x00080104, b"Head")


@pytest.mark.parametrize("undefined_items", [False, True])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_sequences_of_any_form(order: str, undefined: bool, undefined_items: bool) -> None:
    inner = element(0x00080100, "SH", b"T-1 ", order=order) + element(0x00080104, "LO", b"Head", order=order)
    items = item(inner, order=order, undefined=undefined_items) * 2 + item(b"", order=order, undefined=undefined_items)
    if undefined:
        sequence = element(0x00082218, "SQ", items + sequence_end(order), order=order, length=UNDEFINED)
    else:
        sequence = element(0x00082218, "SQ", items, order=order)
    data = sequence + element(0x00100020, "LO", b"P1", order=order)
    walker = Walker(data, LITTLE if order == "<" else BIG)
    found = list(walker.elements(0, len(data), implicit=False))
    assert [one.tag for one in found] == [0x00082218, 0x00100020]
    assert data[found[0].start : found[0].end] == items
    spans = list(walker.items(found[0].start, found[0].end, implicit=False, depth=1))
    assert [data[start:end] for start, end in spans] == [inner, inner, b""]


def test_un_of_undefined_length_is_a_sequence_in_implicit_vr() -> None:
    data = element(0x00091002, "UN", item(IMPLICIT_INNER, undefined=True) + sequence_end(), length=UNDEFINED) + element(
        0x00100020, "LO", b"P1"
    )
    sequence, patient = walk(data)
    assert (sequence.vr, sequence.implicit, patient.tag) == ("SQ", True, 0x00100020)
    walker = Walker(data, LITTLE)
    ((start, end),) = walker.items(sequence.start, sequence.end, implicit=True, depth=1)
    inner = list(walker.elements(start, end, implicit=True))
    assert places(inner, data) == [(0x00080100, "SH", b"T-1 "), (0x00080104, "LO", b"Head")]


def test_sequences_within_items_of_undefined_length() -> None:
    deepest = element(0x00081150, "UI", b"1.2\0")
    middle = element(0x00081199, "SQ", item(deepest, undefined=True) + sequence_end(), length=UNDEFINED)
    outer = element(0x00081115, "SQ", item(middle, undefined=True) + sequence_end(), length=UNDEFINED)
    data = outer + element(0x00100020, "LO", b"P1")
    assert [found.tag for found in walk(data)] == [0x00081115, 0x00100020]


def test_fragments_of_a_nested_picture_are_passed_over() -> None:
    # The bytes of a sequence delimiter within a fragment end nothing.
    fragment = b"\xff\xd8" + sequence_end() + b"\xff\xd9"
    picture = element(0x7FE00010, "OB", item(b"") + item(fragment) + sequence_end(), length=UNDEFINED)
    data = element(0x00880200, "SQ", item(picture, undefined=True) + sequence_end(), length=UNDEFINED) + element(
        0x00880904, "LO", b"End "
    )
    assert [found.tag for found in walk(data)] == [0x00880200, 0x00880904]


def test_bytes_of_undefined_length_end_at_the_delimiter() -> None:
    data = element(0x00091003, "OB", b"\1\2\3\4" + sequence_end(), length=UNDEFINED) + element(0x00100020, "LO", b"P1")
    assert places(walk(data), data) == [(0x00091003, "OB", b"\1\2\3\4"), (0x00100020, "LO", b"P1")]


def test_the_walk_stops_at_the_pixels_without_walking_over_them() -> None:
    data = element(0x00280010, "US", b"\1\0") + element(0x7FE00010, "OW", b"", length=1_000_000)
    found = walk(data, stop=frozenset({0x7FE00010}))
    assert found[-1] == Element(0x7FE00010, "OW", 22, 22, 1_000_000, 10, implicit=False)


def test_the_walk_ends_at_an_items_end() -> None:
    data = element(0x00280010, "US", b"\1\0") + struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + INNER
    assert [found.tag for found in walk(data)] == [0x00280010]


@pytest.mark.parametrize(
    ("data", "need"),
    [
        (element(0x00280010, "US", b"\1\0", length=100), 108),
        (element(0x00420011, "OB", b"\1", length=1000), 1012),
        (element(0x00420011, "OB", b"")[:10], 12),
        (implicit_element(0x00280010, b"", length=70000), 70008),
        (element(0x00082218, "SQ", item(INNER), length=UNDEFINED), None),
        (element(0x00082218, "SQ", item(INNER)[:12], length=UNDEFINED), None),
        (element(0x00082218, "SQ", b"", length=UNDEFINED), None),
        (element(0x00091003, "OB", b"\1\2\3\4", length=UNDEFINED), None),
        (element(0x7FE00010, "OB", item(b"") + item(b"\1\2"), length=UNDEFINED), None),
    ],
)
def test_what_is_missing_is_said(data: bytes, need: int | None) -> None:
    encoding = IMPLICIT if data[4:6] == struct.pack("<H", 70000 & 0xFFFF) else LITTLE
    with pytest.raises(Cut) as caught:
        walk(data, encoding)
    assert caught.value.need > len(data)
    if need is not None:
        assert caught.value.need == need


def test_what_is_no_item_is_malformed() -> None:
    data = element(0x00082218, "SQ", INNER + sequence_end(), length=UNDEFINED)
    with pytest.raises(Malformed):
        walk(data)


def nested(depth: int) -> bytes:
    data = element(0x00081150, "UI", b"1.2\0")
    for _ in range(depth):
        data = element(0x00081115, "SQ", item(data, undefined=True) + sequence_end(), length=UNDEFINED)
    return data


def test_nesting_has_a_limit() -> None:
    assert [found.tag for found in walk(nested(MAX_DEPTH))] == [0x00081115]
    with pytest.raises(Malformed, match="nested too deeply"):
        walk(nested(MAX_DEPTH + 1))
    with pytest.raises(Malformed, match="nested too deeply"):
        walk(nested(2000))


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x00100010, "PN"),
        (0x00100000, "UL"),
        (0x00090000, "UL"),
        (0x00091001, "UN"),
        (0x60023000, "OB or OW"),
        (0x50063000, "OB or OW"),
        (0x00201234, "UN"),
    ],
)
def test_vrs_of_the_dictionary(tag: int, vr: str) -> None:
    assert dictionary_vr(tag) == vr


def flat(data: bytes, encoding: Encoding) -> list[tuple[int, int]]:
    """Return tag and value offset of what pydicom finds."""
    found = data_element_generator(io.BytesIO(data), encoding.implicit_vr, encoding.little_endian)
    return [(int(one.tag), one.value_tell if hasattr(one, "value_tell") else one.file_tell) for one in found]


VALUES = st.binary(max_size=20)
TAGS = st.integers(0x0008, 0x7FDF).flatmap(
    lambda group: st.builds(lambda number: group << 16 | number, st.integers(1, 0xFFFF))
)
ELEMENTS = st.lists(st.tuples(TAGS, st.sampled_from(["CS", "LO", "PN", "OB", "UN", "UT", "UL"]), VALUES), max_size=6)


@given(ELEMENTS, st.sampled_from([LITTLE, BIG]))
def test_pydicom_finds_the_same_elements(written: list[tuple[int, str, bytes]], encoding: Encoding) -> None:
    order = "<" if encoding.little_endian else ">"
    data = b"".join(element(tag, vr, value, order=order) for tag, vr, value in written)
    assert [(found.tag, found.start) for found in walk(data, encoding)] == flat(data, encoding)


@given(st.binary(max_size=300), st.sampled_from([LITTLE, BIG, IMPLICIT]))
def test_any_bytes_are_walked_or_refused(data: bytes, encoding: Encoding) -> None:
    try:
        found = walk(data, encoding)
    except (Cut, Malformed):
        return
    at = 0
    for one in found:
        assert at <= one.start <= one.end <= one.next <= len(data)
        at = one.next


def test_pydicom_walks_its_files_alike(pydicom_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "replace_un_with_known_vr", False)
    names = ["CT_small", "MR_small_bigendian", "MR_small_implicit", "rtplan", "test-SR"]
    checked = 0
    for name in names:
        data = (pydicom_files / f"{name}.dcm").read_bytes()
        start = 144 + struct.unpack_from("<L", data, 140)[0]
        encoding = guess_encoding(data[start : start + 512])
        assert encoding is not None
        ours = [(found.tag, found.start) for found in walk(data[start:], encoding)]
        assert ours == flat(data[start:], encoding), name
        checked += len(ours)
    assert checked > 300
