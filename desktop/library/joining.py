"""One study as DICOM-JSON, joined from stored pieces, for OHIF's dicomjson source.

OHIF lets a study's and a series' keys hide those of an instance, so only what belongs to the whole study stands there.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

from ..dicom.metadata import unpack
from .joined import Joined, find_joined, keep_joined
from .queries import Form, Piece, StudyEntry, get_study, stored_metadata
from .store import Store

_GZIP = 31
"""zlib's name for that form."""

_PLAIN: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}


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
    keys = _study_keys(entry)
    yield b'{"studies":[{"series":['
    between = b""
    for series_uid, group in groupby(pieces, key=lambda piece: piece.series_uid):
        yield b'%s{"SeriesInstanceUID":"%s","instances":[' % (between, series_uid.encode())
        comma = b""
        for piece in group:
            metadata = unpack(piece.packed)
            for key in [key for key, text in keys.items() if not _agrees(metadata, key, text)]:
                del keys[key]
            yield comma + _entries(study_uid, piece, metadata)
            comma = b","
        yield b"]}"
        between = b","
    said = {"StudyInstanceUID": study_uid, **keys, "NumInstances": entry.instances}
    tail = json.dumps({**said, "Modalities": ",".join(entry.ModalitiesInStudy)}, **_PLAIN)
    yield b"],%s]}" % tail[1:].encode("utf-8", "replace")


def _study_keys(entry: StudyEntry) -> dict[str, str]:
    study, patient = entry.study, entry.patient
    texts = {
        "StudyDate": study.StudyDate,
        "StudyTime": study.StudyTime,
        "StudyDescription": study.StudyDescription,
        "AccessionNumber": study.AccessionNumber,
        "PatientName": patient.PatientName,
        "PatientID": patient.PatientID,
    }
    return {key: text for key, text in texts.items() if text}


def _agrees(metadata: bytes, key: str, text: str) -> bool:
    """Whether an instance says the same as its study, or nothing; else its own value would be hidden."""
    name = b'"%s":' % key.encode()
    same = name + json.dumps(text, **_PLAIN).encode("utf-8", "replace")
    if metadata.count(name) == metadata.count(same):
        return True
    # It may stand in a sequence.
    return bool(json.loads(metadata).get(key, text) == text)


def _entries(study_uid: str, piece: Piece, metadata: bytes) -> bytes:
    """One entry for each frame: the first has the metadata, the others refer to it by their UID."""
    uid = piece.SOPInstanceUID
    place = f"wadors:/dicom-web/studies/{study_uid}/series/{piece.series_uid}/instances/{uid}/frames/".encode()
    entries = [b'{"metadata":%s,"url":"%s1"}' % (metadata, place)]
    other = b'{"metadata":{"SOPInstanceUID":"%s"},"url":"%s' % (uid.encode(), place)
    entries += [b'%s%d"}' % (other, number) for number in range(2, piece.frames + 1)]
    return b",".join(entries)
