"""What hangs in the first viewport of a page, and what is seen of it."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from viewer.browsing import Viewer


def hang(viewer: Viewer, path: Path) -> None:
    """Hang the display set that a file is in."""
    study, _, uid = viewer.served.place(path)
    (made,) = (
        made
        for made in viewer.served.app.viewing.display_sets(study)
        if uid in [instance.SOPInstanceUID for instance in made.instances]
    )
    viewer.hang(made.displaySetInstanceUID)


def picture(viewer: Viewer) -> np.ndarray:
    """Return what the middle of the first viewport shows, as grey levels."""
    box = viewer.page.locator('[data-cy="viewport-pane"]').first.bounding_box()
    assert box is not None
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    # Without the letters at the rims.
    clip = {"x": x + width / 4, "y": y + height / 4, "width": width / 2, "height": height / 2}
    image = Image.open(io.BytesIO(viewer.page.screenshot(clip=clip, timeout=60_000))).convert("L")  # type: ignore[arg-type]
    return np.asarray(image, np.float64)


def wait_for_picture(viewer: Viewer, seconds: float = 60) -> None:
    """Wait until the viewport shows something that is not flat."""
    for _ in range(int(seconds / 0.5)):
        if picture(viewer).std() > 2:
            return
        viewer.page.wait_for_timeout(500)
    raise AssertionError("it stays flat")
