"""Certificates: those that cannot be used say why, and the program's own is kept, and renewed in time."""

import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from desktop.errors import InputError, SetupError
from desktop.services import certificates
from desktop.services.certificates import keep_own, load_tls

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OPENSSL = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
DAY = timedelta(days=1)


def certificate(key: "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey" = KEY, start: int = -1, end: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + start * DAY)
        .not_valid_after(now + end * DAY)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(PEM)


def private(
    key: "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey" = KEY, form: serialization.PrivateFormat = PKCS8
) -> bytes:
    return key.private_bytes(PEM, form, PLAIN)


PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (certificate() + private(), None),
        (private() + certificate(), None),
        (certificate(), private()),
        (certificate(), private(form=OPENSSL)),
        (certificate(), PARAMETERS + private(form=OPENSSL)),
        (certificate(RSA_KEY) + certificate(OTHER_KEY), private(RSA_KEY, OPENSSL)),
        (b"said before\n" + certificate() + b"\r\n" + private(), None),
    ],
)
def test_what_can_be_used(tmp_path: Path, first: bytes, second: bytes | None) -> None:
    (tmp_path / "c.pem").write_bytes(first)
    if second is not None:
        (tmp_path / "k.pem").write_bytes(second)
    context = load_tls(tmp_path / "c.pem", None if second is None else tmp_path / "k.pem")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


ENCRYPTED = KEY.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret"))
ENCRYPTED_OLD = KEY.private_bytes(PEM, OPENSSL, serialization.BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (None, None, "c.pem cannot be read (No such file or directory)"),
        (b"", None, "There is no certificate in"),
        (b"hello", None, "There is no certificate in"),
        (b"\xff\x00\x30\x82", None, "There is no certificate in"),
        (private(), None, "There is no certificate in"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None, "There is no certificate in"),
        (certificate(), None, "Name its file with --key"),
        (certificate(), b"hello", "There is no private key in"),
        (certificate(), certificate(), "There is no private key in"),
        (certificate(), b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"),
        (certificate(), b"PRIVATE KEY-----", "cannot be read"),
        (certificate(), private(OTHER_KEY), "is not the one of the certificate"),
        (certificate(RSA_KEY), private(), "is not the one of the certificate"),
        (certificate(), ENCRYPTED, "is encrypted. Write it without a password: openssl pkey"),
        (certificate(), ENCRYPTED_OLD, "is encrypted"),
        (certificate() + ENCRYPTED, None, "is encrypted"),
        (certificate(start=-3, end=-1) + private(), None, "has expired on"),
        (certificate(start=1, end=3) + private(), None, "is not good before"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, first: bytes | None, second: bytes | None, words: str) -> None:
    if first is not None:
        (tmp_path / "c.pem").write_bytes(first)
    if second is not None:
        (tmp_path / "k.pem").write_bytes(second)
    with pytest.raises(InputError) as raised:
        load_tls(tmp_path / "c.pem", None if second is None else tmp_path / "k.pem")
    assert words in raised.value.sentence
    assert str(tmp_path) in raised.value.sentence


NAMES = ["localhost", "127.0.0.1", "192.0.2.7", "::1", "ward-pc"]


def test_the_programs_own_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    own = keep_own(path, NAMES)
    assert own.path == path
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
    made = x509.load_pem_x509_certificate(path.read_bytes())
    digest = made.fingerprint(hashes.SHA256())
    assert own.fingerprint == ":".join(f"{byte:02X}" for byte in digest)
    good_for = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert good_for.get_values_for_type(x509.DNSName) == ["localhost", "ward-pc"]
    assert [str(one) for one in good_for.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "192.0.2.7", "::1"]
    assert load_tls(path, None)
    assert keep_own(path, NAMES[:2]) == own
    assert [found.name for found in tmp_path.iterdir()] == ["server.pem"]


def test_it_is_made_anew_for_another_name(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    one = keep_own(path, NAMES[:2])
    other = keep_own(path, NAMES)
    assert one.fingerprint != other.fingerprint
    assert keep_own(path, NAMES) == other


def end_soon(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_LIFE", timedelta(days=29))
    keep_own(path, NAMES)
    monkeypatch.undo()


def damage(path: Path, _: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"hello")


def mix_up(path: Path, _: pytest.MonkeyPatch) -> None:
    path.write_bytes(certificate() + private(OTHER_KEY))


@pytest.mark.parametrize("spoil", [end_soon, damage, mix_up])
def test_it_is_made_anew_when_it_is_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    path = tmp_path / "server.pem"
    spoil(path, monkeypatch)
    before = path.read_bytes()
    own = keep_own(path, NAMES)
    assert path.read_bytes() != before
    assert load_tls(own.path, None)


def test_where_it_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be kept"):
        keep_own(tmp_path / "nowhere" / "server.pem", NAMES)
