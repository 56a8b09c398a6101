"""Private mode: a library, a cache and a log of their own, wiped at the end, or at the next start if there was none."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from .errors import InputError, SetupError
from .handover import take_ownership
from .paths import Paths


@contextmanager
def private_folders(paths: Paths) -> Iterator[Paths]:
    """Make folders for a private session, and wipe them at the end. Only the settings are shared with others.

    Raises:
        SetupError: they cannot be made.
    """
    try:
        paths.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(dir=paths.private)
    except OSError as error:
        raise SetupError(f"No private folder can be made in {paths.private}: {error.strerror}.") from error
    base = paths.private / folder
    try:
        yield replace(paths, data=base / "data", cache=base / "cache", logs=base / "logs", is_private=True)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        wipe_private(paths)


def wipe_private(paths: Paths) -> None:
    """Wipe what private sessions left that were killed. Those that still run are left alone."""
    if not paths.private.is_dir():
        return
    for folder in paths.private.iterdir():
        with contextlib.suppress(InputError, OSError):
            ownership = take_ownership(folder / "data" / paths.lock.name)
            if ownership is not None:
                ownership.close()
                shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        # Nobody is to see that there was one.
        paths.private.rmdir()
