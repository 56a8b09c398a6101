"""Why another node did not do what it was asked, in plain words. All of it is decided here, from codes and errors."""

import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum

from ..errors import PeerError, PeerSilent
from .nodes import Auth, DimseNode, Node, WebNode


class Failure(StrEnum):
    """What can go wrong between two nodes."""

    HOST_NOT_FOUND = "host_not_found"
    PORT_CLOSED = "port_closed"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    CUT_OFF = "cut_off"
    REJECTED = "rejected"
    ABORTED = "aborted"
    NO_CONTEXT = "no_context"
    NOT_TRUSTED = "not_trusted"
    OTHER_HOST = "other_host"
    NO_TLS = "no_tls"
    CERTIFICATE_WANTED = "certificate_wanted"
    CERTIFICATE_UNUSABLE = "certificate_unusable"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    MOVED = "moved"
    HTTP = "http"
    SERVER = "server"
    NOT_JSON = "not_json"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    BROKEN_OFF = "broken_off"
    CANCELLED = "cancelled"


# PS3.8 Table 9-21, by source and reason.
_REJECTIONS: Mapping[tuple[int, int], str] = {
    (1, 2): "it does not know this application context",
    (1, 3): "it does not know our AE title {ours}. Ask its administrator to enter {ours} with the address of this "
    "computer, or choose with --our-aet the one that it knows",
    (1, 7): "it does not go by the AE title {theirs}. Ask its administrator for the right one",
    (2, 2): "it speaks another version of the protocol",
    (3, 1): "it is busy. Try again later",
    (3, 2): "it has too many associations already. Try again later",
}
# PS3.8 Table 9-26.
_ABORTS: Mapping[int, str] = {
    1: "it did not recognize what it was sent",
    2: "it did not expect what it was sent",
    4: "it did not recognize a parameter",
    5: "it did not expect a parameter",
    6: "a parameter's value was invalid to it",
}
# PS3.4 Table C.4-1, PS3.7 Annex C.
_STATUSES: Mapping[int, str] = {
    0x0122: "it does not offer this service",
    0x0124: "it does not allow this to {ours}",
    0x0211: "it does not know this operation",
    0x0212: "it did not understand a parameter",
    0xA700: "it is out of resources. Ask for less, or try again later",
    0xA701: "it is out of resources, and could not even count what there is. Ask for less, or try again later",
    0xA702: "it is out of resources, or could not reach us to send what it found",
    0xA801: "it does not know where to send to: {ours} is not entered with an address and a port. Ask its "
    "administrator to do so",
    0xA900: "what was asked for does not fit its kind of search",
}

_STORED: Mapping[int, str] = {
    0x0110: "it failed while it processed this",
    0x0111: "it has an object with this UID already",
    0x0112: "it does not know this object",
    0x0117: "the UID of the object is none to it",
    0x0122: "it does not take objects of this kind",
    0x0124: "it does not allow this to us",
    0xA700: "it is out of resources",
    0xA900: "the object does not fit its kind, or the study that it was sent to",
    0xB000: "it has changed some values",
    0xB006: "it has left out some values",
    0xB007: "the object does not fit its kind, and was kept all the same",
    0xC000: "it did not understand the object",
}

_HTTP: Mapping[int, tuple[Failure, str]] = {
    400: (Failure.HTTP, "did not understand the question (400)"),
    403: (Failure.FORBIDDEN, "does not allow this (403). Ask its administrator for the right to search"),
    404: (Failure.NOT_FOUND, "has no DICOMweb at this address (404). Check the path of the address"),
    407: (Failure.UNAUTHORIZED, "is behind a proxy that asks for a password (407)"),
    413: (Failure.HTTP, "says that the answer would be too large (413). Search for less"),
    429: (Failure.HTTP, "was asked too often (429). Try again later"),
    503: (Failure.SERVER, "is busy or being serviced (503). Try again later"),
}


def explain_connection(error: OSError, node: Node, *, in_tls: bool) -> PeerError:
    """Explain why there is no connection to a node.

    Args:
        in_tls: there was one, and securing it failed.
    """
    where = place_of(node)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, node)
    if isinstance(error, TimeoutError):
        if in_tls:
            return PeerSilent(Failure.NO_TLS, f"{where} is there, but does not answer to TLS. Does it speak TLS there?")
        return PeerSilent(
            Failure.SILENT, f"{where} does not answer. Check host and port, and whether a firewall lies in between."
        )
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error, node)
    if in_tls:
        return PeerError(Failure.NO_TLS, f"{where} ended the connection, and did not secure it. Does it speak TLS?")
    if isinstance(error, socket.gaierror):
        return PeerError(
            Failure.HOST_NOT_FOUND, f"The host of {where} is not known. Check its name, and the network connection."
        )
    if isinstance(error, ConnectionRefusedError):
        return PeerError(
            Failure.PORT_CLOSED, f"Nothing listens at {where}. Check the port, and whether the archive is running."
        )
    return PeerError(
        Failure.UNREACHABLE, f"There is no way to {where} ({error.strerror or 'no reason given'}). Check the network."
    )


def _explain_certificate(error: ssl.SSLCertVerificationError, node: Node) -> PeerError:
    where = place_of(node)
    if error.verify_code in (62, 63, 64):
        return PeerError(
            Failure.OTHER_HOST,
            f"The certificate of {where} is for another host. Use the name that stands in it, or, if you know why it "
            "differs, add the node with --no-host-check.",
        )
    reasons = {
        9: "is not valid yet. Check the clock of this computer",
        10: "has expired. Ask its administrator for a new one",
        18: "is signed by itself, and not trusted. Name it with --tls-ca FILE, if its administrator gave it to you",
    }
    text = reasons.get(
        error.verify_code,
        "is not trusted. Ask its administrator for the certificate of its signer, and name it with --tls-ca FILE",
    )
    return PeerError(Failure.NOT_TRUSTED, f"The certificate of {where} {text}.")


def _explain_tls(error: ssl.SSLError, node: Node) -> PeerError:
    where, reason = place_of(node), str(getattr(error, "reason", None) or "").upper()
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or any(
        word in reason for word in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER")
    ):
        return PeerError(Failure.NO_TLS, f"{where} does not speak TLS. Check the port, or use it without TLS.")
    if any(word in reason for word in ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNKNOWN_CA")):
        return PeerError(
            Failure.CERTIFICATE_WANTED,
            f"{where} did not accept us. It may ask for a certificate of ours: --tls-certificate and --tls-key.",
        )
    return PeerError(Failure.TLS, f"The connection to {where} could not be secured ({reason or 'no reason given'}).")


def explain_own_certificate(error: OSError, node: Node) -> PeerError:
    """Explain why the files of certificates and keys could not be used."""
    if isinstance(error, ssl.SSLError):
        text = "hold no certificate or key, or the key's password is missing or wrong"
    else:
        text = f"cannot be read ({error.strerror})"
    return PeerError(Failure.CERTIFICATE_UNUSABLE, f"The certificate files of {node.name} {text}.")


def explain_rejection(node: DimseNode, result: int, source: int, reason: int) -> PeerError:
    """Explain an A-ASSOCIATE-RJ (PS3.8 §9.3.4)."""
    text = _REJECTIONS.get((source, reason), "it gives no reason. Ask its administrator whether our AE title is known")
    if result == 2 and (source, reason) not in _REJECTIONS:
        text = "it gives no reason, but says that it will pass. Try again later"
    told = text.format(ours=node.our_aet, theirs=node.aet)
    return PeerError(Failure.REJECTED, f"{place_of(node)} rejected the association: {told}.")


def explain_abort(node: DimseNode, source: int, reason: int) -> PeerError:
    """Explain an A-ABORT (PS3.8 §9.3.8); source 2 is its provider, which gives a reason."""
    text = _ABORTS.get(reason, "it gives no reason") if source == 2 else "it gives no reason"
    return PeerError(Failure.ABORTED, f"{place_of(node)} aborted the association: {text}.{_hint_of_tls(node)}")


def explain_cut_off(node: DimseNode) -> PeerError:
    """Explain a connection that has ended, or in which something came that is no DICOM."""
    return PeerError(
        Failure.CUT_OFF,
        f"{place_of(node)} ended the connection, or answered with something that is not DICOM. "
        f"Is it the right port?{_hint_of_tls(node)}",
    )


def explain_cut_off_web(node: WebNode) -> PeerError:
    """Explain a connection in which no HTTP came, or that has ended too early."""
    return PeerError(
        Failure.CUT_OFF,
        f"{place_of(node)} ended the connection, or answered with something that is not HTTP. Is it the right port?",
    )


def explain_silence(node: Node) -> PeerError:
    """Explain that a node took the connection, and then said nothing more."""
    return PeerSilent(
        Failure.SILENT, f"{place_of(node)} took the connection, but did not answer in time. Try again later."
    )


def explain_contexts(node: DimseNode, service: str) -> PeerError:
    """Explain that a node accepted no presentation context of a service."""
    return PeerError(Failure.NO_CONTEXT, f"{place_of(node)} is there, but does not offer {service}.")


def explain_status(node: DimseNode, status: int, comment: str = "") -> PeerError:
    """Explain a status of failure (PS3.7 Annex C, PS3.4 §C.4.1.1.4)."""
    text = _STATUSES.get(status, "it was unable to process this" if status >> 12 == 0xC else "it gives no reason")
    said = f", and says: {comment}" if comment else ""
    return PeerError(
        Failure.REFUSED, f"{place_of(node)} failed: {text.format(ours=node.our_aet)} (status {status:04X}{said})."
    )


def explain_store(status: int, comment: str) -> str:
    """Return why an object was not kept, or what the node warns of (PS3.4 Table B.2-1, PS3.18 §10.5.3)."""
    text = _STORED.get(status, "it gives no reason")
    if status not in _STORED and status >> 8 in (0xA7, 0xA9, 0xC0):
        text = _STORED[status & 0xFF00]
    said = f", and says: {comment}" if comment else ""
    return f"{text[:1].upper()}{text[1:]} (status {status:04X}{said})."


def explain_broken_off(node: Node, why: str) -> PeerError:
    """Explain that an association was ended by us, in the midst of an object."""
    return PeerError(Failure.BROKEN_OFF, f"{why} So the connection to {node.name} was ended in the midst of it.")


def explain_http(node: WebNode, status: int, location: str = "") -> PeerError:
    """Explain an HTTP status that is no success."""
    where = place_of(node)
    if 300 <= status < 400:
        to = f" to {location}" if location else ""
        return PeerError(Failure.MOVED, f"{where} has moved{to} ({status}). Add the node with its new address.")
    if status == 401:
        wants = "Its password or token is wrong, or has expired."
        if node.auth is Auth.NONE:
            wants = "It asks who you are: add the node with --auth basic or --auth bearer."
        return PeerError(Failure.UNAUTHORIZED, f"{where} did not let us in (401). {wants}")
    if status in _HTTP:
        kind, text = _HTTP[status]
        return PeerError(kind, f"{where} {text}.")
    if status >= 500:
        return PeerError(Failure.SERVER, f"{where} failed by itself ({status}). Ask its administrator to look at it.")
    return PeerError(Failure.HTTP, f"{where} did not do what it was asked ({status}).")


def explain_body(node: WebNode, content_type: str, *, wanted: str = "JSON") -> PeerError:
    """Explain an answer that is not what was asked for: DICOM JSON, or a multipart body of files."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/html":
        text = "answered with a page for people. Check the path of the address"
    elif wanted != "JSON":
        text = f"did not answer in {wanted}, or not to the end"
    elif kind in ("application/json", "application/dicom+json"):
        text = "answered with JSON that is damaged, or not DICOM's"
    else:
        text = "did not answer in JSON"
    return PeerError(Failure.NOT_JSON, f"{place_of(node)} {text}.")


def explain_size(node: Node, limit: int) -> PeerError:
    """Explain an answer that is taken for an attack."""
    return PeerError(Failure.TOO_LARGE, f"{place_of(node)} sent more than {limit >> 20} MB at once. Search for less.")


def explain_cancel(node: Node) -> PeerError:
    """Say that it was this side that ended it."""
    return PeerError(Failure.CANCELLED, f"{node.name} was not asked to the end: you stopped it.")


def place_of(node: Node) -> str:
    """Return a node's name and where it is."""
    return f"{node.name} ({f'{node.host}:{node.port}' if isinstance(node, DimseNode) else node.url})"


def _hint_of_tls(node: DimseNode) -> str:
    return "" if node.tls else " It may ask for TLS: --tls."
