"""How tests send instances to the server."""

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.asking import SECONDS, Answer, Served

DICOM, DICOM_JSON = "application/dicom", "application/dicom+json"
STUDIES = "/dicom-web/studies"


def multipart(parts: Iterable[bytes | tuple[Mapping[str, str], bytes]], kind: str = DICOM) -> tuple[str, bytes]:
    """Return the content type and the body of a request: of parts of one type, or with headers of their own."""
    boundary = "a boundary"
    body = b""
    for part in parts:
        headers, content = ({"Content-Type": kind}, part) if isinstance(part, bytes) else part
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body += f"--{boundary}\r\n{lines}\r\n".encode() + content + b"\r\n"
    return f'multipart/related; type="{kind}"; boundary="{boundary}"', body + f"--{boundary}--\r\n".encode()


def post(served: Served, content_type: str, body: bytes, path: str = STUDIES, **headers: str) -> Answer:
    """Send a body."""
    return served.ask(path, method="POST", headers={"Content-Type": content_type, **headers}, body=body)


def store(served: Served, *files: Path | bytes, path: str = STUDIES, **headers: str) -> "Response":
    """Store files, and read the answer."""
    data = [file if isinstance(file, bytes) else file.read_bytes() for file in files]
    return Response(post(served, *multipart(data), path, **headers))


@dataclass(frozen=True)
class Response:
    """The answer to StoreInstances."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    def items(self, tag: str) -> list[dict[str, Any]]:
        """Return the items of one of its sequences: keyword-like tags to their values."""
        assert self.answer.header("content-type") == DICOM_JSON
        sequence = self.answer.json().get(tag, {"vr": "SQ", "Value": []})
        assert sequence["vr"] == "SQ"
        return [{name: (value.get("Value") or [None])[0] for name, value in item.items()} for item in sequence["Value"]]

    @property
    def stored(self) -> list[dict[str, Any]]:
        """Referenced SOP Sequence."""
        return self.items("00081199")

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Failed SOP Sequence."""
        return self.items("00081198")

    @property
    def reasons(self) -> list[int]:
        """Failure reasons, also of what has no name."""
        return [item["00081197"] for item in self.failed + self.items("0008119A")]

    @property
    def addresses(self) -> list[str]:
        """Where what was stored is served, without the origin."""
        return ["/" + item["00081190"].split("/", 3)[3] for item in self.stored]


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def send_slowly(served: Served, headers: Mapping[str, str], pieces: Iterable[bytes]) -> http.client.HTTPConnection:
    """Begin a request, and send pieces of its body."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    connection.putrequest("POST", STUDIES)
    for name, value in {"Authorization": f"Bearer {served.token}", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in pieces:
        connection.send(piece)
    return connection


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
