"""One association: whoever calls sends objects, and each is answered once it is kept (PS3.4 annex B, PS3.7 §9.1.1)."""

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from .. import logs
from ..callers import Callers
from .commands import CommandField, Status, encode_response, parse_request
from .intake import Intake, Sender
from .negotiation import (
    Rejection,
    Result,
    decide,
    encode_accept,
    encode_rejection,
    find_rejection,
    parse_associate,
)
from .taking import Taking
from .wire import AbortReason, Broken, Fragment, HungUp, Wire

log = logging.getLogger(__name__)

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
        accepted = {context.context_id: context for context in contexts if context.result is Result.ACCEPTED}
        self._taking = Taking(self._wire, accepted, self._intake, self._sender)
        self._wire.deadline = None
        self._connection.settimeout(self._silence)
        self._wire.send(encode_accept(asked, contexts))
        return True

    def _answer(self, fragment: Fragment) -> None:
        """Do what one command asks for."""
        context = self._taking.context_of(fragment)
        request = parse_request(self._taking.read_command(fragment))
        if request is None:
            raise Broken(AbortReason.INVALID_PARAMETER)
        if request.field == CommandField.C_STORE_RQ:
            self._taking.store(request, context)
            return
        if request.has_data:
            self._taking.drain(context)
        if request.field != CommandField.C_CANCEL_RQ:
            known = request.field == CommandField.C_ECHO_RQ
            status = Status.SUCCESS if known else Status.UNRECOGNIZED_OPERATION
            self._wire.send_command(context.context_id, encode_response(request, status))
