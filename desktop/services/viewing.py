"""What is needed to view a study: its entry, its display sets, and where its bytes are."""

from collections.abc import Sequence
from itertools import chain

from .. import logs
from ..dicom.records import Instance
from ..displaysets.model import DisplaySet, SeriesContext
from ..displaysets.registry import make_display_sets, sort_display_sets
from ..library.queries import StudyEntry, find_instances, find_series, get_study, search_studies
from ..library.store import Store


class Viewing:
    """Answers for viewers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def studies(self, text: str = "") -> list[StudyEntry]:
        """Return the studies that fit the words of ``text``, newest first; all of them without words."""
        return search_studies(self._store.reader(), text)

    def study(self, study_uid: str) -> StudyEntry | None:
        """Return one study. Its patient's name is kept out of the log from now on."""
        entry = get_study(self._store.reader(), study_uid)
        if entry is not None:
            logs.hide((entry.patient.PatientName, entry.patient.PatientID, entry.study.AccessionNumber))
        return entry

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
