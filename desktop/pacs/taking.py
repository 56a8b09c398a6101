"""Takes objects that a peer sends by C-STORE, on either kind of association (PS3.4 annex B, PS3.7 §9.1.1)."""

import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from .. import logs
from ..dicom.uids import is_uid
from .commands import Request, Status, encode_response
from .intake import Intake, Sender
from .negotiation import Context, is_stored
from .part10 import make_head
from .wire import AbortReason, Broken, Fragment, Wire

log = logging.getLogger(__name__)

_MAX_COMMAND = 1 << 16
_MAX_OBJECT = 16 << 30
"""Bytes of a data set: more than whole slides have. Whoever sends more is cut off."""
_LOOK_BYTES = 64 << 20
"""Whether there is room is looked at so often."""


class Taking:
    """Reads commands and data sets off a wire, and keeps the objects.

    Args:
        contexts: those that were accepted, by their ID.
        on_data: called whenever a part of a data set comes.
    """

    def __init__(
        self,
        wire: Wire,
        contexts: Mapping[int, Context],
        intake: Intake,
        sender: Sender,
        on_data: Callable[[], None] = lambda: None,
    ) -> None:
        self._wire = wire
        self._contexts = contexts
        self._intake = intake
        self._sender = sender
        self._on_data = on_data
        self.received = 0
        """Bytes of data sets."""

    def context_of(self, fragment: Fragment) -> Context:
        """Return a fragment's presentation context.

        Raises:
            Broken: it was not accepted.
        """
        context = self._contexts.get(fragment.context_id)
        if context is None:
            raise Broken(AbortReason.INVALID_PARAMETER)
        return context

    def read_command(self, fragment: Fragment) -> bytes:
        """Return the command set that begins with a fragment."""
        context_id, data = fragment.context_id, b""
        while True:
            if not fragment.is_command or fragment.context_id != context_id:
                raise Broken(AbortReason.UNEXPECTED_PARAMETER)
            if len(data) + fragment.length > _MAX_COMMAND:
                raise Broken(AbortReason.INVALID_PARAMETER)
            data += self._wire.read(fragment.length)
            if fragment.is_last:
                return data
            fragment = self._next()

    def drain(self, context: Context) -> None:
        """Read a data set that nobody wants."""
        for _ in self._read_data(context):
            pass

    def store(self, request: Request, context: Context) -> Status:
        """Keep one object, and answer; return what was answered."""
        status, comment = self._store(request, context)
        self._wire.send_command(context.context_id, encode_response(request, status, comment))
        return status

    def _store(self, request: Request, context: Context) -> tuple[Status, str]:
        if not request.has_data:
            return Status.CANNOT_UNDERSTAND, "No data set"
        pieces = self._read_data(context)
        status, comment = check_store(request, context, self._intake.room())
        if status is Status.SUCCESS:
            try:
                with self._intake.put(self._sender) as file:
                    file.write(make_head(request.sop_class, request.sop_instance, context.syntax))
                    self._write(file, pieces)
            except OSError as error:
                log.warning("an object could not be kept\n%s", logs.say_where(error))
                status, comment = explain(error)
        # The answer comes after all of it, whatever the answer is.
        for _ in pieces:
            pass
        return status, comment

    def _write(self, file: BinaryIO, pieces: Iterator[memoryview]) -> None:
        unseen = 0
        for piece in pieces:
            file.write(piece)
            unseen += len(piece)
            if unseen >= _LOOK_BYTES:
                unseen = 0
                if self._intake.room() <= 0:
                    raise OSError(errno.ENOSPC, "the disk is almost full")

    def _next(self) -> Fragment:
        fragment = self._wire.next_fragment()
        if fragment is None:
            # In the middle of something, nobody asks for release.
            raise Broken(AbortReason.UNEXPECTED_PDU)
        return fragment

    def _read_data(self, context: Context) -> Iterator[memoryview]:
        """Yield a data set's bytes as they come; each piece is good until the next."""
        left = _MAX_OBJECT
        while True:
            fragment = self._next()
            if fragment.is_command or fragment.context_id != context.context_id:
                raise Broken(AbortReason.UNEXPECTED_PARAMETER)
            self._on_data()
            left -= fragment.length
            if left < 0:
                raise Broken(AbortReason.NOT_SPECIFIED)
            rest = fragment.length
            while rest:
                piece = self._wire.some(rest)
                rest -= len(piece)
                self.received += len(piece)
                yield piece
            if fragment.is_last:
                return


def check_store(request: Request, context: Context, room: int) -> tuple[Status, str]:
    """Decide by its command whether an object is taken.

    Args:
        room: bytes that may still be written.
    """
    if request.sop_class != context.abstract or not is_stored(request.sop_class):
        return Status.OTHER_SOP_CLASS, "SOP Class is not that of the presentation context"
    if not is_uid(request.sop_instance):
        return Status.CANNOT_UNDERSTAND, "SOP Instance UID is no UID"
    if room <= 0:
        return Status.OUT_OF_RESOURCES, "Disk is full"
    return Status.SUCCESS, ""


def explain(error: OSError) -> tuple[Status, str]:
    """Return what the peer is told of an object that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Status.OUT_OF_RESOURCES, "Disk is full"
    return Status.OUT_OF_RESOURCES, "Cannot be written"
