"""Chromium for the tests that look at OHIF in it, and libraries that are served to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import RESOURCES, find_corpus
from playwright.sync_api import Browser
from server.asking import Served, serve
from viewer.browsing import Make, Viewer, find_chromium, start_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; the test is skipped where it is not."""
    program = find_chromium()
    if program is None:
        pytest.skip("Chromium is not here (Debian's package chromium)")
    with start_browser(program) as started:
        yield started


@pytest.fixture
def make_viewer(browser: Browser) -> Iterator[Make]:
    """Open pages that are closed with the test."""
    viewers: list[Viewer] = []

    def make(served: Served, **options: bool) -> Viewer:
        viewers.append(Viewer(browser, served, **options))
        return viewers[-1]

    yield make
    for viewer in viewers:
        viewer.close()


@pytest.fixture(scope="session")
def shared_viewer(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """A page that most tests share, as it takes seconds to start, on a library that begins empty."""
    with serve(tmp_path_factory.mktemp("shared") / "base", RESOURCES, draws=True) as served:
        viewer = Viewer(browser, served)
        yield viewer
        viewer.close()


@pytest.fixture
def page(shared_viewer: Viewer, request: pytest.FixtureRequest) -> Iterator[Viewer]:
    """The page that tests share. Each brings studies of its own, whose UIDs no other test uses."""
    with lend(shared_viewer, request):
        yield shared_viewer
        shared_viewer.resize()


@contextmanager
def lend(viewer: Viewer, request: pytest.FixtureRequest) -> Iterator[None]:
    """Give a page to one of the tests that share it. If it fails, the next one has the page loaded anew."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        viewer.start()


@pytest.fixture(scope="session")
def real_library(tmp_path_factory: pytest.TempPathFactory, pydicom_files: Path) -> Iterator[Served]:
    """The real files where they are, else those in pydicom's package, served with the real OHIF.

    Tests only look at it.
    """
    with serve(tmp_path_factory.mktemp("viewer") / "base", RESOURCES, draws=True) as started:
        started.add(find_corpus() or pydicom_files)
        yield started
