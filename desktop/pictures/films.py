"""Films that the web engine plays: made when somebody looks at one, and kept."""

import contextlib
import hashlib
import logging
import multiprocessing
import queue
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from .. import logs
from ..dicom.items import Item
from ..errors import NegatoscopeError
from ..library.queries import Located, locate, study_uids
from ..library.store import Store
from .files import FileGone
from .filming import FilmOrder, film
from .stored import Place, extract_stream, find_stored

log = logging.getLogger(__name__)

LIMIT = 4 << 30
"""Bytes that kept films may take; those that were made first go first."""

_NOT_SHOWN = "This film cannot be shown: its compression is damaged, or of an unknown kind."
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Film:
    """How far a film is.

    Attributes:
        progress: from 0 to 1.
        file: where it is, once it is made.
        frames: that it has.
        frames_said: that the object says it has.
        trouble: why there is none, in a sentence; or empty.
    """

    progress: float = 0.0
    file: Path | None = None
    frames: int = 0
    frames_said: int = 0
    trouble: str = ""


class Films:
    """Makes one film after the other, each in a process of its own, and remembers what became of it.

    Args:
        folder: where films are kept: below it, each study has a folder.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._films: dict[Path, Film] = {}
        self._lock = threading.Lock()
        self._waiting: queue.Queue[tuple[Path, Place] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def look(self, place: Place) -> Film | None:
        """Return how far the film of an instance is, and begin with it if need be; None if there is no such instance.

        Raises:
            NegatoscopeError, OSError: its file cannot be read.
        """
        located = locate(self._store.reader(), *place)
        if located is None:
            return None
        target = self._target(place[0], located)
        with self._lock:
            known = self._films.get(target)
            if known is not None and (known.file is None or known.file.exists()):
                return known
            if target.exists():
                return self._films.setdefault(target, Film(1.0, target))
            self._films[target] = Film(frames_said=located.instance.frames)
            self._waiting.put((target, place))
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._work, name="films", daemon=True)
                self._thread.start()
            return self._films[target]

    def tidy(self) -> None:
        """Remove the films of studies that are not in the library any more, and what a program that was killed left."""
        if not self._folder.is_dir():
            return
        kept = {_digest(uid) for uid in study_uids(self._store.reader())}
        for folder in self._folder.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            if self._thread is None:
                for part in (*self._folder.glob("*/*.stream"), *self._folder.glob("*/*.part.webm")):
                    part.unlink(missing_ok=True)

    def close(self) -> None:
        """End the process, and what waits. May be called twice."""
        self._closing.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _target(self, study_uid: str, located: Located) -> Path:
        """A film of a file that has changed since is another film. Names tell nothing of the patient."""
        name = _digest(located.instance.SOPInstanceUID, str(located.file.size), str(located.file.mtime_ns))
        return self._folder / _digest(study_uid) / f"{name}.webm"

    def _work(self) -> None:
        while (order := self._waiting.get()) is not None and not self._closing.is_set():
            target, place = order
            try:
                made = self._make(target, place)
            except FileGone as error:
                made = Film(trouble=str(error))
            except (NegatoscopeError, OSError, LookupError):
                made = Film(trouble="The film's file cannot be read now. Was its disc or stick taken out?")
            except Exception as error:  # noqa: BLE001 - the edge of this thread
                log.error("a film could not be made\n%s", logs.say_where(error))  # noqa: TRY400 - without its words
                made = Film(trouble=_NOT_SHOWN)
            self._note(target, made)
            self._make_room()

    def _note(self, target: Path, made: Film) -> None:
        with self._lock:
            said = self._films[target].frames_said
            self._films[target] = replace(made, frames_said=said)

    def _make(self, target: Path, place: Place) -> Film:
        stored = find_stored(self._store.reader(), place)
        if stored is None:
            return Film(trouble="It is not in the library any more.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stream = target.with_suffix(".stream")
        try:
            extract_stream(stored, stream)
            return self._run(FilmOrder(stream, target, stored.instance.frames, frame_rate(stored.load())))
        finally:
            stream.unlink(missing_ok=True)
            target.with_suffix(".part.webm").unlink(missing_ok=True)

    def _run(self, order: FilmOrder) -> Film:
        context = multiprocessing.get_context("spawn")
        told, telling = context.Pipe(duplex=False)
        process = context.Process(target=film, args=(order, telling), name="film")
        process.start()
        telling.close()
        made, done = 0, False
        try:
            while not self._closing.is_set():
                if not told.poll(0.1):
                    continue
                word = told.recv()
                if isinstance(word, str):
                    done = word == "done"
                    break
                made = word
                self._note(order.target, Film(min(made / max(order.frames, 1), 0.99), frames=made))
        except EOFError:
            # It crashed over what it read.
            log.error("the process that makes films has died")  # noqa: TRY400 - the trace says nothing more
        finally:
            told.close()
            process.join(_STOP_SECONDS if done else 0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        return Film(1.0, order.target, made) if done else Film(trouble=_NOT_SHOWN)

    def _make_room(self) -> None:
        with contextlib.suppress(OSError):
            films = sorted(self._folder.glob("*/*.webm"), key=lambda path: path.stat().st_mtime)
            total = sum(path.stat().st_size for path in films)
            for path in films[:-1]:
                if total <= LIMIT:
                    break
                total -= path.stat().st_size
                path.unlink()


def frame_rate(item: Item) -> float:
    """Return the frames a second that an object wants (PS3.3 §C.7.6.5); 0 if it does not say."""
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        if (rate := item.number(keyword)) and 0 < rate <= 1000:
            return rate
    time = item.number("FrameTime")
    return 1000 / time if time and 1 <= time <= 60_000 else 0.0


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
