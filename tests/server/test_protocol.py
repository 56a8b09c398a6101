"""What one connection may take: size, time, and how many there may be."""

import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from desktop.server.answers import SECURITY_HEADERS
from desktop.server.host import ServerHost
from desktop.server.protocol import Limits
from desktop.services.certificates import keep_own, load_tls

SECONDS = 20
LIMITS = Limits(head_seconds=0.4, stall_seconds=0.5)
CROWD = Limits(connections=230)
LARGE = 24 << 20

Connect = Callable[[], socket.socket]


class Counting:
    """ASGI: answers at once, or with a large body, or when it has read the body."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b"x" * LARGE if scope["path"] == "/large" else b"ok"
        more, length = scope["path"] == "/read", 0
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            length += len(message["body"])
            more = message["more_body"]
        body = str(length).encode() if scope["path"] == "/read" else body
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(params=["http", "https"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    """A server with short limits, and how one connects to it."""
    with serve(LIMITS, tmp_path if request.param == "https" else None) as made:
        yield made


@pytest.fixture(params=["http", "https"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    """A server that has time for many."""
    with serve(CROWD, tmp_path if request.param == "https" else None) as made:
        yield made


@contextlib.contextmanager
def serve(limits: Limits, folder: Path | None) -> Iterator[Connect]:
    with contextlib.ExitStack() as stack:
        tls = None
        if folder is not None:
            own = keep_own(folder / "server.pem", ["127.0.0.1"])
            tls = load_tls(own.path, None)
            trusting = ssl.create_default_context(cafile=str(own.path))
        host = ServerHost(Counting(), tls=tls, limits=limits)
        stack.callback(host.close)

        def make() -> socket.socket:
            plain = socket.socket()
            plain.settimeout(SECONDS)
            plain.connect(("127.0.0.1", host.port))
            made = trusting.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain
            return stack.enter_context(made)

        yield make


def read(connection: socket.socket, until: bytes = b"") -> bytes:
    """Return what comes until the other end closes, or sends the bytes."""
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        while (part := connection.recv(1 << 16)) and not (until and until in said + part):
            said += part
        said += part
    return said


def ask(connection: socket.socket, request: bytes) -> bytes:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        connection.sendall(request)
    return read(connection)


def assert_refused(said: bytes, status: int) -> None:
    """See that the answer is an error in a sentence, guarded as all answers are."""
    head, _, body = said.partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    assert status_line.startswith(b"HTTP/1.1 %d " % status)
    headers = dict(line.split(b": ", 1) for line in lines)
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"connection"] == b"close"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"content-security-policy"] == b"default-src 'none'"
    for name, value in SECURITY_HEADERS:
        assert headers[name] == value
    assert body[:1].isupper()
    assert body.endswith(b".")


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"X-Large: " + b"x" * (2 * LIMITS.head) + b"\r\n\r\n", 431),
        (GET + b"X: y\r\n" * (LIMITS.head // 4) + b"\r\n", 431),
        (b"GET /?" + b"x" * LIMITS.head + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"no HTTP at all\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (GET + b"Content-Length: x\r\n\r\n", 400),
        (GET + b"Content-Length: -1\r\n\r\n", 400),
        (GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (GET + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        (GET + b"X : y\r\n\r\n", 400),
    ],
)
def test_a_head_that_is_too_large_or_nonsense(connect: Connect, request_: bytes, status: int) -> None:
    said = ask(connect(), request_)
    # Where much is still on its way, the other end may see the connection reset before it reads the answer.
    assert said == b"" if not said and len(request_) > 1 << 16 else True
    if said:
        assert_refused(said, status)


def test_an_ordinary_one_is_answered_after_many_others(connect: Connect) -> None:
    request = GET + b"X: " + b"x" * 1000 + b"\r\n\r\n"
    connection = connect()
    for _ in range(2 * LIMITS.head // len(request)):
        connection.sendall(request)
        assert read(connection, b"\r\n\r\nok").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("said", [b"GET /", b"GET / HTTP/1.1\r\n", GET + b"X-Slow: "])
def test_a_head_that_does_not_end(connect: Connect, said: bytes) -> None:
    connection = connect()
    connection.sendall(said)
    started = time.monotonic()
    # Whatever still drips in.
    connection.settimeout(0.05)
    answer = b""
    while not answer and time.monotonic() - started < SECONDS:
        with contextlib.suppress(OSError):
            connection.sendall(b"x")
        with contextlib.suppress(TimeoutError):
            answer = connection.recv(1 << 16)
    assert_refused(answer, 408)


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(connect: Connect) -> None:
    assert read(connect()) == b""


@pytest.mark.parametrize("path", [b"/read", b"/"])
def test_a_body_that_drips(connect: Connect, path: bytes) -> None:
    connection = connect()
    connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" % path)
    started = time.monotonic()
    connection.settimeout(0.05)
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while time.monotonic() - started < SECONDS:
            connection.sendall(b"x")
            try:
                part = connection.recv(1 << 16)
            except TimeoutError:
                continue
            said += part
            if not part:
                break
    assert time.monotonic() - started < SECONDS
    assert b"HTTP/1.1 408" in said or path == b"/"


def test_a_body_that_comes_steadily_may_take_its_time(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
    for _ in range(10):
        connection.sendall(b"x" * 200)
        time.sleep(0.1)
    assert read(connection, b"2000").endswith(b"\r\n\r\n2000")


@pytest.mark.parametrize("size", [100, 2 * LIMITS.head, 3 << 18, (3 << 18) + 1, 5 << 20])
def test_a_body_that_comes_in_large_blocks_is_no_head(connect: Connect, size: int) -> None:
    connection = connect()
    for _ in range(3):
        connection.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        connection.sendall(b"x" * size)
        assert read(connection, b"\r\n\r\n%d" % size).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_nobody_wants_is_cut(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 100:
            connection.sendall(chunk)
            sent += 1
            time.sleep(0.001)
    assert LIMITS.unread / len(chunk) <= sent < 100


@pytest.mark.parametrize("beside", [b"a: " + b"b" * 900 + b"\r\n", b"b" * 1024], ids=["headers", "one header"])
def test_headers_after_a_body_that_do_not_end_are_cut(connect: Connect, beside: bytes) -> None:
    connection = connect()
    connection.sendall(b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    sent = 0
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        if not beside.endswith(b"\n"):
            connection.sendall(b"a: ")
        while sent < 64 << 20:
            connection.sendall(beside)
            sent += len(beside)
    assert sent < 32 << 20


def test_headers_after_a_body_are_passed_over(connect: Connect) -> None:
    said = ask(
        connect(),
        b"POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nOrigin: http://evil.example\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"3")


@pytest.mark.parametrize("more", [b"\r\n", b"\r\n\r\n"])
def test_a_connection_is_closed_on_which_no_other_request_begins(connect: Connect, more: bytes) -> None:
    connection = connect()
    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert read(connection, b"ok").endswith(b"ok")
    connection.sendall(more)
    started = time.monotonic()
    assert read(connection) == b""
    assert time.monotonic() - started < SECONDS / 2


def test_who_does_not_read_is_cut_and_holds_nobody_up(connect: Connect) -> None:
    slow = connect()
    slow.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.1)
    assert read_one(connect()).endswith(b"ok")
    time.sleep(4 * LIMITS.stall_seconds)
    received = 0
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := slow.recv(1 << 20):
            received += len(part)
    assert received < LARGE


def test_who_reads_slowly_gets_all(connect: Connect) -> None:
    slow = connect()
    slow.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    received, pause = 0, 1 << 18
    while part := slow.recv(1 << 18):
        received += len(part)
        if received > pause:
            pause += 1 << 18
            time.sleep(4 * LIMITS.stall_seconds / (LARGE >> 18))
    assert received > LARGE


def read_one(connection: socket.socket) -> bytes:
    connection.sendall(GET + b"\r\n")
    return read(connection, b"\r\n\r\nok")


def test_two_hundred_at_once(crowd: Connect) -> None:
    slow = [crowd() for _ in range(10)]
    for one in slow:
        one.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    with ThreadPoolExecutor(16) as threads:
        opened = list(threads.map(lambda _: crowd(), range(200)))
        said = list(threads.map(read_one, opened))
    assert all(one.endswith(b"ok") for one in said)


def test_more_than_enough_are_refused_politely(crowd: Connect) -> None:
    opened = [crowd() for _ in range(CROWD.connections)]
    assert read_one(opened[-1]).endswith(b"ok")
    assert_refused(read(crowd()), 503)
    opened[0].close()
    assert read_one(opened[1]).endswith(b"ok")


@pytest.fixture
def shaking_hands(tmp_path: Path) -> Iterator[int]:
    """The port of a server in which five connections may be in the midst of a handshake."""
    own = keep_own(tmp_path / "server.pem", ["127.0.0.1"])
    limits = Limits(connections=20, handshakes=5, handshake_seconds=1)
    host = ServerHost(Counting(), tls=load_tls(own.path, None), limits=limits)
    yield host.port
    host.close()


@pytest.mark.skipif(sys.platform == "win32", reason="asyncio takes connections another way there")
def test_connections_in_a_handshake_are_counted_and_end(shaking_hands: int) -> None:
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", shaking_hands), SECONDS))

        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        # Those that have shaken hands are counted by others.
        established = [stack.enter_context(trusting.wrap_socket(connect())) for _ in range(8)]
        assert all(read_one(one).endswith(b"ok") for one in established)
        started = time.monotonic()
        silent = [connect() for _ in range(5)]
        assert read(connect()) == b""
        assert time.monotonic() - started < 1
        assert all(read(one) == b"" for one in silent)
        assert 1 <= time.monotonic() - started < SECONDS
        # There is room again, and nobody else was disturbed.
        assert all(read_one(one).endswith(b"ok") for one in established)
        made = stack.enter_context(trusting.wrap_socket(connect()))
        assert read_one(made).endswith(b"ok")


def test_the_limits_are_those_that_are_told() -> None:
    guide = (Path(__file__).parents[2] / "resources" / "guide" / "server.md").read_text()
    limits = Limits()
    for said in (
        f"{limits.connections} connections",
        f"{limits.handshakes} more",
        f"{limits.handshake_seconds:g} s",
        f"{limits.head >> 10} KB",
        f"{limits.head_seconds:g} s",
        f"{limits.stall_seconds:g} s",
    ):
        assert said in guide, said
