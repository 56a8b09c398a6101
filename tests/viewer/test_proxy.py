"""OHIF below a path, behind nginx: everything is found there, and nothing is asked elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from conftest import RESOURCES
from objects import STUDY, Objects, make_objects
from playwright.sync_api import Browser, expect
from server.asking import Served, serve
from server.nginx import LOCATION, find_nginx, free_port, start_nginx
from viewer.browsing import Viewer
from viewer.hanging import hang, wait_for_picture

from desktop.settings import DataSource
from desktop.sites import read_public_url

BASE = "/images/here"
VIEWPORT = """(() => {
  const { viewportGridService, cornerstoneViewportService } = window.services;
  return cornerstoneViewportService.getCornerstoneViewport([...viewportGridService.getState().viewports.keys()][0]);
})()"""
GUIDE = RESOURCES / "guide" / "server.md"


@dataclass
class Proxied:
    """A library behind nginx."""

    served: Served
    root: str
    objects: Objects
    folder: Path


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    program = find_nginx()
    if program is None:
        pytest.skip("nginx is not here (Debian's package nginx-light)")
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    site = read_public_url(f"http://127.0.0.1:{port}{BASE}/")
    objects = make_objects(folder / "objects")
    with serve(folder / "base", RESOURCES, draws=True, site=site) as served:
        served.add(objects.folder)
        location = LOCATION.format(base=BASE, origin=served.origin)
        with start_nginx(program, folder / "nginx", port, location) as origin:
            yield Proxied(served, origin + BASE, objects, folder / "nginx")


@pytest.fixture(scope="module", params=DataSource)
def viewer(browser: Browser, proxied: Proxied, request: pytest.FixtureRequest) -> Iterator[Viewer]:
    """A page with a study, that came by an address that works once, and must not ask for anything elsewhere."""
    opened = Viewer(browser, proxied.served, root=proxied.root)
    lost: list[str] = []
    # The last is the browser itself, and its PDF viewer.
    within = (proxied.root, "blob:", "data:", "chrome")
    opened.page.on("request", lambda it: lost.append(it.url) if not it.url.startswith(within) else None)
    opened.page.on("response", lambda it: lost.append(f"{it.status} {it.url}") if it.status >= 400 else None)
    opened.page.set_viewport_size({"width": 1100, "height": 750})
    opened.show(STUDY, request.param)
    opened.sets(len(proxied.served.app.viewing.display_sets(STUDY)))
    yield opened
    opened.close()
    assert lost == []


def test_the_guide_has_the_configuration_that_is_tested() -> None:
    lines = [line.strip() for line in LOCATION.format(base="/negatoscope", origin="http://127.0.0.1:8042").split("\n")]
    guide = GUIDE.read_text(encoding="utf-8")
    assert [line for line in lines if line not in guide] == []


@pytest.mark.parametrize("name", ["ct", "ecg", "surface", "state"])
def test_what_is_drawn(proxied: Proxied, viewer: Viewer, name: str) -> None:
    hang(viewer, proxied.objects.files[name])
    wait_for_picture(viewer)


def test_words(proxied: Proxied, viewer: Viewer) -> None:
    hang(viewer, proxied.objects.files["report"])
    body = viewer.page.frame_locator("iframe").locator("body")
    expect(body).to_contain_text("A quiet lung.", timeout=30_000)


def test_a_film(proxied: Proxied, viewer: Viewer) -> None:
    hang(viewer, proxied.objects.files["film"])
    viewer.wait_for(f"() => {VIEWPORT}?.videoElement?.readyState >= 2")
    assert viewer.ask(f"() => {VIEWPORT}.videoElement.src").startswith(f"{proxied.root}/films/")


def test_a_document(proxied: Proxied, viewer: Viewer) -> None:
    hang(viewer, proxied.objects.files["pdf"])
    address = viewer.wait_for(
        '() => document.querySelector(\'object[type="application/pdf"], embed[type="application/pdf"]\')?.data'
    )
    start = viewer.ask("async url => (await (await fetch(url)).text()).slice(0, 8)", address)
    assert start.startswith("%PDF-1.4")


def test_thumbnails(viewer: Viewer) -> None:
    viewer.wait_for(
        """() => [...document.querySelectorAll('[data-cy="study-browser-thumbnail"] img')]
            .some(one => one.src.startsWith('blob:') && one.naturalWidth > 1)"""
    )


def test_addresses_are_those_of_the_proxy(proxied: Proxied) -> None:
    headers = {"Authorization": f"Bearer {proxied.served.token}"}
    study = proxied.served.place(proxied.objects.files["ecg"])[0]
    with httpx2.Client(headers=headers) as client:
        (found, *_) = client.get(f"{proxied.root}/dicom-web/studies?StudyInstanceUID={study}").json()
        address = found["00081190"]["Value"][0]
        assert address == f"{proxied.root}/dicom-web/studies/{study}"
        metadata = client.get(f"{address}/metadata")
        assert metadata.status_code == 200
        places = set(re.findall(r'"BulkDataURI":"([^"]+)"', metadata.text))
        places |= set(
            re.findall(r'"BulkDataURI":"([^"]+)"', client.get(f"{proxied.root}/studies/{study}/ohif-dicom-json").text)
        )
        assert places
        for place in places:
            assert place.startswith(f"{BASE}/dicom-web/studies/")
            assert client.get(proxied.root.removesuffix(BASE) + place).status_code == 200


def test_nothing_is_answered_elsewhere(proxied: Proxied) -> None:
    origin = proxied.served.origin
    headers = {"Authorization": f"Bearer {proxied.served.token}"}
    with httpx2.Client(headers=headers) as client:
        for path in (
            "/",
            "/dicom-web/studies",
            "/images",
            "/images/here2/",
            "/images/hereabouts",
            "/healthz",
            "/app-config.js",
        ):
            assert client.get(origin + path).status_code == 404
        moved = client.get(f"{origin}{BASE}")
        assert (moved.status_code, moved.headers["location"]) == (308, f"{BASE}/")
        assert client.get(f"{origin}{BASE}/healthz", headers={"Authorization": ""}).status_code == 200


def test_no_token_is_in_the_logs_of_the_proxy(proxied: Proxied, viewer: Viewer) -> None:
    logs = "".join(path.read_text() for path in proxied.folder.glob("*.log"))
    assert f"GET {BASE}/login?key=" in logs
    assert proxied.served.token not in logs
