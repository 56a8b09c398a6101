"""Answers of one body, sent by plain ASGI: the quickest there is."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.types import Send

from .fileparts import FilePart

Headers = Sequence[tuple[bytes, bytes]]

JSON = b"application/json"
DICOM_JSON = b"application/dicom+json"
SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""On every answer, besides a content security policy."""

NO_STORE = (b"cache-control", b"no-store")
"""Patients' data never go into the browser's cache on the disk."""


async def send_body(
    send: Send,
    status: int,
    content_type: bytes,
    body: bytes | memoryview | FilePart,
    headers: Headers = (NO_STORE,),
) -> None:
    """Send a whole answer at once."""
    start = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *headers]
    if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        # They would have to be those of an answer that is not sent (RFC 9110 §8.6).
        start = [*headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def send_text(send: Send, status: int, sentence: str, headers: Headers = ()) -> None:
    """Send a short plain text: an error, or nothing much."""
    await send_body(send, status, b"text/plain; charset=utf-8", sentence.encode(), (NO_STORE, *headers))


def write_error(status: int, sentence: str) -> bytes:
    """Return a whole answer as it goes over the wire, for a request that never gets to the application."""
    body = sentence.encode()
    headers: Headers = (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"content-security-policy", b"default-src 'none'"),
        *SECURITY_HEADERS,
        NO_STORE,
        (b"connection", b"close"),
    )
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), *(b"%s: %s" % header for header in headers)]
    return b"\r\n".join([*lines, b"", body])
