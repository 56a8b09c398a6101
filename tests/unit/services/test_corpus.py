"""Real files, from the walk to display sets: each is accounted for, and shown once."""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ask

from desktop.dicom.memberpaths import outermost
from desktop.dicom.metadata import unpack
from desktop.events import Events
from desktop.importers.fileset import NOT_THERE
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportReport
from desktop.library.outcomes import VIEWABLE, Outcome
from desktop.library.queries import Form, find_instances, find_series, locate, stored_metadata
from desktop.library.store import Store
from desktop.services.importing import Importing
from desktop.services.presence import Presence
from desktop.services.viewing import Viewing


class Imported:
    """The whole corpus, imported twice."""

    def __init__(self, corpus: Path, folder: Path) -> None:
        self.store = Store(folder / "library.sqlite")
        pool = ReaderPool(2)
        importing = Importing(self.store, pool, Events(), folder / "copies")
        try:
            self.first: ImportReport = importing.start(ask(corpus)).wait()
            self.second: ImportReport = importing.start(ask(corpus)).wait()
        finally:
            importing.close()
            pool.close()
        self.viewing = Viewing(self.store, Presence(self.store, Events()))


@pytest.fixture(scope="module")
def imported(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    made = Imported(corpus, tmp_path_factory.mktemp("corpus"))
    yield made
    made.store.close()


def test_every_file_is_accounted_for(imported: Imported, corpus: Path) -> None:
    files = sum(path.is_file() for path in corpus.rglob("*"))
    # What archives hold, and what a DICOMDIR lists that is not there, comes besides.
    for path in corpus.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            files += sum(not entry.is_dir() for entry in archive.infolist())
    files += sum(item.reason == NOT_THERE for item in imported.first.reasons)
    assert imported.first.found == imported.second.found == files
    assert imported.first.viewable == imported.second.viewable
    for report in (imported.first, imported.second):
        for outcome in Outcome:
            told = [item for item in report.reasons if item.outcome is outcome]
            if outcome not in VIEWABLE:
                assert len(told) == report.counts[outcome], "whoever is left out is told why"
    assert imported.second.counts[Outcome.ADDED] == imported.second.counts[Outcome.UPDATED] == 0


def test_every_instance_is_in_one_display_set_of_its_study(imported: Imported) -> None:
    db = imported.store.reader()
    studies = imported.viewing.studies()
    assert len(studies) > 50
    seen: Counter[str] = Counter()
    for entry in studies:
        uid = entry.study.StudyInstanceUID
        instances = {found.instance.SOPInstanceUID for found in find_instances(db, uid)}
        assert len(instances) == entry.instances
        assert sum(series.instances for series in find_series(db, uid)) == entry.instances
        sets = imported.viewing.display_sets(uid)
        shown = Counter(instance.SOPInstanceUID for made in sets for instance in made.instances)
        assert set(shown) == instances
        assert set(shown.values()) <= {1}
        assert all(made.messages for made in sets if made.unsupported)
        assert len({made.displaySetInstanceUID for made in sets}) == len(sets)
        json.dumps([made.to_json() for made in sets])
        seen.update(shown)
    assert set(seen.values()) == {1}


def test_every_piece_of_metadata_is_of_its_own_patient_and_place(imported: Imported) -> None:
    db = imported.store.reader()
    for entry in imported.viewing.studies():
        uid = entry.study.StudyInstanceUID
        for form, keys in (
            (Form.OHIF_JSON, ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")),
            (Form.DICOM_JSON, ("0020000D", "0020000E", "00080018")),
        ):
            for piece in stored_metadata(db, form, uid):
                said = json.loads(unpack(piece.packed))
                uids = [said[key] if form is Form.OHIF_JSON else said[key]["Value"][0] for key in keys]
                assert uids == [uid, piece.series_uid, piece.SOPInstanceUID]
                if form is Form.OHIF_JSON:
                    assert said.get("PatientID", "") in ("", entry.patient.PatientID)
                located = locate(db, *uids)
                assert located is not None
                assert Path(outermost(located.file.path)).is_file()
                assert located.pixels.frames == piece.frames
