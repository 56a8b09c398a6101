"""What the viewport of our extension shows: pages and surfaces of objects that OHIF has no viewer for."""

import asyncio
from abc import ABC, abstractmethod
from concurrent.futures import Executor
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from ..dicom.bulkdata import NoBulkData
from ..dicom.uids import ENCAPSULATED_PDF
from ..documents.document import make_document
from ..documents.page import POLICY
from ..documents.surfaces import pack_mesh, read_mesh
from ..errors import NegatoscopeError
from ..library.store import Store
from ..pictures.datasets import Place, bulk_reader, load_dataset
from ..pictures.files import FileGone
from .answers import NO_STORE, Headers, send_body, send_text

_NOT_HERE = "There is no such instance in this library."

# No script runs in a page, and it can ask for nothing. The program's own page looks at what is clicked in it, so it
# keeps its origin.
_PAGE_POLICY = f"{POLICY}; sandbox allow-same-origin; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
# A document whose marks are its author's own has not even that.
_FOREIGN_POLICY = _PAGE_POLICY.replace("sandbox allow-same-origin", "sandbox")
_FOREIGN_KINDS = frozenset({"cda"})


@dataclass(frozen=True, slots=True)
class _Answer:
    content_type: bytes
    body: bytes
    headers: Headers = field(default=())


class _ObjectEndpoint(ABC):
    """ASGI: answers with something made of one instance, in a thread."""

    def __init__(self, store: Store, threads: Executor) -> None:
        self._store = store
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        parameters = scope["path_params"]
        place = parameters["study"], parameters["series"], parameters["instance"]
        query = scope["query_string"].decode("latin-1")
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, self._answer, place, query)
        except NegatoscopeError as error:
            await send_text(send, 404, error.sentence)
        except (NoBulkData, FileGone) as error:
            await send_text(send, 404, str(error))
        except OSError:
            # Its own words would name the file.
            await send_text(send, 404, "The file cannot be read now. Was its disc or stick taken out?")
        else:
            if answer is None:
                await send_text(send, 404, _NOT_HERE)
            else:
                await send_body(send, 200, answer.content_type, answer.body, (NO_STORE, *answer.headers))

    @abstractmethod
    def _answer(self, place: Place, query: str) -> _Answer | None: ...


class DocumentPage(_ObjectEndpoint):
    """``/documents/…``: an object as a page; ``?kind=`` for another view of it."""

    def _answer(self, place: Place, query: str) -> _Answer | None:
        item = load_dataset(self._store, place)
        if item is None:
            return None
        kind = parse_qs(query).get("kind", [""])[0]
        document = make_document(item, bulk_reader(self._store, place), kind or None)
        policy = _FOREIGN_POLICY if document.kind in _FOREIGN_KINDS else _PAGE_POLICY
        headers: Headers = ((b"content-security-policy", policy.encode()),)
        return _Answer(b"text/html; charset=utf-8", document.html.encode("utf-8", "replace"), headers)


class SurfaceData(_ObjectEndpoint):
    """``/surfaces/…``: the triangles of an object (:func:`desktop.documents.surfaces.pack_mesh`)."""

    def _answer(self, place: Place, _query: str) -> _Answer | None:
        item = load_dataset(self._store, place)
        if item is None:
            return None
        mesh = read_mesh(item, bulk_reader(self._store, place))
        return _Answer(b"application/octet-stream", pack_mesh(mesh))


class EncapsulatedDocument(_ObjectEndpoint):
    """``…/instances/{instance}/rendered`` of an encapsulated PDF: the document itself (PS3.18 §10.4.1.1.3)."""

    def _answer(self, place: Place, _query: str) -> _Answer | None:
        item = load_dataset(self._store, place)
        if item is None:
            return None
        if item.text("SOPClassUID") != ENCAPSULATED_PDF:
            raise NoBulkData("Of this instance, there is no rendered form.")
        data = item.binary("EncapsulatedDocument", bulk_reader(self._store, place))
        length = item.integer("EncapsulatedDocumentLength")
        # The value is padded to an even length.
        return _Answer(b"application/pdf", data[:length] if length else data)
