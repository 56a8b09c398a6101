"""What went wrong, in words."""

import socket
import ssl

import pytest

from desktop.errors import ExitCode, PeerError, PeerSilent
from desktop.pacs import failures
from desktop.pacs.failures import Failure
from desktop.pacs.nodes import Auth, DimseNode, Tls, WebNode

NODE = DimseNode("A", "THEIRS", "pacs.example", 104, "OURS")
SECURED = DimseNode("A", "THEIRS", "pacs.example", 104, "OURS", Tls())
WEB = WebNode("W", "https://pacs.example/dicom-web")


def verification(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "in_tls", "kind", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), False, Failure.HOST_NOT_FOUND, "host of A"),
        (
            ConnectionRefusedError(111, "refused"),
            False,
            Failure.PORT_CLOSED,
            "Nothing listens at A ",
        ),
        (TimeoutError(), False, Failure.SILENT, "firewall"),
        (OSError(113, "No route to host"), False, Failure.UNREACHABLE, "No route to host"),
        (OSError(), False, Failure.UNREACHABLE, "no reason given"),
        (TimeoutError(), True, Failure.NO_TLS, "does not answer to TLS"),
        (ConnectionResetError(104, "reset"), True, Failure.NO_TLS, "did not secure it"),
        (ssl.SSLEOFError(8, "EOF"), True, Failure.NO_TLS, "does not speak TLS"),
        (tls_error("WRONG_VERSION_NUMBER"), True, Failure.NO_TLS, "does not speak TLS"),
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), True, Failure.CERTIFICATE_WANTED, "--tls-certificate"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), True, Failure.CERTIFICATE_WANTED, "certificate of ours"),
        (tls_error("UNSUPPORTED_PROTOCOL"), True, Failure.TLS, "UNSUPPORTED_PROTOCOL"),
        (verification(62), True, Failure.OTHER_HOST, "for another host"),
        (verification(64), True, Failure.OTHER_HOST, "--no-host-check"),
        (verification(10), True, Failure.NOT_TRUSTED, "expired"),
        (verification(9), True, Failure.NOT_TRUSTED, "clock"),
        (verification(18), True, Failure.NOT_TRUSTED, "signed by itself"),
        (verification(20), True, Failure.NOT_TRUSTED, "--tls-ca FILE"),
    ],
)
def test_connections(error: OSError, in_tls: bool, kind: Failure, said: str) -> None:
    explained = failures.explain_connection(error, SECURED, in_tls=in_tls)
    assert explained.kind == kind
    with pytest.raises(PeerError, match=said):
        raise explained
    assert explained.exit_code is (ExitCode.TIMED_OUT if isinstance(error, TimeoutError) else ExitCode.FAILED)


@pytest.mark.parametrize(
    ("result", "source", "reason", "said"),
    [
        (1, 1, 1, "whether our AE title is known"),
        (1, 1, 2, "application context"),
        (1, 1, 3, "does not know our AE title OURS. Ask its administrator to enter OURS"),
        (1, 1, 7, "does not go by the AE title THEIRS"),
        (1, 2, 2, "another version"),
        (2, 3, 1, "busy"),
        (2, 3, 2, "too many associations"),
        (2, 2, 1, "will pass"),
        (1, 99, 99, "no reason"),
    ],
)
def test_rejections(result: int, source: int, reason: int, said: str) -> None:
    explained = failures.explain_rejection(NODE, result, source, reason)
    assert explained.kind == Failure.REJECTED
    assert said in explained.sentence
    assert "{" not in explained.sentence


@pytest.mark.parametrize(
    ("source", "reason", "said"),
    [
        (0, 0, "no reason"),
        (0, 6, "no reason"),
        (2, 0, "no reason"),
        (2, 1, "not recognize"),
        (2, 2, "not expect"),
        (2, 6, "invalid"),
    ],
)
def test_aborts(source: int, reason: int, said: str) -> None:
    assert said in failures.explain_abort(NODE, source, reason).sentence
    # A peer that wants TLS aborts what it does not understand.
    assert "--tls" in failures.explain_abort(NODE, source, reason).sentence
    assert "--tls" not in failures.explain_abort(SECURED, source, reason).sentence


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0x0122, "does not offer this service"),
        (0x0124, "allow this to OURS"),
        (0xA700, "out of resources"),
        (0xA900, "does not fit"),
        (0xC000, "unable to process"),
        (0xC123, "unable to process this (status C123)"),
        (0x0110, "no reason (status 0110)"),
    ],
)
def test_statuses(status: int, said: str) -> None:
    assert said in failures.explain_status(NODE, status).sentence
    assert "and says: Bad day" in failures.explain_status(NODE, status, "Bad day").sentence


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (301, Failure.MOVED, "has moved to https://new"),
        (401, Failure.UNAUTHORIZED, "--auth basic"),
        (403, Failure.FORBIDDEN, "does not allow"),
        (404, Failure.NOT_FOUND, "Check the path"),
        (400, Failure.HTTP, "did not understand"),
        (418, Failure.HTTP, "418"),
        (429, Failure.HTTP, "too often"),
        (500, Failure.SERVER, "failed by itself"),
        (503, Failure.SERVER, "busy"),
    ],
)
def test_http(status: int, kind: Failure, said: str) -> None:
    explained = failures.explain_http(WEB, status, "https://new")
    assert explained.kind == kind
    assert said in explained.sentence
    assert str(status) in explained.sentence


def test_a_wrong_password_is_told_from_none() -> None:
    known = WebNode("W", "https://pacs.example", Auth.BEARER)
    assert "wrong, or has expired" in failures.explain_http(known, 401).sentence


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text/html; charset=utf-8", "page for people"),
        ("application/dicom+json", "damaged"),
        ("text/plain", "did not answer in JSON"),
        ("", "did not answer in JSON"),
    ],
)
def test_bodies(kind: str, said: str) -> None:
    assert said in failures.explain_body(WEB, kind).sentence


def test_silence_is_told_by_the_exit_code() -> None:
    assert isinstance(failures.explain_silence(NODE), PeerSilent)
    assert failures.explain_silence(WEB).exit_code is ExitCode.TIMED_OUT
    assert "does not offer C-ECHO" in failures.explain_contexts(NODE, "C-ECHO").sentence
    assert "256 MB" in failures.explain_size(WEB, 1 << 28).sentence
