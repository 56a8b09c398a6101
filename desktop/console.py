"""What the command line shows and asks while it works."""

import contextlib
import getpass
import signal
import sys
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Self

from .app import App
from .errors import InputError
from .importers.pipeline import ImportJob
from .importers.report import ImportProgress
from .services.importing import ImportAsk
from .services.reporting import printable


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Let what is started meanwhile, threads and workers, not hear Ctrl-C: the main thread decides what becomes of it.

    A worker that is about to start would print what it was at. What a thread starts inherits its signals.
    """
    if sys.platform == "win32":
        yield
        return
    # Python's own helper of all workers would let Ctrl-C through again when it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Meter:
    """One line on standard error that says how far an import is, if somebody is there to read it."""

    def __init__(self) -> None:
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write("")

    def show(self, progress: ImportProgress) -> None:
        """Show how far it is; called in the import's thread."""
        more = "+" if progress.walking else ""
        self.write(f"Reading: {progress.done:,} of {progress.found:,}{more} files, {progress.studies:,} studies")

    def write(self, text: str) -> None:
        """Put a text in the place of what was shown before."""
        if self._shows and (text or self._width):
            print(f"\r{text.ljust(self._width)}", end="" if text else "\r", file=sys.stderr, flush=True)
            self._width = len(text)


def read_password(file: str) -> str:
    """Return the password that stands in a file; ``-`` is standard input.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"The password file {file} cannot be read.") from error
    return text.rstrip("\r\n")


def ask_password(question: str) -> str | None:
    """Ask whoever sits at the terminal for a password; None if nobody does, or nothing is answered."""
    if not (sys.stdin and sys.stdin.isatty()):
        return None
    try:
        return getpass.getpass(question) or None
    except EOFError:
        return None


class Passwords:
    """Where the passwords of archives come from: a file, or whoever sits at the terminal.

    Args:
        file: ``-`` for standard input; None to ask at the terminal.

    Raises:
        InputError: the file cannot be read.
    """

    def __init__(self, file: str | None) -> None:
        self._file = file
        # At once: nothing is to begin if it cannot be read. And standard input can be read once only.
        self._told = None if file is None else read_password(file)

    def ask(self, archive: str, wrong: bool) -> str | None:
        """Return the password of an archive; None if there is none to be had."""
        if self._file is not None:
            if wrong:
                # There may be other archives, and plain files. Its own files are told of in the account.
                print(f"negatoscope: The password of {printable(archive)} is wrong.", file=sys.stderr)
                return None
            return self._told
        if wrong and sys.stdin and sys.stdin.isatty():
            print("That password is wrong.", file=sys.stderr)
        return ask_password(f"Password of {printable(archive)} (empty: leave it out): ")


def start_import(app: App, ask: ImportAsk) -> ImportJob:
    """Start an import whose thread and workers do not hear Ctrl-C."""
    with shielded():
        return app.importing.start(ask)
