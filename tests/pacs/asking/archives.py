"""Archives that are asked: DCMTK's, each in a folder of its own on a free loopback port; and certificates for them."""

import datetime as dt
import ipaddress
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from server.orthanc import free_port

from desktop.pacs.leash import Leash
from desktop.pacs.nodes import DimseNode, Node, Timeouts, WebNode
from desktop.pacs.secrets import Secrets
from desktop.services.conversing import Outcome
from desktop.services.querying import start_echo

START_SECONDS = 20.0
QUICK = Timeouts(connect=1.0, answer=1.0)
PATIENT = Timeouts(connect=30.0, answer=30.0)

_QRSCP = """\
NetworkTCPPort  = {port}
MaxPDUSize      = 16384
MaxAssociations = 16
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
{aet}  {folder}  RW (200, 1024mb)  ANY
AETable END
"""


def find_program(name: str) -> str:
    """Return a program of DCMTK's; the test is skipped where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here (Debian's package dcmtk)")
    return found


@contextmanager
def run_program(command: Sequence[str], port: int, folder: Path) -> Iterator[int]:
    """Run a program that listens at a port, until the end."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text(errors="replace")
                assert time.monotonic() < end
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def run_dcmqrscp(folder: Path, aet: str) -> Iterator[int]:
    """Run DCMTK's archive with nothing in it."""
    program, port = find_program("dcmqrscp"), free_port()
    (folder / "files").mkdir(parents=True)
    configuration = folder / "dcmqrscp.cfg"
    configuration.write_text(_QRSCP.format(port=port, aet=aet, folder=folder / "files"))
    with run_program([program, "-c", str(configuration)], port, folder) as listening:
        yield listening


@contextmanager
def run_wlmscpfs(folder: Path, aet: str, worklist: Sequence[Any]) -> Iterator[int]:
    """Run DCMTK's worklist with some data sets."""
    program, port = find_program("wlmscpfs"), free_port()
    files = folder / "files" / aet
    files.mkdir(parents=True)
    (files / "lockfile").touch()
    for number, item in enumerate(worklist):
        item.save_as(files / f"{number}.wl", enforce_file_format=True)
    with run_program([program, "-dfp", str(folder / "files"), "-csk", str(port)], port, folder) as listening:
        yield listening


def send(port: int, aet: str, *files: Path) -> None:
    """Send files to an archive, by DCMTK's storescu."""
    command = [find_program("storescu"), "-aec", aet, "127.0.0.1", str(port), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM."""

    file: Path
    key: Path
    made: x509.Certificate
    private: ec.EllipticCurvePrivateKey


def make_certificate(
    folder: Path,
    name: str,
    signer: Certificate | None = None,
    *,
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
    days: int = 10,
    password: bytes | None = None,
) -> Certificate:
    """Return a certificate for some hosts, signed by another one or by itself; of no days, it has expired."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer.made.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=days - 1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    if signer is None:
        builder = builder.add_extension(
            x509.KeyUsage(
                **dict.fromkeys(
                    (
                        *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                        *("encipher_only", "decipher_only"),
                    ),
                    False,
                ),
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
            ),
            critical=True,
        )
    else:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.private.public_key())
        builder = builder.add_extension(issuer, critical=False)
    made = builder.sign(private if signer is None else signer.private, hashes.SHA256())
    file, key = folder / f"{name}.pem", folder / f"{name}.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return Certificate(file, key, made, private)


def node_at(port: int, aet: str = "PEER", **more: Any) -> DimseNode:
    """Return a node on this computer."""
    return DimseNode(**{"name": aet, "aet": aet, "host": "127.0.0.1", "port": port, "timeouts": PATIENT, **more})


def web_at(port: int, scheme: str = "http", **more: Any) -> WebNode:
    """Return a DICOMweb node on this computer."""
    url = f"{scheme}://127.0.0.1:{port}/dicom-web"
    return WebNode(**{"name": "WEB", "url": url, "timeouts": PATIENT, **more})


def echo(*nodes: Node, secret: str = "") -> list[Outcome[None]]:
    """Ask nodes whether they are there, all at once."""
    job = start_echo(nodes, told(secret), lambda _: None)
    assert job.join(60)
    return job.wait()


def failure_of(node: Node, secret: str = "") -> tuple[str, str]:
    """Return the kind of failure and the sentence of an echo that must fail."""
    (outcome,) = echo(node, secret=secret)
    assert outcome.error is not None
    return getattr(outcome.error, "kind", ""), outcome.error.sentence


def told(secret: str) -> Secrets:
    """Return secrets that know one for all nodes."""
    return Secrets(lambda _: secret or None)


def leash_of(node: Node) -> Leash:
    return Leash(node)
