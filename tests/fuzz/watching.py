"""Examines each file in a child process of its own, with limits of time and memory, and measures it.

Memory is counted above what the process had before it opened the file: the limit is one of address space
(``RLIMIT_AS``), and what is told is the growth of the resident set up to its highest. Time is the processor's, so that
a busy computer is no fault; a file that waits is ended by the clock. Linux only: elsewhere there are no limits.
"""

import faulthandler
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from desktop.dicom.records import FileRef

from .cases import Case, make_case
from .examining import Examined, Trouble, examine
from .sources import Source

SECONDS = 15
"""Of the processor, for one file."""

MEMORY = 1 << 30
"""Bytes above the base use, for one file."""

_WAITING_SECONDS = 30
_PAGE = 4096
_FRAME = re.compile(r'File ".*/(desktop/\S+)", line (\d+) in (\w+)')

WATCHES = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Watched:
    """One case, and what it took.

    Attributes:
        seconds: of the processor.
        memory: bytes above the base use; 0 where they are not measured.
    """

    number: int
    source: str
    damages: tuple[str, ...]
    path: Path
    found: Examined
    seconds: float
    memory: int = 0

    @property
    def ended(self) -> bool:
        """Whether the file was ended by a limit or a crash, so that it is known to do harm."""
        return not self.found.outcome


_sources: Sequence[Source] = ()


def prepare(sources: Sequence[Source]) -> None:
    """Give a worker process the files that are to be damaged."""
    global _sources
    _sources = sources
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def watch(seed: int, number: int, folder: Path) -> Watched:
    """Make a case, write it into ``folder``, and examine it."""
    case = make_case(seed, number, _sources)
    path = folder / case.name
    path.write_bytes(case.data)
    status = path.stat()
    ref = FileRef(str(path), status.st_size, status.st_mtime_ns)
    if WATCHES:
        return _watch_child(case, path, ref)
    started = time.process_time()
    found = examine(ref)
    return Watched(number, case.source, case.damages, path, found, time.process_time() - started)


def _watch_child(case: Case, path: Path, ref: FileRef) -> Watched:
    out, into = os.pipe()
    base = _memory(1)
    child = os.fork()
    if child == 0:
        _be_child(ref, into)
    os.close(into)
    with os.fdopen(out, "rb") as answers:
        ready, _, _ = select.select([answers], [], [], _WAITING_SECONDS)
        if not ready:
            os.kill(child, signal.SIGXCPU)
        answer = answers.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    memory = max(usage.ru_maxrss * 1024 - base, 0)
    found = _understand(answer, status)
    over = [kind for kind, more in (("time", seconds > SECONDS), ("memory", memory > MEMORY)) if more and found.outcome]
    found = replace(found, troubles=(*found.troubles, *(Trouble("examine", kind) for kind in over)))
    return Watched(case.number, case.source, case.damages, path, found, seconds, memory)


def _be_child(ref: FileRef, into: int) -> None:
    """Examine the file, write what was found into the pipe, and end. Never returns."""
    import resource

    try:
        # At the limit, and on a crash, the pipe gets a traceback in the place of an answer.
        faulthandler.enable(into, all_threads=False)
        faulthandler.register(signal.SIGXCPU, into, all_threads=False, chain=True)
        limit = _memory(0) + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        # What ends it counts whole seconds; what it took is told in the end.
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + 2, SECONDS + 4))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.write(into, json.dumps(asdict(examine(ref))).encode())
    finally:
        os._exit(0)


def _understand(answer: str, status: int) -> Examined:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        kind = "time" if name == "SIGXCPU" else f"crash by {name}"
        return Examined("", (Trouble("examine", kind, _last_line(answer), answer),))
    try:
        told = json.loads(answer)
    except ValueError:
        return Examined("", (Trouble("examine", "crash without an answer", _last_line(answer), answer),))
    return Examined(told["outcome"], tuple(Trouble(**trouble) for trouble in told["troubles"]))


def _last_line(trace: str) -> str:
    """Return the last line of the program's own code, of a traceback that has the last line first."""
    found = _FRAME.search(trace)
    return f"{found[1]}:{found[2]} {found[3]}" if found else ""


def _memory(which: int) -> int:
    """Return this process's address space (0) or resident set (1), in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[which]) * _PAGE
