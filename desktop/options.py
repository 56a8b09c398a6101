"""What was asked on the command line, as a record that window and commands share."""

from dataclasses import dataclass

from .settings import DataSource

DEFAULT_TIMEOUT = 120.0
"""Seconds to wait for the first image."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked on the command line.

    Attributes:
        command: ``window`` if none was named.
        timeout: seconds.
        data_source: None for the one of the settings.
        started: when the process began, by ``time.monotonic()``.
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
