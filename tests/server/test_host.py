"""The socket and the thread: where the server listens, how it starts and how it ends."""

import http.client
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import make_image, save
from server.asking import SECONDS, Served, start_threads

from desktop.app import App
from desktop.errors import InputError, SetupError
from desktop.paths import Paths, find_paths
from desktop.server.host import open_socket
from desktop.services.planning import Planning


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(tmp_path / "base").make()


def listen(port: int = 0, address: str = "127.0.0.1") -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((address, port))
    taken.listen(1)
    return taken


def other_addresses() -> list[str]:
    """Return the addresses of this computer that are not the server's."""
    found = {"127.0.0.2", "::1"} if sys.platform == "linux" else {"::1"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses the address by which one would
            found.add(probe.getsockname()[0])
        except OSError:
            pass
    return sorted(found)


@pytest.mark.parametrize("address", other_addresses())
def test_it_listens_on_the_loopback_address_only(served: Served, address: str) -> None:
    _, host = served.app.require_server()
    assert host.origin == f"http://127.0.0.1:{host.port}"
    with socket.create_connection(("127.0.0.1", served.port), SECONDS):
        pass
    with pytest.raises(OSError, match=r"refused|assign|unreachable|not supported"):
        socket.create_connection((address, served.port), SECONDS).close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the socket among the open files")
def test_connections_do_not_wait_for_more_to_send(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), SECONDS) as client:
        client.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        ends = []
        for entry in Path("/proc/self/fd").iterdir():
            try:
                copy = socket.socket(fileno=os.dup(int(entry.name)))
            except OSError:
                continue
            with copy:
                try:
                    if copy.getpeername() == client.getsockname():
                        ends.append(copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                except OSError:
                    continue
        assert len(ends) == 1
        assert ends[0] != 0


def test_a_port_that_is_taken_is_passed_over(paths: Paths, viewer: Path) -> None:
    with listen() as taken, App(paths) as app:
        port = taken.getsockname()[1]
        host = app.serve(port, viewer)
        start_threads(app)
        assert host.port != port
        assert Served(app).ask("/healthz").text == "ok"


def test_the_next_free_port_is_taken() -> None:
    with listen() as first:
        port = first.getsockname()[1]
        with open_socket(port) as second:
            assert second.getsockname()[0] == "127.0.0.1"
            number = second.getsockname()[1]
            assert number != port
            # Another program may hold the very next ones too.
            assert port < number <= port + 20
            with open_socket(port) as third:
                assert third.getsockname()[1] not in (port, number)


@pytest.mark.parametrize("port", [0, 65535, 65530])
def test_any_port_will_do(port: int) -> None:
    with open_socket(port) as one, open_socket(port) as other:
        numbers = {one.getsockname()[1], other.getsockname()[1]}
        assert len(numbers) == 2
        assert all(1024 <= number <= 65535 for number in numbers)


def test_the_port_is_remembered(paths: Paths, viewer: Path) -> None:
    with App(paths) as app:
        first = app.serve(None, viewer).port
    assert json.loads(paths.settings.read_text())["port"] == first
    with App(paths) as app:
        assert app.settings.port == first
        assert app.serve(None, viewer).port == first
        start_threads(app)
        # Used again at once, even after connections.
        assert Served(app).ask("/healthz").status == 200
    with App(paths) as app:
        assert app.serve(None, viewer).port == first


def test_a_remembered_port_that_is_taken_is_replaced(paths: Paths, viewer: Path) -> None:
    with listen() as taken:
        port = taken.getsockname()[1]
        paths.settings.write_text(json.dumps({"port": port, "a newer key": [1]}))
        with App(paths) as app:
            chosen = app.serve(None, viewer).port
            assert chosen != port
    saved = json.loads(paths.settings.read_text())
    assert (saved["port"], saved["data_source"], saved["a newer key"]) == (chosen, "dicom-json", [1])


@pytest.mark.parametrize("port", [0, "free"])
def test_a_port_that_was_asked_for_is_not_remembered(paths: Paths, viewer: Path, port: int | str) -> None:
    with listen() as probe:
        free = probe.getsockname()[1]
    with App(paths) as app:
        app.serve(free if port == "free" else 0, viewer)
        assert app.settings.port == 0
    assert not paths.settings.exists()


def test_it_serves_though_the_port_cannot_be_kept(paths: Paths, viewer: Path) -> None:
    # Where the new settings are written first, there is a folder.
    (paths.config / f"settings.json.{os.getpid()}.part").mkdir()
    with App(paths) as app:
        app.serve(None, viewer)
        start_threads(app)
        assert Served(app).ask("/").status == 200
    assert not paths.settings.exists()


@pytest.mark.parametrize("there", ["nothing", "no index", "index is a folder"])
def test_without_ohif_it_says_how_to_get_it(paths: Paths, tmp_path: Path, there: str) -> None:
    resources = tmp_path / "incomplete"
    if there == "no index":
        (resources / "ohif").mkdir(parents=True)
        (resources / "ohif" / "app.js").write_text("x")
    elif there == "index is a folder":
        (resources / "ohif" / "index.html").mkdir(parents=True)
    with App(paths) as app:
        with pytest.raises(SetupError) as raised:
            app.serve(0, resources)
        assert "python3 packaging/fetch_ohif.py" in raised.value.sentence
        with pytest.raises(SetupError):
            app.require_server()


def test_no_server_no_answer(paths: Paths, viewer: Path) -> None:
    with App(paths) as app:
        with pytest.raises(SetupError, match="not running"):
            app.require_server()
        port = app.serve(0, viewer).port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), SECONDS).close()


def test_closing_twice_is_no_fault(paths: Paths, viewer: Path) -> None:
    app = App(paths)
    app.serve(0, viewer)
    server, host = app.require_server()
    app.close()
    app.close()
    host.close()
    server.close()
    with pytest.raises(InputError, match="closed"):
        app.store.write(lambda db: None)


def in_time(action: Callable[[], None]) -> None:
    """Run what must not hang; the limit is far above what it takes."""
    thread = threading.Thread(target=action, name="ending")
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_it_ends_with_connections_open(paths: Paths, viewer: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = App(paths)
    app.serve(0, viewer)
    start_threads(app)
    served = Served(app)
    idle = socket.create_connection(("127.0.0.1", served.port), SECONDS)
    half = socket.create_connection(("127.0.0.1", served.port), SECONDS)
    half.sendall(b"GET / HTTP/1.1\r\nHost: 127")
    kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    kept.request("GET", "/healthz")
    assert kept.getresponse().read() == b"ok"
    in_time(app.close)
    with idle, half:
        assert idle.recv(1) == b""
        assert half.recv(1 << 16) == b""
    kept.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("accept", ["application/dicom", 'multipart/related; type="application/dicom"'])
def test_it_ends_while_somebody_reads_slowly(
    paths: Paths, viewer: Path, tmp_path: Path, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(make_image(), tmp_path / "image")
    with path.open("r+b") as file:
        file.truncate(48 << 20)
    app = App(paths)
    app.serve(0, viewer)
    start_threads(app)
    served = Served(app)
    served.add(path)
    slow = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    slow.request("GET", served.instance(path), headers={"Authorization": f"Bearer {served.token}", "Accept": accept})
    response = slow.getresponse()
    assert response.status == 200
    in_time(app.close)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    slow.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_ends_while_an_answer_is_made(
    paths: Paths, viewer: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, finish = threading.Event(), threading.Event()

    def plan(*_: object) -> list[object]:
        asked.set()
        finish.wait(SECONDS)
        return []

    monkeypatch.setattr(Planning, "plan", plan)
    app = App(paths)
    app.serve(0, viewer)
    start_threads(app)
    served = Served(app)
    waiting = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    waiting.request("GET", "/display-sets?study=1.2.3", headers={"Authorization": f"Bearer {served.token}"})
    assert asked.wait(SECONDS)
    ending = threading.Thread(target=app.close, name="ending")
    ending.start()
    with pytest.raises(http.client.RemoteDisconnected):
        waiting.getresponse()
    waiting.close()
    finish.set()
    ending.join(SECONDS)
    assert not ending.is_alive()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_starting_and_ending_leaves_nothing_behind(paths: Paths, viewer: Path) -> None:
    def run() -> None:
        with App(paths) as app:
            app.serve(0, viewer)
            start_threads(app)
            served = Served(app)
            assert served.ask("/dicom-web/studies").json() == []
            assert served.ask("/").status == 200

    def count_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0

    run()  # what is loaded once is loaded now
    threads, files = threading.active_count(), count_files()
    for _ in range(20):
        run()
    assert threading.active_count() == threads
    assert count_files() == files
