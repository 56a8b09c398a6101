"""The Native DICOM Model says in XML what the DICOM JSON Model says. Here it is read back."""

import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from pydicom import dcmread
from pydicom.dataset import Dataset

from desktop.dicom.dictionary import keyword_of
from desktop.dicom.header import read_header
from desktop.dicom.metadata import unpack
from desktop.dicom.nativemodel import to_native_model
from desktop.dicom.records import FileRef

NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def parse(document: bytes) -> Element:
    root = fromstring(document.decode())
    assert root.tag == NAMESPACE + "NativeDicomModel"
    return root


def children(element: Element, name: str) -> list[Element]:
    found = element.findall(NAMESPACE + name)
    assert [child.get("number") for child in found] == [str(number) for number in range(1, len(found) + 1)]
    return found


def read_dataset(root: Element) -> list[tuple[str, str | None, Any]]:
    """Return for each attribute its tag, its private creator, and its JSON."""
    return [(str(one.get("tag")), one.get("privateCreator"), read_attribute(one)) for one in root]


def read_attribute(attribute: Element) -> dict[str, Any]:
    vr, tag = attribute.get("vr"), str(attribute.get("tag"))
    read: dict[str, Any] = {"vr": vr}
    assert (attribute.get("keyword") or "") == ("" if attribute.get("privateCreator") else keyword_of(int(tag, 16)))
    if (bulk := attribute.find(NAMESPACE + "BulkData")) is not None:
        read["BulkDataURI"] = bulk.get("uri")
    if (inline := attribute.find(NAMESPACE + "InlineBinary")) is not None:
        read["InlineBinary"] = inline.text
    if vr == "SQ":
        values: list[Any] = [read_dataset(item) for item in children(attribute, "Item")]
    elif vr == "PN":
        values = [read_name(name) for name in children(attribute, "PersonName")]
    else:
        values = [value.text for value in children(attribute, "Value")]
    return {**read, "Value": values} if values else read


def read_name(name: Element) -> dict[str, str]:
    groups = {}
    for group in name:
        parts = [group.findtext(NAMESPACE + part) or "" for part in COMPONENTS]
        groups[group.tag.removeprefix(NAMESPACE)] = "^".join(parts).rstrip("^")
    return groups


def same(xml: list[tuple[str, str | None, Any]], model: dict[str, Any]) -> None:
    assert len(xml) == len(model)
    for (tag, creator, attribute), (name, element) in zip(xml, sorted(model.items()), strict=True):
        assert tag == (f"{name[:4]}00{name[6:]}" if creator else name)
        if creator:
            assert model[f"{name[:4]}00{name[4:6]}"]["Value"] == [creator]
        assert {**attribute, "Value": None} == {**element, "Value": None}
        values = element.get("Value", [])
        assert len(attribute.get("Value", [])) == len(values)
        for read, value in zip(attribute.get("Value", []), values, strict=True):
            if element["vr"] == "SQ":
                same(read, value or {})
            elif element["vr"] == "PN":
                assert read == {group: text.rstrip("^") for group, text in (value or {}).items()}
            elif isinstance(value, float):
                assert float(read) == value
            else:
                assert (read or "") == ("" if value is None else str(value))


def test_every_file_of_pydicom(pydicom_files: Path) -> None:
    count = 0
    for path in sorted(pydicom_files.rglob("*.dcm")):
        status = path.stat()
        try:
            header = read_header(FileRef(str(path), status.st_size, status.st_mtime_ns))
        except Exception:  # noqa: BLE001 - no image, or no DICOM file at all
            continue
        model = json.loads(unpack(header.dicom_json))
        if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", json.dumps(model, ensure_ascii=False)):
            continue
        same(read_dataset(parse(to_native_model(model))), model)
        count += 1
    assert count > 60


def test_names_have_their_groups_and_components() -> None:
    name = {"Alphabetic": "Yamada^Tarou^^Dr.", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    root = parse(to_native_model({"00100010": {"vr": "PN", "Value": [name, None, {"Alphabetic": "A^B^C^D^E^F"}]}}))
    first, empty, odd = children(root[0], "PersonName")
    assert [group.tag.removeprefix(NAMESPACE) for group in first] == ["Alphabetic", "Ideographic", "Phonetic"]
    assert [(part.tag.removeprefix(NAMESPACE), part.text) for part in first[0]] == [
        ("FamilyName", "Yamada"),
        ("GivenName", "Tarou"),
        ("NamePrefix", "Dr."),
    ]
    assert len(empty) == 0
    assert odd[0][4].text == "E^F"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<b>&amp;\"'", "<b>&amp;\"'"),
        ("]]>", "]]>"),
        ("a\x00b\x1b[0m\x0c", "a\ufffdb\ufffd[0m\ufffd"),
        ("\ud800", "\ufffd"),
        ("\ufffe\uffff", "\ufffd\ufffd"),
        ("line\r\nline\ttab ", "line\r\nline\ttab "),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_what_xml_cannot_hold_breaks_nothing(text: str, read: str) -> None:
    model = {
        "00081030": {"vr": "LO", "Value": [text]},
        "00090010": {"vr": "LO", "Value": [text]},
        "00091001": {"vr": "UN", "BulkDataURI": text},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": text}]},
    }
    root = parse(to_native_model(model))
    assert children(root[0], "Value")[0].text == read
    assert children(root[1], "Value")[0].text == read
    # In attributes of XML, tabs and ends of lines are told as references, too.
    assert root[2].get("privateCreator") == read
    assert root[3][0][0][0].text == read


def test_numbers_are_what_they_are() -> None:
    values = [1.0, 0.1, 1e-7, 1e300, -0.0, "NaN", 12345678901234567890]
    root = parse(to_native_model({"00189087": {"vr": "FD", "Value": values}}))
    texts = [value.text for value in children(root[0], "Value")]
    assert [float(str(text)) for text in texts][:5] == values[:5]
    assert texts[5:] == ["NaN", "12345678901234567890"]


def test_private_elements_go_by_their_creator() -> None:
    ds = Dataset()
    ds.private_block(0x0009, "ACME", create=True).add_new(0x02, "LO", "x")
    ds.add_new(0x000B1102, "LO", "nobody's")
    file = io.BytesIO()
    ds.save_as(file, implicit_vr=False, little_endian=True)
    model = json.loads(dcmread(file, force=True).to_json())
    read = read_dataset(parse(to_native_model(model)))
    assert [(tag, creator) for tag, creator, _ in read] == [
        ("00090010", None),
        ("00090002", "ACME"),
        ("000B1102", None),
    ]
