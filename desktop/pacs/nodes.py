"""What is known of another archive: how it is reached, and how it wants to be spoken to."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from ..dicom.text import parse_charset

OUR_AE_TITLE = "NEGATOSCOPE"
"""How this program calls itself, unless a node knows it by another name."""

UTF_8 = "ISO_IR 192"

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 60.0
_NAME = re.compile(r"(?!-)[^\x00-\x1f\x7f]{1,64}")
# PS3.5 §6.2, AE: of the default repertoire, without backslash; it is not all spaces.
_AE_TITLE = re.compile(r"(?! *$)[ -\[\]-~]{1,16}")


class Retrieve(StrEnum):
    """How images are fetched over DIMSE: by C-GET, by C-MOVE, or by what the node can do."""

    AUTOMATIC = "auto"
    GET = "get"
    MOVE = "move"


class Auth(StrEnum):
    """How a DICOMweb node is told who asks."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is secured.

    Attributes:
        ca_file: certificates that are trusted, in PEM; empty for those that the system trusts.
        certificate: our own certificate, in PEM, for nodes that ask for one; or empty.
        key: its private key, in PEM; empty if it is in the same file.
        check_host: whether the name in the node's certificate must be that of its host.
    """

    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    check_host: bool = True

    def __post_init__(self) -> None:
        _check_types(self, {"ca_file": str, "certificate": str, "key": str, "check_host": bool})
        if self.key and not self.certificate:
            raise ValueError("a key needs a certificate")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a node may keep us waiting, in seconds.

    Attributes:
        connect: until there is a connection, and an association or a secured line.
        answer: from one answer to the next.
    """

    connect: float = _CONNECT_SECONDS
    answer: float = _ANSWER_SECONDS

    def __post_init__(self) -> None:
        for seconds in (self.connect, self.answer):
            if type(seconds) not in (int, float) or not 0 < seconds <= 3600:
                raise ValueError(f"a timeout must be from 0 to 3600 seconds, not {seconds!r}")


@dataclass(frozen=True, slots=True)
class DimseNode:
    """An archive that speaks DIMSE.

    Attributes:
        aet: its AE title.
        our_aet: the AE title by which it knows this program.
        tls: None for a connection that anybody on the way can read.
        charset: Specific Character Set of queries, and of answers that name none; empty for none.
        secret_id: under which the system's keyring has the password of our private key; empty if there is none.
    """

    name: str
    aet: str
    host: str
    port: int
    our_aet: str = OUR_AE_TITLE
    tls: Tls | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    retrieve: Retrieve = Retrieve.AUTOMATIC
    charset: str = UTF_8
    secret_id: str = ""

    def __post_init__(self) -> None:
        _check_types(self, {"name": str, "aet": str, "host": str, "our_aet": str, "charset": str, "secret_id": str})
        _check_name(self.name)
        for title in (self.aet, self.our_aet):
            if not _AE_TITLE.fullmatch(title):
                raise ValueError(f"an AE title has 1 to 16 letters of ASCII and no backslash, not {title!r}")
        if not self.host or not self.host.isprintable() or set(self.host) & set(" /@"):
            raise ValueError(f"a host is a name or an address, not {self.host!r}")
        if type(self.port) is not int or not 0 < self.port < 65536:
            raise ValueError(f"a port is a number from 1 to 65535, not {self.port!r}")
        object.__setattr__(self, "retrieve", Retrieve(self.retrieve))
        if self.charset:
            parse_charset(self.charset)


@dataclass(frozen=True, slots=True)
class WebNode:
    """An archive that speaks DICOMweb.

    Attributes:
        url: the base of its services, such as ``https://pacs.example/dicom-web``.
        tls: for ``https``.
        user: for :attr:`Auth.BASIC`.
        secret_id: under which the system's keyring has the password or token; empty if there is none.
    """

    name: str
    url: str
    auth: Auth = Auth.NONE
    user: str = ""
    tls: Tls = field(default_factory=Tls)
    timeouts: Timeouts = field(default_factory=Timeouts)
    secret_id: str = ""

    def __post_init__(self) -> None:
        _check_types(self, {"name": str, "url": str, "user": str, "secret_id": str})
        _check_name(self.name)
        _check_url(self.url)
        object.__setattr__(self, "auth", Auth(self.auth))
        if (self.auth is Auth.BASIC) != bool(self.user) or ":" in self.user:
            raise ValueError("basic authorization needs a user without a colon, and no other has one")

    @property
    def is_secured(self) -> bool:
        """Whether nobody on the way can read what is said."""
        return urlsplit(self.url).scheme == "https"


Node = DimseNode | WebNode


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name != name.strip():
        raise ValueError(f"a node's name has 1 to 64 letters, of which the first is no hyphen, not {name!r}")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise ValueError(f"an address begins with http:// or https:// and a host, not {url!r}")
    # Also raises ValueError for what is no port.
    if parts.port == 0 or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("an address holds no user, password, query or fragment")


def _check_types(record: object, types: dict[str, type]) -> None:
    for name, kind in types.items():
        if type(getattr(record, name)) is not kind:
            raise ValueError(f"{name} is no {kind.__name__}: {getattr(record, name)!r}")
