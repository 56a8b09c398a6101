"""Peers of our listener: scripted ones, DCMTK's programs, and a folder that takes what comes."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

import pytest
from builders import make_image
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage

from desktop.pacs.intake import Sender

SECONDS = 20
AET = "NEGATOSCOPE"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DICOM = "1.2.840.10008.3.1.1.1"
CT = str(CTImageStorage)


@dataclass
class Folder:
    """Takes objects into a folder."""

    path: Path
    free: int = 1 << 40
    error: OSError | None = None
    refused: list[tuple[str, str]] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)

    def room(self) -> int:
        return self.free

    @contextlib.contextmanager
    def put(self, sender: Sender) -> Iterator[BinaryIO]:
        part = self.path / f"{uuid.uuid4().hex}.part"
        try:
            with part.open("xb") as file:
                yield file
                if self.error is not None:
                    raise self.error
            part.rename(part.with_suffix(".dcm"))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self.senders.append(sender)

    def note_refused(self, sender: Sender, reason: str) -> None:
        self.refused.append((sender.aet, reason))

    def files(self) -> list[Path]:
        """Return what is there, begun files too."""
        return sorted(self.path.iterdir())

    def data_sets(self) -> list[bytes]:
        """Return the data sets, without what was put before them."""
        return sorted(data_set(path.read_bytes()) for path in self.files())


def data_set(file: bytes) -> bytes:
    """Return a file's bytes behind its File Meta Information."""
    assert file[128:140] == b"DICM\x02\x00\x00\x00UL\x04\x00"[:12]
    return file[144 + struct.unpack_from("<I", file, 140)[0] :]


def wait_for(happens: Callable[[], Any], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


# Protocol Data Units, as bytes


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def proposal(number: int, abstract: str, *syntaxes: str) -> bytes:
    names = item(0x30, abstract.encode()) + b"".join(item(0x40, syntax.encode()) for syntax in syntaxes)
    return item(0x20, bytes((number, 0, 0, 0)) + names)


PROPOSALS = (proposal(1, VERIFICATION, IMPLICIT), proposal(3, CT, EXPLICIT))


def associate_body(
    called: str = AET,
    calling: str = "PEER",
    proposals: Sequence[bytes] = PROPOSALS,
    *,
    version: int = 1,
    application: str = DICOM,
    user: bytes = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"),
) -> bytes:
    titles = called.encode().ljust(16) + calling.encode().ljust(16) + bytes(32)
    items = item(0x10, application.encode()) + b"".join(proposals) + item(0x50, user)
    return struct.pack(">H2x", version) + titles + items


def associate(*arguments: Any, **named: Any) -> bytes:
    return pdu(1, associate_body(*arguments, **named))


def fragment(number: int, data: bytes, *, command: bool, last: bool = True) -> bytes:
    return struct.pack(">IBB", len(data) + 2, number, command | last << 1) + data


def command(**elements: Any) -> bytes:
    """Return a command set; its elements are named as in PS3.7, values are numbers or text."""
    tags = {"sop_class": 2, "field": 0x100, "message_id": 0x110, "data": 0x800, "sop_instance": 0x1000}
    body = b""
    for name, tag in tags.items():
        if (value := elements.get(name)) is not None:
            raw = struct.pack("<H", value) if isinstance(value, int) else value.encode()
            raw += b"\0" * (len(raw) % 2)
            body += struct.pack("<HHI", 0, tag, len(raw)) + raw
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def store_command(sop_instance: str = "1.2.3", sop_class: str = CT, **more: Any) -> bytes:
    given = {"field": 1, "message_id": 7, "data": 0, "sop_class": sop_class, "sop_instance": sop_instance}
    return command(**{**given, **more})


def store(data: bytes, *arguments: Any, context: int = 3, size: int = 10_000, **named: Any) -> bytes:
    """Return a whole C-STORE, in PDUs of some size."""
    sent = pdu(4, fragment(context, store_command(*arguments, **named), command=True))
    pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    for number, piece in enumerate(pieces):
        sent += pdu(4, fragment(context, piece, command=False, last=number == len(pieces) - 1))
    return sent


ECHO = pdu(4, fragment(1, command(field=0x30, message_id=1, data=0x101, sop_class=VERIFICATION), command=True))
RELEASE = pdu(5, bytes(4))
ABORT = pdu(7, bytes(4))


class Peer:
    """A peer that sends what it is told to."""

    def __init__(self, port: int, *, buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *data: bytes) -> "Peer":
        self.socket.sendall(b"".join(data))
        return self

    def read(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; the type is 0 when the connection is closed."""
        head = self._read(6)
        if len(head) < 6:
            return 0, head
        kind, length = struct.unpack(">BxI", head)
        return kind, self._read(length)

    def status(self) -> int:
        """Return the status of the next answer."""
        kind, body = self.read()
        assert kind == 4, (kind, body)
        at = body.index(struct.pack("<HHI", 0, 0x0900, 2))
        return int(struct.unpack_from("<H", body, at + 8)[0])

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                break
            data += more
        return data


def open_peer(port: int, *arguments: Any, **named: Any) -> Peer:
    """Return a peer that was let in."""
    peer = Peer(port).send(associate(*arguments, **named))
    kind, body = peer.read()
    assert kind == 2, (kind, body)
    return peer


def is_alive(port: int) -> bool:
    """Whether the listener still answers, and lets somebody in."""
    with Peer(port).send(associate()) as peer:
        return peer.read()[0] == 2 and peer.send(ECHO).status() == 0 and peer.send(RELEASE).read()[0] == 6


def encoded(**attributes: Any) -> bytes:
    """Return a small image's data set, in Explicit VR Little Endian."""
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    image = make_image(**attributes)
    write_dataset(file, image)
    return file.getvalue()


def dcmtk(program: str, *words: str | Path | int, **environment: str) -> str:
    """Run one of DCMTK's programs, which must succeed; return what it said."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here (Debian's dcmtk)")
    done = subprocess.run(
        [program, *map(str, words)],
        env={**os.environ, "TCP_NODELAY": "1", **environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
