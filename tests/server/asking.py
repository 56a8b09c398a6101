"""A real server on a real socket, with a library in it, and how to ask it."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import find_all

from desktop.app import App
from desktop.dicom.records import FileRef, Header
from desktop.importers.reading import read
from desktop.library.adding import add_readings
from desktop.library.outcomes import FileOutcome, Refusal
from desktop.library.rows import path_from_db, path_to_db
from desktop.paths import find_paths
from desktop.server.answers import SECURITY_HEADERS

SECONDS = 30
"""How long a test waits for an answer before it fails."""

ONE_PART = "application/octet-stream; transfer-syntax=*"
MANY_PARTS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'

Headers = Mapping[str, str | bytes | None] | Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Part:
    """One part of a multipart answer."""

    content_type: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header that may stand only once; None if it is not there."""
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        """Return the body; NaN and Infinity are no JSON."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is no JSON")

        return json.loads(self.body.decode("utf-8", "strict"), parse_constant=refuse)

    def sentence(self, status: int) -> str:
        """Return the sentence of an answer that is an error; it says nothing of the program's insides."""
        assert self.status == status, (self.status, self.body[:200])
        assert self.header("content-type") == "text/plain; charset=utf-8"
        assert self.header("cache-control") == "no-store"
        assert re.fullmatch(r"[A-Z][^\n]*[.?]", self.text), self.text
        assert "Traceback" not in self.text
        assert ".py" not in self.text
        return self.text

    def parts(self) -> list[Part]:
        """Return the parts of a multipart answer, read strictly (RFC 2046 §5.1.1)."""
        said = re.fullmatch(
            r'multipart/related; type="([^"]+)"; boundary=([0-9a-f]+)', self.header("content-type") or ""
        )
        assert said, self.header("content-type")
        media_type, boundary = said[1], said[2].encode()
        parts, rest = [], self.body
        while not rest.startswith(b"--" + boundary + b"--"):
            assert rest.startswith(b"--" + boundary + b"\r\n")
            head, _, rest = rest[len(boundary) + 4 :].partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n"))
            length = int(headers["Content-Length"])
            assert headers["Content-Type"].split(";")[0] == media_type
            parts.append(Part(headers["Content-Type"], rest[:length], headers))
            assert rest[length : length + 2] == b"\r\n"
            rest = rest[length + 2 :]
        assert rest == b"--" + boundary + b"--\r\n"
        return parts

    def one(self) -> bytes:
        """Return the body of an answer of one part, single or multipart."""
        assert self.status == 200, (self.status, self.body[:200])
        if (self.header("content-type") or "").startswith("multipart/"):
            (part,) = self.parts()
            return part.body
        return self.body


class Served:
    """A library that is served."""

    def __init__(self, app: App) -> None:
        server, host = app.require_server()
        self.app = app
        self.port = host.port
        self.origin = host.origin
        self.token = server.secrets.token
        self.make_key = server.secrets.make_key
        self.policy = server.policy

    def ask(
        self,
        path: str,
        accept: str | None = None,
        *,
        method: str = "GET",
        headers: Headers = (),
        token: str | None = "",
        body: bytes | None = None,
    ) -> Answer:
        """Ask over a connection of its own.

        Args:
            path: as it is sent: nothing in it is quoted.
            headers: besides Host and Authorization, or instead of them; None leaves one out.
            token: empty for the right one, None for none.
            body: sent with its length.
        """
        sent: list[tuple[str, str | bytes]] = []
        replaced = {} if not isinstance(headers, Mapping) else {name.lower(): name for name in headers}
        if "host" not in replaced:
            sent.append(("Host", f"127.0.0.1:{self.port}"))
        if token is not None and "authorization" not in replaced:
            sent.append(("Authorization", f"Bearer {token or self.token}"))
        if accept is not None:
            sent.append(("Accept", accept))
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        sent += [(name, value) for name, value in pairs if value is not None]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            answer = Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()
        self.check(path, answer)
        return answer

    def check(self, path: str, answer: Answer) -> None:
        """Check what holds for every answer."""
        # Pages made of files have a policy of their own.
        is_page = path.startswith(("/documents/", "/dicom-web/", "/wado")) and (
            answer.header("content-type") == "text/html; charset=utf-8"
        )
        for name, value in SECURITY_HEADERS:
            assert answer.header(name.decode()) == value.decode()
        policy = answer.header("content-security-policy")
        assert policy is not None
        assert policy == self.policy or is_page
        names = {name.lower() for name, _ in answer.headers}
        assert not {name for name in names if name.startswith("access-control-")}
        assert answer.header("cache-control") is not None
        if path.startswith(("/dicom-web", "/wado", "/studies", "/display-sets", "/login")) or answer.status != 200:
            assert answer.header("cache-control") == "no-store"
        said = [value for name, value in answer.headers if name.lower() != "set-cookie"]
        assert self.token not in " ".join(said)
        assert self.token.encode() not in answer.body
        assert str(self.app.paths.data).encode() not in answer.body

    def connect(self) -> socket.socket:
        """Return a connection of its own."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def send(self, request: bytes) -> bytes:
        """Send bytes as they are, and return all that comes until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))

    def json(self, path: str) -> Any:
        answer = self.ask(path)
        assert answer.status == 200, (path, answer.status, answer.body[:200])
        return answer.json()

    def add(self, *paths: Path) -> list[FileOutcome]:
        """Import files and folders without worker processes."""
        return add(self.app, paths)

    def change(self, statement: str, *values: object) -> None:
        """Change the library behind the program's back."""
        self.app.store.write(lambda db: db.execute(statement, values).rowcount).result()

    def place(self, path: Path) -> tuple[str, str, str]:
        """Return the UIDs of study, series and instance under which a file is served."""
        return self.places()[str(path)]

    def places(self) -> dict[str, tuple[str, str, str]]:
        """Return the UIDs under which each file is served."""
        rows = self.app.store.reader().execute(
            "SELECT path, studies.uid, series.uid, instances.uid FROM instances JOIN files ON files.id = file "
            "JOIN series ON series.id = series JOIN studies ON studies.id = study ORDER BY path"
        )
        return {path_from_db(path): tuple(uids) for path, *uids in rows.fetchall()}

    def outcome(self, path: Path) -> str:
        """Return what became of a file."""
        row = self.app.store.reader().execute("SELECT outcome FROM files WHERE path = ?", (path_to_db(str(path)),))
        return str(row.fetchone()[0])

    def instance(self, path: Path) -> str:
        """Return the address of a file's instance."""
        return instance_path(self.place(path))


def wait_for(happens: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def instance_path(uids: Sequence[str]) -> str:
    study, series, instance = uids
    return f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"


def add(app: App, paths: Iterable[Path]) -> list[FileOutcome]:
    """Import files and folders without worker processes."""
    refs = [found for found in find_all(*paths) if isinstance(found, FileRef)]
    readings = [reading for reading in map(read, refs) if isinstance(reading, Header | Refusal)]
    return app.store.write(lambda db: add_readings(db, readings)).result()


@contextmanager
def serve(base: Path, resources: Path, *, draws: bool = False, **more: Any) -> Iterator[Served]:
    """Serve a library whose files lie below ``base``.

    Args:
        base: its folder.
        resources: where OHIF is.
        draws: several tests will have pictures drawn.
        more: as of :meth:`App.serve`.
    """
    with App(find_paths(base).make()) as app:
        app.serve(port=0, resources=resources, **more)
        start_threads(app)
        if draws:
            app.pictures.warm_up()
        yield Served(app)


def start_threads(app: App) -> None:
    """Start all of the server's threads now, so that none begins within a test and seems to be left behind."""
    server, _ = app.require_server()
    meeting = threading.Barrier(8)
    for waiting in [server._threads.submit(meeting.wait, SECONDS) for _ in range(8)]:
        waiting.result()


def make_viewer(folder: Path) -> Path:
    """Write a small folder of resources, laid out as the real one is."""
    files = {
        "ohif/index.html": "<!DOCTYPE html><title>The viewer</title>",
        "ohif/app-config.js": "window.config = 'of the package';",
        "ohif/app.bundle.0123456789abcdef.js": "bundle();",
        "ohif/0123456789abcdef.wasm": "\0asm",
        "ohif/app.bundle.css": "body {}",
        "ohif/manifest.json": "{}",
        "ohif/assets/icon.png": "png",
        "ohif/assets/with space.svg": "<svg/>",
        "ohif/.hidden/secret.js": "hidden",
        "ohif/.env": "hidden",
        "extension/negatoscope.js": "export default {};",
        "secret.txt": "outside of the viewer",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
