"""OHIF's own list of studies: it opens them, and one comes back to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import make_stack
from conftest import RESOURCES
from playwright.sync_api import Browser, expect
from server.asking import serve
from viewer.browsing import Viewer
from viewer.hanging import wait_for_picture

MARKS = "<img src=x onerror=window.broken=1>"


@pytest.fixture
def viewer(browser: Browser, tmp_path: Path) -> Iterator[Viewer]:
    with serve(tmp_path / "base", RESOURCES, draws=True) as served:
        served.add(*make_stack(tmp_path / "in", 2, PatientName="Listed^Jane", StudyDescription=MARKS))
        opened = Viewer(browser, served)
        opened.page.set_viewport_size({"width": 1100, "height": 750})
        yield opened
        opened.close()


def test_a_study_is_opened_from_the_list_and_back_and_forward_work(viewer: Viewer) -> None:
    page = viewer.page
    page.goto(f"{viewer.root}/")
    row = page.get_by_text("Listed, Jane").or_(page.get_by_text("Listed^Jane")).first
    row.wait_for(timeout=60_000)
    row.dblclick()
    page.wait_for_url(re.compile(r"/viewer.*StudyInstanceUIDs="), timeout=30_000)
    wait_for_picture(viewer)
    there = page.url
    page.go_back()
    expect(row).to_be_visible(timeout=30_000)
    page.go_forward()
    page.wait_for_url(there)
    wait_for_picture(viewer)
    # What stands in a description is no mark.
    assert viewer.ask("() => window.broken") is None
