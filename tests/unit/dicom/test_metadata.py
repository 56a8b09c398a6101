"""Data sets as JSON. pydicom is the judge of the JSON Model; the plain form follows from that."""

import base64
import json
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_image, save
from hypothesis import given
from hypothesis import strategies as st
from pydicom import datadict
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from unit.dicom.judge import differences, read_judge
from unit.helpers import (
    UNDEFINED,
    element,
    files_below,
    header_of,
    header_of_bytes,
    implicit_element,
    item,
    model_of,
    part10,
    plain_of,
    sequence_end,
)

from desktop.dicom import encoding
from desktop.dicom.elements import Walker
from desktop.dicom.encoding import INLINE_LIMIT
from desktop.dicom.metadata import (
    bulk_data_place,
    pack,
    unpack,
)
from desktop.dicom.naturalize import naturalize, naturalize_element
from desktop.dicom.sniff import Kind, sniff
from desktop.dicom.values import person_name_text, swap_words
from desktop.errors import NotDicom, Unreadable


def check_folder(folder: Path) -> tuple[int, list[str]]:
    """Compare every readable file below a folder; return their number and what is wrong."""
    checked, wrong = 0, []
    for path in files_below(folder):
        try:
            header = header_of(path)
        except (NotDicom, Unreadable):
            continue
        model, plain = model_of(header), plain_of(header)
        judge = read_judge(path, bare=sniff(path.read_bytes()[:512]).kind is Kind.BARE)
        wrong += [f"{path.name}: {difference}" for difference in differences(model, judge)]
        wrong += [f"{path.name}: {fault}" for fault in plain_faults(model, plain)]
        checked += 1
    return checked, wrong


def test_pydicom_says_the_same_of_its_files(pydicom_files: Path) -> None:
    checked, wrong = check_folder(pydicom_files.parent)
    assert wrong == []
    assert checked > 170


def test_pydicom_says_the_same_of_the_corpus(corpus: Path) -> None:
    checked, wrong = check_folder(corpus)
    assert wrong == []
    assert checked > 550


def plain_faults(model: dict[str, Any], plain: dict[str, Any], place: str = "") -> list[str]:
    """Say where the plain form does not follow from the JSON Model. Written apart from the program's own code."""
    faults = []
    left = dict(plain)
    for tag, found in model.items():
        repeats = tag[:2] in ("50", "60")
        key = ("" if repeats else datadict.keyword_for_tag(int(tag, 16))) or tag.lower()
        value = left.pop(key, None)
        if not set(found) - {"vr"}:
            expected: Any = [] if found["vr"] == "SQ" else None
        elif found["vr"] == "SQ":
            items = found["Value"]
            if not isinstance(value, list) or len(value) != len(items):
                faults.append(f"{place}{key} is no list of {len(items)} items")
            else:
                for number, (one, other) in enumerate(zip(items, value, strict=True)):
                    faults += plain_faults(one, other, f"{place}{key}/{number}/")
            continue
        elif "Value" not in found:
            expected = {name: found[name] for name in found if name != "vr"}
        else:
            expected = found["Value"]
            if found["vr"] == "PN":
                groups = ("Alphabetic", "Ideographic", "Phonetic")
                expected = ["=".join((name or {}).get(group, "") for group in groups).rstrip("=") for name in expected]
            if len(expected) == 1 and key != "VOILUTFunction":
                expected = expected[0]
        if value != expected:
            faults.append(f"{place}{key}: {str(value)[:80]} instead of {str(expected)[:80]}")
    return faults + [f"{place}{key}: unasked" for key in left]


def models(dataset: bytes, folder: Path, syntax: str = "1.2.840.10008.1.2.1") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both forms of a data set, to which an identity is added."""
    identity = [(0x00080018, "UI", b"1.2.3\0"), (0x0020000D, "UI", b"1.2\0"), (0x0020000E, "UI", b"1.2.1\0")]
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    uids = b"".join(
        implicit_element(tag, value) if syntax == ImplicitVRLittleEndian else element(tag, vr, value, order=order)
        for tag, vr, value in identity
    )
    before = struct.unpack_from(order + "H", dataset)[0] < 0x0020
    header = header_of_bytes(part10(dataset + uids if before else uids + dataset, syntax), folder)
    return model_of(header), plain_of(header)


@pytest.mark.parametrize(
    ("vr", "value", "expected", "plain"),
    [
        ("CS", b"", None, None),
        ("CS", b"CT", ["CT"], "CT"),
        ("CS", b"A \\B\\\\C ", ["A", "B", None, "C"], ["A", "B", None, "C"]),
        ("CS", b"\\\\", None, None),
        ("LO", b" Abdomen ", [" Abdomen"], " Abdomen"),
        ("LO", b"A\\B", ["A", "B"], ["A", "B"]),
        ("ST", b"A\\B ", ["A\\B"], "A\\B"),
        ("LT", b"  indented  ", ["  indented"], "  indented"),
        ("UT", b" ", None, None),
        ("PN", b" Doe^Jane ", [{"Alphabetic": " Doe^Jane"}], " Doe^Jane"),
        ("LT", b"two\r\nlines ", ["two\r\nlines"], "two\r\nlines"),
        ("UT", b"A\\B", ["A\\B"], "A\\B"),
        ("UR", b"http://a/b?c ", ["http://a/b?c"], "http://a/b?c"),
        ("UI", b"1.2.3\0", ["1.2.3"], "1.2.3"),
        ("UI", b"1.2\\1.3\0", ["1.2", "1.3"], ["1.2", "1.3"]),
        ("DA", b"20260102", ["20260102"], "20260102"),
        ("TM", b"101500.000 ", ["101500.000"], "101500.000"),
        ("AS", b"045Y", ["045Y"], "045Y"),
        ("PN", b"Doe^Jane", [{"Alphabetic": "Doe^Jane"}], "Doe^Jane"),
        ("PN", b"A^B=C^D=E", [{"Alphabetic": "A^B", "Ideographic": "C^D", "Phonetic": "E"}], "A^B=C^D=E"),
        ("PN", b"=C^D", [{"Ideographic": "C^D"}], "=C^D"),
        ("PN", b"A^B\\C^D", [{"Alphabetic": "A^B"}, {"Alphabetic": "C^D"}], ["A^B", "C^D"]),
        ("PN", b"A^B\\\\C", [{"Alphabetic": "A^B"}, None, {"Alphabetic": "C"}], ["A^B", "", "C"]),
        ("DS", b"1.50", [1.5], 1.5),
        ("DS", b" -1e3\\2\\\\0 ", [-1000, 2, None, 0], [-1000, 2, None, 0]),
        ("DS", b"abc\\nan\\inf", ["abc", "nan", "inf"], ["abc", "nan", "inf"]),
        ("IS", b"12 \\-3\\+4", [12, -3, 4], [12, -3, 4]),
        ("IS", b"1.0\\1.5\\1A", [1, "1.5", "1A"], [1, "1.5", "1A"]),
        ("IS", b"1_0 \\1,5", ["1_0", "1,5"], ["1_0", "1,5"]),
        ("DS", b"1_0 \\1,5", ["1_0", "1,5"], ["1_0", "1,5"]),
        ("IS", b"9" * 5000, ["9" * 5000], "9" * 5000),
        ("US", struct.pack("<2H", 0, 65535), [0, 65535], [0, 65535]),
        ("SS", struct.pack("<2h", -1, 2), [-1, 2], [-1, 2]),
        ("UL", struct.pack("<L", 1 << 31), [1 << 31], 1 << 31),
        ("SL", struct.pack("<l", -5), [-5], -5),
        ("SV", struct.pack("<q", -(1 << 60)), [-(1 << 60)], -(1 << 60)),
        ("UV", struct.pack("<Q", (1 << 64) - 1), [(1 << 64) - 1], (1 << 64) - 1),
        ("FL", struct.pack("<2f", 0.5, -2), [0.5, -2], [0.5, -2]),
        ("FD", struct.pack("<3d", math.nan, math.inf, -math.inf), ["NaN", "Infinity", "-Infinity"], None),
        ("AT", struct.pack("<4H", 0x0010, 0x0020, 0x7FE0, 0x0010), ["00100020", "7FE00010"], None),
        # A number that is cut is left out, never made up.
        ("US", b"\1\0\2", [1], 1),
        ("UL", b"\1\0", None, None),
        ("AT", b"\x10\0\x20", None, None),
    ],
)
def test_values_of_each_vr(vr: str, value: bytes, expected: Any, plain: Any, tmp_path: Path) -> None:
    if len(value) % 2:
        value += b"" if vr in ("US", "UL", "AT") else b"\0" if vr == "UI" else b" "
    model, naturalized = models(element(0x00189999, "LO", b"") + element(0x0019100A, vr, value), tmp_path)
    found = model["0019100A"]
    assert found == {"vr": vr} | ({} if expected is None else {"Value": expected})
    assert naturalized.get("0019100a") == (expected if plain is None else plain)


def test_vrs_and_keywords_of_the_plain_form(tmp_path: Path) -> None:
    path = save(
        make_image(
            VOILUTFunction="SIGMOID",
            OtherPatientIDs=["A", "B"],
            ReferencedImageSequence=[],
        ),
        tmp_path / "a",
    )
    plain = plain_of(header_of(path))
    assert plain["VOILUTFunction"] == ["SIGMOID"]
    assert plain["OtherPatientIDs"] == ["A", "B"]
    assert plain["ReferencedImageSequence"] == []
    assert plain["PixelSpacing"] == [0.5, 0.5]
    assert plain["Rows"] == 8
    assert isinstance(plain["Rows"], int)
    assert isinstance(plain["SliceThickness"], int | float)
    assert "PixelData" not in plain


@pytest.mark.parametrize("count", [0, 1, 2])
def test_sequences_are_always_lists(count: int, tmp_path: Path) -> None:
    referenced = Dataset()
    referenced.ReferencedSOPInstanceUID = "1.2.3"
    plain = plain_of(header_of(save(make_image(ReferencedImageSequence=[referenced] * count), tmp_path / "a")))
    assert plain["ReferencedImageSequence"] == [{"ReferencedSOPInstanceUID": "1.2.3"}] * count


def test_tags_without_keyword_are_lower_case_hexadecimal(tmp_path: Path) -> None:
    data = element(0x00190010, "LO", b"ACME") + element(0x001910AB, "LO", b"x ")
    data += element(0x60000010, "US", b"\x08\0") + element(0x60020011, "US", b"\x08\0")
    plain = models(data, tmp_path)[1]
    assert plain["00190010"] == "ACME"
    assert plain["001910ab"] == "x"
    # OHIF asks for overlays by tag, of each of the sixteen groups.
    assert plain["60000010"] == plain["60020011"] == 8
    assert not {"OverlayRows", "OverlayColumns"} & plain.keys()


def test_private_vrs_follow_from_the_creator(tmp_path: Path) -> None:
    siemens = implicit_element(0x00190011, b"SIEMENS MR HEADER ") + implicit_element(0x0019110C, b"1000")
    other = implicit_element(0x00190011, b"SOMEBODY ELSE ") + implicit_element(0x0019110C, b"1000")
    assert models(siemens, tmp_path, ImplicitVRLittleEndian)[0]["0019110C"] == {"vr": "IS", "Value": [1000]}
    assert models(other, tmp_path, ImplicitVRLittleEndian)[0]["0019110C"] == {"vr": "UN", "InlineBinary": "MTAwMA=="}
    no_creator = implicit_element(0x0019110C, b"1000")
    assert models(no_creator, tmp_path, ImplicitVRLittleEndian)[0]["0019110C"]["vr"] == "UN"


def test_creators_count_within_their_own_item_only(tmp_path: Path) -> None:
    inside = implicit_element(0x00190011, b"SIEMENS MR HEADER ")
    data = implicit_element(0x00082112, item(inside)) + implicit_element(0x0019110C, b"1000")
    assert models(data, tmp_path, ImplicitVRLittleEndian)[0]["0019110C"]["vr"] == "UN"


@pytest.mark.parametrize(("representation", "vr", "value"), [(0, "US", 65535), (1, "SS", -1)])
def test_signs_follow_the_pixels(representation: int, vr: str, value: int, tmp_path: Path) -> None:
    inside = implicit_element(0x00280120, b"\xff\xff")
    data = (
        implicit_element(0x00280103, struct.pack("<H", representation))
        + implicit_element(0x00280106, b"\xff\xff")
        + implicit_element(0x00283000, item(inside))
    )
    model = models(data, tmp_path, ImplicitVRLittleEndian)[0]
    assert model["00280106"] == {"vr": vr, "Value": [value]}
    assert model["00283000"]["Value"][0]["00280120"] == {"vr": vr, "Value": [value]}


def test_the_same_bytes_in_another_character_set_are_another_text(tmp_path: Path) -> None:
    # Pieces are kept from file to file: each key must hold all that the text depends on.
    names = []
    for charset in (b"ISO_IR 100", b"ISO_IR 144", b"ISO_IR 192", b"ISO_IR 100"):
        data = element(0x00080005, "CS", charset) + element(0x00081030, "LO", b"\xd0\x9b")
        names.append(models(data, tmp_path)[0]["00081030"]["Value"])
    assert names == [["Ð\x9b"], ["а\x9b"], ["Л"], ["Ð\x9b"]]  # noqa: RUF001


def test_the_same_bytes_in_another_order_are_another_number(tmp_path: Path) -> None:
    little = models(element(0x00280010, "US", b"\1\2"), tmp_path)[0]
    big = models(element(0x00280010, "US", b"\1\2", order=">"), tmp_path, ExplicitVRBigEndian)[0]
    assert (little["00280010"]["Value"], big["00280010"]["Value"]) == ([0x0201], [0x0102])
    inside = element(0x00420011, "OW", b"\1\2")
    little = models(element(0x00082112, "SQ", item(inside)), tmp_path)[0]
    inside = element(0x00420011, "OW", b"\1\2", order=">")
    big = models(element(0x00082112, "SQ", item(inside, order=">"), order=">"), tmp_path, ExplicitVRBigEndian)[0]
    values = [found["00082112"]["Value"][0]["00420011"]["InlineBinary"] for found in (little, big)]
    assert [base64.b64decode(value) for value in values] == [b"\1\2", b"\2\1"]


def test_pieces_that_are_kept_may_be_dropped_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(make_image(ReferencedImageSequence=[make_part(b"\7" * 40)] * 3), tmp_path / "a")
    expected = header_of(path)
    for cost in (0, 1000, 3000, 10_000):
        monkeypatch.setattr(encoding, "_KEPT_COST", cost)
        assert header_of(path) == expected


def test_pieces_that_are_kept_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_KEPT_COST", 200_000)
    monkeypatch.setattr(encoding, "_kept", kept := encoding._Kept())
    identity = element(0x0020000D, "UI", b"1.2\0")
    for number in range(200):
        values = b"".join(element(0x00211000 + at, "LO", b"%4d" % number * 1000) for at in range(3))
        header_of_bytes(part10(identity + values), tmp_path)
        assert sum(len(key[2]) for key in kept._pieces) <= 200_000


# Limits


@pytest.mark.parametrize(
    "dataset",
    [
        b"".join(element(0x00211000 + number, "LO", b"") for number in range(300)),
        element(0x00211000, "SQ", b"".join(item(element(0x00100020, "LO", b"")) for _ in range(110))),
        # The same item again and again costs as much each time, although it is made only once.
        b"".join(element(0x00211000 + at, "SQ", item(element(0x00100020, "DS", b"1\\" * 15))) for at in range(100)),
        element(0x00211000, "US", b"\0" * 6000),
        element(0x00211000, "DS", b"1\\" * 3000),
        element(0x00211000, "UT", b"A" * 5000),
        element(0x00211000, "PN", b"A\\" * 300),
        element(0x00211000, "SQ", item(b"") * 300),
    ],
)
def test_a_header_may_not_hold_more_than_memory_does(
    dataset: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = part10(element(0x0020000D, "UI", b"1.2\0") + dataset)
    header_of_bytes(data, tmp_path)
    monkeypatch.setattr(encoding, "MODEL_LIMIT", 110_000)
    with pytest.raises(Unreadable, match="too many values"):
        header_of_bytes(data, tmp_path)


def test_what_is_too_much_is_not_gathered_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MODEL_LIMIT", 50_000)
    reads = []
    read = Walker._read
    monkeypatch.setattr(Walker, "_read", lambda *args, **options: reads.append(1) or read(*args, **options))
    sequence = element(0x00211000, "SQ", item(element(0x00100020, "LO", b"") * 10_000))
    with pytest.raises(Unreadable, match="too many values"):
        header_of_bytes(part10(element(0x0020000D, "UI", b"1.2\0") + sequence), tmp_path)
    assert len(reads) < 200


def test_only_what_swells_meets_the_limit_of_small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "SWOLLEN_MODEL_LIMIT", 1000)
    dataset = element(0x0020000D, "UI", b"1.2\0") + element(0x00211000, "SQ", item(implicit_element(0, b"")) * 5000)
    header_of_bytes(part10(dataset), tmp_path)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(dataset) + deflater.flush()
    with pytest.raises(Unreadable, match="too many values"):
        header_of_bytes(part10(packed, DeflatedExplicitVRLittleEndian), tmp_path)


@pytest.mark.parametrize(("vr", "letter"), [("UT", b"A"), ("UC", b"\\"), ("DS", b"1"), ("US", b"\1"), ("UR", b"a")])
def test_long_values_are_referred_to(vr: str, letter: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "VALUE_LIMIT", 100)
    identity = element(0x0020000D, "UI", b"1.2\0")
    for length, key in ((100, "Value"), (102, "BulkDataURI")):
        data = part10(identity + element(0x00211000, vr, letter * (length - 2) + b"1 "))
        model = model_of(header_of_bytes(data, tmp_path))
        assert key in model["00211000"]


def test_a_creator_is_no_longer_than_it_may_be(tmp_path: Path) -> None:
    data = element(0x0020000D, "UI", b"1.2\0") + element(0x00290010, "LO", b"SIEMENS CSA HEADER" + b" " * 100)
    model = model_of(header_of_bytes(part10(data + element(0x00291008, "UN", b"IMAGE NUM 4 ")), tmp_path))
    assert model["00291008"]["vr"] == "CS"


def test_a_nested_text_is_in_its_own_character_set(tmp_path: Path) -> None:
    inside = element(0x00080005, "CS", b"ISO_IR 192") + element(0x00080104, "LO", "Müller".encode() + b" ")
    outside = element(0x00080104, "LO", "Müller".encode("latin-1"))
    data = element(0x00080005, "CS", b"ISO_IR 100") + element(0x00082112, "SQ", item(inside) + item(outside))
    found = models(data, tmp_path)[0]["00082112"]["Value"]
    assert [one["00080104"]["Value"] for one in found] == [["Müller"], ["Müller"]]


@pytest.mark.parametrize("length", [INLINE_LIMIT, INLINE_LIMIT + 2])
def test_long_binaries_are_referred_to(length: int, tmp_path: Path) -> None:
    long = element(0x00091001, "OB", b"\7" * length)
    data = element(0x00082112, "SQ", item(b"") + item(long)) + long
    model, plain = models(data, tmp_path)
    place = "/dicom-web/studies/1.2/series/1.2.1/instances/1.2.3/bulkdata/"
    inner = model["00082112"]["Value"][1]["00091001"]
    if length <= INLINE_LIMIT:
        assert base64.b64decode(inner["InlineBinary"]) == b"\7" * length
    else:
        assert inner == {"vr": "OB", "BulkDataURI": f"{place}00082112/1/00091001"}
        assert model["00091001"] == {"vr": "OB", "BulkDataURI": f"{place}00091001"}
        assert plain["00091001"] == {"BulkDataURI": f"{place}00091001"}


def test_references_are_those_of_their_own_file(tmp_path: Path) -> None:
    # The second file has the same long values as the first, but its own address.
    files = [
        save(
            make_image(
                SOPInstanceUID=f"1.2.{number}",
                EncapsulatedDocument=b"\7" * 2000,
                ReferencedImageSequence=[make_part(b"\7" * 2000)],
            ),
            tmp_path / str(number),
        )
        for number in (1, 2)
    ]
    for number, path in enumerate(files, start=1):
        model = model_of(header_of(path))
        inner = model["00081140"]["Value"][0]["00420011"]["BulkDataURI"]
        assert f"/instances/1.2.{number}/" in model["00420011"]["BulkDataURI"]
        assert f"/instances/1.2.{number}/" in inner


def make_part(document: bytes) -> Dataset:
    part = Dataset()
    part.EncapsulatedDocument = document
    return part


@pytest.mark.parametrize("keyword", ["RedPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData"])
def test_long_palettes_stand_inline(keyword: str, tmp_path: Path) -> None:
    palette = bytes(range(256)) * 16
    plain = plain_of(header_of(save(make_image(**{keyword: palette}), tmp_path / "a")))
    assert base64.b64decode(plain[keyword]["InlineBinary"]) == palette


def test_long_overlays_stand_inline(tmp_path: Path) -> None:
    data = element(0x60003000, "OW", b"\1\2" * 2000) + element(0x601E3000, "OW", b"\3\4" * 2000)
    plain = models(data, tmp_path)[1]
    assert base64.b64decode(plain["60003000"]["InlineBinary"]) == b"\1\2" * 2000
    assert base64.b64decode(plain["601e3000"]["InlineBinary"]) == b"\3\4" * 2000


def test_pictures_that_are_too_long_are_referred_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "PICTURE_LIMIT", 3998)
    data = element(0x60003000, "OW", b"\5\6" * 2000) + element(0x601E3000, "OW", b"\7\6" * 1999)
    model = models(data, tmp_path)[0]
    assert "BulkDataURI" in model["60003000"]
    assert "InlineBinary" in model["601E3000"]


def test_un_of_undefined_length_is_shown_as_the_sequence_that_it_is(tmp_path: Path) -> None:
    inner = implicit_element(0x00080100, b"T-1 ") + implicit_element(0x00080104, b"Head")
    for items in (item(inner), item(inner, undefined=True)):
        data = element(0x00091002, "UN", items + sequence_end(), length=UNDEFINED)
        found = models(data, tmp_path)[0]["00091002"]
        assert found["vr"] == "SQ"
        assert [one["00080104"]["Value"] for one in found["Value"]] == [["Head"]]


@pytest.mark.parametrize("tag", [0x00091002, 0x00081140])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
def test_un_is_read_as_it_is_written(explicit: bool, undefined: bool, tag: int, tmp_path: Path) -> None:
    # A sequence in UN is in implicit VR, by the standard; some writers leave it in explicit VR.
    inner = element(0x00080100, "SH", b"T-1 ") + element(0x00080104, "LO", b"Head")
    if not explicit:
        inner = implicit_element(0x00080100, b"T-1 ") + implicit_element(0x00080104, b"Head")
    items = item(inner, undefined=undefined) * 2 + (sequence_end() if undefined else b"")
    found = models(element(tag, "UN", items, length=UNDEFINED if undefined else None), tmp_path)[0][f"{tag:08X}"]
    if tag == 0x00091002 and not undefined:
        # Nobody knows that it is a sequence.
        assert found["vr"] == "UN"
        return
    expected = {"00080100": {"vr": "SH", "Value": ["T-1"]}, "00080104": {"vr": "LO", "Value": ["Head"]}}
    assert found == {"vr": "SQ", "Value": [expected] * 2}
    assert differences(model_of(header_of(tmp_path / "file")), read_judge(tmp_path / "file", bare=False)) == []


def test_un_that_the_dictionary_knows_gets_its_vr(tmp_path: Path) -> None:
    inner = implicit_element(0x00080104, b"Head")
    model = models(element(0x00081140, "UN", item(inner)) + element(0x00181030, "UN", b"Thorax"), tmp_path)[0]
    assert model["00081140"] == {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["Head"]}}]}
    assert model["00181030"] == {"vr": "LO", "Value": ["Thorax"]}


def test_meta_group_lengths_and_pixels_are_left_out(tmp_path: Path) -> None:
    data = element(0x00080000, "UL", b"\4\0\0\0") + element(0x00080060, "CS", b"CT")
    model = models(data, tmp_path)[0]
    assert model.keys() == {"00080018", "00080060", "0020000D", "0020000E"}
    header = header_of(save(make_image(), tmp_path / "b"))
    assert not [tag for tag in model_of(header) if tag < "0008" or tag >= "7FE0"]


def test_tags_rise_in_the_stored_text(tmp_path: Path) -> None:
    text = unpack(header_of(save(make_image(StudyInstanceUID=None), tmp_path / "a")).dicom_json)
    tags = list(json.loads(text))
    assert tags == sorted(tags)
    assert "0020000D" in tags


@given(st.binary(max_size=40), st.sampled_from([1, 2, 4, 8]))
def test_words_are_swapped_as_numpy_swaps_them(value: bytes, size: int) -> None:
    whole = len(value) // size * size
    swapped = np.frombuffer(value[:whole], f"u{size}").byteswap().tobytes() + value[whole:]
    assert swap_words(value, size) == swapped


@given(st.text())
def test_packed_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"Alphabetic": "A^B"}, "A^B"),
        ({"Ideographic": "C"}, "=C"),
        ({"Phonetic": "E"}, "==E"),
        ({"Alphabetic": "A", "Phonetic": "E"}, "A==E"),
    ],
)
def test_names_as_dicom_writes_them(name: dict[str, str] | None, text: str) -> None:
    assert person_name_text(name) == text


def test_empty_elements_have_no_plain_value() -> None:
    assert naturalize_element("00100010", {"vr": "PN"}) is None
    assert naturalize_element("00081140", {"vr": "SQ"}) == []
    assert naturalize({"00100010": {"vr": "PN"}, "00100020": {"vr": "LO", "Value": ["1"]}}) == {"PatientID": "1"}


def test_place_of_bulk_data() -> None:
    assert bulk_data_place("1", "2", "3") == "/dicom-web/studies/1/series/2/instances/3/bulkdata/"
