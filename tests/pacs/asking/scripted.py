"""Peers that do what they are told, byte by byte: wrong ones, slow ones, and such as answer oddly."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
PENDING, SUCCESS, CANCELLED = 0xFF00, 0x0000, 0xFE00

Script = Callable[["Line"], None]


class Line:
    """A connection in which a peer was called."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.cancelled = False

    def read(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; type 0 at the end."""
        head = self._read(6)
        if len(head) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxI", head)
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (more := self.socket.recv(count - len(data))):
            data += more
        return data

    def send(self, kind: int, body: bytes) -> None:
        self.socket.sendall(struct.pack(">BxI", kind, len(body)) + body)

    def reject(self, result: int, source: int, reason: int) -> None:
        self.read()
        self.send(3, bytes((0, result, source, reason)))
        self.read()

    def accept(self, syntax: bytes = IMPLICIT, *, result: int = 0) -> None:
        """Take the association with all of its presentation contexts, or with none."""
        _, body = self.read()
        items = _item(0x10, b"1.2.840.10008.3.1.1.1")
        for number in _contexts(body):
            items += _item(0x21, bytes((number, 0, result, 0)) + _item(0x40, syntax))
        items += _item(0x50, _item(0x51, struct.pack(">I", 16384)) + _item(0x52, b"1.2.3"))
        self.send(2, body[:68] + items)

    def read_request(self) -> bytes:
        """Read a C-FIND or C-ECHO request to its end, and return its data set."""
        data = b""
        while True:
            kind, body = self.read()
            if kind != 4:
                return data
            for control, fragment in _fragments(body):
                if not control & 1:
                    data += fragment
                    if control & 2:
                        return data
                elif control & 2 and b"\x00\x00\x00\x08\x02\x00\x00\x00\x01\x01" in fragment:
                    return b""

    def respond(self, status: int, identifier: bytes | None = None, *, context: int = 1, command: int = 0x8020) -> None:
        """Send a C-FIND response."""
        told = Dataset()
        told.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.2.2.1"
        told.CommandField, told.MessageIDBeingRespondedTo = command, 1
        told.CommandDataSetType = 0x0101 if identifier is None else 0x0001
        told.Status = status
        body = encode(told)
        self._send_fragment(context, 3, struct.pack("<HHII", 0, 0, 4, len(body)) + body)
        if identifier is not None:
            self._send_fragment(context, 2, identifier)

    def _send_fragment(self, context: int, control: int, data: bytes) -> None:
        self.send(4, struct.pack(">IBB", len(data) + 2, context, control) + data)

    def wait(self) -> None:
        """Say nothing more until the connection ends."""
        while self.socket.recv(1000):
            pass

    def release(self) -> None:
        """Wait for the end of the association, as a good peer."""
        while True:
            kind, body = self.read()
            if kind == 5:
                self.send(6, bytes(4))
            if kind == 4 and b"\x00\x00\x00\x01\x02\x00\x00\x00\xff\x0f" in body:
                self.cancelled = True
                self.respond(CANCELLED)
            if kind in (0, 5, 7):
                return


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _contexts(body: bytes) -> list[int]:
    """Return the IDs of the presentation contexts in an A-ASSOCIATE-RQ."""
    found, at = [], 68
    while at + 4 <= len(body):
        kind, length = struct.unpack_from(">BxH", body, at)
        if kind == 0x20:
            found.append(body[at + 4])
        at += 4 + length
    return found


def _fragments(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 6 <= len(body):
        length, _, control = struct.unpack_from(">IBB", body, at)
        yield control, body[at + 6 : at + 4 + length]
        at += 4 + length


def encode(dataset: Dataset, *, implicit: bool = True) -> bytes:
    """Return a data set as bytes."""
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, implicit
    write_dataset(file, dataset)
    return file.getvalue()


def element(tag: int, value: bytes, vr: bytes = b"") -> bytes:
    """Return one element, in implicit VR unless it is given one; nobody looks at what is in it."""
    value += b" " * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    return head + (vr + struct.pack("<H", len(value)) if vr else struct.pack("<I", len(value))) + value


@contextmanager
def run_script(script: Script) -> Iterator[tuple[int, list[Line]]]:
    """Answer each call by a script; yields the port and, as they come, the calls."""
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[Line] = []
    threads: list[threading.Thread] = []

    def answer(line: Line) -> None:
        try:
            script(line)
        except OSError:
            return
        finally:
            line.socket.close()

    def serve() -> None:
        while True:
            try:
                opened, _ = listener.accept()
            except OSError:
                return
            opened.settimeout(20)
            lines.append(Line(opened))
            threads.append(threading.Thread(target=answer, args=(lines[-1],), daemon=True))
            threads[-1].start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], lines
    finally:
        # The accept of another thread wakes up by this, not by close.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in lines:
            with suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)
        for started in (thread, *threads):
            started.join(5)


class Asked:
    """One request that a web peer got."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.path = handler.path
        self.authorization = handler.headers.get("Authorization", "")
        self.handler = handler

    def answer(self, status: int, body: bytes = b"", kind: str = "application/dicom+json", **headers: str) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(body)


@contextmanager
def run_web(
    script: Callable[[Asked], None], certificate: Sequence[str] = (), authorities: str = ""
) -> Iterator[tuple[int, list[Asked]]]:
    """Answer each HTTP request by a script; yields the port and, as they come, the requests."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(Asked(self))
            try:
                script(asked[-1])
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if authorities:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
