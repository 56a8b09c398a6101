"""Real objects that lie over images are seen in OHIF."""

from collections.abc import Iterator

import pytest
from conftest import RESOURCES, find_corpus
from playwright.sync_api import Browser, expect
from server.asking import serve
from viewer.browsing import Viewer
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
def real_page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    folder = find_corpus()
    if folder is None:
        pytest.skip("the folder of real DICOM files is not here (NEGATOSCOPE_CORPUS)")
    with serve(tmp_path_factory.mktemp("real") / "base", RESOURCES, draws=True) as served:
        for name in ("highdicom", "pypi-dicompyler-core", "pydicom-data"):
            served.add(folder / name)
        viewer = Viewer(browser, served)
        viewer.page.set_viewport_size({"width": 1100, "height": 750})
        yield viewer
        viewer.close()


@pytest.mark.parametrize("what", REAL)
def test_real_objects_over_images_are_drawn(real_page: Viewer, what: str) -> None:
    folder = find_corpus()
    assert folder is not None
    places = real_page.served.places()
    path = next(path for path in sorted(folder.rglob(REAL[what])) if str(path) in places)
    study = places[str(path)][0]
    real_page.show(study, DataSource.DICOM_WEB)
    real_page.sets(len(real_page.served.app.viewing.display_sets(study)))
    hang(real_page, path)
    wait_for_picture(real_page, LOOKS[what])


def test_a_question_about_one_set_does_not_stay_over_another(real_page: Viewer) -> None:
    folder = find_corpus()
    assert folder is not None
    path = next(folder.rglob("seg_image_ct_binary_single_frame.dcm"))
    image = next(folder.rglob("ct_image.dcm"))
    study = real_page.served.place(path)[0]
    real_page.show(study, DataSource.DICOM_WEB)
    real_page.sets(len(real_page.served.app.viewing.display_sets(study)))
    question = real_page.page.get_by_text("Do you want to open this Segmentation?")
    hang(real_page, path)
    expect(question).to_be_visible(timeout=30_000)
    hang(real_page, image)
    expect(question).to_be_hidden()
