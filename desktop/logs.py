"""The log: a rotating file and standard error, with patient data taken out.

Names, IDs and file paths of patients never reach a log. Callers do not put them there; as a second line of defence
everything that was told to :func:`hide`, and everything that looks like a UID, is blotted out of each finished line,
tracebacks included.
"""

import hashlib
import logging
import logging.handlers
import re
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path

_UID = re.compile(r"(?<![0-9])(?:[0-2](?:\.[0-9]+){4,}|2\.25\.[0-9]{6,})(?![0-9])")
_LENGTH = 2000
_hidden: set[str] = set()
_lock = threading.Lock()


def hide(texts: Iterable[str]) -> None:
    """Blot these texts out of every later log line (names, IDs, folders). Texts under three letters are left.

    They are found in any letter case, and as Python writes them in messages of errors, with escapes.
    """
    with _lock:
        for text in texts:
            for part in (text, *re.split(r"[\^=\s]+", text)):
                if len(part) >= 3:
                    _hidden.update((part, repr(part)[1:-1]))


def redact(text: str) -> str:
    """Return ``text`` without UIDs and hidden texts. A UID becomes a short digest, so that lines can be compared."""
    text = _UID.sub(lambda match: "uid:" + hashlib.sha256(match[0].encode()).hexdigest()[:8], text)
    with _lock:
        hidden = "|".join(re.escape(secret) for secret in sorted(_hidden, key=len, reverse=True))
    return re.sub(hidden, "▒▒▒", text, flags=re.IGNORECASE) if hidden else text


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_logging(file: Path | None, *, verbose: bool = False) -> None:
    """Send the log to ``file`` (rotated at 1 MB, three kept) and warnings (all, if ``verbose``) to standard error."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    stop_logging()
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.INFO if verbose else logging.WARNING)
    screen.setFormatter(_Formatter("negatoscope: %(message)s"))
    handlers: list[logging.Handler] = [screen]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = logging.handlers.RotatingFileHandler(
            file, maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True, errors="backslashreplace"
        )
        kept.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers.append(kept)
    for handler in handlers:
        handler.set_name("negatoscope")
        root.addHandler(handler)
    # They log values of elements they find odd, what peers send, and addresses, in which names stand.
    for library in ("pydicom", "pynetdicom", "httpx2", "httpcore2"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def stop_logging() -> None:
    """Close what :func:`start_logging` opened. May be called twice."""
    root = logging.getLogger()
    for handler in tuple(root.handlers):
        if handler.get_name() == "negatoscope":
            root.removeHandler(handler)
            handler.close()


def say_where(error: BaseException) -> str:
    """Return where an error was raised and its kind, but not its words: they may hold what stood in a file."""
    links: list[str] = []
    link: BaseException | None = error
    while link is not None:
        links.insert(0, "".join(traceback.format_tb(link.__traceback__)) + type(link).__name__)
        link = link.__cause__ or link.__context__
    return "\nand then\n".join(links)


def shorten(text: str) -> str:
    """Return ``text`` fit for one log line."""
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else line[:_LENGTH] + "…"
