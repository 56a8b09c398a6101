"""``/openapi.json``: the routes, as an OpenAPI 3.1 description. A test sees that each route and method has its own."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from .. import __version__
from .guard import base_of
from .routes import INSTANCE, OBJECT, ROUTES, SERIES, STUDY

_TEXT, _JSON, _DICOM_JSON, _HTML = "text/plain", "application/json", "application/dicom+json", "text/html"
_DICOM, _DICOM_XML, _ZIP, _PDF = "application/dicom", "application/dicom+xml", "application/zip", "application/pdf"
_SCRIPT, _OCTETS, _MULTIPART = "text/javascript", "application/octet-stream", "multipart/related"

_UID: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)*$", "maxLength": 64}
_PARAMETERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "study": ("Study Instance UID", _UID),
    "series": ("Series Instance UID", _UID),
    "instance": ("SOP Instance UID", _UID),
    "frame": ("number of a frame, from 1", {"type": "integer", "minimum": 1, "maximum": 999_999_999}),
    "frames": ("numbers of frames, from 1", {"type": "string", "pattern": "^[0-9]{1,9}(,[0-9]{1,9})*$"}),
    "place": ("where the value stands: tags in hexadecimal digits, and item numbers", {"type": "string"}),
    "stamp": ("of the display set, as /display-sets tells it", {"type": "string"}),
    "file": ("name of a file", {"type": "string"}),
}

_REFUSALS = {
    400: "the question is not understood",
    401: "without the token",
    403: "asked by another web page",
    404: "not in this library",
    405: "another method is taken here",
    406: "in no form that the client accepts",
    409: "it cannot be done as things are: a file is not here now, or stays the user's",
    413: "the body is too large",
    415: "a media type that is not taken",
    416: "there are no such bytes",
    421: "asked under another name",
    503: "it would take too long, or another program has the library",
    507: "the disk is full",
}
_ALWAYS = (400, 401, 403, 405, 413, 421)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route does by one method.

    Attributes:
        summary: in a few words.
        types: media types of a good answer.
        query: parameters after the question mark, and what they are; those that are needed end with ``!``.
        good: statuses of good answers, and what they mean.
        bad: statuses of refusals, besides those that every route has.
        body: media types of what is sent; none by default.
        more_query: other parameters are taken, too.
    """

    summary: str
    types: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    good: Mapping[int, str] = field(default_factory=lambda: {200: "done"})
    bad: tuple[int, ...] = (404,)
    body: tuple[str, ...] = ()
    more_query: bool = False


_PAGES = {
    "limit": "how many at most",
    "offset": "how many to leave out",
    "includefield": "attributes to be sent",
    "fuzzymatching": "true: names are found by the beginnings of their words",
    "emptyvaluematching": 'true: "" finds what has no value',
    "multiplevaluematching": "true: texts may be several, with a backslash between them",
    "accept": "a media type, as the Accept header",
}


def _search(what: str) -> Operation:
    return Operation(f"search for {what}", (_DICOM_JSON, _JSON), _PAGES, bad=(404, 406, 503), more_query=True)


_METADATA = Operation("metadata", (_DICOM_JSON, _DICOM_XML, _MULTIPART), bad=(404, 406))
_PICTURES = ("image/jpeg", "image/png", "image/gif")
_ACCEPT = {"accept": "media types, as the Accept header"}
_VIEW = {
    "viewport": "width and height that it must fit into, and the part of the image that is seen",
    "window": "center, width, function",
    "quality": "from 1 to 100",
    **_ACCEPT,
}
_RENDERED = Operation(
    "as pictures, films, pages or documents",
    (*_PICTURES, "video/webm", _PDF, _HTML, _MULTIPART),
    _VIEW,
    bad=(404, 406, 409, 503),
    more_query=True,
)
_THUMBNAIL = Operation("a small picture", (*_PICTURES, _MULTIPART), _VIEW, bad=(404, 406, 409, 503), more_query=True)
_FILES = Operation("DICOM files", (_MULTIPART, _DICOM, _ZIP), _ACCEPT, bad=(404, 406, 409))
_STORE = Operation(
    "store instances in the library",
    (_DICOM_JSON,),
    good={200: "all are stored", 202: "some are, or some are served under another UID"},
    bad=(404, 409, 415, 503, 507),
    body=(_MULTIPART, _DICOM),
)
_DELETE = Operation("delete what the library has copies of", (), good={204: "deleted"}, bad=(404, 409, 503))
_FRAMES = Operation("frames", (_MULTIPART, _OCTETS, "image/*"), bad=(404, 406))

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", "/healthz"): Operation("whether it serves; needs no token", (_TEXT,), bad=()),
    ("GET", "/login"): Operation(
        "lets a browser in", (_TEXT,), {"key!": "works once"}, {303: "go to the first page, with a cookie"}, bad=()
    ),
    ("GET", "/openapi.json"): Operation("this description", (_JSON,), bad=()),
    ("GET", "/app-config.js"): Operation("OHIF's configuration", (_SCRIPT,), bad=()),
    ("GET", "/ohif.js"): Operation("the user's own configuration of OHIF", (_SCRIPT,), bad=()),
    ("GET", "/extension/{file}"): Operation("the extension of OHIF", (_SCRIPT,)),
    ("GET", "/studies/{study}/ohif-dicom-json"): Operation(
        "DICOM-JSON of a study", (_JSON,), good={200: "done", 304: "known already"}
    ),
    ("GET", "/studies/{study}/priors"): Operation("studies of the same patient", (_JSON,)),
    ("GET", "/instances/{instance}/metadata"): Operation("metadata of an instance as plain JSON", (_JSON,)),
    ("GET", "/display-sets"): Operation(
        "display sets of a study", (_JSON,), {"study!": "Study Instance UID", "mode": "of the viewer"}
    ),
    ("GET", "/documents" + OBJECT): Operation("an object as a page", (_HTML,), {"kind": "another view of it"}),
    ("GET", "/surfaces" + OBJECT): Operation("the triangles of a surface", (_OCTETS,)),
    ("GET", "/thumbnails" + OBJECT + "/frames/{frame}"): Operation("a frame as a small picture", ("image/jpeg",)),
    ("GET", "/presented/{stamp}" + OBJECT + "/frames/{frame}"): Operation(
        "an image as a presentation state shows it", (_MULTIPART,)
    ),
    ("GET", "/images" + OBJECT + "/frames/{frames}"): _FRAMES,
    ("GET", "/films" + OBJECT): Operation("how far a film is", (_JSON,)),
    ("GET", "/films" + OBJECT + "/video"): Operation(
        "a film", ("video/webm",), good={200: "done", 206: "a part"}, bad=(404, 416)
    ),
    ("GET", "/dicom-web/studies"): _search("studies"),
    ("GET", "/dicom-web/patients"): _search("patients"),
    ("GET", "/dicom-web/series"): _search("series"),
    ("GET", "/dicom-web/instances"): _search("instances"),
    ("GET", STUDY + "/series"): _search("series of a study"),
    ("GET", STUDY + "/instances"): _search("instances of a study"),
    ("GET", SERIES + "/instances"): _search("instances of a series"),
    ("GET", STUDY + "/metadata"): _METADATA,
    ("GET", SERIES + "/metadata"): _METADATA,
    ("GET", INSTANCE + "/metadata"): _METADATA,
    ("GET", INSTANCE + "/frames/{frames}"): _FRAMES,
    ("GET", INSTANCE + "/bulkdata/{place}"): Operation(
        "a binary value", (_MULTIPART, _OCTETS), good={200: "done", 206: "a part"}, bad=(404, 406, 416)
    ),
    ("GET", INSTANCE + "/rendered"): _RENDERED,
    ("GET", INSTANCE + "/frames/{frames}/rendered"): _RENDERED,
    ("GET", SERIES + "/rendered"): _RENDERED,
    ("GET", STUDY + "/rendered"): _RENDERED,
    ("GET", INSTANCE + "/thumbnail"): _THUMBNAIL,
    ("GET", INSTANCE + "/frames/{frames}/thumbnail"): _THUMBNAIL,
    ("GET", SERIES + "/thumbnail"): _THUMBNAIL,
    ("GET", STUDY + "/thumbnail"): _THUMBNAIL,
    ("GET", INSTANCE): _FILES,
    ("GET", SERIES): _FILES,
    ("GET", STUDY): _FILES,
    ("POST", "/dicom-web/studies"): _STORE,
    ("POST", STUDY): _STORE,
    ("DELETE", STUDY): _DELETE,
    ("DELETE", SERIES): _DELETE,
    ("DELETE", INSTANCE): _DELETE,
    ("GET", "/wado"): Operation(
        "an object by the parameters of WADO-URI",
        (_DICOM, *_PICTURES, _HTML, _PDF),
        {
            "requestType!": "WADO",
            "studyUID!": "Study Instance UID",
            "seriesUID!": "Series Instance UID",
            "objectUID!": "SOP Instance UID",
            "contentType": "media types, best first",
            "transferSyntax": "of a DICOM file",
            "frameNumber": "from 1",
            "rows": "at most so many",
            "columns": "at most so many",
            "region": "left, top, right and bottom, from 0 to 1",
            "windowCenter": "in values of the modality",
            "windowWidth": "in values of the modality",
            "imageQuality": "from 1 to 100",
        },
        bad=(404, 406, 409, 503),
        more_query=True,
    ),
}
"""Method and path → what is done."""


def describe(base: str = "") -> dict[str, Any]:
    """Return the description.

    Args:
        base: the path below which the server lies.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "Negatoscope", "version": __version__},
        "servers": [{"url": base or "/"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": {
            path: {method.lower(): _describe(path, OPERATIONS[method, path]) for method in methods}
            for path, methods in ROUTES.items()
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "negatoscope-PORT"},
            }
        },
    }


def write_openapi(scope: Scope) -> bytes:
    """Return ``/openapi.json`` for whoever asks."""
    return json.dumps(describe(base_of(scope))).encode()


def _describe(path: str, operation: Operation) -> dict[str, Any]:
    answers = {str(status): _answer(said, operation.types) for status, said in operation.good.items()}
    for status in sorted({*_ALWAYS, *operation.bad}):
        # Of what is sent, each instance has its own reason.
        own = operation.types if operation.body and status in (409, 507) else ()
        answers[str(status)] = _answer(_REFUSALS[status], (_TEXT, *own))
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [*map(_path_parameter, re.findall(r"{(\w+)}", path)), *_query_parameters(operation)],
        "responses": answers,
    }
    if operation.body:
        described["requestBody"] = {"content": {media_type: {} for media_type in operation.body}}
    if path in ("/healthz", "/login"):
        described["security"] = []
    return described


def _answer(said: str, types: tuple[str, ...]) -> dict[str, Any]:
    return {"description": said, "content": {media_type: {} for media_type in types}}


def _path_parameter(name: str) -> dict[str, Any]:
    said, schema = _PARAMETERS[name]
    return {"name": name, "in": "path", "required": True, "description": said, "schema": dict(schema)}


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    named = [
        {
            "name": name.rstrip("!"),
            "in": "query",
            "required": name.endswith("!"),
            "description": said,
            "schema": {"type": "string"},
        }
        for name, said in operation.query.items()
    ]
    if operation.more_query:
        schema = {"type": "object", "additionalProperties": {"type": "string"}}
        said = "DICOM attributes, by keyword or tag"
        named.append({"name": "attributes", "in": "query", "style": "form", "description": said, "schema": schema})
    return named
