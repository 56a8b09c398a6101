"""Whether an archive is there: real ones, and such as do anything but answer."""

import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pacs.asking.archives import QUICK, echo, failure_of, node_at, web_at
from pacs.asking.conftest import ORTHANC, QRSCP
from pacs.asking.scripted import Asked, Line, Script, run_script, run_web
from server.orthanc import Orthanc, free_port

from desktop.pacs.failures import Failure
from desktop.pacs.nodes import Auth, Tls, WebNode


def test_archives_that_are_there(orthanc: Orthanc, qrscp: int) -> None:
    outcomes = echo(
        node_at(orthanc.dicom_port, ORTHANC),
        node_at(qrscp, QRSCP, host="localhost"),
        WebNode("WEB", f"http://127.0.0.1:{orthanc.port}/dicom-web/"),
    )
    assert [(outcome.node, outcome.error) for outcome in outcomes] == [(ORTHANC, None), (QRSCP, None), ("WEB", None)]


def test_what_is_elsewhere(orthanc: Orthanc, qrscp: int) -> None:
    wrong = [
        (node_at(orthanc.dicom_port, "NOBODY"), Failure.REJECTED, "does not go by the AE title NOBODY"),
        (node_at(free_port()), Failure.PORT_CLOSED, "Nothing listens"),
        (node_at(104, host="nowhere.invalid"), Failure.HOST_NOT_FOUND, "is not known"),
        (node_at(104, host="a" * 70), Failure.HOST_NOT_FOUND, "is not known"),
        # DICOM to who speaks HTTP, HTTP to who speaks DICOM, TLS to who does not.
        (node_at(orthanc.port), Failure.CUT_OFF, "right port"),
        (web_at(qrscp), Failure.CUT_OFF, "right port"),
        (web_at(orthanc.port, "https"), Failure.NO_TLS, "does not speak TLS"),
        (node_at(qrscp, QRSCP, tls=Tls()), Failure.NO_TLS, "TLS"),
        (web_at(free_port()), Failure.PORT_CLOSED, "Nothing listens"),
        (WebNode("WEB", "http://nowhere.invalid/"), Failure.HOST_NOT_FOUND, "is not known"),
        (WebNode("WEB", f"http://127.0.0.1:{orthanc.port}/nothing"), Failure.NOT_FOUND, "Check the path"),
    ]
    outcomes = echo(*(node for node, _, _ in wrong))
    for outcome, (node, kind, said) in zip(outcomes, wrong, strict=True):
        assert outcome.error is not None, node
        assert getattr(outcome.error, "kind", "") == kind, (node, outcome.error)
        assert said in outcome.error.sentence


def abort(source: int, reason: int) -> Script:
    def script(line: Line) -> None:
        line.read()
        line.send(7, bytes((0, 0, source, reason)))

    return script


def send(data: bytes) -> Script:
    def script(line: Line) -> None:
        line.read()
        line.socket.sendall(data)
        line.read()

    return script


def accept_none(line: Line) -> None:
    line.accept(result=3)
    line.read()


def answer_wrongly(line: Line) -> None:
    line.accept()
    line.read_request()
    line.respond(0x0000, command=0x8030)
    line.respond(0x0122, command=0x8030)
    line.release()


def fail(line: Line) -> None:
    line.accept()
    line.read_request()
    line.respond(0x0122, command=0x8030)
    line.release()


def close_at_once(_line: Line) -> None:
    return


def never_release(line: Line) -> None:
    line.accept()
    line.read_request()
    line.respond(0, command=0x8030)
    line.wait()


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        (lambda line: line.reject(1, 1, 3), Failure.REJECTED, "does not know our AE title NEGATOSCOPE"),
        (lambda line: line.reject(2, 3, 1), Failure.REJECTED, "busy"),
        (lambda line: line.reject(9, 9, 9), Failure.REJECTED, "no reason"),
        (abort(0, 0), Failure.ABORTED, "no reason"),
        (abort(2, 1), Failure.ABORTED, "did not recognize"),
        (close_at_once, Failure.CUT_OFF, "ended the connection"),
        (send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Failure.CUT_OFF, "not DICOM"),
        (send(b"\x02\x00\x00\x00\x00\x04\x00\x00\x00\x00"), Failure.NO_CONTEXT, "does not offer C-ECHO"),
        (send(b"\x02\x00\xff\xff\xff\xff" + bytes(1000)), Failure.CUT_OFF, "not DICOM"),
        (accept_none, Failure.NO_CONTEXT, "does not offer C-ECHO"),
        (fail, Failure.REFUSED, "does not offer this service (status 0122)"),
    ],
)
def test_peers_that_refuse(script: Script, kind: Failure, said: str) -> None:
    with run_script(script) as (port, _):
        found, sentence = failure_of(node_at(port))
    assert (found, said in sentence) == (kind, True), sentence


def stall(line: Line) -> None:
    line.wait()


def stall_in_a_pdu(line: Line) -> None:
    line.read()
    line.socket.sendall(b"\x02\x00\x00\x00\x10\x00" + bytes(100))
    line.wait()


def trickle(line: Line) -> None:
    line.read()
    line.socket.sendall(b"\x02\x00\x00\x00\x10\x00")
    for _ in range(300):
        line.socket.sendall(b"\x00")
        time.sleep(0.1)


def stall_when_asked(line: Line) -> None:
    line.accept()
    line.wait()


def stall_in_an_answer(line: Line) -> None:
    line.accept()
    line.read_request()
    line.socket.sendall(b"\x04\x00\x00\x00\x10\x00" + bytes(100))
    line.wait()


def stall_at_none(line: Line) -> None:
    line.accept(result=3)
    line.wait()


def stall_at_http(asked: Asked) -> None:
    asked.handler.connection.recv(1)


def trickle_http(asked: Asked) -> None:
    asked.handler.send_response(200)
    asked.handler.end_headers()
    for _ in range(300):
        asked.handler.wfile.write(b" ")
        asked.handler.wfile.flush()
        time.sleep(0.1)


def test_peers_that_stall_keep_nobody_waiting() -> None:
    scripts = [stall, stall_in_a_pdu, trickle, stall_when_asked, stall_in_an_answer, stall_at_none]
    with ExitStack() as stack:
        nodes = [
            node_at(stack.enter_context(run_script(script))[0], name=script.__name__, timeouts=QUICK)
            for script in scripts
        ]
        secured = [replace(nodes[0], name="tls", tls=Tls())]
        webs = [
            web_at(stack.enter_context(run_web(script))[0], name=script.__name__, timeouts=QUICK)
            for script in (stall_at_http, trickle_http)
        ]
        web_of_stalling = [web_at(nodes[0].port, "https", name="https", timeouts=QUICK)]
        outcomes = echo(*nodes, *secured, *webs, *web_of_stalling)
        # What ends by itself ends after ten seconds and more.
        assert max(outcome.seconds for outcome in outcomes) < 15
    assert [outcome.node for outcome in outcomes if outcome.error is None] == []
    kinds = {outcome.node: getattr(outcome.error, "kind", "") for outcome in outcomes}
    assert kinds.pop("stall_at_none") in (Failure.NO_CONTEXT, Failure.SILENT)
    assert kinds.pop("tls") == Failure.NO_TLS
    assert kinds.pop("https") in (Failure.NO_TLS, Failure.SILENT)
    assert set(kinds.values()) == {Failure.SILENT}
    assert {outcome.error.exit_code for outcome in outcomes if outcome.error is not None} <= {4, 1}


def test_who_does_not_let_go_is_left() -> None:
    with run_script(never_release) as (port, lines):
        (outcome,) = echo(node_at(port))
        assert outcome.error is None
        assert len(lines) == 1


def test_a_port_behind_a_firewall_is_given_up() -> None:
    # Nobody takes calls there: the queue is full.
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        for outcome in echo(node_at(port, timeouts=QUICK), web_at(port, timeouts=QUICK)):
            assert getattr(outcome.error, "kind", "") == Failure.SILENT, outcome
            assert outcome.error is not None
            assert "firewall" in outcome.error.sentence


def trusted(keys: Path, **more: str) -> Tls:
    return Tls(str(keys / "ca.pem"), **more)


def ours(keys: Path, name: str = "client") -> dict[str, str]:
    return {"certificate": str(keys / f"{name}.pem"), "key": str(keys / f"{name}.key")}


def test_tls(dcmrecv: int, keys: Path) -> None:
    node = node_at(dcmrecv, tls=trusted(keys, **ours(keys)))
    (outcome,) = echo(node)
    assert outcome.error is None
    locked = replace(node, tls=trusted(keys, **ours(keys, "locked")), secret_id="x")
    (outcome,) = echo(locked, secret="open sesame")
    assert outcome.error is None
    cases = [
        (replace(node, tls=trusted(keys)), "", Failure.CERTIFICATE_WANTED, "--tls-certificate"),
        (replace(node, tls=trusted(keys, **ours(keys, "stranger"))), "", Failure.CERTIFICATE_WANTED, "certificate"),
        (replace(node, tls=Tls(**ours(keys))), "", Failure.NOT_TRUSTED, "--tls-ca"),
        (replace(node, tls=None), "", Failure.CUT_OFF, "It may ask for TLS"),
        (locked, "wrong", Failure.CERTIFICATE_UNUSABLE, "password"),
        (locked, "", Failure.CERTIFICATE_UNUSABLE, "password"),
        (replace(node, tls=Tls(str(keys / "none.pem"))), "", Failure.CERTIFICATE_UNUSABLE, "cannot be read"),
        (replace(node, tls=Tls(str(keys / "ca.key"))), "", Failure.CERTIFICATE_UNUSABLE, "hold no certificate"),
    ]
    for case, secret, kind, said in cases:
        found, sentence = failure_of(case, secret)
        assert (found, said in sentence) == (kind, True), sentence


def test_https(keys: Path) -> None:
    def script(asked: Asked) -> None:
        asked.answer(200, b"[]")

    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(run_web(script, (str(keys / f"{name}.pem"), str(keys / f"{name}.key"))))[0]
            for name in ("server", "other", "old", "stranger")
        }
        strict, _ = stack.enter_context(
            run_web(script, (str(keys / "server.pem"), str(keys / "server.key")), str(keys / "ca.pem"))
        )
        cases = [
            (web_at(ports["server"], "https", tls=trusted(keys)), ""),
            (web_at(ports["other"], "https", tls=Tls(str(keys / "ca.pem"), check_host=False)), ""),
            (web_at(strict, "https", tls=trusted(keys, **ours(keys))), ""),
            (web_at(strict, "https", tls=trusted(keys)), Failure.CUT_OFF),
            (web_at(ports["server"], "https"), Failure.NOT_TRUSTED),
            (web_at(ports["other"], "https", tls=trusted(keys)), Failure.OTHER_HOST),
            (web_at(ports["old"], "https", tls=trusted(keys)), Failure.NOT_TRUSTED),
            (web_at(ports["stranger"], "https", tls=trusted(keys)), Failure.NOT_TRUSTED),
        ]
        outcomes = echo(*(node for node, _ in cases))
    assert [getattr(outcome.error, "kind", "") for outcome in outcomes] == [kind for _, kind in cases]
    assert "expired" in str(outcomes[6].error)


def test_who_asks_is_told_to_who_wants_to_know() -> None:
    def script(asked: Asked) -> None:
        # doe:secret
        is_known = asked.authorization in ("Basic ZG9lOnNlY3JldA==", "Bearer secret")
        asked.answer(200 if is_known else 401, b"[]")

    with run_web(script) as (port, asked):
        basic = web_at(port, auth=Auth.BASIC, user="doe")
        assert echo(basic, web_at(port, auth=Auth.BEARER), secret="secret")[0].error is None
        assert failure_of(basic, "wrong")[0] == Failure.UNAUTHORIZED
        assert "--auth" in failure_of(web_at(port))[1]
    assert {request.authorization for request in asked[:2]} == {"Basic ZG9lOnNlY3JldA==", "Bearer secret"}
    assert asked[-1].authorization == ""


def test_passwords_do_not_follow_to_another_host() -> None:
    with run_web(lambda asked: asked.answer(200, b"[]")) as (elsewhere, followed):

        def script(asked: Asked) -> None:
            asked.answer(302, Location=f"http://127.0.0.1:{elsewhere}/")

        with run_web(script) as (port, _):
            kind, sentence = failure_of(web_at(port, auth=Auth.BEARER), "secret")
    assert kind == Failure.MOVED
    assert f"http://127.0.0.1:{elsewhere}/" in sentence
    assert followed == []


@pytest.mark.parametrize(
    ("status", "body", "content_type", "kind"),
    [
        (204, b"", "", ""),
        (200, b"", "application/dicom+json", ""),
        (200, b"<html>", "text/html", Failure.NOT_JSON),
        (200, b"{}", "application/json", Failure.NOT_JSON),
        (200, b"[" * 100_000, "application/json", Failure.NOT_JSON),
        (200, b"[{]", "application/json", Failure.NOT_JSON),
        (403, b"", "", Failure.FORBIDDEN),
        (500, b"", "", Failure.SERVER),
    ],
)
def test_answers_over_http(status: int, body: bytes, content_type: str, kind: str) -> None:
    with run_web(lambda asked: asked.answer(status, body, content_type)) as (port, _):
        (outcome,) = echo(web_at(port))
    assert getattr(outcome.error, "kind", "") == kind


def test_no_thread_stays() -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("pacs ", "Requestor"))] == []
