"""What OHIF saves lands in the library, by both of its data sources, and is there again after a restart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import ROOT_UID, make_stack
from conftest import RESOURCES
from playwright.sync_api import Browser, expect
from pydicom import dcmread
from pydicom.dataset import Dataset
from server.asking import Served, serve
from server.storing import files_in
from viewer.browsing import Viewer

from desktop.library.queries import StudyEntry
from desktop.services import storing
from desktop.settings import DataSource

_MEASUREMENTS = """() => window.services.measurementService.getMeasurements().map(one => ({
  tool: one.toolName,
  text: one.displayText?.primary?.[0],
  image: one.SOPInstanceUID,
  points: one.points,
}))"""
_TRACKED = "() => window.services.trackedMeasurementsService.getTrackedSeries()"
_PAINT = """async () => {
  const { viewportGridService, segmentationService } = window.services;
  const viewportId = viewportGridService.getActiveViewportId();
  const options = { label: 'Mine', segments: { 1: { label: 'First', active: true } } };
  await window.commandsManager.run('createLabelmapForViewport', { viewportId, options });
  const [{ segmentationId, representationData }] = segmentationService.getSegmentations();
  for (const imageId of representationData.Labelmap.imageIds) {
    const { voxelManager } = window.cornerstone.cache.getImage(imageId);
    for (let row = 20; row < 40; row++) {
      for (let column = 10; column < 40; column++) {
        voxelManager.setAtIJK(column, row, 0, 1);
      }
    }
  }
  window.cornerstoneTools.segmentation.triggerSegmentationEvents.triggerSegmentationDataModified(segmentationId);
  return segmentationId;
}"""
_STORE = """([segmentationId, modality]) => {
  const commandOptions = { segmentationId, modality };
  window.commandsManager.run({ commandName: 'storeSegmentation', commandOptions, context: 'CORNERSTONE' });
}"""
_PAINTED = """() => {
  const [segmentation] = window.services.segmentationService.getSegmentations();
  const { Labelmap, Contour } = segmentation?.representationData ?? {};
  if (Contour) {
    return [...Contour.annotationUIDsMap.values()].reduce((sum, uids) => sum + uids.size, 0);
  }
  const labels = (Labelmap?.imageIds ?? []).map(imageId => window.cornerstone.cache.getImage(imageId)?.getPixelData());
  return labels.reduce((sum, values) => sum + (values?.filter(value => value === 1).length ?? 0), 0);
}"""


pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """The folder of a library."""
    return tmp_path / "base"


def show(browser: Browser, served: Served, study: str, source: DataSource, sets: int) -> Viewer:
    """Open a study in a page of its own, and wait for its picture."""
    viewer = Viewer(browser, served)
    viewer.page.set_default_timeout(120_000)
    viewer.page.set_viewport_size({"width": 1200, "height": 760})
    viewer.show(study, source)
    assert len(viewer.sets(sets)) == sets
    viewer.wait_for("() => Boolean(window.cornerstone.getEnabledElements()[0]?.viewport.getCornerstoneImage?.())")
    return viewer


def draw_length(viewer: Viewer) -> list[dict[str, Any]]:
    """Draw a line on the image that is shown, have OHIF follow its series, and return the measurements."""
    viewer.ask(
        "() => window.commandsManager.runCommand('setToolActiveToolbar', { itemId: 'Length', toolName: 'Length' })"
    )
    box = viewer.page.locator('[data-cy="viewport-pane"]').first.bounding_box()
    assert box is not None
    x, y = box["x"] + 0.45 * box["width"], box["y"] + 0.45 * box["height"]
    viewer.page.mouse.move(x, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x + 80, y + 50, steps=8)
    viewer.page.mouse.up()
    viewer.page.locator('[data-cy="prompt-begin-tracking-yes-btn"]').first.click()
    viewer.wait_for(f"() => ({_TRACKED})().length > 0")
    return list(viewer.ask(_MEASUREMENTS))


def save_report(viewer: Viewer, name: str) -> None:
    """Save the measurements, as the panel of measurements does it."""
    viewer.page.locator('[data-cy="trackedMeasurements-btn"]').click()
    viewer.page.get_by_role("button", name="Create SR").click()
    answer(viewer, name)


def answer(viewer: Viewer, name: str) -> None:
    """Name what is to be saved, and save it."""
    dialog = viewer.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(name)
    dialog.get_by_role("button", name="Save").click()


def study_of(served: Served, study: str) -> StudyEntry:
    entry = served.app.viewing.study(study)
    assert entry is not None
    return entry


def saved(served: Served) -> Dataset:
    """Return the one file that was saved."""
    (path,) = files_in(served.app.paths.copies)
    return dcmread(path)


@pytest.mark.parametrize("source", DataSource)
def test_measurements_are_there_again_after_a_restart(
    browser: Browser, base: Path, tmp_path: Path, source: DataSource
) -> None:
    files = make_stack(tmp_path / "in", 3, Rows=64, Columns=64)
    with serve(base, RESOURCES) as served:
        served.add(*files)
        served.app.warm_up()
        study = served.place(files[0])[0]
        viewer = show(browser, served, study, source, 1)
        (drawn,) = draw_length(viewer)
        save_report(viewer, "My lengths")
        expect(viewer.page.get_by_text("Measurements saved successfully")).to_be_visible(timeout=30_000)
        entry = study_of(served, study)
        assert (entry.unsent, entry.instances, entry.ModalitiesInStudy) == (1, 4, ("CT", "SR"))
        assert viewer.errors == []
        viewer.close()
        report = saved(served)
        image = dcmread(files[0])
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "StudyID"):
            assert report[keyword].value == image[keyword].value
        assert report.SeriesDescription == "My lengths"
        assert report.ManufacturerModelName == "Negatoscope"
    with serve(base, RESOURCES) as served:
        viewer = show(browser, served, study, source, 2)
        viewer.wait_for(f"() => ({_MEASUREMENTS})().length > 0")
        (again,) = viewer.ask(_MEASUREMENTS)
        assert again["image"] == drawn["image"]
        assert again["text"] == drawn["text"]
        assert np.allclose(again["points"], drawn["points"], atol=1e-3)
        expect(viewer.page.locator("svg.svg-layer").get_by_text(drawn["text"])).to_be_visible()
        # It is followed on, and nobody is asked.
        assert viewer.ask(_TRACKED) == [served.place(files[0])[1]]
        viewer.page.wait_for_timeout(1000)
        assert viewer.page.get_by_text("Track measurements for this series?").count() == 0
        assert len(viewer.ask(_MEASUREMENTS)) == 1
        assert viewer.errors == []
        viewer.close()


def test_what_cannot_be_saved_is_said(
    browser: Browser, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make_stack(tmp_path / "in", 3, Rows=64, Columns=64)
    with serve(base, RESOURCES) as served:
        served.add(*files)
        study = served.place(files[0])[0]
        viewer = show(browser, served, study, DataSource.DICOM_JSON, 1)
        draw_length(viewer)
        monkeypatch.setattr(storing, "_RESERVE", 1 << 60)
        save_report(viewer, "My lengths")
        expect(viewer.page.get_by_text("It was not saved. The disk of the library is full.")).to_be_visible()
        assert viewer.page.get_by_text("saved successfully").count() == 0
        # What is not saved is not in the list of what there is; what was measured still is.
        assert [one["Modality"] for one in viewer.sets(1)] == ["CT"]
        assert len(viewer.ask(_MEASUREMENTS)) == 1
        assert study_of(served, study).unsent == 0
        viewer.close()


@pytest.mark.parametrize(
    ("modality", "sop_class", "source"),
    [
        ("SEG", "1.2.840.10008.5.1.4.1.1.66.7", DataSource.DICOM_JSON),
        ("RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3", DataSource.DICOM_WEB),
    ],
)
def test_segments_are_there_again_after_a_restart(
    browser: Browser, base: Path, tmp_path: Path, modality: str, sop_class: str, source: DataSource
) -> None:
    files = make_stack(tmp_path / "in", 3, Rows=64, Columns=64)
    with serve(base, RESOURCES, draws=True) as served:
        served.add(*files)
        served.app.warm_up()
        study = served.place(files[0])[0]
        viewer = show(browser, served, study, source, 1)
        viewer.ask(_STORE, [viewer.ask(_PAINT), modality])
        answer(viewer, "My segments")
        expect(viewer.page.get_by_text("Segmentation saved successfully")).to_be_visible(timeout=60_000)
        assert study_of(served, study).unsent == 1
        viewer.close()
        made = saved(served)
        assert (made.SOPClassUID, made.Modality, made.PatientID) == (sop_class, modality, "P1")
        if modality == "SEG":
            assert (made.pixel_array == 1).sum(axis=(1, 2)).tolist() == [20 * 30] * 3
        else:
            assert len(made.ROIContourSequence[0].ContourSequence) == 3
    with serve(base, RESOURCES, draws=True) as served:
        viewer = show(browser, served, study, source, 2)
        (planned,) = (one["planned"] for one in viewer.sets(2) if one["Modality"] == modality)
        viewer.hang(planned)
        viewer.page.get_by_role("button", name="Yes").click()
        # Voxels, or contours.
        assert viewer.wait_for(_PAINTED) == (3 * 20 * 30 if modality == "SEG" else 3)
        viewer.close()


def test_what_is_saved_belongs_to_the_patient_that_was_shown(browser: Browser, base: Path, tmp_path: Path) -> None:
    uids = {"StudyInstanceUID": ROOT_UID + "77", "Rows": 64, "Columns": 64}
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    one = make_stack(tmp_path / "a", 2, **uids, SeriesInstanceUID=ROOT_UID + "77.1", PatientID="A", PatientName="A")
    other = make_stack(
        tmp_path / "b",
        2,
        **uids,
        SeriesInstanceUID=ROOT_UID + "77.2",
        PatientID="B",
        PatientName=name,
        SpecificCharacterSet="ISO_IR 192",
    )
    with serve(base, RESOURCES) as served:
        served.add(*one, *other)
        served.app.warm_up()
        first, second = served.place(one[0])[0], served.place(other[0])[0]
        assert first == ROOT_UID + "77" != second
        for saves, (study, patient) in enumerate(((second, "B"), (first, "A")), start=1):
            viewer = show(browser, served, study, DataSource.DICOM_JSON, 1)
            draw_length(viewer)
            save_report(viewer, "My lengths")
            expect(viewer.page.get_by_text("Measurements saved successfully")).to_be_visible(timeout=30_000)
            viewer.close()
            assert len(served.app.viewing.studies()) == 2
            entry = study_of(served, study)
            assert (entry.patient.PatientID, entry.instances, entry.unsent) == (patient, 3, 1)
            assert len(files_in(served.app.paths.copies)) == saves
        assert study_of(served, second).patient.PatientName == name
