"""What is searched for in other archives: one query, asked by C-FIND (PS3.4 §C.4.1) and by QIDO-RS (PS3.18 §10.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum

from ..dicom.uids import is_uid
from ..errors import UsageError
from .dates import parse_dates

DEFAULT_LIMIT = 500
"""Answers of one node."""

_LENGTH = 64


class Level(StrEnum):
    """Of what a search is made (PS3.4 §C.6.1.1)."""

    PATIENT = "patient"
    STUDY = "study"
    SERIES = "series"
    IMAGE = "image"


class Root(StrEnum):
    """The information models of C-FIND, by their SOP classes (PS3.4 §C.6)."""

    PATIENT = "1.2.840.10008.5.1.4.1.2.1.1"
    STUDY = "1.2.840.10008.5.1.4.1.2.2.1"


class QueryError(UsageError):
    """A query makes no sense, or none to this node."""

    code = "query"


_PATIENT_KEYS = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
)
RETURN_KEYS: Mapping[Level, tuple[str, ...]] = {
    Level.PATIENT: (*_PATIENT_KEYS, "NumberOfPatientRelatedStudies"),
    Level.STUDY: (
        *_PATIENT_KEYS,
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "StudyID",
        "StudyDescription",
        "ReferringPhysicianName",
        "ModalitiesInStudy",
        "StudyInstanceUID",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "Modality",
        "SeriesNumber",
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "BodyPartExamined",
        "SeriesInstanceUID",
        "NumberOfSeriesRelatedInstances",
    ),
    Level.IMAGE: ("SOPClassUID", "InstanceNumber", "SOPInstanceUID", "NumberOfFrames"),
}
"""What is asked for at each level."""

UNIQUE_KEYS: Mapping[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}
"""What tells one answer from another at each level."""

_NEEDED: Mapping[Level, tuple[str, ...]] = {
    Level.PATIENT: (),
    Level.STUDY: (),
    Level.SERIES: ("study_uid",),
    Level.IMAGE: ("study_uid", "series_uid"),
}
_STUDY_TERMS = ("name", "patient_id", "accession", "dates", "modalities", "description", "referring", "study_uid")
_TERMS: Mapping[Level, tuple[str, ...]] = {
    Level.PATIENT: ("name", "patient_id"),
    Level.STUDY: _STUDY_TERMS,
    Level.SERIES: ("patient_id", "study_uid", "series_uid", "modalities", "description"),
    Level.IMAGE: ("patient_id", "study_uid", "series_uid", "instance_uid"),
}
"""What can be searched for at each level; what stands above it is named by its UID."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, as it is typed. What is empty is not searched for.

    Names and descriptions are found by their beginning or a part; ``*`` and ``?`` are wild cards, and what stands in
    quotation marks is searched for as it is.

    Attributes:
        name: of the patient: ``doe``, ``Doe, J``, ``DOE^JO*``.
        dates: as of :func:`~desktop.pacs.dates.parse_dates`. They are kept as they are typed, so that ``today`` is
            always today.
        modalities: any of which must be in the study.
        referring: the referring physician's name.
        limit: answers of one node; what is more is cut off, and said to be.
    """

    level: Level = Level.STUDY
    name: str = ""
    patient_id: str = ""
    accession: str = ""
    dates: str = ""
    modalities: tuple[str, ...] = ()
    description: str = ""
    referring: str = ""
    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    limit: int = DEFAULT_LIMIT

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise QueryError("A limit is 1 or more.")
        for name in _NEEDED[self.level]:
            if not getattr(self, name):
                raise QueryError(f"A search for {_PLURALS[self.level]} needs {_WORDS[name]}.")
        for term in (field.name for field in fields(self) if field.name not in ("level", "limit")):
            if getattr(self, term) and term not in _TERMS[self.level]:
                raise QueryError(f"{_PLURALS[self.level].capitalize()} are not searched for by {_WORDS[term]}.")
        for uid in (self.study_uid, self.series_uid, self.instance_uid):
            if uid and not is_uid(uid):
                raise QueryError(f"{uid!r} is no UID.")


_PLURALS: Mapping[Level, str] = {
    Level.PATIENT: "patients",
    Level.STUDY: "studies",
    Level.SERIES: "series",
    Level.IMAGE: "images",
}
_WORDS: Mapping[str, str] = {
    "name": "the patient's name",
    "patient_id": "the Patient ID",
    "accession": "the accession number",
    "dates": "the date",
    "modalities": "modality",
    "description": "description",
    "referring": "the referring physician",
    "study_uid": "the UID of the study",
    "series_uid": "the UID of the series",
    "instance_uid": "the UID of the image",
}


def matching_keys(query: Query, today: date) -> dict[str, str]:
    """Return what must fit, as matching keys (PS3.4 §C.2.2.2); several modalities are looked at by :func:`is_wanted`.

    Raises:
        QueryError: a text is none that can be searched for.
    """
    of_series = query.level is Level.SERIES
    try:
        dates = parse_dates(query.dates, today)
    except ValueError as error:
        raise QueryError(str(error)) from error
    keys = {
        "PatientName": to_name_pattern(query.name),
        "PatientID": _exact(query.patient_id),
        "AccessionNumber": _exact(query.accession),
        "StudyDate": dates,
        "Modality" if of_series else "ModalitiesInStudy": _modality(query.modalities),
        "SeriesDescription" if of_series else "StudyDescription": to_text_pattern(query.description),
        "ReferringPhysicianName": to_name_pattern(query.referring),
        "StudyInstanceUID": query.study_uid,
        "SeriesInstanceUID": query.series_uid,
        "SOPInstanceUID": query.instance_uid,
    }
    return {keyword: _checked(value) for keyword, value in keys.items() if value}


def identifier_keys(query: Query, root: Root, today: date) -> dict[str, str]:
    """Return the elements of a C-FIND's identifier: what must fit, and empty ones for what is to be returned.

    Raises:
        QueryError: as of :func:`matching_keys`.
    """
    matching = matching_keys(query, today)
    if query.level in (Level.SERIES, Level.IMAGE) and root is Root.STUDY:
        # No key of its levels above series (PS3.4 §C.6.2.1) is a patient's.
        matching.pop("PatientID", None)
    keys = dict.fromkeys(RETURN_KEYS[query.level], "") | matching
    return {"QueryRetrieveLevel": query.level.upper()} | keys


def qido_request(query: Query, today: date) -> tuple[str, list[tuple[str, str]]]:
    """Return path and parameters of a QIDO-RS search (PS3.18 §10.6.1), but for limit and offset.

    Raises:
        QueryError: as of :func:`matching_keys`, or DICOMweb knows no such search.
    """
    if query.level is Level.PATIENT:
        raise QueryError("DICOMweb does not search for patients. Search for studies.")
    matching = matching_keys(query, today)
    path = "studies"
    if query.level in (Level.SERIES, Level.IMAGE):
        matching.pop("PatientID", None)
        path += f"/{matching.pop('StudyInstanceUID')}/series"
    if query.level is Level.IMAGE:
        path += f"/{matching.pop('SeriesInstanceUID')}/instances"
    parameters = list(matching.items())
    return path, [*parameters, *(("includefield", keyword) for keyword in RETURN_KEYS[query.level])]


def is_wanted(query: Query, values: Mapping[str, str]) -> bool:
    """Whether an answer has a modality that was asked for: archives need not search by it, and not by several at all.

    An answer that tells no modality is taken.
    """
    told = values.get("Modality" if query.level is Level.SERIES else "ModalitiesInStudy", "")
    wanted = {modality.strip().upper() for modality in query.modalities}
    return not (wanted and told) or not wanted.isdisjoint(part.strip().upper() for part in told.split("\\"))


def to_name_pattern(text: str) -> str:
    """Return a name as it is searched for: ``doe`` as ``doe*``, ``Doe, J`` as ``Doe^J*``, ``"DOE^J"`` as ``DOE^J``."""
    text, is_quoted = _unquote(text)
    if not text or is_quoted:
        return text
    if "^" not in text:
        family, comma, given = text.partition(",")
        text = "^".join((family.strip(), *given.split())) if comma else text
    return text if _has_wild_card(text) else f"{text}*"


def to_text_pattern(text: str) -> str:
    """Return a description as it is searched for: ``brain`` as ``*brain*``, ``"brain"`` as ``brain``."""
    text, is_quoted = _unquote(text)
    return text if not text or is_quoted or _has_wild_card(text) else f"*{text}*"


def _unquote(text: str) -> tuple[str, bool]:
    text = text.strip()
    is_quoted = len(text) > 2 and text[0] == text[-1] == '"'
    return (text[1:-1] if is_quoted else text), is_quoted


def _exact(text: str) -> str:
    return _unquote(text)[0]


def _has_wild_card(text: str) -> bool:
    return "*" in text or "?" in text


def _modality(modalities: Sequence[str]) -> str:
    return modalities[0].strip().upper() if len(modalities) == 1 else ""


def _checked(value: str) -> str:
    if "\\" in value or not value.isprintable():
        raise QueryError("What is searched for holds no backslash, and no sign that cannot be seen.")
    if len(value) > _LENGTH:
        raise QueryError(f"What is searched for has at most {_LENGTH} letters.")
    return value
