"""The user's own configuration of OHIF: a file that sets ``window.config``, as OHIF's documentation has it.

It is served as a script of its own, so that whatever is wrong in it cannot stop ours, which comes after it. What
becomes of the two is decided in the page (resources/extension/configuring.js).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

SIZE_LIMIT = 4 << 20
"""Bytes."""


@dataclass(frozen=True, slots=True)
class UserConfig:
    """What the user's file is now.

    Attributes:
        name: of the file, without its folder.
        script: its text in UTF-8; empty if it cannot be used.
        fault: why it cannot, in a sentence; empty if it can.
    """

    name: str
    script: bytes
    fault: str = ""


class UserFile:
    """The user's file. It is read anew each time.

    Args:
        is_wanted: the settings name it, so that it should be there.
    """

    def __init__(self, path: Path, *, is_wanted: bool = False) -> None:
        self._path = path
        self._is_wanted = is_wanted

    def read(self) -> UserConfig | None:
        """Return what the file is now; None if there is none."""
        try:
            if self._path.exists() and not self._path.is_file():
                return self._refuse("It is not a file.")
            with self._path.open("rb") as file:
                script = file.read(SIZE_LIMIT + 1)
        except FileNotFoundError:
            return self._refuse("It is not there.") if self._is_wanted else None
        except OSError as error:
            return self._refuse(f"It cannot be read ({error.strerror}).")
        if len(script) > SIZE_LIMIT:
            return self._refuse(f"It is larger than {SIZE_LIMIT >> 20} MB.")
        try:
            text = script.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = script[: error.start].count(b"\n") + 1
            return self._refuse(f"It is not text in UTF-8 (line {line}).")
        return UserConfig(self._path.name, text.encode())

    def _refuse(self, fault: str) -> UserConfig:
        log.warning("OHIF's configuration %s cannot be used: %s", self._path, fault)
        return UserConfig(self._path.name, b"", fault)
