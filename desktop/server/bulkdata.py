"""RetrieveBulkdata: binary values that the metadata only refer to, and pixels (PS3.18 §10.4.1.1.5)."""

from collections.abc import Iterator
from concurrent.futures import Executor

from ..dicom.bulkdata import read_bulk_data
from ..dicom.dictionary import tag_of
from ..library.queries import Located
from ..library.store import Store
from ..pictures.files import open_file
from ..pictures.service import Pictures
from ..pictures.stored import find_stored
from ..pictures.transcoding import open_pixels
from .endpoints import NO_INSTANCE, Answer, Request, Stream, refuse
from .frameforms import OCTETS
from .multipart import PART_END, choose, make_boundary, multipart_end, multipart_type, part_head, read_accept
from .ranges import ReadPart, answer_part
from .resources import Resource

_NOT_ACCEPTABLE = refuse(406, "Bulk data are sent as application/octet-stream.")


class BulkData(Resource):
    """``…/instances/{instance}/bulkdata/{place}``: a binary value, also in parts (Range)."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures) -> None:
        super().__init__(store, threads)
        self._pictures = pictures

    def _answer(self, request: Request) -> Answer | Stream:
        located = self._locate(request)
        if located is None:
            return NO_INSTANCE
        size, read = self._open(located, request)
        form = choose(read_accept(request.accept), OCTETS)
        if form == "single":
            return answer_part(request.range, size, OCTETS.encode(), read)
        if form is None:
            return _NOT_ACCEPTABLE
        boundary = make_boundary()
        head, end = part_head(boundary, OCTETS, size), PART_END + multipart_end(boundary)

        def read_parts(_start: int, _end: int) -> Iterator[bytes]:
            yield head
            yield from read(0, size)
            yield end

        return answer_part("", len(head) + size + len(end), multipart_type(OCTETS, boundary), read_parts, whole=True)

    def _open(self, located: Located, request: Request) -> tuple[int, ReadPart]:
        """Return a value's bytes, and what reads them."""
        place = request.parameters["place"]
        if located.pixels.offset >= 0 and place.upper() == tag_of(located.pixels.keyword or "PixelData"):
            stored = find_stored(self._store.reader(), request.place)
            if stored is not None:
                pixels = open_pixels(stored, self._pictures.decode_plain)
                return pixels.length, pixels.read
        with open_file(located.file) as file:
            value = read_bulk_data(file, located.file.size, place)
        return len(value), lambda start, end: iter((value[start:end],))
