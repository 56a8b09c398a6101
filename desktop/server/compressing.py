"""Whether an answer may be sent compressed (RFC 9110 §12.5.3)."""

from collections.abc import Mapping


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
