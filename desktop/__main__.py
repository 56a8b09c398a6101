"""Where the program begins: reads the command line, then runs without a window or with one.

Worker processes come through here too, so nothing heavy is imported before it is known to be needed.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from .errors import ExitCode

_STARTED = time.monotonic()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    multiprocessing.freeze_support()
    # Workers must not import what lies in the current folder: it may be a stranger's stick.
    os.environ["PYTHONSAFEPATH"] = "1"
    from . import cli

    words = sys.argv[1:] if arguments is None else arguments
    if list(words) == ["probe-graphics"]:
        # Not for people: the program tries out in a process of its own whether graphics work.
        from .ui.probe import main as probe

        return probe()
    options = cli.read_options(words)
    if isinstance(options, ExitCode):
        return options
    options = replace(options, started=_STARTED)
    if options.command in cli.WINDOW_COMMANDS:
        return cli.guard(options, _run_window)
    return cli.guard(options, cli.run)


def _run_window(options: object) -> int:
    from .ui.start import run

    return run(options)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
