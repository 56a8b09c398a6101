"""OHIF's source of DICOM-JSON does what its DICOMweb source does: prior studies, bulk data, whole slides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ROOT_UID, make_stack
from conftest import RESOURCES
from playwright.sync_api import Browser
from server.asking import Served, serve
from viewer.browsing import LARGE, Viewer
from viewer.hanging import hang, is_not_flat, wait_for_picture

from desktop.settings import DataSource

NOW, BEFORE, NOBODY, OTHER = (f"{ROOT_UID}{number}" for number in (1, 2, 3, 4))
# The last has the same number in another hospital.
STUDIES = {
    NOW: {"PatientName": "Doe^Jane", "PatientBirthDate": "19600102", "StudyDate": "20260102"},
    BEFORE: {"PatientName": "DOE^JANE^^", "PatientBirthDate": "19600102", "StudyDate": "20240305"},
    NOBODY: {"PatientName": "", "PatientBirthDate": "", "StudyDate": "20230305"},
    OTHER: {"PatientName": "Roe^Richard", "PatientBirthDate": "19700102", "StudyDate": "20220305"},
}
SOURCES = [DataSource.DICOM_JSON, DataSource.DICOM_WEB]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sources")
    for uid, more in STUDIES.items():
        make_stack(folder / uid, 2, StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", StudyDescription=uid, **more)
    with serve(folder / "base", RESOURCES, draws=True) as served:
        served.add(*(folder / uid for uid in STUDIES))
        yield served


@pytest.fixture(scope="module")
def priors(browser: Browser, shelf: Served) -> Iterator[Viewer]:
    viewer = Viewer(browser, shelf)
    viewer.resize(LARGE)
    yield viewer
    viewer.close()


def test_what_is_surely_the_patients(shelf: Served) -> None:
    found = shelf.json(f"/studies/{NOW}/priors")
    assert [study["studyInstanceUid"] for study in found] == [NOW, BEFORE]
    assert found[1] == {
        "studyInstanceUid": BEFORE,
        "date": "20240305",
        "time": "101500",
        "accession": "A1",
        "mrn": "P1",
        "patientName": "DOE^JANE^^",
        "description": BEFORE,
        "modalities": "CT",
        "instances": 2,
        "NumInstances": 2,
    }
    assert [study["studyInstanceUid"] for study in shelf.json(f"/studies/{NOBODY}/priors")] == [NOBODY]


@pytest.mark.parametrize("source", SOURCES)
def test_priors_are_listed_and_open(priors: Viewer, source: DataSource) -> None:
    priors.show(NOW, source)
    priors.sets(1)
    listed = priors.page.get_by_text(BEFORE, exact=True)
    listed.first.wait_for()
    assert priors.page.get_by_text(NOW, exact=True).count()
    for stranger in (NOBODY, OTHER):
        assert priors.page.get_by_text(stranger, exact=True).count() == 0
    listed.first.click()
    priors.wait_for(
        "uid => window.services.displaySetService.getActiveDisplaySets().some(set => set.StudyInstanceUID === uid)",
        BEFORE,
    )
    planned = priors.served.app.viewing.display_sets(BEFORE)[0].displaySetInstanceUID
    priors.hang(planned)
    priors.wait_for(
        """uid => {
          const { cornerstoneViewportService, viewportGridService } = window.services;
          const id = viewportGridService.getActiveViewportId();
          return cornerstoneViewportService.getCornerstoneViewport(id)?.getCurrentImageId?.()?.includes(uid);
        }""",
        f"/studies/{BEFORE}/",
    )
    wait_for_picture(priors, is_not_flat)
    assert not priors.errors


def test_whole_slides_are_seen_over_json(page: Viewer, corpus: Path) -> None:
    slide = next(corpus.rglob("sm_image.dcm"))
    page.resize(LARGE)
    page.served.add(slide)
    page.show(page.served.place(slide)[0], DataSource.DICOM_JSON)
    page.sets(1)
    hang(page, slide)
    wait_for_picture(page, is_not_flat)
