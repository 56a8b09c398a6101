"""One study as DICOM-JSON, joined from stored pieces, for OHIF's dicomjson source.

OHIF lets a study's and a series' keys hide those of an instance, so only what belongs to the whole study stands there.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from ..dicom.metadata import unpack
from ..library.queries import Piece, StudyEntry


def make_study_json(entry: StudyEntry, pieces: Iterable[Piece]) -> bytes:
    """Return the study's JSON in UTF-8.

    Args:
        entry: the study.
        pieces: in OHIF's plain form, those of a series one after another.
    """
    study_uid = entry.study.StudyInstanceUID
    series = [
        b'{"SeriesInstanceUID":"%s","instances":[%s]}'
        % (series_uid.encode(), b",".join(_instances(study_uid, series_uid, group)))
        for series_uid, group in groupby(pieces, key=lambda piece: piece.series_uid)
    ]
    head = json.dumps(_study_keys(entry), separators=(",", ":"), ensure_ascii=False)
    return b'{"studies":[%s,"series":[%s]}]}' % (head[:-1].encode("utf-8", "replace"), b",".join(series))


def _study_keys(entry: StudyEntry) -> dict[str, object]:
    study, patient = entry.study, entry.patient
    texts = {
        "StudyInstanceUID": study.StudyInstanceUID,
        "StudyDate": study.StudyDate,
        "StudyTime": study.StudyTime,
        "StudyDescription": study.StudyDescription,
        "AccessionNumber": study.AccessionNumber,
        "PatientName": patient.PatientName,
        "PatientID": patient.PatientID,
    }
    said: dict[str, object] = {key: text for key, text in texts.items() if text}
    return said | {"NumInstances": entry.instances, "Modalities": ",".join(entry.ModalitiesInStudy)}


def _instances(study_uid: str, series_uid: str, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """One entry for each frame: the first has the metadata, the others refer to it by their UID."""
    for piece in pieces:
        uid = piece.SOPInstanceUID
        place = f"wadors:/dicom-web/studies/{study_uid}/series/{series_uid}/instances/{uid}/frames/".encode()
        yield b'{"metadata":%s,"url":"%s1"}' % (unpack(piece.packed), place)
        for number in range(2, piece.frames + 1):
            yield b'{"metadata":{"SOPInstanceUID":"%s"},"url":"%s%d"}' % (uid.encode(), place, number)
