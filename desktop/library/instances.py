"""Reads the instances of a study quickly: opening a study waits for nothing else."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..dicom.records import Instance, SeriesContext, Trait, Traits
from .rows import column_names

_SERVED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_NOTHING_LIES_OVER = ("SM",)
"""Modalities over whose images OHIF lays nothing: whole slides."""

_SQL = {
    "SOPInstanceUID": "instances.uid",
    "StudyInstanceUID": "studies.uid",
    "SeriesInstanceUID": "series.uid",
    "has_pixels": '"offset" >= 0',
}
_COLUMNS = column_names(Instance)
_INSTANCE, _SERIES, _MODALITY, _TYPE, _POSITION, _ORIENTATION, _TRAITS, _HAS_PIXELS = map(
    _COLUMNS.index,
    (
        *("SOPInstanceUID", "SeriesInstanceUID", "Modality", "ImageType"),
        *("ImagePositionPatient", "ImageOrientationPatient", "traits", "has_pixels"),
    ),
)
_FLAGS = tuple(map(_COLUMNS.index, ("has_pixel_measures", "has_orientation", "has_position", "has_pixels")))
_SELECT = f"""
    SELECT {", ".join(_SQL.get(name, f"instances.{name}") for name in _COLUMNS)}
    FROM studies JOIN series ON series.study = studies.id JOIN instances ON instances.series = series.id
    WHERE studies.uid = ? ORDER BY SeriesNumber, series.uid, InstanceNumber, instances.uid
"""


def read_instances(
    db: sqlite3.Connection, study_uid: str, contexts: Mapping[str, SeriesContext] | None = None
) -> Iterator[Instance]:
    """Go through the instances of a study, by series and Instance Number.

    Args:
        db: a reader's connection.
        study_uid: under which the study is served.
        contexts: of its series, by the UID under which each is served.
    """
    contexts = contexts or {}
    rows = [list(row) for row in db.execute(_SELECT, (study_uid,))]
    here: dict[str, set[str]] = {}
    for row in rows:
        if row[_HAS_PIXELS] and row[_MODALITY] not in _NOTHING_LIES_OVER:
            here.setdefault(row[_SERIES], set()).add(row[_INSTANCE])
    # All in one go: to decode thousands of small texts takes several times as long.
    positions, traits = (_decode([row[place] for row in rows]) for place in (_POSITION, _TRAITS))
    for values, position, named in zip(rows, positions, traits, strict=True):
        for place in _FLAGS:
            values[place] = bool(values[place])
        values[_TYPE] = _decode_again(values[_TYPE])
        values[_ORIENTATION] = _decode_again(values[_ORIENTATION])
        values[_POSITION] = None if position is None else tuple(position)
        values[_TRAITS] = mark_absent(tuple([(name, _as_trait(value)) for name, value in named]), here)
        # The last field, which is no column.
        values.append(contexts.get(values[_SERIES]))
        yield Instance(*values)


def read_own_uids(db: sqlite3.Connection, study_uid: str) -> dict[str, str]:
    """Return the UIDs that stand in the files of those instances of a study that are served under others.

    SOP Instance UID under which it is served → its own. What other objects of the study refer to are the latter.
    """
    rows = db.execute(
        "SELECT instances.uid, SOPInstanceUID FROM studies JOIN series ON series.study = studies.id "
        "JOIN instances ON instances.series = series.id WHERE studies.uid = ? AND instances.uid != SOPInstanceUID",
        (study_uid,),
    )
    return {str(served): str(own) for served, own in rows}


def mark_absent(traits: Traits, here: Mapping[str, Collection[str]]) -> Traits:
    """Return an instance's traits, where the series that it refers to is absent if it cannot lie over that.

    Args:
        traits: as :func:`desktop.dicom.traits.make_traits` finds them.
        here: the images of its study over which something can lie, by series.
    """
    named = dict(traits)
    if "ReferencedSeries" not in named:
        return traits
    least = named.get("NeededImages")
    images = here.get(str(named["ReferencedSeries"]), ())
    needed = str(named.get("NeededInstances", "")).split()
    is_here = len(images) >= max(least if isinstance(least, float | int) else 1, 1)
    if not is_here or (needed and not set(needed).issubset(set().union(*here.values()))):
        return tuple(("AbsentSeries" if name == "ReferencedSeries" else name, value) for name, value in traits)
    return traits


def _decode(texts: Iterable[str | None]) -> list[Any]:
    decoded: list[Any] = json.loads(f"[{','.join([text or 'null' for text in texts])}]")
    return decoded


@lru_cache(maxsize=256)
def _decode_again(text: str | None) -> tuple[Any, ...] | None:
    """Image Type and orientation are alike in most images of a series."""
    return None if text is None else tuple(json.loads(text))


def _as_trait(value: Any) -> Trait:
    return tuple(value) if isinstance(value, list) else value
