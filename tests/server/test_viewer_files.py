"""OHIF's files: those that are meant, and nothing else of this computer."""

import json
import re
from pathlib import Path

import pytest
from server.asking import Served, serve

from desktop import __version__
from desktop.paths import find_resources

RESOURCES = find_resources()

PAGE = "<!DOCTYPE html><title>The viewer</title>"
FOREVER = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("path", "body", "content_type", "cache"),
    [
        ("/", PAGE, "text/html; charset=utf-8", "no-store"),
        ("/index.html", PAGE, "text/html; charset=utf-8", "no-store"),
        ("/app.bundle.0123456789abcdef.js", "bundle();", "text/javascript; charset=utf-8", FOREVER),
        ("/0123456789abcdef.wasm", "\0asm", "application/wasm", FOREVER),
        ("/app.bundle.css", "body {}", "text/css; charset=utf-8", "no-cache"),
        ("/manifest.json", "{}", "application/json", "no-cache"),
        ("/assets/icon.png", "png", "image/png", "no-cache"),
        ("/assets/with%20space.svg", "<svg/>", "image/svg+xml", "no-cache"),
        ("/extension/negatoscope.js", "export default {};", "text/javascript; charset=utf-8", "no-cache"),
        ("/index.html?v=1", PAGE, "text/html; charset=utf-8", "no-store"),
        ("/%69ndex.html", PAGE, "text/html; charset=utf-8", "no-store"),
    ],
)
def test_files(gallery: Served, path: str, body: str, content_type: str, cache: str) -> None:
    answer = gallery.ask(path)
    assert (answer.status, answer.text) == (200, body)
    assert answer.header("content-type") == content_type
    assert answer.header("cache-control") == cache


@pytest.mark.parametrize(
    "path",
    [
        "/viewer",
        "/viewer/",
        "/viewer/dicomjson?url=%2Fstudies%2F1.2%2Fohif-dicom-json",
        "/viewer/dicomweb?StudyInstanceUIDs=1.2.3",
        "/notfoundstudy",
        "/segmentation/dicomweb",
        "/local",
        "/assets",
        "/assets/",
        "/extension",
        "/%F0%9F%98%80",
        "/a/b/c/d",
        "/v1.2/page",
        "/dicom-webs",
    ],
)
def test_pages_of_ohif_are_its_own_business(gallery: Served, path: str) -> None:
    answer = gallery.ask(path)
    assert (answer.status, answer.text) == (200, PAGE)
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/missing.js",
        "/missing.wasm",
        "/app.bundle.0123456789abcdef.js.map",
        "/assets/missing.png",
        "/viewer/missing.js",
        "/extension/missing.js",
        "/extension/",
        "/extension/missing",
        "/extension/negatoscope.js.map",
        "/INDEX.HTML",
        "/favicon.ico",
        "/robots.txt",
        "/.well-known/x.json",
    ],
)
def test_missing_files_are_no_pages(gallery: Served, path: str) -> None:
    gallery.ask(path).sentence(404)


OUTSIDE = (
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/.%2e/secret.txt",
    "/%252e%252e/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%uff0e%uff0e/secret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/..%255csecret.txt",
    "/....//secret.txt",
    "/..;/secret.txt",
    "/assets/../../secret.txt",
    "/assets/../index.html",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/./index.html",
    "//index.html",
    "//secret.txt",
    "///secret.txt",
    "/%2fsecret.txt",
    "/secret.txt",
    "/ohif/index.html",
    "/ohif/../secret.txt",
    "/extension/../secret.txt",
    "/extension/%2e%2e/secret.txt",
    "/extension/../ohif/index.html",
    "/extension/..%2f..%2f..%2fetc%2fpasswd",
    "/extension//negatoscope.js",
    "/index.html/",
    "/index.html/.",
    "/index.html%00",
    "/index.html%00.js",
    "/secret.txt%00.html",
    "/%00",
    "/.hidden/secret.js",
    "/.env",
    "/.%00env",
    "/etc/passwd",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/../../../../../../../../etc/passwd",
    "/file:///etc/passwd",
    "/C:/Windows/win.ini",
    "/C:%5CWindows%5Cwin.ini",
    "/c|/windows/win.ini",
    "/library.sqlite",
    "/data/library.sqlite",
    "/settings.json",
    "/proc/self/environ",
    "/app-config.js/../secret.txt",
    "/index.html::$DATA",
    "/index.html.",
    "/assets%2ficon.png%2f..%2f..%2f..%2fsecret.txt",
)


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_outside_of_the_viewer_is_given(gallery: Served, path: str, method: str) -> None:
    answer = gallery.ask(path, method=method)
    if method == "HEAD":
        assert answer.status in (200, 404)
        assert answer.body == b""
    elif answer.status == 200:
        assert answer.text == PAGE
    else:
        answer.sentence(404)


@pytest.mark.parametrize("base", ["/", "/extension/", "//", "/../"])
def test_paths_of_this_computer_are_no_addresses(gallery: Served, base: str) -> None:
    for path in (gallery.app.paths.library, gallery.app.paths.config, Path(__file__)):
        assert path.exists()
        answer = gallery.ask(base + str(path).lstrip("/"))
        assert answer.text == PAGE if answer.status == 200 else answer.sentence(404)


def test_files_that_come_later_and_links_that_lead_away_are_not_served(tmp_path: Path, viewer: Path) -> None:
    (viewer / "ohif" / "away").symlink_to(viewer, target_is_directory=True)
    with serve(tmp_path / "base", viewer) as served:
        (viewer / "ohif" / "late.js").write_text("late")
        served.ask("/late.js").sentence(404)
        served.ask("/away/secret.txt").sentence(404)


def test_a_file_of_the_viewer_that_is_gone_gives_an_error_and_not_the_page(served: Served, viewer: Path) -> None:
    (viewer / "ohif" / "app.bundle.css").unlink()
    answer = served.ask("/app.bundle.css")
    assert answer.status in (404, 500)
    answer.sentence(answer.status)


def read_config(text: str) -> dict[str, object]:
    found = re.fullmatch(r"window\.config = completeConfig\(window\.config, (\{.*\}), null\);\n", text, re.DOTALL)
    assert found is not None
    config: dict[str, object] = json.loads(found[1])
    return config


def test_the_configuration_is_ours_and_asks_nobody_else(gallery: Served) -> None:
    answer = gallery.ask("/app-config.js")
    assert answer.header("content-type") == "text/javascript; charset=utf-8"
    assert answer.header("cache-control") == "no-store"
    assert "http:" not in answer.text
    assert "https:" not in answer.text
    assert "//" not in answer.text
    config = read_config(answer.text)
    assert __version__ in str(config["name"])
    assert config["extensions"] == ["/extension/negatoscope.js"]
    sources = config["dataSources"]
    assert isinstance(sources, list)
    assert {source["sourceName"] for source in sources} == {"dicomjson", "dicomweb"}
    assert config["defaultDataSourceName"] == "dicomweb"
    for key in ("oidc", "peerImport", "dangerouslyUseDynamicConfig", "customizationUrlPrefixes"):
        assert key not in config
    for source in sources:
        assert source["configuration"]["wadoRoot"] == "/dicom-web"


@pytest.mark.skipif(not (RESOURCES / "ohif" / "index.html").is_file(), reason="OHIF has not been fetched")
def test_all_of_the_real_viewer_is_served(tmp_path: Path) -> None:
    types = {
        ".js": "text/javascript; charset=utf-8",
        ".wasm": "application/wasm",
        ".css": "text/css; charset=utf-8",
        ".woff2": "font/woff2",
        ".html": "text/html; charset=utf-8",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".json": "application/json",
    }
    with serve(tmp_path / "base", RESOURCES) as served:
        files = [path for path in (RESOURCES / "ohif").rglob("[!.]*") if path.is_file()]
        assert len(files) > 100
        for path in sorted(files):
            if path.name == "app-config.js":
                continue
            address = "/" + path.relative_to(RESOURCES / "ohif").as_posix()
            answer = served.ask(address, method="HEAD" if path.stat().st_size > 1 << 20 else "GET")
            assert answer.status == 200, address
            if path.name == "index.html":
                continue
            assert answer.header("content-length") == str(path.stat().st_size)
            assert answer.header("content-type") == types.get(path.suffix, answer.header("content-type"))
            if answer.body:
                assert answer.body == path.read_bytes()
        page = served.ask("/").text
        for part in page.split('src="')[1:]:
            assert served.ask(part.partition('"')[0], method="HEAD").status == 200
        extension = served.ask("/extension/negatoscope.js")
        assert extension.body == (RESOURCES / "extension" / "negatoscope.js").read_bytes()
