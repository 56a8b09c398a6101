"""Certificates for HTTPS: the user's own, or one that the program makes and keeps."""

import contextlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from ..errors import InputError, SetupError

_LIFE = timedelta(days=397)
"""No browser takes one that is made for longer."""

_RENEWED = timedelta(days=30)
"""So long before its end."""

_BEGIN_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate that the program has made.

    Attributes:
        path: of the file in PEM, in which its key is too.
        fingerprint: SHA-256, as browsers show it.
    """

    path: Path
    fingerprint: str


def load_tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what HTTPS is served with.

    Args:
        certificate: in PEM, with those that vouch for it behind it.
        key: in PEM; None if it is in the file of the certificate.

    Raises:
        InputError: they cannot be used; the sentence says why.
    """
    text = _read(certificate, "certificate")
    try:
        first = x509.load_pem_x509_certificates(text)[0]
    except (ValueError, IndexError) as error:
        raise InputError(f"There is no certificate in {certificate}. It must be in PEM (-----BEGIN …).") from error
    _check_time(first, certificate)
    key_text, key_path = (text, certificate) if key is None else (_read(key, "key"), key)
    _check_key(key_text, key_path, first, is_same=key is None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # The password keeps OpenSSL from asking at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise InputError(f"The certificate {certificate} cannot be used ({error.args[-1]}).") from error
    return context


def keep_own(path: Path, names: Sequence[str]) -> OwnCertificate:
    """Return the program's own certificate. A new one is made if there is none, or it ends soon, or lacks a name.

    Args:
        path: where it is kept, with its key, for this user only.
        names: host names and addresses for which it is to be good.

    Raises:
        SetupError: it cannot be kept.
    """
    found = _find_own(path, names)
    if found is None:
        found = _make(path, names)
    digest = found.fingerprint(hashes.SHA256()).hex().upper()
    return OwnCertificate(path, ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)))


def _find_own(path: Path, names: Sequence[str]) -> x509.Certificate | None:
    try:
        text = path.read_bytes()
        found = x509.load_pem_x509_certificate(text)
        _check_key(text, path, found, is_same=True)
        good_for = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound, InputError):
        return None
    now = datetime.now(UTC)
    is_now = found.not_valid_before_utc <= now < found.not_valid_after_utc - _RENEWED
    return found if is_now and all(_general_name(name) in good_for for name in names) else None


def _make(path: Path, names: Sequence[str]) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Negatoscope on this computer")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ a little.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - its mode
            file.write(made.public_bytes(serialization.Encoding.PEM) + secret)
        part.replace(path)
    except OSError as error:
        raise SetupError(f"The certificate {path} cannot be kept ({error.strerror}).") from error
    return made


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read ({error.strerror}).") from error


def _check_time(certificate: x509.Certificate, path: Path) -> None:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        day = certificate.not_valid_after_utc.date()
        raise InputError(f"The certificate {path} has expired on {day}. Get a new one, or use --self-signed.")
    if certificate.not_valid_before_utc > now:
        day = certificate.not_valid_before_utc.date()
        raise InputError(f"The certificate {path} is not good before {day}. Is the clock of this computer right?")


def _check_key(text: bytes, path: Path, certificate: x509.Certificate, *, is_same: bool) -> None:
    if _BEGIN_KEY not in text:
        hint = " Name its file with --key." if is_same else " It must be in PEM (-----BEGIN PRIVATE KEY-----)."
        raise InputError(f"There is no private key in {path}.{hint}")
    try:
        # Parameters of the curve may stand before it.
        key = load_pem_private_key(text[text.rindex(b"-----BEGIN ", 0, text.index(_BEGIN_KEY)) :], None)
    except TypeError as error:
        raise InputError(
            f"The private key in {path} is encrypted. Write it without a password: openssl pkey -in {path} -out KEY.pem"
        ) from error
    except Exception as error:  # it has errors of many kinds
        raise InputError(f"The private key in {path} cannot be read.") from error
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise InputError(f"The private key in {path} is not the one of the certificate.")
