"""Who may ask. Pure decisions, and the small ASGI layer around everything that acts on them.

A web page that the user visits must not read the images through the browser (DNS rebinding, cross-site requests), and
neither must another user's program on this computer.
"""

import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import Headers, send_text

_ONCE = ("host", "origin", "sec-fetch-site", "authorization")
"""Headers that decide: of two, nobody could say which one counts."""

OPEN_PATH = "/healthz"
"""The only route that anybody may ask."""

LOGIN_PATH = "/login"
"""Takes the one-time key of a browser's first address and gives it the cookie."""

COOKIE = "negatoscope-{port}"
"""A browser sends cookies to all ports of a host, so the name tells two servers apart."""

# OHIF has inline scripts and styles, compiles WebAssembly, and makes workers of blobs.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "connect-src 'self' data: blob:; "
    "object-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

SECURITY_HEADERS: Headers = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not answered."""

    status: int
    sentence: str


class Secrets:
    """The token of this run, and the keys by which a browser comes to it, each of which works once."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    def make_key(self) -> str:
        """Return a new one-time key."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._keys.add(key)
        return key

    def use_key(self, key: str) -> bool:
        """Whether the key is good; it is not any more afterwards."""
        with self._lock:
            if key in self._keys:
                self._keys.remove(key)
                return True
        return False

    def is_token(self, text: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self.token.encode())


def is_own_host(host: str, port: int) -> bool:
    """Whether a Host header names this server, by one of the two names of this computer."""
    names = ("127.0.0.1", "localhost")
    # Browsers leave out the port that is HTTP's own.
    return host in [f"{name}:{port}" for name in names] or (port == 80 and host in names)


def check_origin(headers: Mapping[str, str], port: int) -> Refusal | None:
    """Refuse what another web page asks, or what was asked under a foreign name.

    Args:
        headers: by lower-case name.
        port: of this server.
    """
    host = headers.get("host", "")
    if not is_own_host(host, port):
        return Refusal(421, "This server answers for 127.0.0.1 only.")
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return Refusal(403, "Other web pages may not ask this server.")
    # "none" is an address that the user typed or opened from outside.
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return Refusal(403, "Other web pages may not ask this server.")
    return None


def find_tokens(headers: Mapping[str, str], port: int) -> list[str]:
    """Return what may be the token in a request: in its Authorization header, else in the cookies of its name.

    A browser sends the cookies of all programs on this computer, and not all of them keep to the rules.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return [token.strip()]
    cookies = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]
    return [value for name, _, value in cookies if name == COOKIE.format(port=port)]


def _check_single(scope: Scope) -> Refusal | None:
    names = [name.decode("latin-1") for name, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in _ONCE):
        return Refusal(400, "A header that may stand once stands twice.")
    return None


class Guard:
    """ASGI: lets through only what may be asked, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, secret: Secrets) -> None:
        self._app = app
        self._secrets = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Pages made of files have a policy of their own, under which nothing runs.
                own = {name for name, _ in message["headers"]}
                message["headers"] += [header for header in SECURITY_HEADERS if header[0] not in own]
            await send(message)

        path = scope["path"]
        if path == OPEN_PATH and scope["method"] in ("GET", "HEAD"):
            await send_text(send_guarded, 200, "ok")
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        port = scope["server"][1]
        refusal = _check_single(scope) or check_origin(headers, port)
        if refusal is None and path == LOGIN_PATH:
            await self._log_in(scope, send_guarded)
            return
        if refusal is None and not any(map(self._secrets.is_token, find_tokens(headers, port))):
            refusal = Refusal(401, "This server answers only to the program that started it.")
        if refusal is not None:
            await send_text(send_guarded, refusal.status, refusal.sentence)
            return
        await self._app(scope, receive, send_guarded)

    async def _log_in(self, scope: Scope, send: Send) -> None:
        if scope["method"] != "GET":
            await send_text(send, 405, "This address is for a browser to open.", ((b"allow", b"GET"),))
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if not self._secrets.use_key(query.get("key", [""])[0]):
            await send_text(send, 401, "This address has been used already. Start the server again for a new one.")
            return
        name = COOKIE.format(port=scope["server"][1])
        cookie = f"{name}={self._secrets.token}; Path=/; HttpOnly; SameSite=Strict"
        headers: Headers = ((b"set-cookie", cookie.encode()), (b"location", b"/"))
        await send_text(send, 303, "", headers)
