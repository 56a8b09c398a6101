"""Who may ask. Pure decisions, and the small ASGI layer around everything that acts on them.

A web page that the user visits must not read the images through the browser (DNS rebinding, cross-site requests), and
neither must another user's program on this computer.
"""

import hmac
import ipaddress
import secrets
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..sites import ROOT, Site
from .answers import SECURITY_HEADERS, Headers, send_text

_ONCE = ("host", "origin", "sec-fetch-site", "authorization")
"""Headers that decide: of two, nobody could say which one counts."""

OPEN_PATH = "/healthz"
"""The only route that anybody may ask."""

LOGIN_PATH = "/login"
"""Takes the one-time key of a browser's first address and gives it the cookie."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_PARAMETERS = 1000


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


@lru_cache(maxsize=16)
def own_hosts(scheme: str, address: str, port: int) -> tuple[str, ...]:
    """Return the Host headers that name this server.

    Args:
        scheme: ``http`` or ``https``.
        address: on which it was asked. A page that was lured here by DNS rebinding has a name, never this.
        port: of this server.
    """
    number = ipaddress.ip_address(address)
    number = getattr(number, "ipv4_mapped", None) or number
    names = (f"[{number}]" if number.version == 6 else str(number), *(("localhost",) if number.is_loopback else ()))
    # Browsers leave out the port that is the scheme's own.
    usual = port == {"http": 80, "https": 443}[scheme]
    return (*(f"{name}:{port}" for name in names), *(names if usual else ()))


def check_origin(headers: Mapping[str, str], site: Site, own: Collection[str], scheme: str) -> Refusal | None:
    """Refuse what another web page asks, or what was asked under a foreign name.

    Args:
        headers: by lower-case name.
        site: how the server is reached from outside. A proxy may leave the Host header as the browser has it, or
            put in the server's own.
        own: the Host headers that name the server itself.
        scheme: in which it was asked.
    """
    host = headers.get("host", "")
    is_public = bool(host) and host == site.public_host
    if not is_public and host not in own:
        return Refusal(421, "This server does not answer under this name.")
    allowed = {site.public} if is_public else {f"{scheme}://{host}", site.public}
    origin = headers.get("origin")
    if origin is not None and origin not in allowed - {""}:
        return Refusal(403, "Other web pages may not ask this server.")
    # "none" is an address that the user typed or opened from outside.
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return Refusal(403, "Other web pages may not ask this server.")
    return None


def check_size(method: str, query: bytes, headers: Mapping[str, str]) -> Refusal | None:
    """Refuse a body where there is none to be, and more parameters than any question has."""
    if query.count(b"&") >= _PARAMETERS:
        return Refusal(400, f"One can ask by {_PARAMETERS} parameters at most.")
    if method in _BODILESS and headers.get("content-length", "0") != "0":
        return Refusal(413, "A request of this kind has no body.")
    return None


def cookie_name(site: Site, scheme: str, port: int) -> str:
    """Return the name of the cookie. A browser sends cookies to all ports of a host, so it tells servers apart.

    Under HTTPS, its beginning keeps others from setting it (RFC 6265bis §4.1.3): names that begin with ``__Host-``
    belong to the whole host, so below a path it is ``__Secure-``.
    """
    secure = ("__Secure-" if site.base else "__Host-") if is_secure(site, scheme) else ""
    return f"{secure}negatoscope-{port}"


def is_secure(site: Site, scheme: str) -> bool:
    """Whether the browser comes by HTTPS."""
    return (site.public or f"{scheme}://").startswith("https:")


def find_tokens(headers: Mapping[str, str], cookie: str) -> list[str]:
    """Return what may be the token in a request: in its Authorization header, else in the cookies of a name.

    A browser sends the cookies of all programs on this computer, and not all of them keep to the rules.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return [token.strip()]
    cookies = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]
    return [value for name, _, value in cookies if name == cookie]


def root_of(scope: Scope) -> str:
    """Return what the full addresses of this server begin with, as whoever asks has them: scheme, host and path."""
    site: Site = scope["site"]
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return (site.public or f"{scope['scheme']}://{host}") + site.base


def base_of(scope: Scope) -> str:
    """Return the path that addresses of this server begin with; empty for the root."""
    site: Site = scope["site"]
    return site.base


def _check_single(scope: Scope) -> Refusal | None:
    names = [name.decode("latin-1") for name, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in _ONCE):
        return Refusal(400, "A header that may stand once stands twice.")
    return None


_TO_STRANGERS = (
    "This server answers only to those who have its token: in the header Authorization: Bearer TOKEN, or in a browser "
    "by the address that works once, which the program prints."
)


class Guard:
    """ASGI: lets through only what may be asked, and puts the security headers on every answer.

    Below it, paths have no :attr:`Site.base`, and ``scope["site"]`` is the site.

    Args:
        policy: the content security policy of pages.
    """

    def __init__(self, app: ASGIApp, secret: Secrets, policy: str, site: Site = ROOT) -> None:
        self._app = app
        self._secrets = secret
        self._site = site
        self._headers: Headers = ((b"content-security-policy", policy.encode()), *SECURITY_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Pages made of files have a policy of their own, under which nothing runs.
                own = {name for name, _ in message["headers"]}
                message["headers"] += [header for header in self._headers if header[0] not in own]
            await send(message)

        path = self._site.strip(scope["path"])
        if path == OPEN_PATH and scope["method"] in ("GET", "HEAD"):
            await send_text(send_guarded, 200, "ok")
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        address, port = scope["server"]
        cookie = cookie_name(self._site, scope["scheme"], port)
        own = own_hosts(scope["scheme"], address, port)
        refusal = (
            _check_single(scope)
            or check_origin(headers, self._site, own, scope["scheme"])
            or check_size(scope["method"], scope["query_string"], headers)
        )
        if refusal is None and path == LOGIN_PATH:
            await self._log_in(scope, send_guarded, cookie)
            return
        if refusal is None and not any(map(self._secrets.is_token, find_tokens(headers, cookie))):
            refusal = Refusal(401, _TO_STRANGERS)
        if refusal is not None:
            await send_text(send_guarded, refusal.status, refusal.sentence)
        elif path is not None:
            scope["path"], scope["site"] = path, self._site
            await self._app(scope, receive, send_guarded)
        elif scope["path"] == self._site.base:
            await send_text(send_guarded, 308, "", ((b"location", f"{self._site.base}/".encode()),))
        else:
            await send_text(send_guarded, 404, "Everything of this server lies below another path.")

    async def _log_in(self, scope: Scope, send: Send, cookie: str) -> None:
        if scope["method"] != "GET":
            await send_text(send, 405, "This address is for a browser to open.", ((b"allow", b"GET"),))
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if not self._secrets.use_key(query.get("key", [""])[0]):
            await send_text(
                send,
                401,
                "This address has been used already, or is none. Press Enter where the server runs for a new one.",
            )
            return
        secure = "; Secure" if is_secure(self._site, scope["scheme"]) else ""
        given = f"{cookie}={self._secrets.token}; Path={self._site.cookie_path}; HttpOnly; SameSite=Strict{secure}"
        headers: Headers = ((b"set-cookie", given.encode()), (b"location", f"{self._site.base}/".encode()))
        await send_text(send, 303, "", headers)
