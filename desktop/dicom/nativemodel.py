"""Data sets in XML: the Native DICOM Model (PS3.19 Annex A.1), made of the DICOM JSON Model."""

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from . import dictionary
from .encoding import reserved_block
from .naturalize import JsonElement, Model

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, not even as references (XML 1.0 §2.2)."""

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def to_native_model(model: Model) -> bytes:
    """Return a data set as an XML document, in UTF-8.

    Args:
        model: in the DICOM JSON Model.

    A character that XML cannot hold becomes U+FFFD. Numbers are written so that they read as what they are.
    """
    body = "".join(_dataset(model))
    return f'{_HEAD}<NativeDicomModel xmlns="{_NAMESPACE}" xml:space="preserve">{body}</NativeDicomModel>'.encode()


def _dataset(model: Model) -> Iterator[str]:
    creators: dict[int, str] = {}
    for name, element in sorted(model.items()):
        tag = int(name, 16)
        if (block := reserved_block(tag)) is not None:
            creators[block] = str((element.get("Value") or [""])[0] or "")
        yield _element(tag, element, creators.get(tag & 0xFFFFFF00))


def _element(tag: int, element: JsonElement, creator: str | None) -> str:
    vr = element["vr"]
    # Private elements go by their creator, wherever in the group their block is.
    private = creator is not None and tag >> 16 & 1
    number = tag & 0xFFFF00FF if private else tag
    attributes = f' tag="{number:08X}" vr={_quote(vr)}'
    if keyword := dictionary.keyword_of(tag):
        attributes += f' keyword="{keyword}"'
    if private and creator:
        attributes += f" privateCreator={_quote(creator)}"
    inner = "".join(_content(vr, element))
    return f"<DicomAttribute{attributes}>{inner}</DicomAttribute>" if inner else f"<DicomAttribute{attributes}/>"


def _content(vr: str, element: JsonElement) -> Iterator[str]:
    if "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    elif "BulkDataURI" in element:
        yield f"<BulkData uri={_quote(element['BulkDataURI'])}/>"
    for number, value in enumerate(element.get("Value", ()), start=1):
        if vr == "SQ":
            yield f'<Item number="{number}">{"".join(_dataset(value or {}))}</Item>'
        elif vr == "PN":
            yield f'<PersonName number="{number}">{"".join(_name(value))}</PersonName>'
        else:
            yield f'<Value number="{number}">{_text(value)}</Value>'


def _name(value: Mapping[str, str] | None) -> Iterator[str]:
    for group in _GROUPS:
        if text := (value or {}).get(group):
            # What stands behind the fifth component breaks the rule, and is kept in it.
            parts = text.split("^", len(_COMPONENTS) - 1)
            inner = "".join(
                f"<{name}>{_escape(part)}</{name}>" for name, part in zip(_COMPONENTS, parts, strict=False) if part
            )
            yield f"<{group}>{inner}</{group}>"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return _escape(repr(value) if isinstance(value, float) else str(value))


def _escape(text: str) -> str:
    # A carriage return that stands by itself would be read as a line's end.
    return escape(_NO_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _quote(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))
