"""The head that all pages have: whose it is, what, and when."""

from markupsafe import Markup

from ..dicom.items import Item
from ..dicom.text import format_date
from .fields import Field, gather
from .formatting import format_element, format_name, format_uid
from .html import Child, element, join, shorten

_STUDY = (
    Field("Study", "StudyDescription"),
    Field("Study date", "StudyDate"),
    Field("Accession number", "AccessionNumber"),
    Field("Series", "SeriesDescription"),
    Field("Referring physician", "ReferringPhysicianName"),
    Field("Institution", "InstitutionName"),
)
_SEXES = {"F": "female", "M": "male", "O": "other"}


def class_name(item: Item) -> str:
    """Return what the object is called: its SOP class, else its modality."""
    name = format_uid(item.text("SOPClassUID"))
    if not name or name == item.text("SOPClassUID"):
        return item.text("Modality") or "DICOM object"
    return name


def make_bar(item: Item) -> Markup:
    """Return the line by which the patient is known; it stays in sight."""
    name = format_name(item.text("PatientName"))
    born = format_date(item.text("PatientBirthDate"))
    sex = item.text("PatientSex")
    return join(
        (
            element("strong", shorten(name) or "No patient name"),
            element("span", f"ID {shorten(item.text('PatientID'))}" if item.text("PatientID") else "no patient ID"),
            element("span", f"born {born}") if born else None,
            element("span", _SEXES.get(sex, shorten(sex))) if sex else None,
            element("span", shorten(class_name(item)), class_="what"),
        )
    )


def study_facts(item: Item) -> list[tuple[Child, Child]]:
    """Return what the object says of its study, its series and itself."""
    rows: list[tuple[Child, Child]] = list(gather(_STUDY, item))
    written = [
        text
        for text in (format_element(item, "ContentDate"), format_element(item, "ContentTime"))
        if text and item.text("ContentDate")
    ]
    if written:
        rows.append(("Content date", " ".join(written)))
    maker = " ".join(text for text in (item.text("Manufacturer"), item.text("ManufacturerModelName")) if text)
    if maker:
        rows.append(("Made by", shorten(maker, 200)))
    return rows
