"""OHIF's files, our extension, and the configuration that joins them.

No URL is ever turned into a path: a table of all files is made once, and a request is looked up in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from ..errors import SetupError
from .answers import NO_STORE, Headers, send_body, send_text
from .multipart import FOR_VIEWER
from .rewriting import rewrite
from .userconfig import UserConfig, UserFile

DICOM_JSON_SOURCE, DICOM_WEB_SOURCE = "dicomjson", "dicomweb"
"""Names of OHIF's data sources: part of the viewer's addresses."""

# The registry of Windows may say anything, so the types stand here.
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".ico": b"image/x-icon",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".mjs": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
    ".wasm": b"application/wasm",
    ".webmanifest": b"application/manifest+json",
    ".woff2": b"font/woff2",
    ".xml": b"text/xml; charset=utf-8",
}
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")
_CHECK = (b"cache-control", b"no-cache")
INDEX = "/index.html"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that is served.

    Attributes:
        body: what is served instead of what is in the file; None for that.
    """

    path: Path
    content_type: bytes
    cache: tuple[bytes, bytes]
    body: bytes | None = None

    def read(self) -> bytes:
        """Return what is served."""
        return self.path.read_bytes() if self.body is None else self.body


def find_assets(resources: Path, base: str = "") -> dict[str, Asset]:
    """Return OHIF's files and our extension's, by the path of their URL below ``base`` (:attr:`Site.base`).

    Raises:
        SetupError: OHIF is not there.
    """
    ohif = resources / "ohif"
    if not (ohif / "index.html").is_file():
        raise SetupError("OHIF's files are missing. Get them with: python3 packaging/fetch_ohif.py")
    assets = _list(ohif, "")
    for name, asset in assets.items():
        suffix = asset.path.suffix.lower()
        # With no path before it, only the page itself is another one than in the file.
        if suffix == ".html" or base:
            body = asset.path.read_bytes()
            served = rewrite(suffix, body, base)
            if served != body:
                assets[name] = replace(asset, body=served)
    assets.update(_list(resources / "extension", "/extension"))
    return assets


def _list(folder: Path, prefix: str) -> dict[str, Asset]:
    return {
        f"{prefix}/{path.relative_to(folder).as_posix()}": Asset(
            path, _TYPES.get(path.suffix.lower(), b"application/octet-stream"), _cache_rule(path.name)
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _cache_rule(name: str) -> tuple[bytes, bytes]:
    """OHIF's bundles have a digest in their names, so they never change."""
    stem = name.split(".")[:-1]
    hashed = any(len(part) == 16 and all(letter in "0123456789abcdef" for letter in part) for part in stem)
    return _FOREVER if hashed else _CHECK


def make_config(version: str, base: str = "") -> dict[str, Any]:
    """Return OHIF's configuration (``window.config``), for a server below a path."""
    root = f"{base}/dicom-web"
    return {
        "name": f"Negatoscope {version}",
        "routerBasename": base or None,
        "extensions": [f"{base}/extension/negatoscope.js"],
        "modes": [],
        "customizationService": {"ohif.tours": {"$set": []}},
        "showStudyList": True,
        "investigationalUseDialog": {"option": "never"},
        "showLoadingIndicator": True,
        "showCPUFallbackMessage": True,
        "showErrorDetails": "always",
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "maxNumberOfWebWorkers": 3,
        "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 25},
        "defaultDataSourceName": DICOM_WEB_SOURCE,
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": DICOM_WEB_SOURCE,
                "configuration": {
                    "friendlyName": "This computer",
                    "name": DICOM_WEB_SOURCE,
                    "qidoRoot": root,
                    "wadoRoot": root,
                    **_FRAMES,
                    "imageRendering": "wadors",
                    "thumbnailRendering": "wadors",
                    "enableStudyLazyLoad": True,
                    "supportsFuzzyMatching": False,
                    "supportsWildcard": True,
                    "supportsStow": True,
                    "singlepart": "bulkdata,video,pdf",
                    "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
                    "queryLimit": 1001,
                },
            },
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomjson",
                "sourceName": DICOM_JSON_SOURCE,
                "configuration": {
                    "friendlyName": "This computer (one study)",
                    "name": DICOM_JSON_SOURCE,
                    "wadoRoot": root,
                    **_FRAMES,
                    "singlepart": "bulkdata,video,pdf",
                    "bulkDataURI": {"enabled": True},
                },
            },
        ],
    }


_FRAMES = {
    # One part: its bytes lie aligned, and nobody searches them for a boundary.
    "acceptHeader": [f"application/octet-stream; transfer-syntax=*; {FOR_VIEWER}=1"],
    "stackRetrieveOptions": {"retrieveOptions": {"single": {"streaming": False, "decodeLevel": 1}}},
}


def make_app_config(config: Mapping[str, Any], user: UserConfig | None) -> bytes:
    """Return ``/app-config.js``: what joins OHIF's configuration with the user's, if there is one."""
    file = None if user is None else {"name": user.name, "fault": user.fault}
    return (
        f"window.config = completeConfig(window.config, {json.dumps(config, indent=1)}, {json.dumps(file)});\n".encode()
    )


class ViewerFiles:
    """ASGI: OHIF's files; every unknown path without an extension is a page of OHIF's own."""

    def __init__(self, assets: Mapping[str, Asset], config: Mapping[str, Any], user: UserFile) -> None:
        self._assets = assets
        self._config = config
        self._user = user

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(send, 405, "Files can only be read.", ((b"allow", b"GET, HEAD"),))
        elif path == "/app-config.js":
            await send_body(send, 200, _TYPES[".js"], make_app_config(self._config, self._user.read()))
        elif path == "/ohif.js":
            user = self._user.read()
            await send_body(send, 200, _TYPES[".js"], b"" if user is None else user.script)
        elif path in self._assets:
            await _send_asset(send, self._assets[path])
        elif "." in path.rpartition("/")[2] or path.startswith("/extension/"):
            await send_text(send, 404, "There is no such file.")
        else:
            await _send_asset(send, self._assets[INDEX])


async def _send_asset(send: Send, asset: Asset) -> None:
    # 17 MB at most, from the page cache; they are asked for once.
    body = asset.read()
    headers: Headers = (NO_STORE if asset.path.suffix == ".html" else asset.cache,)
    await send_body(send, 200, asset.content_type, body, headers)
