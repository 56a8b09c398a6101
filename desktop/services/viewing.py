"""What is needed to view a study: its entry, its display sets, and where its bytes are."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from .. import logs
from ..dicom.files import open_source
from ..dicom.memberpaths import container, is_member
from ..dicom.records import Instance
from ..displaysets.model import DisplaySet, SeriesContext
from ..displaysets.registry import make_display_sets, sort_display_sets
from ..errors import InputError, Locked
from ..library.forgetting import find_stored_files
from ..library.queries import StudyEntry, find_instances, find_series, get_study, search_studies
from ..library.store import Store
from .presence import Presence


class Viewing:
    """Answers for viewers."""

    def __init__(self, store: Store, presence: Presence) -> None:
        self._store = store
        self._presence = presence

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
        """Return the study to open first: the newest that has something to show, else the newest."""
        entries = [entry for uid in study_uids if (entry := self.study(uid)) is not None]
        entries.sort(key=lambda entry: (entry.study.StudyDate, entry.study.StudyTime), reverse=True)
        for entry in entries:
            if any(not made.unsupported for made in self.display_sets(entry.study.StudyInstanceUID)):
                return entry
        return entries[0] if entries else None

    def display_sets(self, study_uid: str) -> list[DisplaySet]:
        """Return the display sets of a study, in the order of the study browser."""
        db = self._store.reader()
        entry = get_study(db, study_uid)
        if entry is None:
            return []
        instances: dict[str, list[Instance]] = {}
        for found in find_instances(db, study_uid):
            instances.setdefault(found.instance.SeriesInstanceUID, []).append(found.instance)
        contexts = [SeriesContext(entry.study, series.series) for series in find_series(db, study_uid)]
        made = [make_display_sets(instances.get(item.series.SeriesInstanceUID, ()), item) for item in contexts]
        return sort_display_sets(chain.from_iterable(made))
