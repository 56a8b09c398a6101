"""What the viewport of our extension shows: pages and surfaces of objects that OHIF has no viewer for."""

from abc import abstractmethod
from concurrent.futures import Executor
from functools import partial

from ..documents.document import make_document
from ..documents.page import POLICY
from ..documents.surfaces import pack_mesh, read_mesh
from ..library.queries import find_served
from ..library.store import Store
from ..pictures.stored import Stored, find_stored
from .answers import Headers
from .endpoints import NO_INSTANCE, Answer, Endpoint, Request

# No script runs in a page, and it can ask for nothing. The program's own page looks at what is clicked in it, so it
# keeps its origin.
_PAGE_POLICY = f"{POLICY}; sandbox allow-same-origin; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
# A document whose marks are its author's own has not even that.
_FOREIGN_POLICY = _PAGE_POLICY.replace("sandbox allow-same-origin", "sandbox")
_FOREIGN_KINDS = frozenset({"cda"})


class _ObjectEndpoint(Endpoint):
    """Answers with something made of one instance."""

    def __init__(self, store: Store, threads: Executor) -> None:
        super().__init__(threads)
        self._store = store

    def _answer(self, request: Request) -> Answer:
        stored = find_stored(self._store.reader(), request.place)
        return NO_INSTANCE if stored is None else self._make(stored, request)

    @abstractmethod
    def _make(self, stored: Stored, request: Request) -> Answer: ...


class DocumentPage(_ObjectEndpoint):
    """``/documents/…``: an object as a page; ``?kind=`` for another view of it."""

    def _make(self, stored: Stored, request: Request) -> Answer:
        return answer_page(self._store, stored, request.query.get("kind"))


def answer_page(store: Store, stored: Stored, kind: str | None = None) -> Answer:
    """Return the page of an object (:func:`~desktop.documents.document.make_document`)."""
    find = partial(find_served, store.reader(), stored.instance.StudyInstanceUID)
    document = make_document(stored.load(), stored.read_bulk, kind, find)
    policy = _FOREIGN_POLICY if document.kind in _FOREIGN_KINDS else _PAGE_POLICY
    headers: Headers = ((b"content-security-policy", policy.encode()),)
    return Answer(200, b"text/html; charset=utf-8", document.html.encode("utf-8", "replace"), headers)


def answer_pdf(stored: Stored) -> Answer:
    """Return the document of an encapsulated PDF.

    Raises:
        NoBulkData, FileGone, NegatoscopeError, OSError: it cannot be had.
    """
    item = stored.load()
    data = item.binary("EncapsulatedDocument", stored.read_bulk)
    length = item.integer("EncapsulatedDocumentLength")
    # The value is padded to an even length.
    return Answer(200, b"application/pdf", data[:length] if length else data)


class SurfaceData(_ObjectEndpoint):
    """``/surfaces/…``: the triangles of an object (:func:`desktop.documents.surfaces.pack_mesh`)."""

    def _make(self, stored: Stored, _request: Request) -> Answer:
        mesh = read_mesh(stored.load(), stored.read_bulk)
        return Answer(200, b"application/octet-stream", pack_mesh(mesh))
