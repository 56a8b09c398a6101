"""The application that is served: which endpoint answers at which route."""

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
from ..dicom.levels import Level
from ..dicom.uids import is_uid
from ..displaysets.modes import DEFAULT_MODE, MODES
from ..library.store import Store
from ..logs import say_where
from ..pictures.films import Films
from ..pictures.service import Pictures
from ..sites import ROOT, Site
from .answers import JSON, send_body, send_text
from .bulkdata import BulkData
from .dicomjson import PlainMetadata, StudyJson
from .drawn import PresentedFrameOf, ThumbnailOf
from .films import FilmState, FilmVideo
from .frames import Frames, ImageFrames
from .guard import Guard, Secrets
from .hostport import WithPort
from .metadata import Metadata
from .objects import DocumentPage, SurfaceData
from .ohif import INDEX, ViewerFiles, find_assets, make_config
from .openapi import write_openapi
from .priors import PriorsOf
from .qido import SearchFor
from .rendered import Rendered, RenderedAll, ThumbnailFor
from .rewriting import make_policy
from .routes import INSTANCE, OBJECT, SERIES, STUDY, ByMethod, Endpoints, make_routes
from .storing import Storing
from .stow import DeleteInstances, StoreInstances
from .traffic import Traffic
from .userconfig import UserFile
from .wadouri import WadoUri
from .wholes import Wholes

log = logging.getLogger(__name__)


class Plans(Protocol):
    """Who makes display sets; the server does not know how."""

    def plan(self, study_uid: str, mode: str = ...) -> list[dict[str, Any]]:
        """Return a study's display sets in a mode of the viewer, as JSON values, in the order of the study browser."""
        ...


class Server:
    """The ASGI application, and the threads in which its slow parts run.

    Args:
        user: the user's own configuration of OHIF.
        site: how it is reached from outside.

    Raises:
        SetupError: OHIF's files are missing.
    """

    def __init__(
        self,
        store: Store,
        plans: Plans,
        films: Films,
        pictures: Pictures,
        storing: Storing,
        resources: Path,
        user: UserFile,
        site: Site = ROOT,
    ) -> None:
        self.secrets = Secrets()
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="server")
        assets = find_assets(resources, site.base)
        self.policy = make_policy(assets[INDEX].read())
        viewer = ViewerFiles(assets, make_config(__version__, site.base), user)
        routes = _routes(store, self._threads, plans, films, pictures, storing)
        router = Router(routes, redirect_slashes=False, default=viewer)
        self.traffic = Traffic(WithPort(Guard(_Edge(router), self.secrets, self.policy, site)))
        self.app: ASGIApp = self.traffic

    def close(self) -> None:
        """End the threads. May be called twice."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _routes(
    store: Store, threads: Executor, plans: Plans, films: Films, pictures: Pictures, storing: Storing
) -> list[BaseRoute]:
    storing_instances, deleting = StoreInstances(storing, threads), DeleteInstances(storing, threads)
    metadata, frames = Metadata(store, threads), Frames(store, threads, pictures)
    wholes, rendered_all = Wholes(store, threads, pictures), RenderedAll(store, threads, pictures)
    rendered, thumbnail = Rendered(store, threads, pictures, films), ThumbnailFor(store, threads, pictures)
    patients, studies, series, instances = (SearchFor(store, threads, level) for level in Level)
    endpoints: dict[str, Endpoints] = {
        INSTANCE + "/frames/{frames}": {"GET": frames},
        "/studies/{study}/ohif-dicom-json": {"GET": StudyJson(store, threads)},
        "/studies/{study}/priors": {"GET": PriorsOf(store, threads)},
        "/instances/{instance}/metadata": {"GET": PlainMetadata(store, threads)},
        "/display-sets": {"GET": DisplaySetsOf(plans, threads)},
        "/openapi.json": {"GET": OpenApi()},
        "/documents" + OBJECT: {"GET": DocumentPage(store, threads)},
        "/surfaces" + OBJECT: {"GET": SurfaceData(store, threads)},
        "/thumbnails" + OBJECT + "/frames/{frame}": {"GET": ThumbnailOf(pictures, threads)},
        "/presented/{stamp}" + OBJECT + "/frames/{frame}": {"GET": PresentedFrameOf(pictures, threads)},
        "/images" + OBJECT + "/frames/{frames}": {"GET": ImageFrames(store, threads, pictures)},
        "/films" + OBJECT: {"GET": FilmState(films, threads)},
        "/films" + OBJECT + "/video": {"GET": FilmVideo(films, threads)},
        "/dicom-web/patients": {"GET": patients},
        "/dicom-web/studies": {"GET": studies, "POST": storing_instances},
        "/dicom-web/series": {"GET": series},
        "/dicom-web/instances": {"GET": instances},
        STUDY + "/series": {"GET": series},
        STUDY + "/instances": {"GET": instances},
        SERIES + "/instances": {"GET": instances},
        STUDY + "/metadata": {"GET": metadata},
        SERIES + "/metadata": {"GET": metadata},
        INSTANCE + "/metadata": {"GET": metadata},
        INSTANCE + "/bulkdata/{place}": {"GET": BulkData(store, threads, pictures)},
        INSTANCE + "/rendered": {"GET": rendered},
        INSTANCE + "/frames/{frames}/rendered": {"GET": rendered},
        SERIES + "/rendered": {"GET": rendered_all},
        STUDY + "/rendered": {"GET": rendered_all},
        INSTANCE + "/thumbnail": {"GET": thumbnail},
        INSTANCE + "/frames/{frames}/thumbnail": {"GET": thumbnail},
        SERIES + "/thumbnail": {"GET": thumbnail},
        STUDY + "/thumbnail": {"GET": thumbnail},
        INSTANCE: {"GET": wholes, "DELETE": deleting},
        SERIES: {"GET": wholes, "DELETE": deleting},
        STUDY: {"GET": wholes, "POST": storing_instances, "DELETE": deleting},
        "/wado": {"GET": WadoUri(store, threads, pictures, wholes)},
    }
    nowhere = ByMethod({"GET": NotHere(), "OPTIONS": OpenApi()})
    return [
        *make_routes(endpoints),
        Route("/dicom-web", nowhere),
        Route("/dicom-web/{rest:path}", nowhere),
    ]


class NotHere:
    """ASGI: DICOMweb that this server does not have. OHIF's pages must not answer for it."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Say so."""
        await send_text(send, 404, "There is no such DICOMweb resource.")


class OpenApi:
    """ASGI: ``/openapi.json``; and what DICOMweb can do here (PS3.18 §8.9)."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send_body(send, 200, JSON, write_openapi(scope))


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
        except asyncio.CancelledError:
            # The program ends, and a thread has not made the answer yet. Connections are closed by now.
            log.info("a request was given up")
        except Exception as error:  # noqa: BLE001 - the edge of a request
            log.error("a request failed\n%s", say_where(error))  # noqa: TRY400 - without the error's words
            # An answer that has begun is left unfinished: the connection is closed, and the client knows.
            if not started:
                await send_text(send, 500, "The program failed at this. Its log says how.")
