"""The port in a Host header, where a client has left it out.

Some do (dicomweb-client), though the header has it (RFC 9110 §7.2). Browsers never do, so no page is let in by this:
one that was lured here by DNS rebinding has another name, and one of another port of this computer sends ours.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

_USUAL = frozenset({80, 443})


class WithPort:
    """ASGI: completes the Host header, so that everything behind it knows how the server is reached."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            scope["headers"] = complete(scope["headers"], *scope["server"])
        await self._app(scope, receive, send)


def complete(headers: list[tuple[bytes, bytes]], address: str, port: int) -> list[tuple[bytes, bytes]]:
    """Return headers of which Host has a port.

    Args:
        headers: names in lower case. Those of a browser's request for another page are left alone (Origin).
        address: on which the server was asked.
        port: of the server. A client may leave out the one that is usual.
    """
    bare = {address.encode(), b"[%s]" % address.encode(), b"localhost"}
    names = [name for name, _ in headers]
    if port in _USUAL or b"origin" in names or not any(pair == (b"host", host) for pair in headers for host in bare):
        return headers
    return [(name, b"%s:%d" % (value, port) if name == b"host" and value in bare else value) for name, value in headers]
