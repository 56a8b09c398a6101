"""What is needed to view a study: its entry, its display sets, and where its bytes are."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import logs
from ..dicom.aids import as_image
from ..dicom.files import open_source
from ..dicom.memberpaths import container, is_member
from ..dicom.metadata import unpack
from ..dicom.recent import Recent
from ..dicom.records import Instance, SeriesContext
from ..displaysets.handlers.ohif import PARAMETRIC_MAP
from ..displaysets.model import DisplaySet, SopClassHandler
from ..displaysets.modes import DEFAULT_MODE, Mode, find_mode, with_handlers
from ..displaysets.opening import Opening, choose_opening
from ..displaysets.registry import make_display_sets, sort_display_sets
from ..displaysets.thumbnails import choose_middle
from ..errors import InputError, Locked
from ..library.forgetting import find_stored_files
from ..library.instances import read_instances
from ..library.queries import (
    Form,
    SeriesEntry,
    StudyEntry,
    find_series,
    get_study,
    search_studies,
    stored_metadata,
)
from ..library.store import Store
from .presence import Presence

_KEPT_INSTANCES = 50_000
"""Instances in display sets that are kept for the next question, which often follows at once."""


class Viewing:
    """Answers for viewers."""

    def __init__(self, store: Store, presence: Presence, handlers: Sequence[SopClassHandler] = ()) -> None:
        """``handlers`` are asked before those of each mode."""
        self._store = store
        self._presence = presence
        self._handlers = tuple(handlers)
        self._recent: Recent[list[DisplaySet]] = Recent(_KEPT_INSTANCES, _weigh)

    def studies(self, text: str = "", *, limit: int = -1) -> list[StudyEntry]:
        """Return the studies that fit the words of ``text``, newest first; all of them without words."""
        return [self._with_presence(entry) for entry in search_studies(self._store.reader(), text, limit=limit)]

    def _with_presence(self, entry: StudyEntry) -> StudyEntry:
        away = self._presence.away.get(entry.study.StudyInstanceUID, "")
        return replace(entry, away=away) if away else entry

    def study(self, study_uid: str) -> StudyEntry | None:
        """Return one study. Its patient's name is kept out of the log from now on."""
        entry = get_study(self._store.reader(), study_uid)
        if entry is not None:
            logs.hide((entry.patient.PatientName, entry.patient.PatientID, entry.study.AccessionNumber))
        return None if entry is None else self._with_presence(entry)

    def find_locked(self, study_uid: str) -> str | None:
        """Return an archive that holds files of a study and asks for its password; None if there is none."""
        seen = set()
        for stored in find_stored_files(self._store.reader(), study_uid):
            path = stored.file.path
            if stored.copy is not None or not is_member(path) or container(path) in seen:
                continue
            seen.add(container(path))
            try:
                with open_source(path, streaming=True):
                    pass
            except Locked:
                return container(path)
            except (OSError, InputError):
                # It is not here, or damaged: the viewer says so of each image.
                continue
        return None

    def choose(self, study_uids: Sequence[str]) -> StudyEntry | None:
        """Return the study to open first: the newest that has images, else the newest."""
        entries = [entry for uid in study_uids if (entry := self.study(uid)) is not None]
        entries.sort(key=lambda entry: (entry.study.StudyDate, entry.study.StudyTime), reverse=True)
        for entry in entries:
            sets = self.display_sets(entry.study.StudyInstanceUID)
            if any(not made.unsupported and choose_middle(made) is not None for made in sets):
                return entry
        return entries[0] if entries else None

    def display_sets(self, study_uid: str, mode: str = DEFAULT_MODE.name) -> list[DisplaySet]:
        """Return the display sets of a study, in the order of the study browser.

        Args:
            study_uid: under which it is served.
            mode: of the viewer: it decides what becomes of each series.

        Raises:
            UsageError: there is no such mode.
        """
        handlers = with_handlers(find_mode(mode), self._handlers)
        db = self._store.reader()
        entry = get_study(db, study_uid)
        if entry is None:
            return []
        key = (study_uid, entry.version, mode)
        return list(self._recent.get(key, lambda: self._make_sets(db, entry, handlers)))

    def opening(self, study_uid: str) -> Opening:
        """Return how a study is to be opened."""
        sets = self.display_sets(study_uid)
        was_parted = any(made.part or made.isDynamicVolume for made in sets)
        return choose_opening(sets, self.display_sets(study_uid, "dynamic-volume") if was_parted else sets)

    def _make_sets(self, db: sqlite3.Connection, entry: StudyEntry, mode: Mode) -> list[DisplaySet]:
        study_uid = entry.study.StudyInstanceUID
        contexts = {
            found.series.SeriesInstanceUID: SeriesContext(entry.study, found.series, self._finder(found))
            for found in find_series(db, study_uid)
        }
        series: dict[str, list[Instance]] = {uid: [] for uid in contexts}
        for instance in read_instances(db, study_uid, contexts):
            series[instance.SeriesInstanceUID].append(instance)
        return sort_display_sets(make_study_sets(series.values(), mode))

    def _finder(self, found: SeriesEntry) -> Callable[[str], Mapping[str, Any]]:
        """Return what finds an instance's whole data set, should a handler ask for it: in any thread."""

        def find(instance_uid: str) -> Mapping[str, Any]:
            place = found.study_uid, found.series.SeriesInstanceUID, instance_uid
            for piece in stored_metadata(self._store.reader(), Form.DICOM_JSON, *place):
                return dict(json.loads(unpack(piece.packed)))
            return {}

        return find


def make_study_sets(series: Iterable[Sequence[Instance]], mode: Mode) -> list[DisplaySet]:
    """Make the display sets of the series of a study.

    A map lies over a volume alone: where its series turns out to be none, OHIF would break over it, so it is made anew
    as an image.
    """
    made = [(group, make_display_sets(group, mode)) for group in series]
    images = [one for _, sets in made for one in sets if one.SOPClassHandlerId != PARAMETRIC_MAP]
    volumes = {one.SeriesInstanceUID for one in images if one.isReconstructable}
    whole: list[DisplaySet] = []
    for group, sets in made:
        is_misled = any(one.SOPClassHandlerId == PARAMETRIC_MAP and not _bases(one) <= volumes for one in sets)
        whole += make_display_sets([as_image(instance) for instance in group], mode) if is_misled else sets
    return whole


def _bases(made: DisplaySet) -> set[object]:
    return {instance.trait("ReferencedSeries") for instance in made.instances}


def _weigh(sets: Sequence[DisplaySet]) -> int:
    return 1 + sum(len(made.instances) for made in sets)
