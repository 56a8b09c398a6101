"""The passwords of archives: kept in this process only, never written anywhere, never in a sentence or a log."""

import threading
from collections.abc import Mapping

_keys: dict[str, bytes] = {}
_lock = threading.Lock()


def key_of(archive: str) -> bytes | None:
    """Return the password of an archive, by its path, as the bytes that fit; None if it is not known."""
    with _lock:
        return _keys.get(archive)


def keys() -> dict[str, bytes]:
    """Return all passwords by the paths of the archives that they fit."""
    with _lock:
        return dict(_keys)


def keep_keys(more: Mapping[str, bytes]) -> None:
    """Keep passwords beside those that are known."""
    with _lock:
        _keys.update(more)
