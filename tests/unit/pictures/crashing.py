"""What a worker process runs in place of drawing: it ends, as a decoder does that a hostile frame brings down."""

import os
from pathlib import Path
from typing import Any

MARK = "NEGATOSCOPE_TEST_CRASHED"
"""Names the file that is written when a process ends."""


def end(*_: Any) -> bytes:
    """End the process, and write that it has."""
    with Path(os.environ[MARK]).open("ab") as marks:
        marks.write(b"x")
    os._exit(3)


def end_once(*given: Any) -> bytes:
    """End the process the first time; the second time, draw."""
    return b"picture" if Path(os.environ[MARK]).exists() else end(*given)
