"""OHIF by HTTPS, with the certificate that the program makes."""

from pathlib import Path

from builders import make_stack
from conftest import RESOURCES
from playwright.sync_api import Browser
from server.asking import serve
from viewer.browsing import Viewer
from viewer.hanging import hang, wait_for_picture

from desktop.services.certificates import keep_own, load_tls


def test_an_image_is_drawn_and_the_cookie_stays_with_https(browser: Browser, tmp_path: Path) -> None:
    tls = load_tls(keep_own(tmp_path / "server.pem", ["localhost", "127.0.0.1"]).path, None)
    paths = make_stack(tmp_path / "in", 2)
    with serve(tmp_path / "base", RESOURCES, tls=tls) as served:
        served.add(*paths)
        viewer = Viewer(browser, served, root=served.origin)
        try:
            viewer.show(served.place(paths[0])[0])
            viewer.sets(1)
            hang(viewer, paths[0])
            wait_for_picture(viewer)
            (cookie,) = (one for one in viewer.context.cookies() if "negatoscope" in one.get("name", ""))
            assert cookie.get("name") == f"__Host-negatoscope-{served.port}"
            assert (cookie.get("secure"), cookie.get("httpOnly"), cookie.get("sameSite")) == (True, True, "Strict")
        finally:
            viewer.close()
