"""How a frame is to be drawn that somebody asks for as a picture (PS3.18 §8.3.5)."""

from dataclasses import dataclass, field

from ..dicom.pixels.viewport import Viewport
from ..dicom.pixels.windows import Window

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a frame is drawn.

    Attributes:
        media_type: :data:`JPEG`, :data:`PNG` or :data:`GIF`.
        window: instead of the image's own, in values of the modality; of images in colours none counts.
        quality: of JPEG, from 1 to 100.
    """

    media_type: str = JPEG
    window: Window | None = None
    viewport: Viewport = field(default_factory=Viewport)
    quality: int = 90
