"""QIDO-RS: searches for studies, series and instances (PS3.18 §10.6)."""

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydicom.datadict import tag_for_keyword
from starlette.types import Receive, Scope, Send

from ..library.matching import INSTANCE_COLUMNS, SERIES_COLUMNS, STUDY_COLUMNS, Criterion
from ..library.queries import (
    InstanceEntry,
    SeriesEntry,
    StudyEntry,
    find_instances,
    find_series,
    find_studies,
    get_study,
)
from ..library.store import Store
from .answers import DICOM_JSON, send_body, send_text

_RANGES = frozenset({"StudyDate", "StudyTime", "SeriesDate", "SeriesTime", "PatientBirthDate"})
_UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})
_NAMES = frozenset({"PatientName", "ReferringPhysicianName"})
_CONTROLS = frozenset(
    {"includefield", "limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching"}
)


_VALUES, _LETTERS, _DIGITS = 500, 1024, 100
"""What a search may hold; SQLite would stumble over much more."""


class BadSearch(ValueError):  # noqa: N818 - said of a request
    """The search cannot be understood. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was asked for.

    Attributes:
        limit: at most so many; -1 for all.
        unknown: attributes that this server does not match by; they are told in a warning.
    """

    criteria: tuple[Criterion, ...]
    limit: int = -1
    offset: int = 0
    unknown: tuple[str, ...] = ()


def read_search(query: str, columns: Iterable[str]) -> Search:
    """Read a query string.

    Args:
        query: ``PatientName=DOE*&00080020=20200101-20201231&limit=10``; keywords or tags.
        columns: keywords that can be matched at this level.

    Raises:
        BadSearch: limit or offset is no number, or it holds what no value can hold, or too much.
    """
    known = {_tag(name): name for name in columns}
    criteria, unknown, numbers = [], [], {"limit": -1, "offset": 0}
    for name, value in parse_qsl(query, keep_blank_values=True):
        control = name.lower()
        if control in numbers:
            if not value.isascii() or not value.isdigit() or len(value) > _DIGITS:
                raise BadSearch(f"The {control} must be a whole number.")
            numbers[control] = min(int(value), 1 << 31)
        elif control not in _CONTROLS:
            keyword = known.get(name.upper()) or known.get(_tag(name))
            if keyword is None:
                unknown.append(name)
            elif value not in ("", "*"):
                criteria.append(_criterion(keyword, value))
    _check(criteria)
    return Search(tuple(criteria), numbers["limit"], numbers["offset"], tuple(unknown))


def _check(criteria: Iterable[Criterion]) -> None:
    values = [text for item in criteria for text in (*item.patterns, item.low, item.high)]
    if len(values) > _VALUES or any(len(text) > _LETTERS for text in values):
        raise BadSearch(f"A search may hold at most {_VALUES} values of {_LETTERS} letters.")
    if any("\0" in text for text in values):
        raise BadSearch("No value holds a NUL character.")


def _criterion(keyword: str, value: str) -> Criterion:
    if keyword in _RANGES and "-" in value:
        low, _, high = value.partition("-")
        # A time such as 1030 stands for all that begins with it.
        return Criterion(keyword, low=low, high=high + "~" if high else "")
    if keyword in _UIDS or keyword in ("ModalitiesInStudy", "Modality"):
        return Criterion(keyword, tuple(part for part in value.replace("\\", ",").split(",") if part))
    return Criterion(keyword, (value,))


def _tag(keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    return "" if tag is None else f"{tag:08X}"


def study_json(entry: StudyEntry, origin: str) -> dict[str, Any]:
    """Return a study as a search answers it (PS3.18 Table 10.6.3-3)."""
    study, patient = entry.study, entry.patient
    return _elements(
        {
            "StudyDate": study.StudyDate,
            "StudyTime": study.StudyTime,
            "AccessionNumber": study.AccessionNumber,
            "InstanceAvailability": "ONLINE",
            # OHIF fails over one that is there and empty.
            **({"ModalitiesInStudy": list(entry.ModalitiesInStudy)} if entry.ModalitiesInStudy else {}),
            "ReferringPhysicianName": study.ReferringPhysicianName,
            "StudyDescription": study.StudyDescription,
            "RetrieveURL": f"{origin}/dicom-web/studies/{study.StudyInstanceUID}",
            "PatientName": patient.PatientName,
            "PatientID": patient.PatientID,
            "IssuerOfPatientID": patient.IssuerOfPatientID,
            "PatientBirthDate": patient.PatientBirthDate,
            "PatientSex": patient.PatientSex,
            "StudyInstanceUID": study.StudyInstanceUID,
            "StudyID": study.StudyID,
            "NumberOfStudyRelatedSeries": entry.series,
            "NumberOfStudyRelatedInstances": entry.instances,
        }
    )


def series_json(entry: SeriesEntry, origin: str) -> dict[str, Any]:
    """Return a series as a search answers it (PS3.18 Table 10.6.3-4)."""
    series = entry.series
    return _elements(
        {
            "Modality": series.Modality,
            "SeriesDate": series.SeriesDate,
            "SeriesTime": series.SeriesTime,
            "SeriesDescription": series.SeriesDescription,
            "BodyPartExamined": series.BodyPartExamined,
            "RetrieveURL": f"{origin}/dicom-web/studies/{entry.study_uid}/series/{series.SeriesInstanceUID}",
            "StudyInstanceUID": entry.study_uid,
            "SeriesInstanceUID": series.SeriesInstanceUID,
            "SeriesNumber": series.SeriesNumber,
            "NumberOfSeriesRelatedInstances": entry.instances,
        }
    )


def instance_json(entry: InstanceEntry, origin: str) -> dict[str, Any]:
    """Return an instance as a search answers it (PS3.18 Table 10.6.3-5)."""
    item = entry.instance
    place = f"{origin}/dicom-web/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}"
    return _elements(
        {
            "SOPClassUID": item.SOPClassUID,
            "SOPInstanceUID": item.SOPInstanceUID,
            "InstanceAvailability": "ONLINE",
            "AvailableTransferSyntaxUID": entry.TransferSyntaxUID,
            "RetrieveURL": f"{place}/instances/{item.SOPInstanceUID}",
            "StudyInstanceUID": item.StudyInstanceUID,
            "SeriesInstanceUID": item.SeriesInstanceUID,
            "InstanceNumber": item.InstanceNumber,
            "NumberOfFrames": item.NumberOfFrames,
            "Rows": item.Rows,
            "Columns": item.Columns,
            "BitsAllocated": item.BitsAllocated,
        }
    )


_VRS = {
    **dict.fromkeys(("StudyDate", "SeriesDate", "PatientBirthDate"), "DA"),
    **dict.fromkeys(("StudyTime", "SeriesTime"), "TM"),
    **dict.fromkeys(("AccessionNumber", "StudyID"), "SH"),
    **dict.fromkeys(("InstanceAvailability", "ModalitiesInStudy", "Modality", "PatientSex", "BodyPartExamined"), "CS"),
    **dict.fromkeys(("PatientName", "ReferringPhysicianName"), "PN"),
    **dict.fromkeys(("PatientID", "IssuerOfPatientID", "StudyDescription", "SeriesDescription"), "LO"),
    "RetrieveURL": "UR",
    **dict.fromkeys((*_UIDS, "AvailableTransferSyntaxUID"), "UI"),
    **dict.fromkeys(
        (
            "NumberOfStudyRelatedSeries",
            "NumberOfStudyRelatedInstances",
            "NumberOfSeriesRelatedInstances",
            "SeriesNumber",
            "InstanceNumber",
            "NumberOfFrames",
        ),
        "IS",
    ),
    **dict.fromkeys(("Rows", "Columns", "BitsAllocated"), "US"),
}


def _elements(values: dict[str, Any]) -> dict[str, Any]:
    elements = {}
    for keyword, value in values.items():
        element: dict[str, Any] = {"vr": _VRS[keyword]}
        items = value if isinstance(value, list) else [value]
        items = [_name(item) if keyword in _NAMES else item for item in items if item not in ("", None)]
        if items:
            element["Value"] = items
        elements[_tag(keyword)] = element
    return dict(sorted(elements.items()))


def _name(text: str) -> dict[str, str]:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {group: part for group, part in groups if part}


class SearchFor:
    """ASGI: one search route.

    Args:
        level: ``studies``, ``series`` or ``instances``.
    """

    def __init__(self, store: Store, threads: Executor, level: str) -> None:
        self._store = store
        self._threads = threads
        self._level = level
        self._columns = {
            "studies": STUDY_COLUMNS,
            "series": {**STUDY_COLUMNS, **SERIES_COLUMNS},
            "instances": {**STUDY_COLUMNS, **SERIES_COLUMNS, **INSTANCE_COLUMNS},
        }[level]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one search: 200 with a list, which may be empty."""
        try:
            search = read_search(scope["query_string"].decode("latin-1"), self._columns)
        except BadSearch as error:
            await send_text(send, 400, str(error))
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._threads, self._find, scope["path_params"], search, f"http://{host}")
        if body is None:
            await send_text(send, 404, "There is no such study or series in this library.")
            return
        headers = [(b"cache-control", b"no-store")]
        if search.unknown:
            # Names of attributes come from the request: only what a header may hold.
            names = ", ".join(name for name in search.unknown if name.isalnum() and name.isascii())
            headers.append((b"warning", f'299 negatoscope "not matched by: {names}"'.encode()))
        await send_body(send, 200, DICOM_JSON, body, headers)

    def _find(self, parameters: dict[str, str], search: Search, origin: str) -> bytes | None:
        db = self._store.reader()
        study, series = parameters.get("study"), parameters.get("series")
        if study is not None and get_study(db, study) is None:
            return None
        if series is not None and not find_series(db, study, (Criterion("SeriesInstanceUID", (series,)),)):
            return None
        found: list[dict[str, Any]]
        if self._level == "studies":
            entries = find_studies(db, search.criteria, limit=search.limit, offset=search.offset)
            found = [study_json(entry, origin) for entry in entries]
        elif self._level == "series":
            series_found = find_series(db, study, search.criteria, limit=search.limit, offset=search.offset)
            found = [series_json(entry, origin) for entry in series_found]
        else:
            instances = find_instances(db, study, series, search.criteria, limit=search.limit, offset=search.offset)
            found = [instance_json(entry, origin) for entry in instances]
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
