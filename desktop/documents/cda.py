"""Clinical documents of HL7 that are encapsulated (PS3.3 §A.45.2, HL7 CDA Release 2)."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from markupsafe import Markup

from .formatting import format_date_time
from .html import Child, element, join, shorten
from .model import Subject, View
from .narrative import Narrative, local_name
from .page import facts, more, note, section
from .texts import as_text, read_document

DOCUMENT_LIMIT = 30_000_000
"""Bytes of XML that are parsed."""

_DEPTH = 12
_SECTION_LIMIT = 500
_GENDERS = {"F": "female", "M": "male", "UN": "undifferentiated"}


def show_cda(subject: Subject) -> View:
    """Show header and narrative blocks; what is not well-formed is shown as text."""
    data = read_document(subject)
    title = subject.item.text("DocumentTitle")
    if data is None:
        return View(note("The document could not be read from the file.", "bad"), title)
    if len(data) > DOCUMENT_LIMIT:
        return _show_source(data, title, f"The document is too long to be laid out: {len(data):,} bytes.")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        return _show_source(data, title, "The document declares entities, by which it could grow without bounds.")
    except (ParseError, ValueError, LookupError):
        return _show_source(data, title, "The document is no well-formed XML.")
    if local_name(root) != "ClinicalDocument":
        return _show_source(data, title, "The document is no clinical document.")
    return _show_document(root, title, subject.item.text("PatientName"))


def _show_source(data: bytes, title: str, why: str) -> View:
    return View(join((note(f"{why} It is shown as it is written.", "warning"), as_text(data))), title)


def _show_document(root: Element, title: str, patient_name: str) -> View:
    narrative = Narrative(root)
    named = _name(child(root, "recordTarget", "patientRole", "patient"))
    sections = list(_find_sections(root))
    parts = [_show_section(one, narrative, 2) for one in sections[:_SECTION_LIMIT]]
    body = join(
        (
            note("The patient whom the document names is not the one of the file.", "bad")
            if is_other_patient(patient_name, named)
            else None,
            facts(list(_read_header(root))),
            element("div", parts, class_="cda"),
            more(len(sections) - len(parts), "sections", "Export the document to see them."),
            more(narrative.hidden, "elements", "Export the document to see them."),
            _show_unstructured(root) if not sections else None,
        )
    )
    return View(body, _text(child(root, "title")) or title)


def is_other_patient(dicom_name: str, named: str) -> bool:
    """Whether a document names someone else: the family name in the file is no part of the name in the document.

    Args:
        dicom_name: Patient's Name, with all component groups.
        named: as the document has it.
    """
    families = [group.partition("^")[0].strip().casefold() for group in dicom_name.split("=")]
    known = [family for family in families if family]
    return bool(named and known) and not any(family in named.casefold() for family in known)


def children(parent: Element | None, *names: str) -> Iterator[Element]:
    """Yield what is reached from an element by way of these names."""
    if parent is None:
        return
    for found in parent:
        if local_name(found) == names[0]:
            if len(names) == 1:
                yield found
            else:
                yield from children(found, *names[1:])


def child(parent: Element | None, *names: str) -> Element | None:
    """Return the first element that is reached by way of these names; None if there is none."""
    return next(children(parent, *names), None)


def _text(found: Element | None) -> str:
    return " ".join("".join(found.itertext()).split()) if found is not None else ""


def _value(found: Element | None, *names: str) -> str:
    inner = child(found, *names) if names else found
    return inner.get("value", "") if inner is not None else ""


def _time(found: Element | None) -> str:
    if found is None:
        return ""
    low, high = _value(found, "low"), _value(found, "high")
    return format_date_time(found.get("value", "")) or " \u2013 ".join(
        format_date_time(part) for part in (low, high) if part
    )


def _name(holder: Element | None) -> str:
    """Return a person's name as a text; parts of names are elements of their own."""
    found = child(holder, "name")
    if found is None:
        return ""
    parts = [_text(inner) for inner in found if isinstance(inner.tag, str)]
    return shorten(" ".join(filter(None, parts)) or _text(found), 200)


def _read_header(root: Element) -> Iterator[tuple[Child, Child]]:
    role = child(root, "recordTarget", "patientRole")
    patient = child(role, "patient")
    code = child(root, "code")
    gender = child(patient, "administrativeGenderCode")
    authors = [_person(found, "assignedAuthor") for found in children(root, "author")]
    signers = [_person(found, "assignedEntity") for found in children(root, "legalAuthenticator")]
    rows = (
        ("Document", code.get("displayName", "") if code is not None else ""),
        ("Written on", _time(child(root, "effectiveTime"))),
        ("Patient in the document", _name(patient)),
        ("Patient ID in the document", ", ".join(found.get("extension", "") for found in children(role, "id"))),
        ("Born", _time(child(patient, "birthTime"))),
        ("Sex", _GENDERS.get(gender.get("code", ""), gender.get("displayName", "")) if gender is not None else ""),
        ("Author", "; ".join(filter(None, authors))),
        ("Signed by", "; ".join(filter(None, signers))),
        ("Kept by", _name(child(root, "custodian", "assignedCustodian", "representedCustodianOrganization"))),
        ("Service", _time(child(root, "documentationOf", "serviceEvent", "effectiveTime"))),
    )
    for label, value in rows:
        if value:
            yield label, shorten(value, 400)


def _person(found: Element, role: str) -> str:
    assigned = child(found, role)
    name = _name(child(assigned, "assignedPerson")) or _text(child(assigned, "assignedAuthoringDevice", "softwareName"))
    organization = _name(child(assigned, "representedOrganization"))
    return ", ".join(filter(None, (name, organization, _time(child(found, "time")))))


def _find_sections(root: Element) -> Iterator[Element]:
    return children(root, "component", "structuredBody", "component", "section")


def _show_section(found: Element, narrative: Narrative, level: int) -> Markup:
    title = _text(child(found, "title"))
    if not title and (code := child(found, "code")) is not None:
        title = code.get("displayName", "")
    inner = (
        [_show_section(one, narrative, level + 1) for one in children(found, "component", "section")]
        if level < _DEPTH
        else []
    )
    text = child(found, "text")
    return section(
        shorten(title, 300) or "Section", narrative.show(text) if text is not None else None, inner, level=level
    )


def _show_unstructured(root: Element) -> Markup:
    """Show a body that is no XML: text as it is, anything else by its name."""
    text = child(root, "component", "nonXMLBody", "text")
    if text is None:
        return note("The document has no body.", "warning")
    kind = text.get("mediaType", "text/plain")
    if text.get("representation", "TXT") == "TXT" and kind.startswith("text/"):
        return as_text("".join(text.itertext()).encode("utf-8", "replace"))
    return note(f"The document's body is of the kind {shorten(kind)}, which is not shown here. Export it to open it.")
