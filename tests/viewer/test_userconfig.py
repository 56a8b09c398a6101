"""The user's own configuration of OHIF, in the page: it counts, and what is wrong in it stops nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import RESOURCES
from playwright.sync_api import Browser, expect
from server.asking import Served, serve
from viewer.browsing import Viewer

BAR = ".negatoscope-config"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("config") / "base", RESOURCES) as started:
        yield started


@pytest.fixture(scope="module")
def bare(browser: Browser, served: Served) -> Iterator[Viewer]:
    """A page in which OHIF itself is not loaded: only its configuration is looked at."""
    viewer = Viewer(browser, served)
    viewer.page.route("**/app.bundle.*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    yield viewer
    viewer.close()


@pytest.fixture(scope="module")
def default(bare: Viewer) -> Any:
    """OHIF's configuration without a file."""
    config, bar = load(bare, None)
    assert bar == ""
    return config


def load(viewer: Viewer, text: str | bytes | None) -> tuple[Any, str]:
    """Load the page with a file, and return OHIF's configuration, and what is said."""
    path = viewer.served.app.paths.ohif_config
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    viewer.page.goto(f"{viewer.root}/", wait_until="domcontentloaded")
    config = viewer.ask(
        """async () => {
          const { config } = window;
          const made = typeof config === 'function' ? await config({ servicesManager: 'given' }) : config;
          return JSON.parse(JSON.stringify(made));
        }"""
    )
    bar = viewer.page.locator(BAR)
    return config, bar.inner_text() if bar.count() else ""


OWN = "/extension/negatoscope.js"


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("window.config = {};", {}),
        (
            "/** @type {AppTypes.Config} */\nwindow.config = { name: 'Mine', maxNumRequests: { prefetch: 3 } };",
            {"name": "Mine", "maxNumRequests": {"prefetch": 3}},
        ),
        (
            "window.config = { extensions: ['/a.js'], modes: ['/b.js'] };",
            {"extensions": ["/a.js", OWN], "modes": ["/b.js"]},
        ),
        ("window.config = { extensions: [] };", {}),
        (
            "window.config = { dataSources: 1, defaultDataSourceName: 2, routerBasename: '/x', showStudyList: 3 };",
            {},
        ),
        ("window.config = { ...window.config, hotkeys: [] };", {"hotkeys": []}),
        ("var config = { name: 'A classic script' };", {"name": "A classic script"}),
        ("function own() { return 1; }\nwindow.config = { own: own() + this.own() };", {"own": 2}),
        ("window.config = ({ servicesManager }) => ({ name: servicesManager, dataSources: [] });", {"name": "given"}),
        ("window.config = async () => ({ name: 'later' });", {"name": "later"}),
        ("window.config = { name: '</script><b>' };", {"name": "</script><b>"}),
        ("\ufeffwindow.config = { name: 'with a mark' };", {"name": "with a mark"}),
    ],
)
def test_it_counts(bare: Viewer, default: Any, text: str, changes: Any) -> None:
    config, bar = load(bare, text)
    assert bar == ""
    assert config == default | changes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("window.config = { name: 'x' ", ["Unexpected end of input"]),
        ("window.config = {\n  name: 'x';\n};", ["Unexpected token", "line 2"]),
        ("window.config = {};\nthrow new Error('I give up');", ["I give up", "line 2"]),
        ("window.config = { name: nothing };", ["nothing is not defined", "line 1"]),
        ("throw '<img src=x onerror=alert(1)>';", ["<img src=x onerror=alert(1)>"]),
        ("", ["does not set window.config"]),
        ("const config = {};", ["does not set window.config"]),
        ("window.config = 'text';", ["does not set window.config"]),
        ("window.config = null;", ["does not set window.config"]),
        ("window.config = [];", ["does not set window.config"]),
        ("window.config = { extensions: '/a.js' };", ["“extensions” is no list"]),
        ("window.config = { modes: {} };", ["“modes” is no list"]),
        ("window.config = () => { throw new Error('not now'); };", ["not now"]),
        ("window.config = () => 4;", ["does not set window.config"]),
        ("window.config = () => () => 4;", ["does not set window.config"]),
        ("export default {};", ["Unexpected token"]),
        (b"window.config = { name: '\xff' };", ["not text in UTF-8"]),
        (b" " * (5 << 20), ["larger than 4 MB"]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_wrong_is_said_and_stops_nothing(
    bare: Viewer, default: Any, text: str | bytes, words: list[str]
) -> None:
    bare.errors.clear()
    config, bar = load(bare, text)
    assert config == default
    for word in ["ohif.js", *words, "Mend or remove"]:
        assert word in bar
        assert any(word in error for error in bare.errors)
    bare.page.get_by_role("button", name="Close").click()
    expect(bare.page.locator(BAR)).to_have_count(0)


@pytest.mark.parametrize(
    ("text", "bars"), [("window.config = { whiteLabeling: {}, extensions: [] };", 0), ("window.config = {", 1)]
)
def test_ohif_starts_with_it(browser: Browser, served: Served, text: str, bars: int, tmp_path: Path) -> None:
    served.app.paths.ohif_config.write_text(text)
    viewer = Viewer(browser, served)
    try:
        viewer.start()
        viewer.wait_for("() => Boolean(window.negatoscope)")
        expect(viewer.page.locator(BAR)).to_have_count(bars)
    finally:
        viewer.close()
