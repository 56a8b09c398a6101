"""OHIF in Debian's Chromium: a page that goes from study to study, and what it is asked."""

import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Route, ViewportSize, expect, sync_playwright
from server.asking import Served

from desktop.settings import DataSource

FLAGS = (
    *("--disable-background-networking", "--disable-component-update", "--disable-quic", "--disable-sync"),
    # No graphics card: Chromium draws with its own software.
    *("--ignore-gpu-blocklist", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    # The page around the images is drawn without graphics, which would take most of the time.
    *("--disable-gpu-compositing", "--disable-gpu-rasterization"),
    *("--no-first-run", "--no-sandbox"),
)
SECONDS = 60
_SMALL: ViewportSize = {"width": 640, "height": 420}
LARGE: ViewportSize = {"width": 1100, "height": 750}

_SETS = """study => (window.services?.displaySetService?.getActiveDisplaySets() ?? [])
  // Those of the study before are still there for a moment.
  .filter(set => (set.StudyInstanceUID ?? set.images?.[0]?.StudyInstanceUID) === study)
  .map(set => ({
  SOPClassHandlerId: set.SOPClassHandlerId,
  SeriesInstanceUID: set.SeriesInstanceUID,
  Modality: set.Modality ?? '',
  SeriesNumber: set.SeriesNumber ?? 0,
  label: set.label,
  coverage: set.coverage,
  planned: set.plannedUID,
  numImageFrames: set.numImageFrames ?? 0,
  isMultiFrame: Boolean(set.isMultiFrame),
  isReconstructable: Boolean(set.isReconstructable),
  isDynamicVolume: Boolean(set.isDynamicVolume),
  messages: (set.messages?.messages ?? []).map(message => message.args?.code ?? message.id),
  instances: (set.instances ?? []).map(instance => instance.SOPInstanceUID),
  }))"""
_ORDER = """() => {
  const criteria = window.services.customizationService.getCustomization('sortingCriteria');
  return [...window.services.displaySetService.getActiveDisplaySets()].sort(criteria).map(set => set.plannedUID);
}"""
_GO = """path => {
  history.pushState({ key: crypto.randomUUID() }, '', path);
  dispatchEvent(new PopStateEvent('popstate', { state: history.state }));
}"""


def find_chromium() -> str | None:
    """Return where Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def start_browser(program: str) -> Iterator[Browser]:
    """Start Chromium without a window."""
    expect.set_options(timeout=SECONDS * 1000)
    # The driver has been seen to stay, when everything was over, and everybody waited for it.
    guard = threading.Timer(SECONDS, _kill_driver)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
            try:
                yield browser
            finally:
                guard.start()
                browser.close()
    finally:
        guard.cancel()


def _kill_driver() -> None:
    """End the driver of this process's browsers (Linux)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            words = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"run-driver" in words:
            os.kill(int(stat.parent.name), signal.SIGKILL)


class Viewer:
    """A page of OHIF's.

    Args:
        alone: without our extension, as OHIF is by itself.
        blind: without pixels, which nobody looks at, and which take most of the time.
        root: where the browser reaches the server, if not where it is; it then comes by an address that works once.
    """

    def __init__(
        self, browser: Browser, served: Served, *, alone: bool = False, blind: bool = False, root: str = ""
    ) -> None:
        self.served = served
        self.root = root or served.origin
        self.context = browser.new_context(
            extra_http_headers={} if root else {"Authorization": f"Bearer {served.token}"},
            viewport=_SMALL,
            ignore_https_errors=True,
        )
        self.context.set_default_timeout(SECONDS * 1000)
        self.page: Page = self.context.new_page()
        if root:
            self.page.goto(f"{root}/login?key={served.make_key()}")
        self.errors: list[str] = []
        self.refused: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        if alone:
            self.page.route("**/app-config.js", _without_extension)
        if blind:
            self.page.route("**/frames/*", lambda route: route.abort())
        self._started = False
        self._study = ""

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)
        if "Content Security Policy" in message.text:
            self.refused.append(message.text)

    def close(self) -> None:
        """Close the page, of which the content security policy has refused nothing."""
        self.context.close()
        assert self.refused == []

    def resize(self, size: ViewportSize = _SMALL) -> None:
        """Give the page another size."""
        self.page.set_viewport_size(size)

    def start(self) -> None:
        """Load OHIF, as the program does it before there is a study; anew if it is there."""
        self.page.goto(f"{self.root}/notfoundstudy")
        self.page.wait_for_function("document.getElementById('root')?.children.length > 0")
        self._started = True

    def show(self, study: str, source: DataSource = DataSource.DICOM_JSON, mode: str = "viewer") -> None:
        """Go to a study, without loading the page anew."""
        if not self._started:
            self.start()
        self.errors.clear()
        self._study = study
        self.page.evaluate(_GO, address_of(study, source, mode, urlsplit(self.root).path))

    def sets(self, count: int, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Return the display sets once there are so many and no more come."""
        end = time.monotonic() + seconds
        last: list[dict[str, Any]] = []
        while time.monotonic() < end:
            found: list[dict[str, Any]] = self.page.evaluate(_SETS, self._study)
            if len(found) >= count and found == last:
                break
            last = found
            self.page.wait_for_timeout(100)
        return last

    def order(self) -> list[str]:
        """Return the planned UIDs of the display sets in the order of OHIF's list."""
        return list(self.page.evaluate(_ORDER))

    def ask(self, script: str, argument: object = None) -> Any:
        """Evaluate a function in the page."""
        return self.page.evaluate(script, argument)

    def wait_for(self, script: str, argument: object = None, seconds: float = SECONDS) -> Any:
        """Wait until a function in the page returns something, and return it."""
        return self.page.wait_for_function(script, arg=argument, timeout=seconds * 1000, polling=50).json_value()

    def hang(self, planned: str, viewport: int = 0) -> None:
        """Hang a display set in a viewport, as a double click on its thumbnail does."""
        # While OHIF goes to a study, it has neither sets nor viewports for a moment, or viewports of the study before.
        # What it hangs itself at first would take the place of what is hung before.
        self.wait_for(
            """([planned, number]) => {
              const { displaySetService, viewportGridService } = window.services;
              const sets = displaySetService.getActiveDisplaySets();
              const set = sets.find(one => one.plannedUID === planned);
              const [viewportId, { displaySetInstanceUIDs: hung = [] } = {}] =
                [...viewportGridService.getState().viewports][number] ?? [];
              if (!set || !hung.length || !hung.every(uid => sets.some(one => one.displaySetInstanceUID === uid))) {
                return false;
              }
              viewportGridService.setDisplaySetsForViewports([
                { viewportId, displaySetInstanceUIDs: [set.displaySetInstanceUID] },
              ]);
              return true;
            }""",
            [planned, viewport],
        )

    def picture(self, path: Path) -> Path:
        """Save a picture of the page."""
        self.page.screenshot(path=path)
        return path


def address_of(study: str, source: DataSource, mode: str, base: str = "") -> str:
    """Return where OHIF shows a study."""
    if source is DataSource.DICOM_WEB:
        return f"{base}/{mode}/dicomweb?StudyInstanceUIDs={study}"
    return f"{base}/{mode}/dicomjson?url={quote(f'{base}/studies/{study}/ohif-dicom-json', safe='')}"


def _without_extension(route: Route) -> None:
    answer = route.fetch()
    found = re.search(r"\{.*\}", answer.text(), re.DOTALL)
    assert found is not None
    route.fulfill(response=answer, body=f"window.config = {json.dumps(json.loads(found[0]) | {'extensions': []})};")


Make = Callable[..., Viewer]
