"""The studies of a study's patient, for OHIF's study browser."""

import json
from concurrent.futures import Executor

from ..library.priors import find_priors
from ..library.queries import StudyEntry
from ..library.store import Store
from .answers import JSON
from .endpoints import Answer, Endpoint, Request, refuse


class PriorsOf(Endpoint):
    """``/studies/{study}/priors``: the study itself too."""

    def __init__(self, store: Store, threads: Executor) -> None:
        super().__init__(threads)
        self._store = store

    def _answer(self, request: Request) -> Answer:
        found = find_priors(self._store.reader(), request.parameters["study"])
        if not found:
            return refuse(404, "There is no such study in this library.")
        return Answer(200, JSON, json.dumps([_tell(entry) for entry in found]).encode())


def _tell(entry: StudyEntry) -> dict[str, object]:
    """Return what OHIF's data sources tell of a study that was found."""
    study, patient = entry.study, entry.patient
    return {
        "studyInstanceUid": study.StudyInstanceUID,
        "date": study.StudyDate,
        "time": study.StudyTime,
        "accession": study.AccessionNumber,
        "mrn": patient.PatientID,
        "patientName": patient.PatientName,
        "description": study.StudyDescription,
        "modalities": "/".join(entry.ModalitiesInStudy),
        "instances": entry.instances,
        "NumInstances": entry.instances,
    }
