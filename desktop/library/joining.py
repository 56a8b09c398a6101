"""One study as DICOM-JSON, joined from stored pieces, for OHIF's dicomjson source.

OHIF lets a study's and a series' keys hide those of an instance, so only what belongs to the whole study stands there.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby

from ..dicom.metadata import unpack
from .joined import Joined, find_joined, keep_joined
from .queries import Form, Piece, StudyEntry, get_study, stored_metadata
from .store import Store

_GZIP = 31
"""zlib's name for that form."""


def get_joined(store: Store, study_uid: str) -> Joined | None:
    """Return a study's JSON, from what is kept if it can be; None if there is no such study."""
    db = store.reader()
    kept = find_joined(db, study_uid)
    if kept is not None:
        return kept
    entry = get_study(db, study_uid)
    if entry is None:
        return None
    joined = join(entry, stored_metadata(db, Form.OHIF_JSON, study_uid))
    if not store.reads_only:
        store.write(partial(keep_joined, study_uid, entry.version, joined))
    return joined


def join(entry: StudyEntry, pieces: Iterable[Piece]) -> Joined:
    """Join a study's pieces; arguments as of :func:`write_study_json`."""
    digest = hashlib.blake2b(digest_size=16)
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    packed = []
    for part in write_study_json(entry, pieces):
        digest.update(part)
        packed.append(packer.compress(part))
    return Joined(digest.hexdigest(), b"".join([*packed, packer.flush()]))


def write_study_json(entry: StudyEntry, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Yield the study's JSON in UTF-8, in parts: the whole is larger than its images at times.

    Args:
        entry: the study.
        pieces: in OHIF's plain form, those of a series one after another.
    """
    study_uid = entry.study.StudyInstanceUID
    head = json.dumps(_study_keys(entry), separators=(",", ":"), ensure_ascii=False)
    yield b'{"studies":[%s,"series":[' % head[:-1].encode("utf-8", "replace")
    between = b""
    for series_uid, group in groupby(pieces, key=lambda piece: piece.series_uid):
        yield b'%s{"SeriesInstanceUID":"%s","instances":[' % (between, series_uid.encode())
        comma = b""
        for instance in _instances(study_uid, series_uid, group):
            yield comma + instance
            comma = b","
        yield b"]}"
        between = b","
    yield b"]}]}"


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
        entries = [b'{"metadata":%s,"url":"%s1"}' % (unpack(piece.packed), place)]
        other = b'{"metadata":{"SOPInstanceUID":"%s"},"url":"%s' % (uid.encode(), place)
        entries += [b'%s%d"}' % (other, number) for number in range(2, piece.frames + 1)]
        yield b",".join(entries)
