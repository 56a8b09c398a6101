"""Private mode: a library, a cache and a log of their own, wiped at the end, or at the next start if there was none."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from . import logs
from .errors import InputError, SetupError
from .handover import clear_address, take_ownership
from .paths import Paths

_LOCK = ".lock"


@contextmanager
def private_folders(paths: Paths) -> Iterator[Paths]:
    """Make folders for a private session, and wipe them at the end. Only the settings are shared with others.

    Raises:
        SetupError: they cannot be made.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(wipe_private, paths)
        base = paths.private / secrets.token_hex(8)
        try:
            paths.private.mkdir(mode=0o700, parents=True, exist_ok=True)
            # It is locked before it is there: whoever wipes what is left must never take it for that.
            ownership = take_ownership(base.with_suffix(_LOCK))
            if ownership is None or not ownership.path.exists():
                raise SetupError("Another Negatoscope tidied up just now. Try again.")
            stack.enter_context(ownership)
            base.mkdir(mode=0o700)
        except OSError as error:
            raise SetupError(f"No private folder can be made in {paths.private}: {error.strerror}.") from error
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        # The log lies in there; where a file is open, Windows leaves it.
        stack.callback(logs.stop_logging)
        yield replace(paths, data=base / "data", cache=base / "cache", logs=base / "logs", is_private=True)


def wipe_private(paths: Paths) -> None:
    """Wipe what private sessions left that were killed. Those that still run are left alone."""
    if not paths.private.is_dir():
        return
    for lock in paths.private.glob(f"*{_LOCK}"):
        with contextlib.suppress(InputError, OSError):
            ownership = take_ownership(lock)
            if ownership is not None:
                folder = lock.with_suffix("")
                with ownership:
                    # Its socket may lie elsewhere, where the way to its own folder is too long.
                    clear_address(folder / "data" / paths.lock.name)
                    shutil.rmtree(folder, ignore_errors=True)
                    if not folder.exists() and os.name != "nt":
                        # Before it is free: whoever has opened it by now is to notice. Windows knows no such thing.
                        lock.unlink()
                if not folder.exists():
                    lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        # Nobody is to see that there was one.
        paths.private.rmdir()
