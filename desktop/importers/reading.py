"""Reads headers in worker processes: threads of one process would halve the speed, and a crash stays outside.

The workers import nothing but the ``dicom`` ring, so they start fast.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import logs
from ..dicom.archives import Listing, list_archive
from ..dicom.directory import Directory, is_directory, parse_directory, read_directory
from ..dicom.files import Source, open_source
from ..dicom.header import find_study_uid, make
from ..dicom.likeness import Likenesses
from ..dicom.parsing import FIRST_READ, parse
from ..dicom.passwords import remember_passwords
from ..dicom.records import FileRef, Header
from ..errors import Locked, NotDicom, Packed, Unreachable, Unreadable
from ..library.outcomes import Outcome, Refusal
from ..workers import WorkerPool
from .keeping import Keep, NotKept, copy_source, take_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArchiveMet:
    """A file that is an archive, with what is in it."""

    file: FileRef
    listing: Listing


@dataclass(frozen=True, slots=True)
class DirectoryMet:
    """A file that is a DICOMDIR, with what it lists."""

    file: FileRef
    directory: Directory


@dataclass(frozen=True, slots=True)
class NotCopied:
    """A file of which no copy could be made, since the library's disk is full, or cannot be written."""

    file: FileRef
    reason: str


Met = Header | Refusal | ArchiveMet | DirectoryMet
Reading = Met | NotCopied

_ASK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """How files are to be read.

    Attributes:
        copies: the folder of the library's own copies.
        charsets: Specific Character Set to use instead of the file's, by Study Instance UID.
        as_said: paths of files that are read in the letters that they name, whatever was chosen.
        passwords: of archives, by path.
        named: archives that the user named: they are looked into whatever they seem to be.
        study_uid: the Study Instance UID that files must have; empty for any.
        made_here: they were made by this program's viewer, which writes in the letters that it names.
    """

    keep: Keep = Keep.IN_PLACE
    copies: Path = Path()
    charsets: Mapping[str, str] = field(default_factory=dict)
    as_said: frozenset[str] = frozenset()
    passwords: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    named: frozenset[str] = frozenset()
    study_uid: str = ""
    made_here: bool = False


_AS_IT_IS = Order()


def read(ref: FileRef, order: Order = _AS_IT_IS) -> Reading:
    """Read one file; a refusal says why there is no header."""
    try:
        return _read(ref, order)
    except NotKept as error:
        return NotCopied(ref, error.sentence)
    except NotDicom as error:
        return Refusal(ref, Outcome.NOT_DICOM, error.sentence)
    except (Locked, Unreachable) as error:
        return Refusal(ref, Outcome.REJECTED, error.sentence, unreachable=True)
    except Unreadable as error:
        return Refusal(ref, Outcome.REJECTED, error.sentence)
    except OSError as error:
        reason = f"It cannot be read: {error.strerror or error}."
        return Refusal(ref, Outcome.REJECTED, reason, unreachable=True)
    except RecursionError:
        return Refusal(ref, Outcome.REJECTED, "Its sequences are nested too deeply.")
    except MemoryError:
        return Refusal(ref, Outcome.REJECTED, "Its header is too large for this computer's memory.")
    except Exception as error:  # noqa: BLE001 - the edge of a worker: one file must not stop the rest
        log.error("a header could not be read\n%s", logs.say_where(error))  # noqa: TRY400 - without its words
        return Refusal(
            ref,
            Outcome.REJECTED,
            f"Its header is damaged ({type(error).__name__}). Copy it again from its source.",
        )


def _read(ref: FileRef, order: Order) -> Reading:
    with open_source(ref.path, streaming=True) as source:
        # Another file, or another disc, may be in its place since it was found.
        ref = replace(ref, size=source.size, mtime_ns=source.mtime_ns)
        charsets = {} if order.made_here or ref.path in order.as_said else order.charsets
        try:
            met = _read_dicom(ref, source, charsets)
        except Packed:
            pass
        else:
            return _keep(source, ref.path, met, order) if isinstance(met, Header) else met
    return ArchiveMet(ref, list_archive(ref.path, asked=ref.path in order.named))


def _read_dicom(ref: FileRef, source: Source, charsets: Mapping[str, str]) -> Header | DirectoryMet:
    if os.path.basename(ref.path).upper().startswith("DICOMDIR"):  # noqa: PTH119
        parsed = parse_directory(source.file, source.size)
    else:
        head = source.file.read(FIRST_READ)
        header = _likenesses.read(ref, source.file, head, charsets)
        if header is not None:
            return header
        parsed = parse(source.file, source.size, head)
    if is_directory(parsed):
        return DirectoryMet(ref, read_directory(parsed))
    charset = charsets.get(find_study_uid(parsed))
    made = make(ref, parsed, charset)
    _likenesses.note(parsed, made, charset)
    return made.header


_likenesses = Likenesses()
"""Of this worker."""


def _keep(source: Source, path: str, header: Header, order: Order) -> Header:
    if order.study_uid not in ("", header.study.StudyInstanceUID):
        raise Unreadable("It belongs to another study than the one that it was sent to.")
    if order.keep is Keep.IN_PLACE:
        return header
    if order.keep is Keep.COPY:
        return replace(header, copy=copy_source(source, header, order.copies))
    copy = take_file(source, path, header, order.copies)
    # The file will be gone from its place. Its copy is what stands for it.
    file = FileRef(copy.name, header.file.size, copy.mtime_ns)
    return replace(header, copy=copy, file=file, made_here=order.made_here)


def _read_batch(refs: Sequence[FileRef], order: Order) -> list[Reading]:
    remember_passwords(order.passwords)
    readings: list[Reading] = []
    for ref in refs:
        last = readings[-1] if readings else None
        # The disk is full for the others too.
        readings.append(NotCopied(ref, last.reason) if isinstance(last, NotCopied) else read(ref, order))
    return readings


class ReaderPool:
    """Worker processes that read batches of files. They start with the first batch, or with :meth:`warm_up`."""

    def __init__(self, workers: int | None = None) -> None:
        self._pool = WorkerPool(workers or min(os.cpu_count() or 1, 8))
        self.warm_up = self._pool.warm_up
        self.close = self._pool.close

    @property
    def workers(self) -> int:
        """How many processes read at once."""
        return self._pool.workers

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        return self._pool.pids

    def submit(self, refs: Sequence[FileRef], order: Order = _AS_IT_IS) -> "Future[list[Reading]]":
        """Read a batch."""
        return self._pool.submit(_read_batch, tuple(refs), order)

    def result(
        self,
        refs: Sequence[FileRef],
        future: "Future[list[Reading]]",
        order: Order = _AS_IT_IS,
        given_up: Callable[[], bool] = lambda: False,
    ) -> list[Reading] | None:
        """Return what a batch gave; None if ``given_up`` says so before it is there.

        If a worker died over it, its files are read one by one, to find the culprit.
        """
        try:
            return _wait(future, given_up)
        except BrokenProcessPool:
            log.error("a worker died while it read headers")  # noqa: TRY400 - the trace says nothing more
        alone: list[Reading] = []
        for ref in refs:
            reading = self._read_alone(ref, order, given_up)
            if reading is None:
                return None
            alone.append(reading)
        return alone

    def _read_alone(self, ref: FileRef, order: Order, given_up: Callable[[], bool]) -> Reading | None:
        try:
            readings = _wait(self.submit((ref,), order), given_up)
        except BrokenProcessPool:
            return Refusal(ref, Outcome.REJECTED, "Reading it crashed the reader. It is damaged in an unknown way.")
        return None if readings is None else readings[0]


def _wait(future: "Future[list[Reading]]", given_up: Callable[[], bool]) -> list[Reading] | None:
    """Wait for a batch. A share that hangs must not keep whoever gives up waiting."""
    while True:
        try:
            return future.result(_ASK_SECONDS)
        except NotYet:
            if given_up():
                return None
