"""What OHIF draws is seen: within its viewport, and never a black one that says nothing."""

from pathlib import Path

import numpy as np
import pytest
from builders import make_study, save
from playwright.sync_api import Route, expect
from viewer.browsing import Viewer
from viewer.decoded import Decoded, load
from viewer.hanging import hang, is_not_flat, picture, wait_for_picture

from desktop.settings import DataSource

_VIEWPORT = "window.cornerstone.getEnabledElements()[0].viewport"


@pytest.fixture
def shown(page: Viewer, tmp_path: Path) -> Viewer:
    """A page that shows one image."""
    show_one(page, save(make_study(), tmp_path / "in" / "a"))
    return page


def show_one(page: Viewer, path: Path) -> None:
    """Show a study of one image, and wait until it is drawn."""
    page.served.add(path)
    page.show(page.served.place(path)[0])
    page.sets(1)
    hang(page, path)
    wait_for_picture(page)


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


def test_an_image_that_comes_while_its_study_opens_is_decoded_as_the_others(page: Viewer, tmp_path: Path) -> None:
    values = np.arange(64, dtype="u4").reshape(8, 8) * 1000
    first = make_study()
    late = make_study(
        StudyInstanceUID=first.StudyInstanceUID,
        SeriesInstanceUID=first.SeriesInstanceUID,
        InstanceNumber=2,
        BitsAllocated=32,
        PixelData=values.tobytes(),
    )
    late.BitsStored, late.HighBit = 32, 31
    page.served.add(save(first, tmp_path / "in" / "a"))

    def come(route: Route) -> None:
        # The display sets are there; now the metadata are asked for.
        page.served.add(save(late, tmp_path / "in" / "b"))
        route.continue_()

    page.page.route("**/series/*/metadata", come)
    page.show(first.StudyInstanceUID, DataSource.DICOM_WEB)
    made = page.sets(2)
    page.page.unroute("**/series/*/metadata")
    assert sorted(uid for one in made for uid in one["instances"]) == sorted(
        [first.SOPInstanceUID, late.SOPInstanceUID]
    )
    shown = load(page, (late.StudyInstanceUID, late.SeriesInstanceUID, late.SOPInstanceUID))
    assert isinstance(shown, Decoded)
    assert np.array_equal(shown.values, values)


@pytest.mark.parametrize("patient_id", [None, ""])
def test_a_patient_without_an_id_is_one_patient(page: Viewer, tmp_path: Path, patient_id: str | None) -> None:
    show_one(page, save(make_study(PatientID=patient_id), tmp_path / "in" / "a"))
    expect(page.page.get_by_text("Patient", exact=True)).to_be_visible()
    expect(page.page.get_by_text("Multiple Patients")).to_have_count(0)
