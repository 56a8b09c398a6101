"""``negatoscope pacs listen`` as a process, the setting that does the same, TLS, and Orthanc as the sender."""

import contextlib
import datetime as dt
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_stack
from cli.running import Program
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pacs.peers import (
    AET,
    SECONDS,
    Peer,
    associate,
    dcmtk,
    encoded,
    fragment,
    open_peer,
    pdu,
    store,
    store_command,
    wait_for,
)
from pydicom import dcmread
from unit.bench import make_many
from unit.helpers import files_below

from desktop.__main__ import main
from desktop.app import find_warnings, start_app
from desktop.handover import take_ownership
from desktop.pacs.association import Limits
from desktop.pacs.listener import make_tls
from desktop.paths import find_paths
from desktop.settings import save_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "program")


class Running:
    """A program that listens."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said = self.next()
        self.port = int(self.said["port"])

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        return dict(json.loads(line))

    def end(self, number: int = signal.SIGINT) -> tuple[str, str]:
        """End it; return what else it said."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read()
        assert self.process.wait(SECONDS) == 0, err
        return out, err


@contextmanager
def listening(program: Program, *words: str, **popen: Any) -> Iterator[Running]:
    with program.start("pacs", "listen", "--json", "--port", "0", *words, **popen) as process:
        yield Running(process)


def test_a_study_comes_and_ctrl_c_ends_it(program: Program, tmp_path: Path) -> None:
    files = make_many(tmp_path / "in", 12)
    with listening(program, "--aet", "MINE", start_new_session=True) as running:
        assert running.said == {"event": "listening", "aet": "MINE", "address": "127.0.0.1", "port": running.port}
        dcmtk("storescu", "-aet", "CT1", "-aec", "MINE", "-R", "127.0.0.1", running.port, *files)
        with Peer(running.port) as peer:
            peer.send(associate("OTHER")).read()
        told = running.next()
        assert told.pop("event") == "call refused"
        study = running.next()
        assert {key: study[key] for key in ("event", "senders", "received", "duplicates", "conflicts")} == {
            "event": "study",
            "senders": ["CT1"],
            "received": 12,
            "duplicates": 0,
            "conflicts": 0,
        }
        assert (study["StudyInstanceUID"], study["PatientName"], study["instances"]) == (ROOT_UID + "1", "Doe^Jane", 12)
        # As in a terminal, Ctrl-C reaches the workers too.
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.end() == ("", "")
    assert "Doe" not in program.log
    (study,) = program.run("studies", "--json").json()
    assert study["instances"] == 12


def test_in_words(program: Program) -> None:
    with program.start("pacs", "listen", "--port", "0") as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith(f"Listening as {AET} at 127.0.0.1, port ")
        port = int(said.partition("port ")[2].partition(".")[0])
        with open_peer(port) as peer:
            assert peer.send(store(encoded(), "1.2.1"), store(b"nothing", "1.2.2")).status() == 0
            assert peer.status() == 0
        with Peer(port) as peer:
            peer.send(associate(AET, "WHO\nARE")).read()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert out.startswith("1 object from PEER")
    assert "Doe^Jane" in out
    assert len(out.splitlines()) == 1
    assert "1 object from PEER cannot be taken into the library" in err
    assert "refused" in err


def test_killed_in_the_middle_nothing_half_is_left(program: Program) -> None:
    data = encoded()
    with listening(program) as running, open_peer(running.port) as peer:
        assert peer.send(store(data, "1.2.1")).status() == 0
        peer.send(pdu(4, fragment(3, store_command("1.2.2"), command=True)))
        peer.send(pdu(4, fragment(3, data[:300], command=False, last=False)))
        wait_for(lambda: list((program.base / "data" / "inbox").glob("*.part")))
        running.process.kill()
        assert peer.read()[0] == 0
    with listening(program) as running:
        wait_for(lambda: not files_below(program.base / "data" / "inbox"))
        (study,) = program.run("studies", "--json").json()
        assert study["instances"] == 1
        # The sender tries again.
        with open_peer(running.port) as peer:
            assert peer.send(store(data, "1.2.1"), store(encoded(InstanceNumber=2), "1.2.2")).status() == 0
            assert peer.status() == 0
        assert running.next()["received"] == 2
        running.end()
    assert program.run("library", "check", "--full").code == 0


def test_what_cannot_be(base_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pacs", "listen", "--aet", "MUCH TOO LONG A TITLE"]) == 2
    assert main(["pacs", "listen", "--address", "0.0.0.0"]) == 2
    assert "listen_callers" in capfd.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["pacs", "listen", "--port", str(taken.getsockname()[1])]) == 1
    assert "cannot be opened" in capfd.readouterr().err
    with take_ownership(find_paths().lock):
        assert main(["pacs", "listen", "--port", "0"]) == 1
    assert "Another Negatoscope" in capfd.readouterr().err


# The setting


def test_the_program_listens_where_it_is_set(base_dir: Path) -> None:
    paths = find_paths()
    with start_app(paths) as app:
        app.watch()
        assert app.receiving.port is None
    save_settings(paths.settings, listen=True, listen_port=0, listen_aet="SET")
    with start_app(paths) as app, start_app(paths) as other:
        app.watch()
        other.watch()
        assert app.receiving.port
        assert other.receiving.port is None, "only one has the library"
        with open_peer(app.receiving.port, "SET") as peer:
            assert peer.send(store(encoded())).status() == 0
        wait_for(lambda: len(files_below(paths.copies)) == 1, 60)
        assert find_warnings(app) == []
    with start_app(replace(paths, is_private=True)) as app:
        app.watch()
        assert app.receiving.port is None, "what comes would be wiped"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        save_settings(paths.settings, listen_port=taken.getsockname()[1])
        with start_app(paths) as app:
            app.watch()
            (warning,) = find_warnings(app)
            assert "cannot be opened for receiving" in warning


# TLS


def make_certificate(folder: Path, name: str, issuer: tuple[x509.Certificate, Any] | None = None) -> tuple[Path, Any]:
    """Write a PEM file with certificate and key; return it with both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path, (certificate, key)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("certificates")
    authority, issuer = make_certificate(folder, "authority")
    ours, _ = make_certificate(folder, "ours", issuer)
    theirs, _ = make_certificate(folder, "theirs", issuer)
    stranger, _ = make_certificate(folder, "stranger")
    return {"authority": authority, "ours": ours, "theirs": theirs, "stranger": stranger}


def test_over_tls(listen: Callable[..., int], folder: Any, certificates: dict[str, Path], tmp_path: Path) -> None:
    files = make_stack(tmp_path / "in", 5)
    limits = Limits(association=1)
    port = listen(tls=make_tls(certificates["ours"], certificates["authority"]), limits=limits)
    theirs, authority = certificates["theirs"], certificates["authority"]
    words = ("+tls", theirs, theirs, "+cf", authority)
    dcmtk("storescu", *words, "-aec", AET, "-R", "127.0.0.1", port, *files)
    assert len(folder.files()) == 5
    dcmtk("echoscu", *words, "-aec", AET, "127.0.0.1", port)
    # Without a certificate, with a strange one, without TLS, without a word.
    for certificate in (None, certificates["stranger"]):
        context = ssl.create_default_context(cafile=str(authority))
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(certificate)
        with Peer(port) as peer, contextlib.suppress(OSError):
            peer.socket = context.wrap_socket(peer.socket)
            assert peer.send(associate()).read()[0] == 0
    with Peer(port) as plain, contextlib.suppress(ConnectionError):
        # All that comes is an alert of TLS.
        assert plain.send(associate()).read()[0] not in (2, 3)
    with Peer(port) as silent:
        assert silent.read()[0] == 0
    dcmtk("echoscu", *words, "-aec", AET, "127.0.0.1", port)
    assert len(folder.files()) == 5
    # Where callers need no certificate.
    port = listen(tls=make_tls(certificates["ours"]), limits=limits)
    dcmtk("echoscu", "+tla", "+cf", authority, "-aec", AET, "127.0.0.1", port)


# Orthanc


@pytest.mark.timeout(120)
def test_orthanc_sends(listen: Callable[..., int], folder: Any, tmp_path: Path, pydicom_files: Path) -> None:
    orthanc = shutil.which("Orthanc", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if orthanc is None:
        pytest.skip("Orthanc is not here (Debian's orthanc)")
    port = listen()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        web = free.getsockname()[1]
    storage = tmp_path / "orthanc"
    storage.mkdir()
    configuration = tmp_path / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(storage),
                "IndexDirectory": str(storage),
                "HttpPort": web,
                "Plugins": [],
                "DicomServerEnabled": False,
                "AuthenticationEnabled": False,
                "RemoteAccessAllowed": False,
                "SyncStorageArea": False,
                "DicomModalities": {"us": [AET, "127.0.0.1", port]},
            }
        )
    )

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", web, timeout=60)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            return json.loads(text)

    def is_up() -> bool:
        try:
            ask("GET", "/system")
        except OSError:
            return False
        return True

    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([orthanc, str(configuration)], cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_for(is_up, 60)
        names = ("CT_small.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "reportsi.dcm", "rtplan.dcm")
        files = [pydicom_files / name for name in names]
        sent = [ask("POST", "/instances", path.read_bytes())["ID"] for path in files]
        told = ask("POST", "/modalities/us/store", json.dumps({"Resources": sent}).encode())
        assert told["FailedInstancesCount"] == 0
        assert ask("POST", "/modalities/us/echo", b"{}") == {}
    finally:
        process.terminate()
        process.wait(SECONDS)
    kept = {one.SOPInstanceUID: one for one in map(dcmread, folder.files())}
    for path in files:
        original = dcmread(path)
        one = kept.pop(original.SOPInstanceUID)
        assert one.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert one.get("PixelData") == original.get("PixelData")
        assert (one.PatientName, one.StudyInstanceUID) == (original.PatientName, original.StudyInstanceUID)
    assert kept == {}
