"""Files of the user's configuration: one JSON object each, replaced as a whole and open to this user only."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_object(path: Path) -> dict[str, Any]:
    """Return the object; an empty one if there is no file.

    Raises:
        OSError, ValueError, RecursionError: it cannot be read, or is no JSON object.
    """
    try:
        # Some editors begin a file with a byte order mark.
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - a fault of the file, not of the caller
    return values


def replace_object(path: Path, values: Mapping[str, Any]) -> None:
    """Write the file anew: it is as it was, or as it is to be, whatever happens.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
            file.write("\n")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
