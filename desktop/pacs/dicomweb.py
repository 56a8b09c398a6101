"""Asks nodes over DICOMweb: QIDO-RS (PS3.18 §10.6), by HTTP."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx2

from ..dicom.text import DEFAULT_ENCODINGS, decode
from .answers import Values, read_json
from .connection import cut, make_tls_context
from .failures import explain_body, explain_connection, explain_cut_off_web, explain_http, explain_silence, explain_size
from .leash import Leash
from .nodes import Auth, WebNode

_ACCEPT = "application/dicom+json"
_BODY_LIMIT = 1 << 28
"""Bytes of one answer."""

_STORED = (200, 202)

_ROUND = 50
"""A list whose length is a multiple of it may be one that the node has cut by itself."""

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to one search.

    Attributes:
        results: one for each, in order; None for one that could not be read.
        has_more: the node said that it has more than it sent (PS3.18 §8.3.4.4).
    """

    results: tuple[Values | None, ...]
    has_more: bool


class Client:
    """Asks one node. Use it in a ``with`` statement.

    Args:
        secret: password or token; for a node without one, the password of our private key.

    Raises:
        PeerError: our certificate cannot be used.
    """

    def __init__(self, node: WebNode, secret: str, leash: Leash) -> None:
        self._node = node
        self._leash = leash
        context: Any = True
        if node.is_secured:
            context = make_tls_context(node, node.tls, secret if node.auth is Auth.NONE else "")
        timeouts = node.timeouts
        self._client = httpx2.Client(
            auth=_make_auth(node, secret),
            timeout=httpx2.Timeout(timeouts.answer, connect=timeouts.connect),
            verify=context,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leash.hold(None)
        self._client.close()

    def search(self, path: str, parameters: Parameters) -> Page:
        """Search for studies, series or instances.

        Args:
            path: below the node's address.

        Raises:
            PeerError: the node did not answer, or something that is none.
        """
        # Not every archive decodes wild cards, which need not be encoded (RFC 3986 §3.4).
        query = urlencode(parameters, safe="*?", quote_via=quote)
        with self.open(f"{path}?{query}" if query else path, _ACCEPT) as response:
            body = self._read(response)
            if response.status_code == 204 or (response.status_code == 200 and not body.strip()):
                return Page((), has_more=False)
            if response.status_code != 200:
                raise explain_http(self._node, response.status_code, response.headers.get("Location", ""))
            answers = self._parse(body, response.headers.get("Content-Type", ""))
            return Page(answers, "299" in response.headers.get("Warning", ""))

    def store(self, body: tuple[str, Iterator[bytes]]) -> Values:
        """Store instances (PS3.18 §10.5); return what the node says of each.

        Args:
            body: the boundary and the parts, which are read as they are sent.
        """
        boundary, pieces = body
        sent = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}'}
        with self.open("studies", _ACCEPT, self._watched(pieces), sent) as response:
            said, content_type = self._read(response), response.headers.get("Content-Type", "")
            if response.status_code not in _STORED and not (response.status_code == 409 and said.strip()):
                raise explain_http(self._node, response.status_code, response.headers.get("Location", ""))
        if not said.strip():
            return Values({})
        return self._parse_one(said, content_type)

    def _watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._leash.give(self._node.timeouts.answer)
            self._leash.check()
            yield piece

    @contextmanager
    def open(
        self,
        path: str,
        accept: str,
        body: Iterator[bytes] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[httpx2.Response]:
        """Ask for something, and read the answer in the ``with`` block, by :meth:`pieces`.

        Args:
            body: what is sent, by POST; None for GET.
            headers: beside Accept.

        Raises:
            PeerError: the node did not answer, or not to the end.
        """
        # To connect and to secure the line have times of their own.
        self._leash.give(3 * self._node.timeouts.connect + self._node.timeouts.answer)
        url = f"{self._node.url.rstrip('/')}/{path}"
        try:
            with self._client.stream(
                "GET" if body is None else "POST",
                url,
                content=body,
                headers={"Accept": accept, **headers},
                extensions={"trace": self._on_trace},
            ) as response:
                yield response
        except httpx2.TimeoutException as error:
            if isinstance(error, httpx2.ConnectTimeout):
                raise explain_connection(TimeoutError(), self._node, in_tls=False) from error
            self._leash.check()
            raise explain_silence(self._node) from error
        except httpx2.TransportError as error:
            self._leash.check()
            raise self._explain(error) from error

    def pieces(self, response: httpx2.Response) -> Iterator[bytes]:
        """Yield the body of an answer as it comes."""
        for piece in response.iter_bytes():
            # A node that sends a byte now and then is silent, too.
            self._leash.check()
            yield piece
        # What was cut looks like the end of an answer that does not tell its length.
        self._leash.check()

    def _read(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        for piece in self.pieces(response):
            body += piece
            if len(body) > _BODY_LIMIT:
                raise explain_size(self._node, _BODY_LIMIT)
        return bytes(body)

    def _on_trace(self, event: str, told: Mapping[str, Any]) -> None:
        """Called by the HTTP library with what it does: the connection, once it is open, can be cut."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._leash.hold(partial(cut, told["return_value"].get_extra_info("socket")))

    def _explain(self, error: httpx2.TransportError) -> Exception:
        """Find the system's own error behind that of the library, and explain it."""
        cause: BaseException | None = error if isinstance(error, httpx2.ConnectError) else None
        while cause is not None:
            if isinstance(cause, OSError):
                return explain_connection(cause, self._node, in_tls=False)
            cause = cause.__cause__ or cause.__context__
        return explain_cut_off_web(self._node)

    def _load(self, body: bytes, content_type: str) -> object:
        try:
            try:
                return json.loads(body)
            except UnicodeDecodeError:
                return json.loads(decode(body, DEFAULT_ENCODINGS))
        except (ValueError, RecursionError) as error:
            raise explain_body(self._node, content_type) from error

    def _parse_one(self, body: bytes, content_type: str) -> Values:
        said = self._load(body, content_type)
        values = _try_to_read(said[0] if isinstance(said, list) and said else said)
        if values is None:
            raise explain_body(self._node, content_type)
        return values

    def _parse(self, body: bytes, content_type: str) -> tuple[Values | None, ...]:
        answers = self._load(body, content_type)
        if not isinstance(answers, list):
            raise explain_body(self._node, content_type)
        return tuple(_try_to_read(answer) for answer in answers)


def pages(client: Client, path: str, parameters: Parameters, size: int) -> Iterator[Page]:
    """Yield pages of results until the node has no more; whoever goes through them stops when there are enough.

    Nodes cut a list without being asked to, and say so or not; others send all, whatever they are asked for, or the
    same page again and again.
    """
    offset = 0
    before: tuple[Values | None, ...] = ()
    while True:
        page = client.search(path, [*parameters, ("limit", str(size)), ("offset", str(offset))])
        if not page.results or page.results == before:
            return
        yield page
        count = len(page.results)
        if count > size or (count < size and count % _ROUND and not page.has_more):
            return
        offset += len(page.results)
        before = page.results


def _try_to_read(answer: object) -> Values | None:
    try:
        return read_json(answer)
    except (ValueError, RecursionError):
        return None


def _make_auth(node: WebNode, secret: str) -> httpx2.Auth:
    if node.auth is Auth.BASIC:
        return httpx2.BasicAuth(node.user, secret)
    return _Bearer(secret) if node.auth is Auth.BEARER else httpx2.Auth()


class _Bearer(httpx2.Auth):
    """A token in the header (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
