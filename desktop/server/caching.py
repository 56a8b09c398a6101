"""Whether a client has an answer already (RFC 9110 §13.1.2)."""

from collections.abc import Mapping


def is_known(etag: str, headers: Mapping[str, str]) -> bool:
    """Whether a client asks only for something else than it has.

    Args:
        etag: of what would be sent.
        headers: of the request, with lower-case names.
    """
    known = [text.strip() for text in headers.get("if-none-match", "").split(",")]
    return "*" in known or etag.removeprefix("W/") in (text.removeprefix("W/") for text in known)
