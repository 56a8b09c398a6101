"""DICOM-JSON for OHIF: of a study, and of one instance, to look at."""

import gzip
from concurrent.futures import Executor

from ..dicom.metadata import unpack
from ..library.joining import get_joined
from ..library.queries import Form, find_piece
from ..library.store import Store
from .answers import JSON
from .caching import is_known
from .compressing import takes_gzip
from .endpoints import NO_INSTANCE, Answer, Endpoint, Request, refuse
from .rewriting import place_below


class StudyJson(Endpoint):
    """``/studies/{study}/ohif-dicom-json``."""

    def __init__(self, store: Store, threads: Executor) -> None:
        super().__init__(threads)
        self._store = store

    def _answer(self, request: Request) -> Answer:
        joined = get_joined(self._store, request.parameters["study"])
        if joined is None:
            return refuse(404, "There is no such study in this library.")
        # Weak, since it is the same whether it comes compressed or not (RFC 9110 §8.8.3.3).
        etag = f'W/"{joined.digest}"'
        headers = ((b"etag", etag.encode()), (b"vary", b"accept-encoding"))
        if is_known(etag, request.headers):
            return Answer(304, JSON, b"", headers)
        packs = takes_gzip(request.headers)
        if packs and not request.base:
            return Answer(200, JSON, joined.packed, (*headers, (b"content-encoding", b"gzip")))
        body = place_below(gzip.decompress(joined.packed), request.base)
        if packs:
            return Answer(200, JSON, gzip.compress(body, 1), (*headers, (b"content-encoding", b"gzip")))
        return Answer(200, JSON, body, headers)


class PlainMetadata(Endpoint):
    """``/instances/{instance}/metadata``: the piece of one instance in a study's JSON."""

    def __init__(self, store: Store, threads: Executor) -> None:
        super().__init__(threads)
        self._store = store

    def _answer(self, request: Request) -> Answer:
        packed = find_piece(self._store.reader(), Form.OHIF_JSON, request.parameters["instance"])
        return NO_INSTANCE if packed is None else Answer(200, JSON, place_below(unpack(packed), request.base))
