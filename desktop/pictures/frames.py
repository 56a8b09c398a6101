"""Reads frames of indexed files as they are stored, and remembers where those of encapsulated images lie."""

import io
from typing import BinaryIO

from ..dicom import frames as cut
from ..dicom.frames import Frame, FrameTable, NoFrame
from ..dicom.recent import Recent
from ..dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, VIDEO_SYNTAXES
from ..library.queries import Located
from .files import open_file

_TABLES = 256
_INFLATED = 1


class FrameReader:
    """Cuts frames out of indexed files."""

    def __init__(self) -> None:
        self._tables: Recent[FrameTable] = Recent(_TABLES, lambda _: 1)
        self._inflated: Recent[bytes] = Recent(_INFLATED, lambda _: 1)

    def read(self, located: Located, numbers: list[int]) -> list[Frame]:
        """Return frames, counted from 1.

        Raises:
            NoFrame: one of them is not there, or they are a film.
            FileGone: as :func:`~desktop.pictures.files.open_file`.
        """
        pixels = located.pixels
        if pixels.offset < 0:
            raise NoFrame("The file holds no pixels.")
        with open_file(located.file) as file:
            if cut.is_native(pixels):
                stream = self._stream(file, located)
                return [cut.read_native_frame(stream, pixels, number) for number in numbers]
            if pixels.TransferSyntaxUID in VIDEO_SYNTAXES:
                raise NoFrame("Its frames are one film: there are none by themselves.")
            table = self._tables.get(located.file, lambda: cut.make_frame_table(file, pixels))
            return [cut.read_encapsulated_frame(file, pixels, table, number) for number in numbers]

    def _stream(self, file: BinaryIO, located: Located) -> BinaryIO:
        if located.pixels.TransferSyntaxUID != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            return file
        return io.BytesIO(self._inflated.get(located.file, lambda: cut.inflate_file(file)))
