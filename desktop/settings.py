"""The user's settings: a frozen dataclass and one JSON file, replaced as a whole."""

from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

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
    """

    data_source: DataSource = DataSource.DICOM_JSON
    port: int = 0
    preload: bool = True
    ohif_config: str = ""
    router_basename: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_source", DataSource(self.data_source))
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, not {self.port!r}")
        if type(self.preload) is not bool:
            raise ValueError(f"preload must be true or false, not {self.preload!r}")
        if type(self.ohif_config) is not str or "\0" in self.ohif_config:
            raise ValueError(f"ohif_config must be the path of a file, not {self.ohif_config!r}")
        if type(self.router_basename) is not str:
            raise ValueError(f"router_basename must be a path, not {self.router_basename!r}")
        try:
            object.__setattr__(self, "router_basename", read_base(self.router_basename))
        except ValueError as error:
            raise ValueError(f"router_basename {self.router_basename!r}: {error}") from error


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
