"""The user's settings: a frozen dataclass and one JSON file, replaced as a whole."""

import ipaddress
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from .callers import Callers, is_aet, is_loopback
from .errors import InputError
from .jsonfile import read_object, replace_object
from .sites import read_base


class DataSource(StrEnum):
    """By which of OHIF's data sources a study is opened."""

    DICOM_JSON = "dicom-json"
    DICOM_WEB = "dicom-web"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user has chosen. Every field has a default, so that an empty file is a good one.

    Attributes:
        data_source: how OHIF gets a study.
        port: the local server's port, tried first; 0 for none yet. Kept from run to run, because OHIF's own
            preferences belong to an origin, and the port is part of it.
        preload: what the viewer asks for of a study is prepared after an import; else at its first opening.
        ohif_config: the file of the user's own configuration of OHIF, relative to the configuration folder; empty for
            ``ohif.js``, which need not be there.
        router_basename: the path below which ``serve`` lies, for a proxy; as :attr:`desktop.sites.Site.base`.
        listen: images are received over the network while the program runs.
        listen_aet: our AE title.
        listen_port: 0 for any.
        listen_address: of this computer, at which to listen.
        listen_callers: who may send, as :class:`~desktop.callers.Callers` reads it; nobody named lets every program
            of this computer send, and is not enough where others reach us.
        listen_associations: how many at once.
        listen_certificate: a PEM file with certificate and key; empty for no TLS.
        listen_authorities: a PEM file with the authorities of those who may call; empty lets any call.
    """

    data_source: DataSource = DataSource.DICOM_JSON
    port: int = 0
    preload: bool = True
    ohif_config: str = ""
    router_basename: str = ""
    listen: bool = False
    listen_aet: str = "NEGATOSCOPE"
    listen_port: int = 11112
    listen_address: str = "127.0.0.1"
    listen_callers: tuple[str, ...] = ()
    listen_associations: int = 32
    listen_certificate: str = ""
    listen_authorities: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_source", DataSource(self.data_source))
        for name, least, most in _NUMBERS:
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most}, not {value!r}")
        for name in _SWITCHES:
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} must be true or false, not {getattr(self, name)!r}")
        for name in _FILES:
            path = getattr(self, name)
            if type(path) is not str or "\0" in path:
                raise ValueError(f"{name} must be the path of a file, not {path!r}")
        if type(self.router_basename) is not str:
            raise ValueError(f"router_basename must be a path, not {self.router_basename!r}")
        try:
            object.__setattr__(self, "router_basename", read_base(self.router_basename))
        except ValueError as error:
            raise ValueError(f"router_basename {self.router_basename!r}: {error}") from error
        self._check_listening()

    def _check_listening(self) -> None:
        if not (isinstance(self.listen_aet, str) and is_aet(self.listen_aet)):
            raise ValueError(f"listen_aet must be 1 to 16 letters of ASCII, not {self.listen_aet!r}")
        if not (isinstance(self.listen_address, str) and _is_address(self.listen_address)):
            raise ValueError(f"listen_address must be an address of this computer, not {self.listen_address!r}")
        words = self.listen_callers
        if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"listen_callers must be a list of AE titles and addresses, not {words!r}")
        object.__setattr__(self, "listen_callers", tuple(words))
        if not Callers(words) and not is_loopback(self.listen_address):
            raise ValueError(
                f"listen_callers must name who may send, since others reach {self.listen_address}: AE titles, "
                "addresses, or 0.0.0.0/0 for anybody"
            )
        if self.listen_authorities and not self.listen_certificate:
            raise ValueError("listen_authorities needs listen_certificate")


_NUMBERS = (("port", 0, 65535), ("listen_port", 0, 65535), ("listen_associations", 1, 1000))
_SWITCHES = ("preload", "listen")
_FILES = ("ohif_config", "listen_certificate", "listen_authorities")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def load_settings(path: Path) -> Settings:
    """Read the settings; a file that is not there gives the defaults.

    Unknown keys are left alone: they may be a newer version's.

    Raises:
        InputError: the file cannot be read, is not JSON, or a value is none of those allowed.
    """
    try:
        values = read_object(path)
        known = {field.name for field in fields(Settings)}
        return Settings(**{key: value for key, value in values.items() if key in known})
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"The settings file {path} cannot be used ({error}). Mend or delete it.") from error


def save_settings(path: Path, **changes: Any) -> Settings:
    """Change some settings in the file, atomically, and return all of them.

    Raises:
        InputError: as :func:`load_settings`, or the file cannot be written.
    """
    settings = replace(load_settings(path), **changes)
    try:
        replace_object(path, read_object(path) | asdict(settings))
    except OSError as error:
        raise InputError(f"The settings file {path} cannot be written ({error.strerror}).") from error
    return settings
