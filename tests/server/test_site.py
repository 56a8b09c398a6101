"""Who may ask behind a proxy, below a path, and by HTTPS."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from server.asking import Served, make_viewer, serve

from desktop.server.guard import cookie_name, own_hosts
from desktop.services.certificates import keep_own, load_tls
from desktop.sites import ROOT, Site

PUBLIC = Site("/images", "https://images.example")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("site")
    with serve(folder / "base", make_viewer(folder / "resources"), site=PUBLIC) as started:
        yield started


OWN = "127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        (OWN, None, 200),
        ("localhost:{port}", None, 200),
        ("images.example", None, 200),
        (OWN, "https://images.example", 200),
        ("images.example", "https://images.example", 200),
        (OWN, "http://127.0.0.1:{port}", 200),
        ("images.example", "http://images.example", 403),
        ("images.example", "https://images.example:8443", 403),
        ("images.example", "https://images.example.evil.example", 403),
        ("images.example", "http://127.0.0.1:{port}", 403),
        ("images.example", "null", 403),
        ("images.example", "", 403),
        (OWN, "https://evil.example", 403),
        ("images.example:443", None, 421),
        ("images.example:{port}", None, 421),
        ("IMAGES.EXAMPLE.evil.example", None, 421),
        ("evil.example", "https://images.example", 421),
        ("", None, 421),
    ],
)
def test_names_behind_a_proxy(proxied: Served, host: str, origin: str | None, status: int) -> None:
    said = {"Host": host, "Origin": origin}
    headers = {name: value and value.format(port=proxied.port) for name, value in said.items()}
    assert proxied.ask("/images/dicom-web/studies", headers=headers).status == status


def test_a_browser_comes_by_the_proxys_address(proxied: Served) -> None:
    answer = proxied.ask(f"/images/login?key={proxied.make_key()}", token=None, headers={"Host": "images.example"})
    assert (answer.status, answer.header("location")) == (303, "/images/")
    name = f"__Secure-negatoscope-{proxied.port}"
    assert answer.header("set-cookie") == f"{name}={proxied.token}; Path=/images; HttpOnly; SameSite=Strict; Secure"
    for cookie, status in (
        (name, 200),
        (f"negatoscope-{proxied.port}", 401),
        (f"__Host-negatoscope-{proxied.port}", 401),
    ):
        headers = {"Cookie": f"{cookie}={proxied.token}"}
        assert proxied.ask("/images/", token=None, headers=headers).status == status


@pytest.mark.parametrize(
    "path", ["/", "/images", "/imagesx/", "/dicom-web/studies", "/healthz", "/login", "/../images/", "//images/"]
)
def test_nothing_is_told_elsewhere(proxied: Served, path: str) -> None:
    assert proxied.ask(path, token=None).status == 401
    assert proxied.ask(path).status == (308 if path == "/images" else 404)


@pytest.mark.parametrize(
    ("scheme", "address", "port", "hosts"),
    [
        ("http", "127.0.0.1", 4711, ["127.0.0.1:4711", "localhost:4711"]),
        ("http", "127.0.0.1", 80, ["127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost"]),
        ("https", "127.0.0.1", 80, ["127.0.0.1:80", "localhost:80"]),
        ("https", "192.0.2.7", 443, ["192.0.2.7:443", "192.0.2.7"]),
        ("https", "192.0.2.7", 8443, ["192.0.2.7:8443"]),
        ("https", "::ffff:192.0.2.7", 8443, ["192.0.2.7:8443"]),
        ("https", "2001:db8::7", 8443, ["[2001:db8::7]:8443"]),
        ("http", "::1", 4711, ["[::1]:4711", "localhost:4711"]),
    ],
)
def test_own_hosts(scheme: str, address: str, port: int, hosts: list[str]) -> None:
    assert list(own_hosts(scheme, address, port)) == hosts


@pytest.mark.parametrize(
    ("site", "scheme", "name"),
    [
        (ROOT, "http", "negatoscope-1"),
        (ROOT, "https", "__Host-negatoscope-1"),
        (Site("/a"), "http", "negatoscope-1"),
        (Site("/a"), "https", "__Secure-negatoscope-1"),
        (Site("/a", "https://b"), "http", "__Secure-negatoscope-1"),
        (Site("", "https://b"), "http", "__Host-negatoscope-1"),
        (Site("", "http://b"), "http", "negatoscope-1"),
    ],
)
def test_names_of_cookies(site: Site, scheme: str, name: str) -> None:
    assert cookie_name(site, scheme, 1) == name


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def secure(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[tuple[Served, Path]]:
    folder = tmp_path_factory.mktemp("secure")
    own = keep_own(folder / "server.pem", ["localhost", "127.0.0.1", "::1"])
    tls = load_tls(own.path, None)
    try:
        with serve(folder / "base", make_viewer(folder / "resources"), tls=tls, address=request.param) as started:
            yield started, own.path
    except OSError:
        pytest.skip("this computer has no such address")


def curl(served: Served, certificate: Path, path: str, *words: str) -> tuple[str, str]:
    """Return status line and headers, and body."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not here (Debian's package curl)")
    done = subprocess.run(
        [
            program,
            "--silent",
            "--show-error",
            "--include",
            "--noproxy",
            "*",
            "--cacert",
            str(certificate),
            *words,
            served.origin + path,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return head, body


def test_https(secure: tuple[Served, Path]) -> None:
    served, certificate = secure
    assert served.origin.startswith("https://")
    head, body = curl(served, certificate, "/healthz")
    assert head.startswith("HTTP/1.1 200")
    assert body == "ok"
    assert curl(served, certificate, "/")[0].startswith("HTTP/1.1 401")
    head, _ = curl(served, certificate, f"/login?key={served.make_key()}")
    cookie = f"__Host-negatoscope-{served.port}={served.token}"
    assert f"set-cookie: {cookie}; Path=/; HttpOnly; SameSite=Strict; Secure" in head
    for origin, status in (
        (served.origin, 200),
        (served.origin.replace("https", "http"), 403),
        ("https://evil.example", 403),
    ):
        head, _ = curl(served, certificate, "/dicom-web/studies", "--cookie", cookie, "--header", f"Origin: {origin}")
        assert head.startswith(f"HTTP/1.1 {status}")


@pytest.mark.parametrize("words", [["--tls-max", "1.1"], ["--http0.9"]])
def test_what_is_too_old_is_not_spoken(secure: tuple[Served, Path], words: list[str]) -> None:
    served, certificate = secure
    plain = served.origin.replace("https", "http") if "--http0.9" in words else served.origin
    program = shutil.which("curl") or pytest.skip("curl is not here")
    command = [program, "--silent", "--noproxy", "*", "--cacert", str(certificate), *words, f"{plain}/healthz"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert done.returncode != 0
    assert b"ok" not in done.stdout


def test_that_a_request_came_by_https_is_not_believed(tmp_path: Path) -> None:
    with serve(tmp_path / "base", make_viewer(tmp_path / "resources")) as served:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "Forwarded": "proto=https"}
        answer = served.ask(f"/login?key={served.make_key()}", token=None, headers=headers)
        assert (answer.header("set-cookie") or "").startswith(f"negatoscope-{served.port}=")
