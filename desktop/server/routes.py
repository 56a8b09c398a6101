"""The routes: their addresses, and the methods that each takes. The guide describes each; a test compares the two."""

from collections.abc import Mapping

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..dicom.uids import is_uid
from .answers import NO_STORE, send_body, send_text

STUDY = "/dicom-web/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
OBJECT = "/studies/{study}/series/{series}/instances/{instance}"

READ = ("GET",)

ROUTES: Mapping[str, tuple[str, ...]] = {
    INSTANCE + "/frames/{frames}": READ,
    INSTANCE: ("GET", "DELETE"),
    "/healthz": READ,
    "/login": READ,
    "/openapi.json": READ,
    "/app-config.js": READ,
    "/ohif.js": READ,
    "/extension/{file}": READ,
    "/studies/{study}/ohif-dicom-json": READ,
    "/studies/{study}/priors": READ,
    "/instances/{instance}/metadata": READ,
    "/display-sets": READ,
    "/documents" + OBJECT: READ,
    "/surfaces" + OBJECT: READ,
    "/thumbnails" + OBJECT + "/frames/{frame}": READ,
    "/presented/{stamp}" + OBJECT + "/frames/{frame}": READ,
    "/images" + OBJECT + "/frames/{frames}": READ,
    "/films" + OBJECT: READ,
    "/films" + OBJECT + "/video": READ,
    "/dicom-web/studies": ("GET", "POST"),
    "/dicom-web/patients": READ,
    "/dicom-web/series": READ,
    "/dicom-web/instances": READ,
    STUDY + "/series": READ,
    STUDY + "/instances": READ,
    SERIES + "/instances": READ,
    STUDY + "/metadata": READ,
    SERIES + "/metadata": READ,
    INSTANCE + "/metadata": READ,
    INSTANCE + "/bulkdata/{place}": READ,
    INSTANCE + "/rendered": READ,
    INSTANCE + "/frames/{frames}/rendered": READ,
    SERIES + "/rendered": READ,
    STUDY + "/rendered": READ,
    INSTANCE + "/thumbnail": READ,
    INSTANCE + "/frames/{frames}/thumbnail": READ,
    SERIES + "/thumbnail": READ,
    STUDY + "/thumbnail": READ,
    SERIES: ("GET", "DELETE"),
    STUDY: ("GET", "POST", "DELETE"),
    "/wado": READ,
}
"""Every route but OHIF's own files and pages, and its methods. What can be got is also told about (HEAD).

The busiest first: they are tried in this order.
"""

Endpoints = Mapping[str, ASGIApp]
"""Method → who answers it."""

_OF_THE_GUARD_AND_OHIF = frozenset({"/healthz", "/login", "/app-config.js", "/ohif.js", "/extension/{file}"})


def make_routes(endpoints: Mapping[str, Endpoints]) -> list[BaseRoute]:
    """Return what Starlette is given.

    Args:
        endpoints: for exactly the routes of :data:`ROUTES` but those that are answered before and after them, and
            their methods.
    """
    wanted = {path: set(methods) for path, methods in ROUTES.items() if path not in _OF_THE_GUARD_AND_OHIF}
    if wanted != {path: set(by_method) for path, by_method in endpoints.items()}:
        raise ValueError("the endpoints are not those of the routes")
    return [
        # A place within an instance has slashes.
        Route(path.replace("{place}", "{place:path}"), ByMethod(endpoints[path]))
        for path in ROUTES
        if path in endpoints
    ]


def list_methods(by_method: Mapping[str, object]) -> str:
    """Return the methods as an Allow header names them."""
    return ", ".join(name for method in by_method for name in ((method, "HEAD") if method == "GET" else (method,)))


class ByMethod:
    """ASGI: hands a request to the endpoint of its method, if the UIDs in the path are UIDs."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._allow = list_methods(endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        endpoint = self._endpoints.get(method)
        uids = [scope["path_params"].get(name) for name in ("study", "series", "instance")]
        if endpoint is None and method == "OPTIONS":
            await send_body(send, 204, b"", b"", (NO_STORE, (b"allow", self._allow.encode())))
        elif endpoint is None:
            sentence = (
                "This can only be read." if self._allow == "GET, HEAD" else f"Here, one can ask by {self._allow}."
            )
            await send_text(send, 405, sentence, ((b"allow", self._allow.encode()),))
        elif not all(uid is None or is_uid(uid) for uid in uids):
            await send_text(send, 404, "That is no UID.")
        else:
            await endpoint(scope, receive, send)
