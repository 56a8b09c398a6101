"""Who may ask: only the program itself, and the browser that was let in."""

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders import make_image, save
from server.asking import SECONDS, Answer, Headers, Served

from desktop import logs
from desktop.server.guard import Secrets, own_hosts
from desktop.server.hostport import complete

PRIVATE = "/dicom-web/studies"
"""An address whose answer is patients' data."""


@pytest.fixture(scope="module")
def door(gallery: Served) -> Served:
    return gallery


def is_let_in(answer: Answer) -> bool:
    if answer.status == 200:
        return True
    answer.sentence(answer.status)
    return False


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        # Some clients leave out the port, and no browser does.
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("127.0.0.1:{other}", 421),
        ("127.0.0.1:0{port}", 421),
        ("127.0.0.1:{port}0", 421),
        ("127.0.0.1:", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("localhost.evil.example:{port}", 421),
        ("evil.example", 421),
        ("[::1]:{port}", 421),
        ("[::ffff:127.0.0.1]:{port}", 421),
        ("user@127.0.0.1:{port}", 421),
        ("127.0.0.1:{port}@evil.example", 421),
        ("127.0.0.1:{port}, evil.example", 421),
        ("127.0.0.1:{port}/", 421),
        ("http://127.0.0.1:{port}", 421),
        ("0.0.0.0:{port}", 421),
        ("127.1:{port}", 421),
        ("127.0.0.2:{port}", 421),
        ("2130706433:{port}", 421),
        ("localhost.:{port}", 421),
        ("", 421),
        (None, 421),
    ],
)
def test_host(door: Served, host: str | None, status: int) -> None:
    text = None if host is None else host.format(port=door.port, other=door.port + 1)
    answer = door.ask(PRIVATE, headers={"Host": text})
    assert answer.status == status
    assert is_let_in(answer) is (status == 200)


@pytest.mark.parametrize(
    ("host", "port", "own"),
    [
        ("127.0.0.1:80", 80, True),
        # A browser leaves out the port that is usual.
        ("127.0.0.1", 80, True),
        ("localhost", 80, True),
        ("evil.example", 80, False),
        ("127.0.0.1", 8080, False),
    ],
)
def test_host_at_the_usual_port(host: str, port: int, own: bool) -> None:
    assert (host in own_hosts("http", "127.0.0.1", port)) is own


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://127.0.0.1:{port}", "127.0.0.1:{port}", 200),
        ("http://localhost:{port}", "localhost:{port}", 200),
        ("http://localhost:{port}", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1:{port}", "localhost:{port}", 403),
        ("https://127.0.0.1:{port}", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1:{other}", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1", "127.0.0.1", 421),
        ("http://127.0.0.1:{port}", "127.0.0.1", 421),
        ("http://localhost", "localhost", 421),
        ("http://127.0.0.1:{port}/", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1:{port}.evil.example", "127.0.0.1:{port}", 403),
        ("http://evil.example", "127.0.0.1:{port}", 403),
        ("http://evil.example:{port}", "127.0.0.1:{port}", 403),
        ("http://evil.example:{port}", "evil.example:{port}", 421),
        ("file://", "127.0.0.1:{port}", 403),
        ("null", "127.0.0.1:{port}", 403),
        ("", "127.0.0.1:{port}", 403),
        ("127.0.0.1:{port}", "127.0.0.1:{port}", 403),
    ],
)
def test_origin(door: Served, origin: str, host: str, status: int) -> None:
    ports = {"port": door.port, "other": door.port + 1}
    answer = door.ask(PRIVATE, headers={"Host": host.format(**ports), "Origin": origin.format(**ports)})
    assert answer.status == status
    assert is_let_in(answer) is (status == 200)


@pytest.mark.parametrize(
    ("site", "status"),
    [
        ("same-origin", 200),
        ("none", 200),
        (None, 200),
        ("same-site", 403),
        ("cross-site", 403),
        ("", 403),
        ("Same-Origin", 403),
        ("none, cross-site", 403),
    ],
)
def test_where_the_request_was_made(door: Served, site: str | None, status: int) -> None:
    answer = door.ask(PRIVATE, headers={"Sec-Fetch-Site": site})
    assert answer.status == status
    assert is_let_in(answer) is (status == 200)


@pytest.mark.parametrize(
    ("authorization", "let_in"),
    [
        ("Bearer {token}", True),
        ("bearer {token}", True),
        ("BEARER {token}", True),
        ("Bearer  {token}", True),
        (None, False),
        ("", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("{token}", False),
        ("Basic {token}", False),
        ("Bearer {token}x", False),
        ("Bearer x{token}", False),
        ("Bearer {start}", False),
        ("Bearer {swapped}", False),
        ("Bearer {token} {token}", False),
        ("Bearer {token},Bearer {token}", False),
        ("Bearer *", False),
        ("Bearer null", False),
        (b"Bearer \xff\xfe\x80", False),
        ("Bearer Schlüssel".encode(), False),
        ("Bearer " + "x" * 50_000, False),
    ],
)
def test_token(door: Served, authorization: str | bytes | None, let_in: bool) -> None:
    token = door.token
    if isinstance(authorization, str):
        authorization = authorization.format(token=token, start=token[:-1], swapped=token.swapcase())
    answer = door.ask(PRIVATE, headers={"Authorization": authorization})
    assert is_let_in(answer) is let_in
    assert answer.status == (200 if let_in else 401)


@pytest.mark.parametrize(
    ("cookie", "let_in"),
    [
        ("negatoscope-{port}={token}", True),
        ("a=b; negatoscope-{port}={token}; c=d", True),
        ("a=b;negatoscope-{port}={token}", True),
        # What other programs on this computer set: cookies know nothing of ports.
        ('prefs={{"a":1,"b":[2]}}; negatoscope-{port}={token}', True),
        ("odd[name]=1; negatoscope-{port}={token}", True),
        ("=; ;;nothing; $Version=1; path; negatoscope-{port}={token}", True),
        ("negatoscope-{port}=old; negatoscope-{port}={token}", True),
        ("negatoscope-{other}={token}", False),
        ("negatoscope={token}", False),
        ("negatoscope-{port}", False),
        ("negatoscope-{port}=", False),
        ("negatoscope-{port}={token}x", False),
        ("negatoscope-{port}x={token}", False),
        ("xnegatoscope-{port}={token}", False),
        ("a=negatoscope-{port}={token}", False),
        ("{token}", False),
        ("", False),
        (b"negatoscope-\xff=\xfe", False),
    ],
)
def test_cookie(door: Served, cookie: str | bytes, let_in: bool) -> None:
    if isinstance(cookie, str):
        cookie = cookie.format(port=door.port, other=door.port + 1, token=door.token)
    assert is_let_in(door.ask(PRIVATE, token=None, headers={"Cookie": cookie})) is let_in


def test_a_cookie_does_not_mend_a_wrong_token(door: Served) -> None:
    cookie = f"negatoscope-{door.port}={door.token}"
    assert door.ask(PRIVATE, token="wrong", headers={"Cookie": cookie}).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "evil.example"), ("Host", "127.0.0.1:{port}")],
        [("Host", "127.0.0.1:{port}"), ("Host", "evil.example")],
        [("Host", "127.0.0.1:{port}"), ("Origin", "http://evil.example"), ("Origin", "http://127.0.0.1:{port}")],
        [("Host", "127.0.0.1:{port}"), ("Origin", "http://127.0.0.1:{port}"), ("Origin", "http://evil.example")],
        [("Host", "127.0.0.1:{port}"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "none")],
        [("Host", "127.0.0.1:{port}"), ("Authorization", "Bearer {token}"), ("Authorization", "Bearer x")],
        [("Host", "127.0.0.1:{port}"), ("Authorization", "Bearer x"), ("Authorization", "Bearer {token}")],
    ],
)
def test_a_header_that_decides_may_stand_once(door: Served, headers: list[tuple[str, str]]) -> None:
    filled = [(name, value.format(port=door.port, token=door.token)) for name, value in headers]
    if not any(name == "Authorization" for name, _ in filled):
        filled.append(("Authorization", f"Bearer {door.token}"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in filled)
    said = door.send(f"GET {PRIVATE} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    assert re.match(rb"HTTP/1.1 4\d\d ", said)
    assert b"00080020" not in said


ADDRESSES = (
    "/",
    "/index.html",
    "/app-config.js",
    "/extension/negatoscope.js",
    "/viewer/dicomjson?url=x",
    "/display-sets?study=1.2",
    "/studies/1.2/ohif-dicom-json",
    PRIVATE,
    "/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1",
    "/healthz/",
    "//healthz",
    "/HEALTHZ",
    "/healthz%2f",
    "/healthz%00",
    "/healthz/../dicom-web/studies",
    "/dicom-web/studies/../../healthz",
    "/healthz;/",
    "/login/",
    "/nothing",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_nothing_is_told_without_the_token(door: Served, address: str, method: str) -> None:
    answer = door.ask(address, token=None, method=method)
    assert answer.status == 401
    if method != "HEAD":
        assert answer.text == door.ask(PRIVATE, token="wrong").text
    foreign = door.ask(address, token=None, method=method, headers={"Origin": "http://evil.example"})
    assert foreign.status == 403
    assert "allow" not in {name.lower() for name, _ in foreign.headers}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": None},
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Authorization": "Bearer wrong"},
    ],
)
def test_anybody_may_ask_whether_it_serves_and_learns_nothing_else(door: Served, headers: Headers) -> None:
    answer = door.ask("/healthz", token=None, headers=headers)
    assert (answer.status, answer.text) == (200, "ok")
    assert door.ask("/healthz?study=1.2", token=None, headers=headers).text == "ok"
    head = door.ask("/healthz", token=None, headers=headers, method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_the_address_of_a_browser_works_once(door: Served) -> None:
    address = f"/login?key={door.make_key()}"
    answer = door.ask(address, token=None, headers={"Sec-Fetch-Site": "none"})
    assert (answer.status, answer.header("location"), answer.body) == (303, "/", b"")
    cookie = answer.header("set-cookie")
    assert cookie == f"negatoscope-{door.port}={door.token}; Path=/; HttpOnly; SameSite=Strict"
    sent = {"Cookie": cookie.partition(";")[0], "Sec-Fetch-Site": "same-origin"}
    assert door.ask("/", token=None, headers=sent).status == 200
    assert door.ask(PRIVATE, token=None, headers=sent).status == 200
    again = door.ask(address, token=None)
    assert "used already" in again.sentence(401)
    assert again.header("set-cookie") is None
    # Another one may be let in, and the first one stays.
    assert door.ask(f"/login?key={door.make_key()}", token=None).status == 303
    assert door.ask(PRIVATE, token=None, headers=sent).status == 200


@pytest.mark.parametrize(
    "query", ["", "?", "?key=", "?key=unknown", "?key", "?Key={key}", "?key=x&key={key}", "?key={token}", "?{key}", "#"]
)
def test_other_keys_do_not_work(door: Served, query: str) -> None:
    key = door.make_key()
    answer = door.ask("/login" + query.format(key=key, token=door.token), token=None)
    answer.sentence(401)
    assert answer.header("set-cookie") is None
    assert door.ask(f"/login?key={key}", token=None).status == 303


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Host": "evil.example"}, 421),
        ("GET", {"Origin": "http://evil.example"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("HEAD", {}, 405),
        ("POST", {}, 405),
        ("OPTIONS", {}, 405),
    ],
)
def test_a_key_is_not_used_up_by_others(door: Served, method: str, headers: Headers, status: int) -> None:
    address = f"/login?key={door.make_key()}"
    answer = door.ask(address, token=None, method=method, headers=headers)
    assert answer.status == status
    assert answer.header("set-cookie") is None
    assert door.ask(address, token=None).status == 303


def test_of_many_who_come_at_once_with_a_key_one_gets_in(door: Served) -> None:
    for _ in range(5):
        address = f"/login?key={door.make_key()}"
        with ThreadPoolExecutor(6, thread_name_prefix="asking") as threads:
            statuses = list(threads.map(lambda _, at=address: door.ask(at, token=None).status, range(6)))
        assert sorted(statuses) == [303, 401, 401, 401, 401, 401]


def test_secrets_are_long_and_never_the_same() -> None:
    made = [Secrets() for _ in range(50)]
    words = [secret.token for secret in made] + [secret.make_key() for secret in made]
    assert len(set(words)) == 100
    assert all(len(word) >= 43 and re.fullmatch(r"[\w-]+", word, re.ASCII) for word in words)  # 256 bits
    one, other = made[:2]
    assert one.is_token(one.token)
    assert not one.is_token(other.token)
    assert not one.use_key(other.make_key())


def test_the_token_is_in_no_log_and_no_name(served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "logs" / "log"
    logs.start_logging(file, verbose=True)
    caplog.set_level(logging.DEBUG)
    served.add(save(make_image(), tmp_path / "image"))
    served.change("UPDATE metadata SET ohif_json = x'00'")
    (study, *_), key = served.place(tmp_path / "image"), served.make_key()
    assert served.ask(f"/login?key={key}", token=None).status == 303
    assert served.ask(f"/studies/{study}/ohif-dicom-json").status == 500
    assert served.ask(PRIVATE, headers={"Cookie": f"negatoscope-{served.port}={served.token}"}).status == 200
    served.send(f"GET / HTTP/1.1\r\nAuthorization: Bearer {served.token}\r\n: broken\r\n\r\n".encode())
    server, host = served.app.require_server()
    assert file.stat().st_size
    told = file.read_text() + caplog.text + "".join(repr(thing) for thing in (server, host, server.secrets, served.app))
    assert served.token not in told
    assert key not in told


def test_a_websocket_is_not_opened(served: Served) -> None:
    upgrade = (
        "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    )
    said = served.send(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{upgrade}\r\n".encode())
    assert said.startswith(b"HTTP/1.1 401 ")
    server, _ = served.app.require_server()
    messages: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        messages.append(message)

    async def ask() -> None:
        await server.app({"type": "websocket", "path": "/", "headers": []}, receive, send)  # type: ignore[arg-type]

    # In a thread of its own: in this one, a browser of other tests may have its loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, ask()).result(SECONDS)
    assert not messages


@pytest.mark.parametrize(
    "request_line",
    [
        "GET http://evil.example/dicom-web/studies HTTP/1.1",
        "GET http://evil.example/ HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET *",
        "GET /dicom-web/studies HTTP/9.9",
        "GET  /dicom-web/studies  HTTP/1.1",
        "GET /dicom-web/\x00studies HTTP/1.1",
        "GET ?x HTTP/1.1",
        "\x16\x03\x01\x02",
        "get / HTTP/1.1",
    ],
)
def test_odd_requests_are_not_answered_without_the_token(door: Served, request_line: str) -> None:
    said = door.send(f"{request_line}\r\nHost: 127.0.0.1:{door.port}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert re.match(rb"HTTP/1.1 4\d\d ", said)
    assert b"00080020" not in said
    assert b"Traceback" not in said
    assert door.ask("/healthz", token=None).status == 200


@pytest.mark.parametrize(
    ("sent", "address", "port", "host"),
    [
        ("127.0.0.1", "127.0.0.1", 4711, "127.0.0.1:4711"),
        ("localhost", "127.0.0.1", 4711, "localhost:4711"),
        ("[::1]", "::1", 4711, "[::1]:4711"),
        ("127.0.0.1:4712", "127.0.0.1", 4711, "127.0.0.1:4712"),
        ("127.0.0.2", "127.0.0.1", 4711, "127.0.0.2"),
        ("evil.example", "127.0.0.1", 4711, "evil.example"),
        ("127.0.0.1", "127.0.0.1", 80, "127.0.0.1"),
        ("", "127.0.0.1", 4711, ""),
    ],
)
def test_a_port_that_is_left_out(sent: str, address: str, port: int, host: str) -> None:
    other = (b"x-forwarded-host", b"127.0.0.1")
    assert complete([(b"host", sent.encode()), other], address, port) == [(b"host", host.encode()), other]
