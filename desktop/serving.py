"""``negatoscope serve``: the library and OHIF for a browser, until Ctrl-C."""

import contextlib
import ipaddress
import signal
import socket
import string
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .app import App
from .console import start_import
from .errors import ExitCode, UsageError
from .options import Options
from .paths import Paths
from .services.importing import ImportAsk
from .services.reporting import print_json, print_report, printable
from .sites import LOOPBACK, ROOT, Site, find_way, read_base, read_public_url

if TYPE_CHECKING:
    import ssl

    from .server.guard import Secrets


def serve_library(app: App, options: Options) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: the options do not go together.
        InputError: the certificate cannot be used.
        SetupError: the server cannot be started.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    asked = read_serving(options, app.settings.router_basename)
    tls, fingerprint = _find_tls(asked, app.paths)
    app.serve(options.port, site=asked.site, address=asked.address, tls=tls)
    app.watch()
    if app.deaf:
        print(f"negatoscope: {printable(app.deaf)}", file=sys.stderr)
    server, host = app.require_server()
    origin = asked.site.public or _reachable(host.origin, asked)
    url = f"{origin}{asked.site.base}/login?key={server.secrets.make_key()}"
    if options.json:
        told = {"url": url, "port": host.port, "token": server.secrets.token}
        print_json(told | ({"fingerprint": fingerprint} if fingerprint else {}))
    else:
        print(url, flush=True)
    has_keyboard = not options.json and sys.stdin is not None and sys.stdin.isatty()
    for sentence in describe(asked, host.origin, fingerprint, for_person=not options.json, has_keyboard=has_keyboard):
        print(printable(sentence), file=sys.stderr)
    if has_keyboard:
        if sys.platform != "win32":
            # In the background, who reads what is typed would be stopped, and the server with it.
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        login = f"{origin}{asked.site.base}/login?key="
        threading.Thread(target=_give_addresses, args=(server.secrets, login), name="enter", daemon=True).start()
    if options.paths:
        job = start_import(app, ImportAsk(options.paths))
        while not job.join(0.1) and not stop.is_set():
            pass
        if not stop.is_set():
            print_report(job.wait())
    # On Windows, Ctrl-C does not get through to who waits without an end.
    while not stop.wait(0.5):
        pass
    return ExitCode.DONE


def _give_addresses(secrets: "Secrets", login: str) -> None:
    """Print another address that works once, each time when Enter is pressed: each browser needs its own."""
    with contextlib.suppress(OSError):  # it runs in the background
        for _ in sys.stdin:
            print(f"{login}{secrets.make_key()}", flush=True)


def _reachable(origin: str, asked: "Serving") -> str:
    """Return an origin by which other computers reach the server: of all addresses, that of the way out."""
    if not ipaddress.ip_address(asked.address).is_unspecified:
        return origin
    try:
        return origin.replace("localhost", find_way()[0])
    except OSError:
        return origin


@dataclass(frozen=True, slots=True)
class Serving:
    """How the library is to be served.

    Attributes:
        address: of this computer, on which to listen.
        site: how it is reached from outside.
        certificate: a file in PEM; None without one.
        key: that of its key; None if it is in the same file.
        self_signed: with a certificate of the program's own.
    """

    address: str = LOOPBACK
    site: Site = ROOT
    certificate: Path | None = None
    key: Path | None = None
    self_signed: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only programs of this computer can ask."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def is_encrypted(self) -> bool:
        """Whether it is HTTPS."""
        return self.self_signed or self.certificate is not None


def read_serving(options: Options, router_basename: str = "") -> Serving:
    """Return what was asked for.

    Args:
        router_basename: the setting.

    Raises:
        UsageError: the options do not go together.
    """
    if options.self_signed and (options.certificate or options.key):
        raise UsageError("Choose --self-signed or --certificate.")
    if options.key and not options.certificate:
        raise UsageError("With --key, name the certificate with --certificate.")
    asked = Serving(
        _read_address(options.address),
        _read_site(options, router_basename),
        Path(options.certificate) if options.certificate else None,
        Path(options.key) if options.key else None,
        options.self_signed,
    )
    if not asked.is_local and not asked.is_encrypted:
        raise UsageError(
            f"At {asked.address} other computers can ask, so what is sent must be encrypted: add --self-signed, or "
            "--certificate and --key. A proxy on this computer needs no --address."
        )
    return asked


def _read_address(text: str | None) -> str:
    if text is None or text == "localhost":
        return LOOPBACK
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise UsageError(
            "--address is an IP address of this computer, such as 192.0.2.7, or 0.0.0.0 for all."
        ) from error


def _read_site(options: Options, router_basename: str) -> Site:
    try:
        asked = None if options.router_basename is None else read_base(options.router_basename)
    except ValueError as error:
        raise UsageError(f"--router-basename: {error}.") from error
    if options.public_url is None:
        return Site(router_basename if asked is None else asked)
    try:
        site = read_public_url(options.public_url)
    except ValueError as error:
        raise UsageError(f"--public-url: {error}.") from error
    if asked is not None and asked != site.base:
        raise UsageError("--router-basename is another path than that of --public-url. Leave it out.")
    return site


def _find_tls(asked: Serving, paths: Paths) -> "tuple[ssl.SSLContext | None, str]":
    """Return what HTTPS is served with, and the fingerprint of the program's own certificate."""
    if not asked.is_encrypted:
        return None, ""
    # What it stands on takes long to load, and most servers need none.
    from .services.certificates import keep_own, load_tls

    if asked.certificate is not None:
        return load_tls(asked.certificate, asked.key), ""
    own = keep_own(paths.certificate, _find_names(asked))
    return load_tls(own.path, None), own.fingerprint


def _find_names(asked: Serving) -> list[str]:
    """Return the names for which a certificate is to be good."""
    names = ["localhost", LOOPBACK]
    if ipaddress.ip_address(asked.address).is_unspecified:
        names += _own_addresses()
    else:
        names.append(asked.address)
    public = asked.site.public_host
    names.append(public.partition("]")[0].lstrip("[") if public.startswith("[") else public.partition(":")[0])
    return [name for name in dict.fromkeys(names) if name]


def _own_addresses() -> list[str]:
    """Return the names and addresses by which other computers may know this one."""
    name = socket.gethostname()
    names = [name] if name.isascii() and not set(name) - _OF_NAMES else []
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        names += [str(address[0]).partition("%")[0] for *_, address in found]
    except OSError:
        pass
    with contextlib.suppress(OSError):
        names.append(find_way()[0])
    return names


_OF_NAMES = frozenset(string.ascii_letters + string.digits + "-.")


def describe(
    asked: Serving, origin: str, fingerprint: str = "", *, for_person: bool = True, has_keyboard: bool = False
) -> list[str]:
    """Return what is to be said about how the library is served, in sentences.

    Args:
        origin: where the server listens, such as ``http://127.0.0.1:4711``.
        for_person: the address was printed for a person, not for a program.
        has_keyboard: that person can press Enter.
    """
    said = []
    another = "Press Enter for another one. " if has_keyboard else ""
    if for_person:
        said.append(f"Open this address in a browser; it works once. {another}Ctrl-C ends the server.")
    if asked.site.public or asked.site.base:
        said.append(f"A proxy is to hand on to {origin}{asked.site.base}/ what is asked below {asked.site.base}/.")
    if not asked.is_local:
        where = (
            "all addresses of this computer" if ipaddress.ip_address(asked.address).is_unspecified else asked.address
        )
        said.append(
            f"Other computers can reach the whole library, with all patients, at {where}, by HTTPS. Each browser needs "
            "an address that works once, each program the token."
        )
    if fingerprint:
        said.append(
            "The certificate is the program's own, so browsers warn of it. Go on only if they show this SHA-256 "
            f"fingerprint: {fingerprint}"
        )
    return said
