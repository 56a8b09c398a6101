"""Every class of objects is seen in OHIF: its words, its picture, its film."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import RESOURCES
from objects import STUDY, Objects, make_objects
from playwright.sync_api import Browser, expect
from server.asking import Served, serve
from viewer.browsing import LARGE, Viewer
from viewer.hanging import hang, has_colours, wait_for_picture

from desktop.settings import DataSource

_VIEWPORT = """(() => {
  const { viewportGridService, cornerstoneViewportService } = window.services;
  const [id] = viewportGridService.getState().viewports.keys();
  return cornerstoneViewportService.getCornerstoneViewport(id);
})()"""
_SHOWN = f"({_VIEWPORT}?.getCornerstoneImage?.()?.imageId ?? '')"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Objects]]:
    """The study with an object of nearly every class."""
    objects = make_objects(tmp_path_factory.mktemp("objects") / "in")
    with serve(tmp_path_factory.mktemp("objects") / "base", RESOURCES, draws=True) as served:
        served.add(objects.folder)
        yield served, objects


@pytest.fixture(scope="module", params=list(DataSource))
def page(browser: Browser, library: tuple[Served, Objects], request: pytest.FixtureRequest) -> Iterator[Any]:
    """The study, shown by each of the two sources; each has a page of its own, which knows nothing of the other."""
    served, objects = library
    viewer = Viewer(browser, served)
    viewer.resize(LARGE)
    viewer.show(STUDY, request.param)
    viewer.sets(len(served.app.viewing.display_sets(STUDY)))
    yield viewer, objects
    assert [error for error in viewer.errors if "TypeError" in error] == []
    viewer.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report", ["A quiet lung."]),
        ("measurements", ["Nothing was measured."]),
        ("cad", ["CAD"]),
        ("dose report", ["CTDIvol"]),
        ("key objects", ["Image"]),
        ("plan", ["Beam"]),
        ("record", ["Beam"]),
        ("cda", ["Nothing to tell."]),
        ("registration", ["10"]),
        ("value mapping", ["Hounsfield"]),
        ("raw", ["SOPClassUID"]),
        ("unknown", ["UNHEARD OF"]),
    ],
)
def test_the_words_of_an_object_are_found(page: tuple[Viewer, Objects], name: str, words: list[str]) -> None:
    viewer, objects = page
    hang(viewer, objects.files[name])
    for word in words:
        expect(viewer.page.frame_locator("iframe").locator("body")).to_contain_text(word)
    # What is in a file does not run, and asks for nothing.
    frame = viewer.page.locator("iframe").first
    assert frame.get_attribute("sandbox") == "allow-same-origin"


@pytest.mark.parametrize("name", ["surface", "ecg"])
def test_what_has_no_words_is_drawn(page: tuple[Viewer, Objects], name: str) -> None:
    viewer, objects = page
    hang(viewer, objects.files[name])
    wait_for_picture(viewer)


def test_a_presentation_state_is_applied(page: tuple[Viewer, Objects]) -> None:
    viewer, objects = page
    hang(viewer, objects.files["state"])
    viewer.wait_for(f"() => {_SHOWN}.includes('/presented/')")
    wait_for_picture(viewer)


def test_the_images_themselves_are_drawn(page: tuple[Viewer, Objects]) -> None:
    viewer, objects = page
    hang(viewer, objects.files["ct"])
    viewer.wait_for(f"() => {_SHOWN}.includes('/dicom-web/')")
    wait_for_picture(viewer)


def test_a_pdf_is_embedded(page: tuple[Viewer, Objects]) -> None:
    viewer, objects = page
    hang(viewer, objects.files["pdf"])
    address = viewer.wait_for(
        '() => document.querySelector(\'object[type="application/pdf"], embed[type="application/pdf"]\')?.data'
    )
    start = viewer.ask(
        "async url => new TextDecoder().decode((await (await fetch(url)).arrayBuffer()).slice(0, 8))", address
    )
    assert start.startswith("%PDF-1.4")


def test_a_film_plays(page: tuple[Viewer, Objects]) -> None:
    viewer, objects = page
    hang(viewer, objects.files["film"])
    viewer.wait_for(f"() => {_VIEWPORT}?.videoElement?.readyState >= 2")
    size = f"() => [{_VIEWPORT}.videoElement.videoWidth, {_VIEWPORT}.videoElement.videoHeight]"
    assert viewer.ask(size) == [64, 48]
    play = """viewport => {
      if (!viewport.isPlaying) {
        viewport.play();
      }
      return viewport.videoElement.currentTime > 0.3;
    }"""
    viewer.wait_for(f"() => ({play})({_VIEWPORT})")
    wait_for_picture(viewer)


def test_a_map_lies_over_its_images(page: tuple[Viewer, Objects]) -> None:
    viewer, objects = page
    hang(viewer, objects.files["map"])
    wait_for_picture(viewer, has_colours)


@pytest.mark.parametrize("name", ["key objects", "measurements"])
def test_pages_jump_to_their_images(page: tuple[Viewer, Objects], name: str) -> None:
    viewer, objects = page
    hang(viewer, objects.files[name])
    viewer.wait_for("() => document.querySelector('iframe')?.contentDocument?.querySelector('a.reference')")
    viewer.wait_for("() => document.querySelector('iframe').contentDocument.readyState === 'complete'")
    viewer.page.frame_locator("iframe").locator("a.reference").first.click()
    uid = viewer.served.place(objects.files["ct"])[2]
    viewer.wait_for(f"uid => {_SHOWN}.includes(uid)", uid)


def test_each_display_set_has_its_thumbnail(page: tuple[Viewer, Objects]) -> None:
    viewer, objects = page
    wanted = [viewer.served.place(objects.files[name])[2] for name in ("ct", "state", "film")]
    for uid in wanted:
        viewer.wait_for(
            """async uid => {
              const sets = window.services.displaySetService.getActiveDisplaySets();
              const set = sets.find(one => one.instances?.some(instance => instance.SOPInstanceUID === uid));
              const source = await (set?.getThumbnailSrc?.() ?? set?.thumbnailSrc);
              return Boolean(source?.startsWith('blob:'));
            }""",
            uid,
        )
