"""What hangs in the first viewport of a page, and what is seen of it."""

import io
from collections.abc import Callable
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
    """Return what the middle of the first viewport shows: (rows, columns, 3), red, green and blue."""
    box = viewer.page.locator('[data-cy="viewport-pane"]').first.bounding_box()
    assert box is not None
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    # Without the letters at the rims.
    clip = {"x": x + width / 4, "y": y + height / 4, "width": width / 2, "height": height / 2}
    image = Image.open(io.BytesIO(viewer.page.screenshot(clip=clip))).convert("RGB")  # type: ignore[arg-type]
    return np.asarray(image, np.float64)


def is_not_flat(shown: np.ndarray) -> bool:
    """Whether a picture shows something."""
    return bool(shown.std() > 2)


def has_colours(shown: np.ndarray) -> bool:
    """Whether something in colours lies over a grey picture; a thin line is enough."""
    return bool((np.ptp(shown, axis=2) > 60).mean() > 0.002)


def wait_for_picture(
    viewer: Viewer, fits: Callable[[np.ndarray], bool] = is_not_flat, seconds: float = 60
) -> np.ndarray:
    """Wait until the viewport shows what is wanted, and return it."""
    for _ in range(int(seconds / 0.5)):
        shown = picture(viewer)
        if fits(shown):
            return shown
        viewer.page.wait_for_timeout(500)
    raise AssertionError("it is not shown")
