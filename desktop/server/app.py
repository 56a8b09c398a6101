"""The routes. Their list is :data:`ROUTES`; the guide describes each, and a test compares the two."""

import asyncio
import json
import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import __version__
from ..dicom.uids import is_uid
from ..displaysets.modes import DEFAULT_MODE, MODES
from ..library.queries import Form, get_study, stored_metadata
from ..library.store import Store
from ..logs import say_where
from ..pictures.films import Films
from ..pictures.service import Pictures
from .answers import JSON, send_body, send_text
from .dicomjson import make_study_json
from .drawn import PresentedFrameOf, ThumbnailOf
from .films import FilmState, FilmVideo
from .guard import Guard, Secrets
from .objects import DocumentPage, EncapsulatedDocument, SurfaceData
from .ohif import ViewerFiles, find_assets, make_app_config
from .qido import SearchFor
from .traffic import Traffic
from .wado import BulkData, Frames, ImageFrames, Metadata, WholeInstance

log = logging.getLogger(__name__)

_STUDY = "/dicom-web/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_OBJECT = "/studies/{study}/series/{series}/instances/{instance}"

ROUTES = (
    "/healthz",
    "/login",
    "/app-config.js",
    "/extension/{file}",
    "/studies/{study}/ohif-dicom-json",
    "/display-sets",
    "/documents" + _OBJECT,
    "/surfaces" + _OBJECT,
    "/thumbnails" + _OBJECT + "/frames/{frame}",
    "/presented/{stamp}" + _OBJECT + "/frames/{frame}",
    "/images" + _OBJECT + "/frames/{frames}",
    "/films" + _OBJECT,
    "/films" + _OBJECT + "/video",
    "/dicom-web/studies",
    "/dicom-web/series",
    "/dicom-web/instances",
    _STUDY + "/series",
    _STUDY + "/instances",
    _SERIES + "/instances",
    _STUDY + "/metadata",
    _SERIES + "/metadata",
    _INSTANCE + "/metadata",
    _INSTANCE + "/frames/{frames}",
    _INSTANCE + "/bulkdata/{place}",
    _INSTANCE + "/rendered",
    _INSTANCE,
)
"""Every route but OHIF's own files and pages."""


class Plans(Protocol):
    """Who makes display sets; the server does not know how."""

    def plan(self, study_uid: str, mode: str = ...) -> list[dict[str, Any]]:
        """Return a study's display sets in a mode of the viewer, as JSON values, in the order of the study browser."""
        ...


class Server:
    """The ASGI application, and the threads in which its slow parts run.

    Raises:
        SetupError: OHIF's files are missing.
    """

    def __init__(self, store: Store, plans: Plans, films: Films, pictures: Pictures, resources: Path) -> None:
        self.secrets = Secrets()
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="server")
        viewer = ViewerFiles(find_assets(resources), make_app_config(__version__))
        router = Router(_routes(store, self._threads, plans, films, pictures), redirect_slashes=False, default=viewer)
        self.traffic = Traffic(Guard(_Edge(router), self.secrets))
        self.app: ASGIApp = self.traffic

    def close(self) -> None:
        """End the threads. May be called twice."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _routes(store: Store, threads: Executor, plans: Plans, films: Films, pictures: Pictures) -> list[BaseRoute]:
    metadata, frames = Metadata(store, threads), Frames(store, threads, pictures)
    studies, series, instances = (SearchFor(store, threads, level) for level in ("studies", "series", "instances"))
    endpoints: tuple[tuple[str, ASGIApp], ...] = (
        # The busiest first: they are tried in this order.
        (_INSTANCE + "/frames/{frames}", frames),
        ("/studies/{study}/ohif-dicom-json", StudyJson(store, threads)),
        ("/display-sets", DisplaySetsOf(plans, threads)),
        ("/documents" + _OBJECT, DocumentPage(store, threads)),
        ("/surfaces" + _OBJECT, SurfaceData(store, threads)),
        ("/thumbnails" + _OBJECT + "/frames/{frame}", ThumbnailOf(pictures, threads)),
        ("/presented/{stamp}" + _OBJECT + "/frames/{frame}", PresentedFrameOf(pictures, threads)),
        ("/images" + _OBJECT + "/frames/{frames}", ImageFrames(store, threads, pictures)),
        ("/films" + _OBJECT, FilmState(films, threads)),
        ("/films" + _OBJECT + "/video", FilmVideo(films, threads)),
        ("/dicom-web/studies", studies),
        ("/dicom-web/series", series),
        ("/dicom-web/instances", instances),
        (_STUDY + "/series", series),
        (_STUDY + "/instances", instances),
        (_SERIES + "/instances", instances),
        (_STUDY + "/metadata", metadata),
        (_SERIES + "/metadata", metadata),
        (_INSTANCE + "/metadata", metadata),
        (_INSTANCE + "/bulkdata/{place:path}", BulkData(store, threads)),
        (_INSTANCE + "/rendered", EncapsulatedDocument(store, threads)),
        (_INSTANCE, WholeInstance(store, threads)),
        ("/dicom-web", NotHere()),
        ("/dicom-web/{rest:path}", NotHere()),
    )
    return [Route(path, ReadOnly(endpoint)) for path, endpoint in endpoints]


class ReadOnly:
    """ASGI: lets GET and HEAD through, if the UIDs in the path are UIDs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        uids = [scope["path_params"].get(name) for name in ("study", "series", "instance")]
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(send, 405, "This can only be read.", ((b"allow", b"GET, HEAD"),))
        elif not all(uid is None or is_uid(uid) for uid in uids):
            await send_text(send, 404, "That is no UID.")
        else:
            await self._app(scope, receive, send)


class NotHere:
    """ASGI: DICOMweb that this server does not have. OHIF's pages must not answer for it."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Say so."""
        await send_text(send, 404, "There is no such DICOMweb resource.")


class StudyJson:
    """ASGI: ``/studies/{study}/ohif-dicom-json``."""

    def __init__(self, store: Store, threads: Executor) -> None:
        self._store = store
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._threads, self._make, scope["path_params"]["study"])
        if body is None:
            await send_text(send, 404, "There is no such study in this library.")
        else:
            await send_body(send, 200, JSON, body)

    def _make(self, study_uid: str) -> bytes | None:
        db = self._store.reader()
        entry = get_study(db, study_uid)
        if entry is None:
            return None
        return make_study_json(entry, stored_metadata(db, Form.OHIF_JSON, study_uid))


class DisplaySetsOf:
    """ASGI: ``/display-sets?study=UID``, and ``&mode=`` for a mode of the viewer."""

    def __init__(self, plans: Plans, threads: Executor) -> None:
        self._plans = plans
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        study_uid, mode = query.get("study", [""])[0], query.get("mode", [DEFAULT_MODE.name])[0]
        clear = query.keys() <= {"study", "mode"} and all(len(values) == 1 for values in query.values())
        if not clear or not is_uid(study_uid) or mode not in MODES:
            await send_text(send, 400, "Ask with ?study= and a Study Instance UID; &mode= is a mode of the viewer.")
            return
        loop = asyncio.get_running_loop()
        sets = await loop.run_in_executor(self._threads, self._plans.plan, study_uid, mode)
        if not sets:
            # Each study has some, if only of what cannot be shown.
            await send_text(send, 404, "There is no such study in this library.")
            return
        await send_body(send, 200, JSON, json.dumps(sets).encode())


class _Edge:
    """ASGI: where errors of the program end. They are logged; the client learns nothing of them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            log.error("a request failed\n%s", say_where(error))  # noqa: TRY400 - without the error's words
            # An answer that has begun is left unfinished: the connection is closed, and the client knows.
            if not started:
                await send_text(send, 500, "The program failed at this. Its log says how.")
