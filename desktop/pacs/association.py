"""One association: whoever calls sends objects, and each is answered once it is kept (PS3.4 annex B, PS3.7 §9.1.1)."""

import errno
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .. import logs
from ..callers import Callers
from ..dicom.uids import is_uid
from .commands import CommandField, Request, Status, encode_response, parse_request
from .intake import Intake, Sender
from .negotiation import (
    Context,
    Rejection,
    Result,
    decide,
    encode_accept,
    encode_rejection,
    find_rejection,
    is_stored,
    parse_associate,
)
from .part10 import make_head
from .wire import AbortReason, Broken, Fragment, HungUp, Wire

log = logging.getLogger(__name__)

_MAX_COMMAND = 1 << 16
_MAX_OBJECT = 16 << 30
"""Bytes of a data set: more than whole slides have. Whoever sends more is cut off."""
_LOOK_BYTES = 64 << 20
"""Whether there is room is looked at so often."""

_LAST_WORD_SECONDS = 2.0

_REASONS = {
    Rejection.OTHER_APPLICATION: "It speaks something else than DICOM.",
    Rejection.OTHER_PROTOCOL: "It speaks another version of DICOM's protocol.",
    Rejection.CALLED_AET: "It calls us by another AE title than ours.",
    Rejection.CALLING_AET: "Its AE title and address are not among those that may call.",
    Rejection.TOO_MANY: "Too many associations are open.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited for a peer, in seconds.

    Attributes:
        association: for its request, the handshake of TLS included.
        silence: for its next byte.
    """

    association: float = 15.0
    silence: float = 60.0


class Association:
    """Hears one peer, in the thread that calls :meth:`run`.

    Args:
        admit: asked whether there is a place for one more from this address; said after all other reasons.
    """

    def __init__(
        self,
        connection: socket.socket,
        address: str,
        aet: str,
        callers: Callers,
        intake: Intake,
        admit: Callable[[], bool],
        limits: Limits,
    ) -> None:
        self._connection = connection
        self._wire = Wire(connection)
        self._wire.deadline = time.monotonic() + limits.association
        self._sender = Sender("", address)
        self._aet = aet
        self._callers = callers
        self._intake = intake
        self._admit = admit
        self._silence = limits.silence
        self._contexts: dict[int, Context] = {}

    def run(self) -> None:
        """Hear it to its end, whatever it does."""
        try:
            if self._negotiate():
                while (fragment := self._wire.next_fragment()) is not None:
                    self._answer(fragment)
                self._wire.send_release()
            self._wire.finish(_LAST_WORD_SECONDS)
        except HungUp:
            pass
        except Broken as error:
            self._abort(error.reason)
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            log.error("an association ended\n%s", logs.say_where(error))  # noqa: TRY400 - without its words
            self._abort(AbortReason.NOT_SPECIFIED)

    def _abort(self, reason: AbortReason) -> None:
        try:
            self._wire.send_abort(reason)
            self._wire.finish(_LAST_WORD_SECONDS)
        except HungUp:
            pass

    def _negotiate(self) -> bool:
        """Let it in or not."""
        asked = parse_associate(self._wire.read_associate())
        self._sender = Sender(asked.calling, self._sender.address)
        rejection = find_rejection(asked, self._aet, lambda aet: self._callers.may_call(aet, self._sender.address))
        if rejection is None and not self._admit():
            rejection = Rejection.TOO_MANY
        if rejection is not None:
            self._intake.note_refused(self._sender, _REASONS[rejection])
            self._wire.send(encode_rejection(rejection))
            return False
        contexts = decide(asked.proposals)
        self._contexts = {context.context_id: context for context in contexts if context.result is Result.ACCEPTED}
        self._wire.deadline = None
        self._connection.settimeout(self._silence)
        self._wire.send(encode_accept(asked, contexts))
        return True

    def _answer(self, fragment: Fragment) -> None:
        """Do what one command asks for."""
        context = self._contexts.get(fragment.context_id)
        if context is None:
            raise Broken(AbortReason.INVALID_PARAMETER)
        request = parse_request(self._read_command(fragment))
        if request is None:
            raise Broken(AbortReason.INVALID_PARAMETER)
        status, comment = Status.SUCCESS, ""
        if request.field == CommandField.C_STORE_RQ:
            status, comment = self._store(request, context)
        else:
            if request.has_data:
                _drain(self._read_data(context))
            if request.field == CommandField.C_CANCEL_RQ:
                return
            if request.field != CommandField.C_ECHO_RQ:
                status = Status.UNRECOGNIZED_OPERATION
        self._wire.send_command(context.context_id, encode_response(request, status, comment))

    def _read_command(self, fragment: Fragment) -> bytes:
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
            left -= fragment.length
            if left < 0:
                raise Broken(AbortReason.NOT_SPECIFIED)
            rest = fragment.length
            while rest:
                piece = self._wire.some(rest)
                rest -= len(piece)
                yield piece
            if fragment.is_last:
                return

    def _store(self, request: Request, context: Context) -> tuple[Status, str]:
        """Keep one object; return how that went, and a comment."""
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
        _drain(pieces)
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


def _drain(pieces: Iterator[memoryview]) -> None:
    for _ in pieces:
        pass
