"""Stores what the server receives, and deletes what it is asked to: the library's side of STOW-RS."""

import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from ..dicom.header import find_own_uids
from ..dicom.records import FileRef
from ..errors import InputError
from ..importers.keeping import find_copies
from ..importers.pipeline import ImportJob
from ..importers.sources import Finder
from ..library.outcomes import VIEWABLE, FileOutcome
from ..library.places import known_copies
from ..library.store import Store
from ..library.stored import find_instance_of, forget_refused
from ..server.storing import (
    NOT_OF_ITS_CLASS,
    NOT_UNDERSTOOD,
    OTHER_STUDY,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    NoRoom,
    NotTheOwner,
    Stored,
    Wish,
)
from .gate import Gate
from .holding import Holdings
from .importing import Importing
from .inbox import PART

_PATIENCE_SECONDS = 60.0
_RESERVE = 256 << 20
"""Bytes that are to stay free on the disk: for the index, and for the system."""

_TRUNCATED = (
    "Its pixels are cut short. What is there is kept, and shown as far as it goes. Send it again from its source."
)
_COERCED = "Something else has one of its UIDs. Both are kept, and this one is served under the UIDs that are told."


class Storing:
    """Takes what is received into the library, the way of the inbox.

    Args:
        gate: who else makes copies or takes them away.
        folder: where files are written that have not come whole yet.
        copies: the library's own copies.
    """

    def __init__(
        self, store: Store, importing: Importing, holdings: Holdings, gate: Gate, folder: Path, copies: Path
    ) -> None:
        self._store = store
        self._importing = importing
        self._holdings = holdings
        self._gate = gate
        self._folder = folder
        self._copies = copies

    def begin(self, size: int) -> "Delivery":
        """Begin to receive files of ``size`` bytes together; 0 if that is not known.

        Raises:
            NotTheOwner: another program has the library.
            NoRoom: they would not fit on the disk.
        """
        self._check_owner()
        delivery = Delivery(self._folder, self._take)
        delivery.check_room(size)
        return delivery

    def delete(self, study_uid: str, series_uid: str | None, instance_uid: str | None) -> int:
        """Delete copies, in one piece, and return how many there were.

        Raises:
            NotTheOwner: another program has the library.
            NothingThere: there is nothing of these UIDs.
            InputError: some of it is no copy, or cannot be taken away. Nothing is deleted.
        """
        self._check_owner()
        return self._holdings.delete_copies(study_uid, series_uid, instance_uid)

    def _check_owner(self) -> None:
        try:
            self._store.check_writable()
        except InputError as error:
            raise NotTheOwner(error.sentence) from error

    def _take(self, files: Sequence[Path], wish: Wish) -> "Future[list[Stored]]":
        finder = Finder(())
        finder.prefer([_ref(path) for path in files])
        taking = _Taking(self._store, self._gate, self._copies, tuple(files), wish)
        self._importing.start_taking(
            finder, taking.note, on_end=taking.end, study_uid=wish.study_uid, made_here=wish.made_here
        )
        return taking.future


def _ref(path: Path) -> FileRef:
    status = path.stat()
    return FileRef(str(path), status.st_size, status.st_mtime_ns)


class Delivery:
    """Files that are being received.

    They have names that nobody else takes them by, until they are whole.
    """

    def __init__(self, folder: Path, take: Callable[[Sequence[Path], Wish], "Future[list[Stored]]"]) -> None:
        self._folder = folder
        self._files: dict[Path, None] = {}
        self._take = take

    def check_room(self, size: int = 0) -> None:
        """See that there is room on the disk.

        Raises:
            NoRoom: there is not.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free - _RESERVE
        except OSError as error:
            raise InputError(f"Nothing can be stored: {error.strerror or 'unknown reason'}.") from error
        if size > free:
            raise NoRoom("The disk of the library is full. Nothing was stored. Make room, and send it again.")

    def new_file(self) -> Path:
        """Make an empty file that only this user can read."""
        path = self._folder / f"{uuid.uuid4().hex}{PART}"
        path.touch(mode=0o600, exist_ok=False)
        self._files[path] = None
        return path

    def take(self, files: Sequence[Path], wish: Wish) -> "Future[list[Stored]]":
        """Take files into the library; what became of each comes when it is there. They are gone by then."""
        future = self._take(files, wish)
        for path in files:
            self._files.pop(path, None)
        return future

    def close(self) -> None:
        """Remove the files that were not given to be taken."""
        _remove(self._files)


def _remove(files: Iterable[Path]) -> None:
    for path in files:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


class _Taking:
    """What becomes of the files of one delivery."""

    def __init__(self, store: Store, gate: Gate, copies: Path, files: tuple[Path, ...], wish: Wish) -> None:
        self.future: Future[list[Stored]] = Future()
        self._store = store
        self._gate = gate
        self._copies = copies
        self._files = files
        self._wish = wish
        self._outcomes: dict[str, FileOutcome] = {}

    def note(self, file: FileRef, outcome: FileOutcome) -> None:
        """Take note of what became of a file; called in the import's thread."""
        self._outcomes[file.path] = outcome

    def end(self, job: ImportJob) -> None:
        """Tell whoever waits; called in the import's thread when it has ended."""
        stopped = (job.result.trouble if job.result is not None else "") or _sentence(job.error)
        refused = [outcome.path for outcome in self._outcomes.values() if outcome.outcome not in VIEWABLE]
        try:
            stored = [self._what_became(path, stopped) for path in self._files]
            if refused:
                self._store.write(partial(forget_refused, paths=refused)).result()
            tell = partial(self.future.set_result, stored)
        except Exception as error:  # noqa: BLE001 - told to whoever waits, in whose thread it is logged
            tell = partial(self.future.set_exception, error)
        leftovers = self._find_leftovers()
        _remove(self._files)
        if not leftovers:
            self._store.release()
            tell()
            return
        # That may take a while, and is nothing that anybody waits for.
        tell()
        try:
            self._drop(leftovers)
        finally:
            self._store.release()

    def _find_leftovers(self) -> set[str]:
        """Return the names of copies of files that could not be noted: whoever sent them was told."""
        names: set[str] = set()
        for path in self._files:
            if str(path) not in self._outcomes:
                names |= {place.relative_to(self._copies).as_posix() for place in find_copies(path, self._copies)}
        return names

    def _drop(self, names: set[str]) -> None:
        """Take away those copies that the library does not tell of."""
        with contextlib.suppress(InputError):
            if names - known_copies(self._store.reader(), names):
                with self._gate.removing(_PATIENCE_SECONDS):
                    # Somebody else may have stored the same meanwhile.
                    _remove(self._copies / name for name in names - known_copies(self._store.reader(), names))

    def _what_became(self, path: Path, stopped: str) -> Stored:
        outcome = self._outcomes.get(str(path))
        if outcome is not None and outcome.outcome in VIEWABLE:
            return self._stored(outcome)
        own = find_own_uids(path)
        reason, sentence = PROCESSING_FAILURE, "The program was ended meanwhile. Send it again."
        if outcome is not None:
            is_other = own.study and self._wish.study_uid not in ("", own.study)
            reason, sentence = OTHER_STUDY if is_other else NOT_UNDERSTOOD, outcome.reason
        elif stopped:
            reason, sentence = OUT_OF_RESOURCES, "The library could not be written. Is its disk full?"
        return Stored(own.sop_class, own.instance, reason=reason, sentence=sentence)

    def _stored(self, outcome: FileOutcome) -> Stored:
        found = find_instance_of(self._store.reader(), outcome.path)
        if found is None:
            # Deleted at once.
            return Stored(reason=PROCESSING_FAILURE, sentence="It is not in the library any more.")
        original = None
        if found.place != found.own:
            # What the viewer makes has the UIDs by which its study is served.
            own = find_own_uids(self._copies / outcome.path)
            original = (own.study, own.series, own.instance)
        if original == found.place:
            original = None
        sentences = [*([_COERCED] if original else []), *([_TRUNCATED] if found.truncated else [])]
        warning = NOT_OF_ITS_CLASS if found.truncated and not original else 0
        sentence = " ".join(sentences)
        return Stored(
            found.SOPClassUID, found.own[2], found.place, warning=warning, sentence=sentence, original=original
        )


def _sentence(error: BaseException | None) -> str:
    return "" if error is None else getattr(error, "sentence", "") or "It failed."
