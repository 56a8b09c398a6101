"""What was asked on the command line, as a record that window and commands share."""

from dataclasses import dataclass

from .settings import DataSource

DEFAULT_TIMEOUT = 120.0
"""Seconds to wait for the first image."""


@dataclass(frozen=True, slots=True)
class PacsOptions:
    """What was asked of ``negatoscope pacs``. Texts are empty where nothing was said.

    Attributes:
        action: ``list``, ``add``, ``remove``, ``echo``, ``find``, ``worklist``, ``get``, ``move``, ``send`` or
            ``listen``.
        nodes: their names.
        password_file: where a node's password or token stands.
    """

    action: str
    nodes: tuple[str, ...] = ()
    aet: str = ""
    host: str = ""
    port: int | None = None
    url: str = ""
    our_aet: str = ""
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    no_host_check: bool = False
    connect_timeout: float | None = None
    answer_timeout: float | None = None
    retrieve: str = ""
    charset: str | None = None
    auth: str = ""
    user: str = ""
    password_file: str | None = None
    level: str = ""
    name: str = ""
    id: str = ""
    accession: str = ""
    date: str = ""
    modality: str = ""
    description: str = ""
    referring: str = ""
    study: str = ""
    series: str = ""
    image: str = ""
    station: str = ""
    address: str = ""
    unsent: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked on the command line.

    Attributes:
        command: ``window`` if none was named.
        timeout: seconds.
        data_source: None for the one of the settings.
        started: when the process began, by ``time.monotonic()``.
        private: in a library that is wiped at the end.
        copy: import copies the files.
        csv: where to save a report.
        as_csv: print the list as CSV.
        charset: for a study; empty for what its files say.
        number: of an import.
        password_file: where the password of an archive stands.
        action: what ``library`` is to do.
        full: check the content of copies too.
        yes: delete without asking.
        permanently: delete without the system's trash.
        mode: of the viewer; None for the one that fits the study.
        address: of this computer, on which to serve, or to listen for images.
        certificate: a file in PEM.
        key: a file in PEM.
        self_signed: serve with a certificate of the program's own.
        public_url: under which a proxy shows the server.
        router_basename: the path below which a proxy shows it; None for the one of the settings.
        pacs: for the command ``pacs``.
    """

    command: str
    paths: tuple[str, ...] = ()
    base_dir: str | None = None
    verbose: bool = False
    json: bool = False
    study: str | None = None
    query: str = ""
    port: int | None = None
    screenshot: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    data_source: DataSource | None = None
    started: float = 0.0
    private: bool = False
    copy: bool = False
    csv: str | None = None
    as_csv: bool = False
    charset: str | None = None
    number: int | None = None
    password_file: str | None = None
    action: str = ""
    full: bool = False
    yes: bool = False
    permanently: bool = False
    mode: str | None = None
    address: str | None = None
    certificate: str | None = None
    key: str | None = None
    self_signed: bool = False
    public_url: str | None = None
    router_basename: str | None = None
    pacs: PacsOptions | None = None
