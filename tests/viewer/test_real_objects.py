"""Real objects that lie over images are seen in OHIF."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect
from server.asking import Served
from viewer.browsing import LARGE, Make, Viewer
from viewer.conftest import lend
from viewer.hanging import hang, has_colours, is_not_flat, wait_for_picture

from desktop.settings import DataSource

REAL = {
    "segmentation": "seg_image_ct_binary_single_frame.dcm",
    "whole slide": "sm_image.dcm",
    "map of one image": "parametric_map_float.dcm",
    "measurements": "sr_document_with_multiple_groups.dcm",
    "dose": "rtdose.dcm",
}


LOOKS = dict.fromkeys(REAL, is_not_flat) | {"segmentation": has_colours, "measurements": has_colours}


@pytest.fixture(scope="module")
def real_viewer(browser: Browser, corpus: Path, real_library: Served) -> Iterator[Viewer]:
    viewer = Viewer(browser, real_library)
    viewer.resize(LARGE)
    yield viewer
    viewer.close()


@pytest.fixture
def real_page(real_viewer: Viewer, request: pytest.FixtureRequest) -> Iterator[Viewer]:
    with lend(real_viewer, request):
        yield real_viewer


def find(page: Viewer, corpus: Path, name: str) -> Path:
    """Return the file of a name that is served: others may have the same bytes."""
    places = page.served.places()
    return next(path for path in sorted(corpus.rglob(name)) if str(path) in places)


@pytest.mark.parametrize("what", REAL)
def test_real_objects_over_images_are_drawn(real_page: Viewer, corpus: Path, what: str) -> None:
    path = find(real_page, corpus, REAL[what])
    study = real_page.served.place(path)[0]
    real_page.show(study, DataSource.DICOM_WEB)
    real_page.sets(len(real_page.served.app.viewing.display_sets(study)))
    hang(real_page, path)
    wait_for_picture(real_page, LOOKS[what])


def test_a_question_about_one_set_does_not_stay_over_another(real_page: Viewer, corpus: Path) -> None:
    path, image = (find(real_page, corpus, name) for name in (REAL["segmentation"], "ct_image.dcm"))
    study = real_page.served.place(path)[0]
    real_page.show(study, DataSource.DICOM_WEB)
    real_page.sets(len(real_page.served.app.viewing.display_sets(study)))
    question = real_page.page.get_by_text("Do you want to open this Segmentation?")
    hang(real_page, path)
    expect(question).to_be_visible()
    hang(real_page, image)
    expect(question).to_be_hidden()


def test_a_segmentation_that_comes_before_its_images_lies_over_them(
    make_viewer: Make, corpus: Path, real_library: Served
) -> None:
    """Its images are in a series that begins with a report: over that, nothing can lie."""
    viewer = make_viewer(real_library)
    path, image = (find(viewer, corpus, name) for name in (REAL["segmentation"], "ct_image.dcm"))
    study, series, _ = real_library.place(image)
    sets = real_library.app.viewing.display_sets(study)
    assert len([made for made in sets if made.SeriesInstanceUID == series]) == 2
    late: list[Route] = []
    viewer.page.route(f"**/series/{series}/metadata", lambda route: late.append(route))
    viewer.show(study, DataSource.DICOM_WEB)
    assert len(viewer.sets(len(sets) - 2)) == len(sets) - 2
    (route,) = late
    route.continue_()
    viewer.sets(len(sets))
    over = viewer.ask("""() => {
      const { displaySetService } = window.services;
      const set = displaySetService.getActiveDisplaySets().find(one => one.Modality === 'SEG');
      const { SeriesInstanceUID, images } = displaySetService.getDisplaySetByUID(set.referencedDisplaySetInstanceUID);
      return [SeriesInstanceUID, images?.length > 0];
    }""")
    assert over == [series, True]
    hang(viewer, path)
    wait_for_picture(viewer, has_colours)
