"""Handlers that other packages add, by the entry-point group ``negatoscope.sop_class_handlers``.

An entry point leads to a handler, to a class or function that makes one, or to several of them in a list. Handlers of
OHIF 1 and 2 are adapted. They are asked before our own, in the order of their names.
"""

import logging
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .. import logs
from .legacy import adapt, is_legacy
from .model import SopClassHandler

log = logging.getLogger(__name__)

GROUP = "negatoscope.sop_class_handlers"


def find_plugins(found: Iterable[EntryPoint] | None = None) -> tuple[list[SopClassHandler], list[str]]:
    """Return the handlers of other packages, and the names of the entry points that could not be loaded.

    Args:
        found: entry points; None for those of the installed packages.
    """
    handlers: list[SopClassHandler] = []
    failed: list[str] = []
    for point in sorted(entry_points(group=GROUP) if found is None else found, key=lambda point: point.name):
        try:
            handlers += _make(point.load(), point.name)
        except Exception as error:  # noqa: BLE001 - the edge of somebody else's code
            log.error("the handlers of %s cannot be loaded\n%s", point.name, logs.say_where(error))  # noqa: TRY400
            failed.append(point.name)
    return handlers, failed


def _make(loaded: Any, name: str) -> list[SopClassHandler]:
    if is_legacy(loaded) and not isinstance(loaded, type):
        return [adapt(loaded, name)]
    if _is_handler(loaded) and not isinstance(loaded, type):
        return [loaded]
    if isinstance(loaded, list | tuple):
        return [handler for one in loaded for handler in _make(one, name)]
    if callable(loaded):
        return _make(loaded(), name)
    raise TypeError("it is no handler")


def _is_handler(thing: Any) -> bool:
    return callable(getattr(thing, "get_display_sets_from_series", None)) and hasattr(thing, "sop_class_uids")
