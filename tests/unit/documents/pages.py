"""Reads the pages that are made, as a browser would, and makes what they are made of."""

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from unit.helpers import header_of

from desktop.dicom.bulkdata import read_bulk_data
from desktop.dicom.items import Item, load_item
from desktop.documents.document import make_document
from desktop.documents.html import ATTRIBUTES, TAGS
from desktop.documents.model import Document

VOID = frozenset({"meta", "br", "img"})
SCRIPTING = frozenset({"script", "iframe", "object", "embed", "form", "input", "link", "base", "foreignobject", "use"})


class Page(HTMLParser):
    """A page as it is read: elements in their order, texts, and what is wrong with it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"{tag} is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.elements.append((tag, named))
        if tag not in {known.lower() for known in TAGS} or tag in SCRIPTING:
            self.faults.append(f"element {tag}")
        known_attributes = {known.lower() for known in ATTRIBUTES}
        for name, value in named.items():
            if name not in known_attributes or name.startswith("on") or name == "style":
                self.faults.append(f"attribute {name} of {tag}")
            if name == "href" and not value.startswith("#"):
                self.faults.append(f"address {value}")
            if name == "src" and not value.startswith(("data:image/", "data:audio/wav;")):
                self.faults.append(f"source {value[:40]}")
        if len(named) != len(attrs):
            self.faults.append(f"attributes of {tag} are repeated")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.faults.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"{tag} is closed out of turn")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append("a comment")

    def handle_pi(self, data: str) -> None:
        self.faults.append("an instruction")

    def unknown_decl(self, data: str) -> None:
        self.faults.append("a declaration")

    @property
    def text(self) -> str:
        """All that is read, in one line."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of this kind."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [named for found, named in self.elements if found == tag and wanted.items() <= named.items()]


def no_bulk(uri: str) -> bytes:
    """Stand for an object all of whose values are in its header."""
    raise AssertionError(f"no bulk data were expected: {uri}")


def item_of(dataset: Dataset) -> Item:
    """Return a data set in the JSON Model."""
    return Item(json.loads(dataset.to_json()))


def make(source: Dataset | Item | dict[str, Any], kind: str | None = None) -> tuple[Document, Page]:
    """Make an object's page and read it; it must be sound."""
    item = source if isinstance(source, Item) else Item(source) if type(source) is dict else item_of(source)
    document = make_document(item, no_bulk, kind)
    return document, check(document)


def check(document: Document) -> Page:
    """Read a page; it must be sound."""
    page = Page(document.html)
    assert page.faults == []
    assert document.title.strip()
    assert "\n" not in document.title
    document.html.encode()
    return page


def make_from_file(path: Path, kind: str | None = None) -> tuple[Document, Page]:
    """Make the page of a file, by way of its stored header."""
    item = load_item(header_of(path).dicom_json)

    def read(uri: str) -> bytes:
        with path.open("rb") as file:
            return read_bulk_data(file, path.stat().st_size, uri.partition("/bulkdata/")[2])

    document = make_document(item, read, kind)
    return document, check(document)


def code(value: str, scheme: str = "DCM", meaning: str = "") -> list[Dataset]:
    """Return a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value[:16], scheme, meaning or value
    return [item]


def dataset(**attributes: Any) -> Dataset:
    """Return a data set with these attributes."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def reference(uid: str = "1.2.3", sop_class: str = "1.2.840.10008.5.1.4.1.1.2", frames: Sequence[int] = ()) -> Dataset:
    """Return an item that refers to an instance."""
    made = dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)
    if frames:
        made.ReferencedFrameNumber = list(frames)
    return made


def head(sop_class: str, **attributes: Any) -> Dataset:
    """Return an object of a class, of a patient and a study."""
    return dataset(
        **{
            "SOPClassUID": f"1.2.840.10008.5.1.4.1.1.{sop_class}",
            "SOPInstanceUID": "1.2.3.4",
            "StudyInstanceUID": "1.2.3",
            "SeriesInstanceUID": "1.2.3.1",
            "PatientName": "Doe^Jane",
            "PatientID": "P1",
            "PatientBirthDate": "19700102",
            "PatientSex": "F",
            "StudyDate": "20260102",
            "StudyDescription": "Thorax",
            **attributes,
        }
    )
