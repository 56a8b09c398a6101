"""What a search has found, in the DICOM JSON Model (PS3.18 §10.6.3.3, Tables 10.6.3-3 to 10.6.3-5)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..dicom.dictionary import tag_of, vr_of
from ..dicom.levels import Level, level_of
from ..dicom.metadata import unpack
from ..dicom.naturalize import JsonElement, Model
from ..dicom.records import Patient
from ..library.finding import PatientEntry
from ..library.queries import InstanceEntry, SeriesEntry, StudyEntry
from .searches import Path, Search

REQUESTS = tag_of("RequestAttributesSequence")
_IDS = tuple(tag_of(keyword) for keyword in ("ScheduledProcedureStepID", "RequestedProcedureID"))
_OWN = tuple(tag_of(keyword) for keyword in ("RetrieveURL", "InstanceAvailability"))


def patient_json(entry: PatientEntry) -> Model:
    """Return a patient. The standard has no such search; these are the attributes of PS3.4 Tables C.6-1 and C.6-2."""
    counts = {
        "NumberOfPatientRelatedStudies": entry.studies,
        "NumberOfPatientRelatedSeries": entry.series,
        "NumberOfPatientRelatedInstances": entry.instances,
    }
    return make_elements(_of_patient(entry.patient) | counts)


def study_json(entry: StudyEntry, origin: str) -> Model:
    """Return a study (Table 10.6.3-3)."""
    study = entry.study
    return make_elements(
        {
            "StudyDate": study.StudyDate,
            "StudyTime": study.StudyTime,
            "AccessionNumber": study.AccessionNumber,
            "InstanceAvailability": "ONLINE",
            # OHIF fails over one that is there and empty.
            **_if_known(ModalitiesInStudy=list(entry.ModalitiesInStudy)),
            "ReferringPhysicianName": study.ReferringPhysicianName,
            **_if_known(TimezoneOffsetFromUTC=entry.TimezoneOffsetFromUTC),
            "StudyDescription": study.StudyDescription,
            "RetrieveURL": f"{origin}/dicom-web/studies/{study.StudyInstanceUID}",
            **_of_patient(entry.patient),
            **_if_known(PatientAge=study.PatientAge),
            "StudyInstanceUID": study.StudyInstanceUID,
            "StudyID": study.StudyID,
            "NumberOfStudyRelatedSeries": entry.series,
            "NumberOfStudyRelatedInstances": entry.instances,
        }
    )


def series_json(entry: SeriesEntry, origin: str) -> Model:
    """Return a series (Table 10.6.3-4)."""
    series = entry.series
    elements = make_elements(
        {
            "Modality": series.Modality,
            "SeriesDate": series.SeriesDate,
            "SeriesTime": series.SeriesTime,
            "InstanceAvailability": "ONLINE",
            "SeriesDescription": series.SeriesDescription,
            "BodyPartExamined": series.BodyPartExamined,
            "RetrieveURL": f"{origin}/dicom-web/studies/{entry.study_uid}/series/{series.SeriesInstanceUID}",
            "StudyInstanceUID": entry.study_uid,
            "SeriesInstanceUID": series.SeriesInstanceUID,
            "SeriesNumber": series.SeriesNumber,
            "NumberOfSeriesRelatedInstances": entry.instances,
            **_if_known(
                TimezoneOffsetFromUTC=series.TimezoneOffsetFromUTC,
                ProtocolName=series.ProtocolName,
                Manufacturer=series.Manufacturer,
                PerformedProcedureStepStartDate=series.PerformedProcedureStepStartDate,
                PerformedProcedureStepStartTime=series.PerformedProcedureStepStartTime,
            ),
        }
    )
    if series.RequestAttributesSequence:
        items = [
            make_elements({"ScheduledProcedureStepID": step, "RequestedProcedureID": procedure})
            for step, procedure in series.RequestAttributesSequence
        ]
        elements[REQUESTS] = {"vr": "SQ", "Value": items}
    return elements


def instance_json(entry: InstanceEntry, origin: str) -> Model:
    """Return an instance (Table 10.6.3-5)."""
    item = entry.instance
    place = f"{origin}/dicom-web/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}"
    return make_elements(
        {
            "SOPClassUID": item.SOPClassUID,
            "SOPInstanceUID": item.SOPInstanceUID,
            "InstanceAvailability": "ONLINE",
            **_if_known(TimezoneOffsetFromUTC=entry.TimezoneOffsetFromUTC),
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


def _of_patient(patient: Patient) -> dict[str, Any]:
    return {
        "PatientName": patient.PatientName,
        "PatientID": patient.PatientID,
        "IssuerOfPatientID": patient.IssuerOfPatientID,
        "PatientBirthDate": patient.PatientBirthDate,
        "PatientSex": patient.PatientSex,
    }


def _if_known(**values: Any) -> dict[str, Any]:
    return {keyword: value for keyword, value in values.items() if value}


class Wanted:
    """What a search wants of each thing that it finds, besides what it always gets.

    Args:
        level: of what is found. What belongs to a lower one is not given (PS3.18 §10.6.3.3.1).
    """

    def __init__(self, search: Search, level: Level) -> None:
        self._level = level
        self._everything = search.everything
        self._paths: dict[str, list[Path]] = {}
        for path in search.include:
            if level_of(path[0]) <= level and not (path[0] == REQUESTS and path[1:2] in ((_IDS[0],), (_IDS[1],))):
                for tag in {path[0], _creator_of(path[0])}:
                    self._paths.setdefault(tag, []).append(path if tag == path[0] else (tag,))

    def wants_level(self, level: Level) -> bool:
        """Whether it wants something of a level above."""
        return self._everything or any(level_of(tag) == level for tag in self._paths)

    def wants(self, tag: str) -> bool:
        """Whether it wants this attribute."""
        return tag in self._paths or (self._everything and level_of(tag) <= self._level)

    def add_above(self, elements: Model, above: Model, *, whole: bool) -> None:
        """Add what a level above says of itself: all of it, or what is wanted."""
        for tag, element in above.items():
            if tag not in elements and tag not in _OWN and (whole or self.wants(tag)):
                elements[tag] = element

    def add_stored(self, elements: Model, pieces: Iterable[bytes]) -> None:
        """Add what is wanted and is only in the data sets that speak for the thing; the first that has it is taken."""
        missing = {tag for tag in self._paths if tag not in elements or tag == REQUESTS}
        taken: set[str] = set()
        if not missing and not self._everything:
            return
        for piece in pieces:
            for tag, element in json.loads(unpack(piece)).items():
                if tag not in taken and (tag == REQUESTS or not elements.get(tag, {}).get("Value")) and self.wants(tag):
                    elements[tag] = element if self._everything else cut(element, self._rest(tag))
                    taken |= {tag} if len(element) > 1 else set()
            if missing <= taken and not self._everything:
                return

    def _rest(self, tag: str) -> list[Path]:
        paths = [path[1:] for path in self._paths[tag]]
        # The requests' IDs are always given.
        return [*paths, *((one,) for one in _IDS)] if tag == REQUESTS else paths


def cut(element: JsonElement, paths: Iterable[Path]) -> JsonElement:
    """Return a sequence with only those attributes in its items to which paths lead; whole if one leads nowhere."""
    wanted: dict[str, list[Path]] = {}
    for path in paths:
        if not path:
            return element
        wanted.setdefault(path[0], []).append(path[1:])
    items = [
        {tag: cut(inner, wanted[tag]) for tag, inner in item.items() if tag in wanted}
        for item in element.get("Value", ())
        if isinstance(item, Mapping)
    ]
    return {"vr": element["vr"], **({"Value": items} if items else {})}


def _creator_of(tag: str) -> str:
    """Return the tag of the element that says whose a private one is; the tag itself for all others."""
    is_private = int(tag[3], 16) % 2 == 1 and tag[4:6] != "00"
    return f"{tag[:4]}00{tag[4:6]}" if is_private else tag


def make_elements(values: Mapping[str, Any]) -> Model:
    """Return values by keyword as elements by tag; what is empty has no value."""
    return {_ELEMENTS[keyword][0]: _element(_ELEMENTS[keyword][1], value) for keyword, value in values.items()}


def _element(vr: str, value: Any) -> JsonElement:
    if value is None or value in ("", []):
        return {"vr": vr}
    values = value if isinstance(value, list) else [value]
    return {"vr": vr, "Value": [_name(text) for text in values] if vr == "PN" else values}


def _name(text: str) -> dict[str, str]:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {group: part for group, part in groups if part}


class _Elements(dict[str, tuple[str, str]]):
    """Keyword → tag and VR, looked up once."""

    def __missing__(self, keyword: str) -> tuple[str, str]:
        tag = tag_of(keyword)
        self[keyword] = tag, vr_of(int(tag, 16)) or "UN"
        return self[keyword]


_ELEMENTS = _Elements()


def write_elements(elements: Model) -> bytes:
    """Return a data set in the DICOM JSON Model, in UTF-8."""
    return json.dumps(dict(sorted(elements.items())), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
