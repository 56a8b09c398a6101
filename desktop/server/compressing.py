"""Answers that are sent compressed, to those who take it (RFC 9110 §12.5.3)."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .answers import Headers
from .endpoints import Answer, Stream

_GZIP = zlib.MAX_WBITS | 16
_SMALL = 1 << 10
"""Bytes that are not worth the trouble."""


def takes_gzip(headers: Mapping[str, str]) -> bool:
    """Whether a client takes gzip, by its headers with lower-case names."""
    weights = {}
    for text in headers.get("accept-encoding", "").split(","):
        coding, _, parameter = text.partition(";")
        name, _, value = parameter.partition("=")
        try:
            weights[coding.strip().lower()] = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            weights[coding.strip().lower()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def compress(made: Answer | Stream, headers: Mapping[str, str]) -> Answer | Stream:
    """Return a good answer compressed, if the client takes gzip.

    Args:
        made: the answer.
        headers: of the request, with lower-case names.
    """
    if made.status != 200 or (isinstance(made, Answer) and len(made.body) < _SMALL):
        return made
    varied: Headers = (*made.headers, (b"vary", b"accept-encoding"))
    if not takes_gzip(headers):
        return replace(made, headers=varied)
    varied = (*varied, (b"content-encoding", b"gzip"))
    if isinstance(made, Answer):
        return replace(made, body=b"".join(_pack([bytes(made.body)])), headers=varied)
    return replace(made, pieces=_pack(made.pieces), length=None, headers=varied)


def _pack(pieces: Iterable[bytes]) -> Iterator[bytes]:
    # The way to the client is short: higher levels take longer than they save.
    packer = zlib.compressobj(1, wbits=_GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
