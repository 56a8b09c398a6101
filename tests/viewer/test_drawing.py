"""What OHIF draws is seen: within its viewport, and never a black one that says nothing."""

from pathlib import Path

import numpy as np
import pytest
from builders import make_image, save
from conftest import RESOURCES
from playwright.sync_api import Browser, Route, expect
from server.asking import Served, serve
from viewer.browsing import Make, Viewer
from viewer.decoded import Decoded, load
from viewer.hanging import hang, is_not_flat, picture, wait_for_picture

from desktop.settings import DataSource

_VIEWPORT = "window.cornerstone.getEnabledElements()[0].viewport"


@pytest.fixture
def shown(browser: Browser, tmp_path: Path):
    """A page that shows one image."""
    image = make_image()
    path = save(image, tmp_path / "in" / "a")
    with serve(tmp_path / "base", RESOURCES) as served:
        served.add(path)
        viewer = Viewer(browser, served)
        viewer.show(image.StudyInstanceUID)
        viewer.sets(1)
        hang(viewer, path)
        wait_for_picture(viewer)
        yield viewer
        viewer.close()


@pytest.mark.parametrize("camera", ["{ parallelScale: 1e5 }", "{ focalPoint: [1e5, 0, 0], position: [1e5, 0, -100] }"])
def test_an_image_that_is_out_of_sight_is_brought_into_view(shown: Viewer, camera: str) -> None:
    shown.ask(f"() => {{ {_VIEWPORT}.setCamera({camera}); {_VIEWPORT}.render(); }}")
    wait_for_picture(shown)
    scale = shown.ask(f"() => {_VIEWPORT}.getCamera().parallelScale")
    assert scale < 1000


def test_an_image_that_somebody_moves_stays_where_it_is(shown: Viewer) -> None:
    before = shown.ask(f"() => {_VIEWPORT}.getCamera().parallelScale")
    shown.ask(f"() => {{ {_VIEWPORT}.setZoom(0.2); {_VIEWPORT}.setPan([150, 0]); {_VIEWPORT}.render(); }}")
    shown.page.wait_for_timeout(500)
    assert shown.ask(f"() => {_VIEWPORT}.getCamera().parallelScale") == pytest.approx(before / 0.2)
    assert shown.ask(f"() => {_VIEWPORT}.getPan()[0]") == pytest.approx(150)


def test_graphics_that_are_lost_are_said_and_come_back(shown: Viewer) -> None:
    shown.ask(
        f"""async () => {{
          const viewport = {_VIEWPORT};
          const {{ contextPool }} = viewport.getRenderingEngine();
          const {{ context }} = contextPool.getContextByIndex(contextPool.getContextIndexForViewport(viewport.id));
          context.getOpenGLRenderWindow().get3DContext().getExtension('WEBGL_lose_context').loseContext();
          await new Promise(go => setTimeout(go, 100));
          viewport.render();
        }}"""
    )
    cover = shown.page.locator(".negatoscope-missing")
    expect(cover).to_contain_text("graphics of this computer were interrupted")
    cover.click()
    shown.wait_for("() => !document.querySelector('.negatoscope-missing')")
    shown.wait_for("() => window.services?.displaySetService?.getActiveDisplaySets().length === 1")
    assert is_not_flat(wait_for_picture(shown))
    assert is_not_flat(picture(shown))


def test_an_image_that_comes_while_its_study_opens_is_decoded_as_the_others(
    make_viewer: Make, library: Served, tmp_path: Path
) -> None:
    values = np.arange(64, dtype="u4").reshape(8, 8) * 1000
    first, late = make_image(), make_image(InstanceNumber=2, BitsAllocated=32, PixelData=values.tobytes())
    late.BitsStored, late.HighBit = 32, 31
    library.add(save(first, tmp_path / "in" / "a"))

    def come(route: Route) -> None:
        # The display sets are there; now the metadata are asked for.
        library.add(save(late, tmp_path / "in" / "b"))
        route.continue_()

    viewer = make_viewer(library)
    viewer.page.route("**/series/*/metadata", come)
    viewer.show(first.StudyInstanceUID, DataSource.DICOM_WEB)
    made = viewer.sets(2)
    assert sorted(uid for one in made for uid in one["instances"]) == sorted(
        [first.SOPInstanceUID, late.SOPInstanceUID]
    )
    shown = load(viewer, (late.StudyInstanceUID, late.SeriesInstanceUID, late.SOPInstanceUID))
    assert isinstance(shown, Decoded)
    assert np.array_equal(shown.values, values)


@pytest.mark.parametrize("patient_id", [None, ""])
def test_a_patient_without_an_id_is_one_patient(
    make_viewer: Make, library: Served, tmp_path: Path, patient_id: str | None
) -> None:
    path = save(make_image(PatientID=patient_id), tmp_path / "in" / "a")
    library.add(path)
    viewer = make_viewer(library)
    viewer.show(library.place(path)[0])
    viewer.sets(1)
    hang(viewer, path)
    wait_for_picture(viewer)
    expect(viewer.page.get_by_text("Patient", exact=True)).to_be_visible()
    expect(viewer.page.get_by_text("Multiple Patients")).to_have_count(0)
