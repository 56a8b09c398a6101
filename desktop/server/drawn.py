"""What the program draws for the viewer: thumbnails, and images as presentation states show them."""

from abc import abstractmethod
from concurrent.futures import Executor

from ..dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from ..pictures.service import Pictures
from .endpoints import Answer, Endpoint, Request, refuse
from .frameforms import OCTETS
from .multipart import Part, write_multipart

_NUMBER_DIGITS = 9


class _PictureEndpoint(Endpoint):
    """Answers with a picture of a frame."""

    def __init__(self, pictures: Pictures, threads: Executor) -> None:
        super().__init__(threads)
        self._pictures = pictures

    def _answer(self, request: Request) -> Answer:
        frame = request.parameters["frame"]
        if not (frame.isascii() and frame.isdigit() and len(frame) <= _NUMBER_DIGITS):
            return refuse(400, "A frame is asked for as a number from 1.")
        return self._draw(request, int(frame))

    @abstractmethod
    def _draw(self, request: Request, number: int) -> Answer: ...


class ThumbnailOf(_PictureEndpoint):
    """``/thumbnails/…/frames/{frame}``: a frame as a small JPEG."""

    def _draw(self, request: Request, number: int) -> Answer:
        image = self._pictures.thumbnail(request.place, number)
        return refuse(404, "This image cannot be drawn.") if image is None else Answer(200, b"image/jpeg", image)


class PresentedFrameOf(_PictureEndpoint):
    """``/presented/{stamp}/…/frames/{frame}``: an image as a state shows it, as WADO-RS would send a frame."""

    def _draw(self, request: Request, number: int) -> Answer:
        picture = self._pictures.present(request.place, number, request.parameters["stamp"])
        content_type = f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
        return Answer(200, *write_multipart([Part(content_type, picture)], OCTETS))
