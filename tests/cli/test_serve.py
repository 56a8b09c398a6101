"""The server from the command line: how a browser gets in, and how it ends."""

import hashlib
import http.client
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from builders import ROOT_UID, make_stack
from cli.running import SECONDS, Program

from desktop.paths import find_resources

pytestmark = [
    pytest.mark.skipif(not (find_resources() / "ohif" / "index.html").is_file(), reason="OHIF has not been fetched"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]


@dataclass
class Running:
    """A server that runs, and what it said first."""

    process: "subprocess.Popen[str]"
    said: dict[str, Any]

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.said["port"], timeout=SECONDS)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        status, _, body = self.get(path, Authorization=f"Bearer {self.said['token']}")
        assert status == 200
        return json.loads(body)

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it by a signal, and return what else it wrote on standard error."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> str:
        # Not communicate(): it passes over what the streams have read ahead.
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read()
        assert self.process.wait(SECONDS) == 0, err
        assert out == ""
        assert "Traceback" not in err
        assert "Exception" not in err
        assert "leaked" not in err
        return err


@contextmanager
def serve(program: Program, *words: str | Path, **popen: Any) -> Iterator[Running]:
    with program.start("serve", "--json", *words, **popen) as process:
        assert process.stdout is not None
        yield Running(process, json.loads(process.stdout.readline()))


def test_the_first_line_says_how_to_get_in(program: Program) -> None:
    with serve(program) as running:
        said = running.said
        assert list(said) == ["url", "port", "token"]
        assert said["url"].startswith(f"http://127.0.0.1:{said['port']}/login?key=")
        assert said["token"] not in said["url"]
        assert running.get("/healthz")[0] == 200
        assert running.get("/dicom-web/studies")[0] == 401
        assert running.json("/dicom-web/studies") == []
        assert b"<html" in running.get("/", Authorization=f"Bearer {said['token']}")[2].lower()
        address = urlsplit(said["url"])
        status, headers, _ = running.get(f"{address.path}?{address.query}")
        assert (status, headers["location"]) == (303, "/")
        cookie, *attributes = headers["set-cookie"].split("; ")
        assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]
        assert running.get("/dicom-web/studies", Cookie=cookie)[0] == 200
        assert running.get(f"{address.path}?{address.query}")[0] == 401
        running.json("/dicom-web/studies?PatientName=Secretive*")
        assert running.get("/Secretive/1.2.3.4.5.6.7", Authorization=f"Bearer {said['token']}")[0] == 404
        assert running.get("/Secretive%0aNAME", Authorization="Bearer x")[0] == 401
        assert running.end() == ""
    assert program.log
    assert "Secretive" not in program.log
    assert said["token"] not in program.log
    assert address.query not in program.log
    assert json.loads((program.base / "config" / "settings.json").read_text())["port"] == said["port"]


def test_in_words(program: Program) -> None:
    with program.start("serve") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        port = urlsplit(url).port
        assert url.startswith(f"http://127.0.0.1:{port}/login?key=")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (0, "")
    assert "it works once" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_connections_open(program: Program, tmp_path: Path, number: int) -> None:
    make_stack(tmp_path / "stack", 3)
    with serve(program, tmp_path / "stack") as running:
        assert running.process.stderr is not None
        assert running.process.stderr.readline() == "3 files: 3 added.\n"
        kept = http.client.HTTPConnection("127.0.0.1", running.said["port"], timeout=SECONDS)
        kept.request("GET", "/healthz")
        assert kept.getresponse().read() == b"ok"
        with socket.create_connection(("127.0.0.1", running.said["port"]), SECONDS):
            assert running.end(number) == ""
        kept.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.said["port"]), SECONDS)


def test_it_ends_while_somebody_reads_slowly(program: Program, tmp_path: Path) -> None:
    (path,) = make_stack(tmp_path, 1)
    with path.open("r+b") as file:
        file.truncate(48 << 20)
    with serve(program, path) as running:
        assert running.process.stderr is not None
        running.process.stderr.readline()
        (instance,) = running.json("/dicom-web/instances")
        slow = http.client.HTTPConnection("127.0.0.1", running.said["port"], timeout=SECONDS)
        accept = {"Authorization": f"Bearer {running.said['token']}", "Accept": "application/dicom"}
        slow.request("GET", urlsplit(instance["00081190"]["Value"][0]).path, headers=accept)
        answer = slow.getresponse()
        assert answer.status == 200
        running.end()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
        slow.close()


def test_ctrl_c_in_a_terminal_reaches_the_workers_too(program: Program, tmp_path: Path) -> None:
    make_stack(tmp_path / "stack", 40)
    with serve(program, tmp_path / "stack", start_new_session=True) as running:
        assert running.process.stderr is not None
        assert running.process.stderr.readline() == "40 files: 40 added.\n"
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.wait() == ""


def test_it_ends_while_it_imports(program: Program, tmp_path: Path) -> None:
    make_stack(tmp_path / "stack", 60)
    for number in range(40):
        (tmp_path / f"link{number}").mkdir()
        for path in (tmp_path / "stack").iterdir():
            os.link(path, tmp_path / f"link{number}" / path.name)
    with serve(program, tmp_path) as running:
        running.end()
    # What was read until then stays, and the library is whole.
    report = program.run("import", tmp_path / "stack", "--json").json()
    assert report["found"] == 60 == sum(report[key] for key in ("added", "unchanged", "duplicate", "updated"))


def family(process: int) -> list[Path]:
    """Return the folders in /proc of a process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [process]
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return [Path("/proc") / str(number) for number in found]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_token_is_in_nobodys_arguments_or_environment(program: Program, tmp_path: Path) -> None:
    make_stack(tmp_path / "stack", 2)
    with serve(program, tmp_path / "stack") as running:
        assert running.process.stderr is not None
        assert running.process.stderr.readline() == "2 files: 2 added.\n"
        processes = family(running.process.pid)
        assert len(processes) >= 2
        key = running.said["url"].partition("key=")[2]
        for entry in processes:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            assert b"python" in told
            assert running.said["token"].encode() not in told
            assert key.encode() not in told
        ends = [os.pidfd_open(int(entry.name)) for entry in processes]
        running.end()
        for end in ends:
            assert select.select([end], [], [], SECONDS)[0], "a process is left running"
            os.close(end)


def test_ports(program: Program, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve(program, "--port", str(port)) as running:
            assert running.said["port"] != port
            assert running.get("/healthz")[0] == 200
            running.end()
    assert not (program.base / "config" / "settings.json").exists()


def test_two_at_once_on_one_library(program: Program, tmp_path: Path) -> None:
    make_stack(tmp_path / "stack", 2)
    with serve(program) as one, serve(program, tmp_path / "stack") as other:
        assert one.said["port"] != other.said["port"]
        assert one.said["token"] != other.said["token"]
        assert other.process.stderr is not None
        assert other.process.stderr.readline() == "2 files: 2 added.\n"
        for running in (one, other):
            (study,) = running.json("/dicom-web/studies")
            assert study["0020000D"]["Value"] == [ROOT_UID + "1"]
        # A cookie goes to all ports of a host, and opens only the one whose server gave it.
        address = urlsplit(one.said["url"])
        cookie = one.get(f"{address.path}?{address.query}")[1]["set-cookie"].partition(";")[0]
        assert one.get("/dicom-web/studies", Cookie=cookie)[0] == 200
        assert other.get("/dicom-web/studies", Cookie=cookie)[0] == 401
        assert other.get("/dicom-web/studies", Authorization=f"Bearer {one.said['token']}")[0] == 401
        one.end()
        other.end()


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_enter_gives_another_address(program: Program) -> None:
    keyboard, terminal = os.openpty()
    with program.start("serve", "--port", "0", stdin=terminal, start_new_session=True) as process:
        assert process.stdout is not None
        addresses = [process.stdout.readline().strip()]
        for _ in range(2):
            os.write(keyboard, b"\n")
            addresses.append(process.stdout.readline().strip())
        assert len(set(addresses)) == 3
        for address in addresses:
            parts = urlsplit(address)
            for status in (303, 401):
                connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=SECONDS)
                connection.request("GET", f"{parts.path}?{parts.query}")
                assert connection.getresponse().status == status
                connection.close()
        # Nothing more can be typed, and the server goes on.
        os.close(keyboard)
        os.close(terminal)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=SECONDS)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"
        connection.close()
        process.terminate()
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (0, "")
        assert "Press Enter for another one" in err
        assert "Traceback" not in err


def test_what_cannot_be_imported_does_not_stop_it(program: Program, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    with serve(program, tmp_path / "nowhere", tmp_path / "notes.txt") as running:
        assert running.process.stderr is not None
        assert running.process.stderr.readline() == "2 files: 1 not DICOM, 1 rejected.\n"
        assert running.json("/dicom-web/studies") == []
        err = running.end()
        assert "There is no such file or folder." in err


def ask_securely(address: str, port: int, certificate: Path, path: str) -> tuple[int, bytes]:
    """Ask by HTTPS, trusting only a certificate."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection(address, port, timeout=SECONDS, context=trusting)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_https_with_the_programs_own_certificate(program: Program) -> None:
    with serve(program, "--self-signed") as running:
        said = running.said
        assert said["url"].startswith(f"https://127.0.0.1:{said['port']}/login?key=")
        certificate = program.base / "config" / "server.pem"
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text().partition("-----BEGIN PRIVATE")[0]))
        assert said["fingerprint"].replace(":", "").lower() == digest.hexdigest()
        assert ask_securely("127.0.0.1", said["port"], certificate, "/healthz") == (200, b"ok")
        assert ask_securely("localhost", said["port"], certificate, "/")[0] == 401
        assert said["fingerprint"] in running.end()
    with serve(program, "--self-signed", "--port", "0") as again:
        assert again.said["fingerprint"] == said["fingerprint"]
        again.end()


def find_address() -> str:
    """Return an address of this computer by which others can reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses the address by which one would
        except OSError:
            pytest.skip("this computer has no address for others")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("everywhere", [False, True])
def test_other_computers_can_be_let_in(program: Program, everywhere: bool) -> None:
    address = find_address()
    with serve(program, "--self-signed", "--address", "0.0.0.0" if everywhere else address) as running:
        certificate, port = program.base / "config" / "server.pem", running.said["port"]
        # The name of this computer need not lead to the address.
        trusting = ssl.create_default_context(cafile=str(certificate))
        trusting.check_hostname = not everywhere
        connection = http.client.HTTPSConnection(address, port, timeout=SECONDS, context=trusting)
        connection.request("GET", "/dicom-web/studies", headers={"Authorization": f"Bearer {running.said['token']}"})
        assert connection.getresponse().read() == b"[]"
        connection.close()
        if not everywhere:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), SECONDS)
        said = running.end()
    assert "Other computers can reach the whole library, with all patients," in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--address", "0.0.0.0"], 2, "must be encrypted: add --self-signed"),
        (["--certificate", "nowhere.pem"], 1, "The certificate nowhere.pem cannot be read"),
        (["--self-signed", "--address", "192.0.2.1"], 1, "Is it an address of this computer?"),
        (["--public-url", "nonsense"], 2, "--public-url: it is a URL such as"),
    ],
)
def test_what_cannot_be_served_says_why(program: Program, words: list[str], code: int, said: str) -> None:
    done = program.run("serve", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.sentence()


def test_behind_a_proxy(program: Program) -> None:
    with serve(program, "--public-url", "https://images.example/negatoscope/", "--port", "0") as running:
        assert running.said["url"].startswith("https://images.example/negatoscope/login?key=")
        assert running.get("/healthz")[0] == 401
        assert running.get("/negatoscope/healthz")[0] == 200
        told = running.end()
    assert f"hand on to http://127.0.0.1:{running.said['port']}/negatoscope/" in told
