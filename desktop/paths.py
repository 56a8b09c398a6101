"""Every folder that the program keeps, in one place.

``--base-dir DIR`` (or the environment variable ``NEGATOSCOPE_BASE_DIR``) moves all of them below DIR; this is what
keeps tests away from the user's files.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP_NAME = "negatoscope"

_SHORT_PATH = 240


@dataclass(frozen=True, slots=True)
class Paths:
    """The program's folders and files. Nothing is made before it is needed.

    Attributes:
        is_private: they are wiped at the end.
    """

    config: Path
    data: Path
    cache: Path
    logs: Path
    is_private: bool = False

    @property
    def settings(self) -> Path:
        """The settings, as JSON."""
        return self.config / "settings.json"

    @property
    def ohif_config(self) -> Path:
        """The user's own configuration of OHIF."""
        return self.config / "ohif.js"

    @property
    def certificate(self) -> Path:
        """The certificate that the program has made for its server, and its key."""
        return self.config / "server.pem"

    @property
    def nodes(self) -> Path:
        """The archives that are asked and answered, as JSON."""
        return self.config / "nodes.json"

    @property
    def library(self) -> Path:
        """The index of all files, as an SQLite database."""
        return self.data / "library.sqlite"

    @property
    def lock(self) -> Path:
        """Locked by the program that has the library."""
        return self.data / "library.lock"

    @property
    def private(self) -> Path:
        """Where private sessions keep everything, each in a folder of its own."""
        return self.cache / "private"

    @property
    def copies(self) -> Path:
        """The files that were copied into the library."""
        return self.data / "copies"

    @property
    def inbox(self) -> Path:
        """Where other parts of the program put files that are to be taken into the library."""
        return self.data / "inbox"

    @property
    def web_profile(self) -> Path:
        """The web engine's own storage: OHIF's preferences live there."""
        return self.data / "webengine"

    @property
    def web_cache(self) -> Path:
        """The web engine's cache of compiled scripts."""
        return self.cache / "webengine"

    @property
    def films(self) -> Path:
        """Films that were made to be played in the viewer."""
        return self.cache / "films"

    @property
    def log(self) -> Path:
        """The log file."""
        return self.logs / "negatoscope.log"

    def make(self) -> "Paths":
        """Make the folders, open to this user only, and return self."""
        for folder in (self.config, self.data, self.cache, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self


def find_paths(base_dir: str | os.PathLike[str] | None = None) -> Paths:
    """Return the program's folders: below ``base_dir``, else below ``NEGATOSCOPE_BASE_DIR``, else the system's."""
    base_dir = base_dir or os.environ.get("NEGATOSCOPE_BASE_DIR")
    if base_dir:
        base = Path(base_dir).expanduser().absolute()
        return Paths(base / "config", base / "data", base / "cache", base / "logs")
    system = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
    return Paths(system.user_config_path, system.user_data_path, system.user_cache_path, system.user_log_path)


def find_resources() -> Path:
    """Return the folder of what ships beside the code: in the wheel inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"


def system_path(path: str) -> str:
    r"""Return a path as the system's calls take it: Windows takes over 260 letters only behind ``\\?\``."""
    if os.name != "nt" or len(path) < _SHORT_PATH or path.startswith("\\\\?\\"):
        return path
    return f"\\\\?\\UNC\\{path[2:]}" if path.startswith("\\\\") else f"\\\\?\\{path}"
