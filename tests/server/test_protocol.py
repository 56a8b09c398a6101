"""Requests whose head is too large."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.app import App
from desktop.paths import find_paths
from desktop.server.protocol import HEAD_LIMIT


@pytest.fixture
def port(base_dir: Path) -> Iterator[int]:
    with App(find_paths().make()) as app:
        yield app.serve(0).port


def ask(port: int, head: bytes) -> bytes:
    """Send a request's head and return the answer; empty if the connection was closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(head)
            return connection.recv(100)
        except ConnectionError:
            return b""


@pytest.mark.parametrize("headers", [b"X-Large: " + b"x" * (2 * HEAD_LIMIT), b"X: y\r\n" * (HEAD_LIMIT // 4)])
def test_it_is_closed(port: int, headers: bytes):
    assert ask(port, b"GET /healthz HTTP/1.1\r\n" + headers + b"\r\n\r\n") == b""


def test_an_ordinary_one_is_answered_after_many_others(port: int):
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: {'x' * 1000}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for _ in range(2 * HEAD_LIMIT // len(request)):
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"ok"):
                answer += connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")
