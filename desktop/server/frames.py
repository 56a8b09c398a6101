"""Reads frames and whole files for the routes, and remembers where the frames of encapsulated images lie."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import BinaryIO, Generic, TypeVar

from ..dicom import frames as cut
from ..dicom.files import open_source
from ..dicom.frames import Frame, FrameTable, NoFrame
from ..dicom.records import FileRef
from ..dicom.uids import BROWSER_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_IMAGE_FRAME
from ..errors import InputError
from ..library.places import is_here
from ..library.queries import Located

Value = TypeVar("Value")

_TABLES = 256
_INFLATED = 1


class FileGone(OSError):  # noqa: N818 - a fact about the disk
    """The file is not there, or not the one that was indexed, or cannot be read. The sentence says which."""


class _Recent(Generic[Value]):
    """Keeps what was used last. Safe to use from any thread; a value may be made twice, never wrongly."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


def open_file(ref: FileRef) -> BinaryIO:
    """Open a file that was indexed, also in an archive.

    Raises:
        FileGone: it is not there, or it has changed since. Its offsets would then give wrong pixels.
    """
    try:
        if not is_here(ref.path, ref.medium):
            # Another disc may be in its place, with a file of this name.
            raise FileGone("The disc or stick with this file is not here now. Put it in.")  # noqa: TRY301
        source = open_source(ref.path)
    except FileGone:
        raise
    except InputError as error:
        raise FileGone(error.sentence) from error
    except OSError as error:
        raise FileGone("The file is not there now. Was its disc or stick taken out?") from error
    if (source.size, source.mtime_ns) == (ref.size, ref.mtime_ns):
        return source.file
    source.file.close()
    raise FileGone("The file has changed since it was read. Open its folder again.")


class FrameReader:
    """Cuts frames out of indexed files."""

    def __init__(self) -> None:
        self._tables: _Recent[FrameTable] = _Recent(_TABLES)
        self._inflated: _Recent[bytes] = _Recent(_INFLATED)

    def read(self, located: Located, numbers: list[int]) -> list[Frame]:
        """Return frames, counted from 1.

        Raises:
            NoFrame: one of them is not there, or in a compression that cannot be sent.
            FileGone: as :func:`open_file`.
        """
        pixels = located.pixels
        if pixels.offset < 0:
            raise NoFrame("The file holds no pixels.")
        with open_file(located.file) as file:
            if cut.is_native(pixels):
                stream = self._stream(file, located)
                return [cut.read_native_frame(stream, pixels, number) for number in numbers]
            if pixels.TransferSyntaxUID not in BROWSER_SYNTAXES | {DEFLATED_IMAGE_FRAME}:
                raise NoFrame(f"Its compression ({pixels.TransferSyntaxUID}) cannot be shown.")
            table = self._tables.get(located.file, lambda: cut.make_frame_table(file, pixels))
            return [cut.read_encapsulated_frame(file, pixels, table, number) for number in numbers]

    def _stream(self, file: BinaryIO, located: Located) -> BinaryIO:
        if located.pixels.TransferSyntaxUID != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            return file
        return io.BytesIO(self._inflated.get(located.file, lambda: cut.inflate_file(file)))
