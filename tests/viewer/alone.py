"""A script: starts a server by the command line that it is given, looks at its study in Chromium, and ends it.

    python alone.py '["python", "-m", "desktop", "serve", "PATH", "--json"]'

It prints how many grey levels are in the middle of what is shown, and what the page has asked of others than the
server. It ends with 77 where Chromium is not.
"""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from PIL import Image
from viewer.browsing import SECONDS, Viewer, find_chromium, start_browser

_IS_DRAWN = """() => {
  const { cornerstoneViewportService, viewportGridService } = window.services;
  const viewport = cornerstoneViewportService.getCornerstoneViewport(viewportGridService.getState().activeViewportId);
  return viewport?.viewportStatus === 'rendered' && Boolean(viewport.csImage);
}"""


def main(command: list[str]) -> int:
    """Look, and print."""
    program = find_chromium()
    if program is None:
        print("Chromium is not here (Debian's package chromium)", file=sys.stderr)
        return 77
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            print(json.dumps(look(program, said["port"], said["token"])))
        finally:
            # strace does not hand on what it is sent itself.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(SECONDS)
    return 0


def look(program: str, port: int, token: str) -> dict[str, object]:
    """Show the only study of a server."""
    origin = f"http://127.0.0.1:{port}"
    with start_browser(program) as browser:
        viewer = Viewer(browser, SimpleNamespace(origin=origin, token=token))
        asked: list[str] = []
        viewer.page.on("request", lambda request: asked.append(request.url))
        viewer.start()
        study = viewer.ask("async () => (await (await fetch('/dicom-web/studies')).json())[0]['0020000D'].Value[0]")
        viewer.show(study)
        viewer.wait_for(_IS_DRAWN)
        with Image.open(io.BytesIO(viewer.page.screenshot())) as image:
            levels = count_levels(image)
        viewer.close()
    outside = [url for url in asked if not url.startswith((origin + "/", "blob:" + origin, "data:"))]
    return {"levels": levels, "elsewhere": outside, "asked": len(asked)}


def count_levels(image: Image.Image) -> int:
    """Return how many grey levels are in the middle of a picture of the viewer, where the image is."""
    place = (image.width // 3, image.height // 3, image.width // 2, image.height // 2)
    return len(set(image.convert("L").crop(place).tobytes()))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
