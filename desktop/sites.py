"""Under which address the server is reached from outside: behind a proxy, another one than its own."""

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
"""The address that only this computer's own programs can ask."""

_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def find_way(host: str = "192.0.2.1") -> tuple[str, str]:
    """Return by which address of this computer a host is reached, and the host's own. Nothing is sent.

    Args:
        host: its name or address; without one, any other computer.

    Raises:
        OSError, UnicodeError: it is not known, or there is no way to it.
    """
    family, _, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        # This chooses the address by which one would send.
        probe.connect(address)
        return str(probe.getsockname()[0]), str(address[0])


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server's addresses begin.

    Attributes:
        base: the path below which everything lies, such as ``/negatoscope``; empty for the root.
        public: scheme and host under which a proxy shows it, such as ``https://images.example``; empty without one.
    """

    base: str = ""
    public: str = ""

    @property
    def public_host(self) -> str:
        """The host of :attr:`public`, as a Host header has it; empty without a proxy."""
        return self.public.partition("://")[2]

    @property
    def cookie_path(self) -> str:
        """The path to which the browser's cookie belongs."""
        return self.base or "/"

    def strip(self, path: str) -> str | None:
        """Return a path below :attr:`base`, as it would be without it; None for one that is elsewhere."""
        if not self.base:
            return path
        return path[len(self.base) :] if path.startswith(self.base + "/") else None


ROOT = Site()
"""No proxy, and no path."""


def read_base(text: str) -> str:
    """Return a path as :attr:`Site.base` has it.

    Args:
        text: such as ``/negatoscope/``, with or without the last slash; ``/`` or nothing for the root.

    Raises:
        ValueError: it is no such path.
    """
    segments = text.strip("/").split("/") if text.strip("/") else []
    if not all(_SEGMENT.fullmatch(segment) for segment in segments) or (segments and not text.startswith("/")):
        raise ValueError("it is a path such as /negatoscope/, of letters, digits, points, - and _")
    return "".join(f"/{segment}" for segment in segments)


def read_public_url(text: str) -> Site:
    """Return the site that a URL names, such as ``https://images.example/negatoscope/``.

    Raises:
        ValueError: it is no such URL.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.netloc.lower()
    if parts.scheme not in _USUAL_PORTS or not _HOST.fullmatch(host) or port == 0 or parts.query or parts.fragment:
        raise ValueError("it is a URL such as https://images.example/negatoscope/, without a question mark")
    # Browsers leave out the port that is usual.
    host = host.removesuffix(_USUAL_PORTS[parts.scheme])
    return Site(read_base(parts.path), f"{parts.scheme}://{host}")
