"""Associations that this program asks for (PS3.8 §7.1), by pynetdicom."""

import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from pynetdicom import _config, evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import A_P_ABORT
from pynetdicom.presentation import build_context
from pynetdicom.transport import AddressInformation, AssociationSocket

from .. import logs
from ..dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from .connection import cut, open_connection
from .failures import (
    explain_abort,
    explain_connection,
    explain_contexts,
    explain_cut_off,
    explain_rejection,
    explain_silence,
)
from .leash import Leash
from .nodes import DimseNode

log = logging.getLogger(__name__)

# What patients are called does not belong into any log.
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
_config.LOG_HANDLER_LEVEL = "none"

_SYNTAXES = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]
_PDU_LENGTH = 1 << 17
_PDU_LIMIT = 1 << 20
"""Bytes of a PDU. A peer that was told of :data:`_PDU_LENGTH` and sends more than this means no good."""
_RELEASE_SECONDS = 2.0
_ENDING = "Sta13"
"""The state of waiting for the end of the connection (PS3.8 §9.2.2)."""
_NO_ADDRESS = "127.0.0.1"
"""pynetdicom wants one, though the connection is open already."""


class OpenSocket(AssociationSocket):
    """pynetdicom's socket over a connection that is open already.

    Attributes:
        error: why nothing more could be read; pynetdicom itself forgets it.
    """

    def __init__(self, assoc: Association, opened: socket.socket) -> None:
        self._opened = opened
        self.error: OSError | None = None
        super().__init__(assoc, address=AddressInformation(_NO_ADDRESS, 0))

    def _create_socket(self, _address: AddressInformation) -> socket.socket:
        return self._opened

    def connect(self, primitive: Any) -> None:
        """Called by pynetdicom's state machine."""
        self._is_connected = True
        primitive.result = "Evt2"
        self.provider_queue.put(primitive)
        self._ready.set()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read part of a PDU."""
        if nr_bytes > _PDU_LIMIT:
            raise OSError("the PDU is too long")
        try:
            return super().recv(nr_bytes)
        except OSError as error:
            self.error = error
            raise


class _Requestor(ApplicationEntity):
    """This program, as it asks."""

    def __init__(self, node: DimseNode, opened: socket.socket) -> None:
        super().__init__(node.our_aet)
        self._opened = opened
        # Whether a node is silent for too long is for the leash to say; these are for the case that nobody holds it.
        self.acse_timeout = 2 * node.timeouts.connect
        self.dimse_timeout = 2 * node.timeouts.answer
        self.network_timeout = None

    def _create_socket(self, assoc: Association, _address: AddressInformation, _tls: Any) -> AssociationSocket:
        # The process must be able to end, whatever the peer does.
        assoc.dul.daemon = True
        assoc.dul.run = partial(_run_guarded, assoc, assoc.dul.run)  # type: ignore[method-assign]
        return OpenSocket(assoc, self._opened)


def _run_guarded(association: Association, run: Callable[[], None]) -> None:
    """Run pynetdicom's state machine: what it does not understand, it ends by, and leaves everybody waiting."""
    try:
        run()
    except Exception as error:  # noqa: BLE001 - the edge of this thread
        log.warning("a peer was not understood\n%s", logs.say_where(error))
        association.dul.to_user_queue.put(A_P_ABORT())
        association.dimse.msg_queue.put((None, None))


class Outgoing:
    """An association in which a node is asked. Use it in a ``with`` statement.

    Args:
        service: in words, for the sentence that says that the node does not offer it.
        wanted: SOP classes, of which one is enough.

    Raises:
        PeerError: there is no association; the sentence says why.
    """

    def __init__(self, node: DimseNode, secret: str, leash: Leash, service: str, wanted: Sequence[str]) -> None:
        self.node = node
        self._leash = leash
        self._service = service
        self._contexts = [build_context(uid, _SYNTAXES) for uid in wanted]
        self._abort: tuple[int, int] | None = None
        self._rejection: tuple[int, int, int] | None = None
        self._secret = secret
        self._opened: socket.socket
        self._association: Association | None = None

    def __enter__(self) -> Self:
        self._opened = open_connection(self.node, self._secret)
        try:
            self._leash.hold(self._cut)
            self._associate()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self.association.is_established:
            self.association.acse_timeout = _RELEASE_SECONDS
            self.association.release()
        self._close()

    def _associate(self) -> None:
        node = self.node
        self._leash.give(node.timeouts.connect)
        self._association = _Requestor(node, self._opened).associate(
            _NO_ADDRESS,
            node.port,
            self._contexts,
            node.aet,
            _PDU_LENGTH,
            evt_handlers=[(evt.EVT_PDU_RECV, self._on_pdu), (evt.EVT_FSM_TRANSITION, self._on_transition)],
        )
        self._leash.check()
        if self.association.is_established:
            self._leash.give(node.timeouts.answer)
            return
        if self._rejection is not None:
            raise explain_rejection(node, *self._rejection)
        if self.association.acceptor.primitive is not None:
            raise explain_contexts(node, self._service)
        raise self.explain_end()

    @property
    def association(self) -> Association:
        """The association, once there is one."""
        assert self._association is not None
        return self._association

    def explain_end(self) -> Exception:
        """Return why the association has ended before its time."""
        self._leash.check()
        line = self.association.dul.socket
        error = line.error if isinstance(line, OpenSocket) else None
        if isinstance(error, TimeoutError):
            return explain_silence(self.node)
        if isinstance(error, ssl.SSLError):
            # Since TLS 1.3, a peer says only after the handshake that it wants another certificate.
            return explain_connection(error, self.node, in_tls=True)
        if self._abort is not None:
            return explain_abort(self.node, *self._abort)
        return explain_cut_off(self.node)

    def accepted(self, uid: str) -> tuple[int, str] | None:
        """Return the presentation context that was accepted for a SOP class, by its ID, and its transfer syntax."""
        for context in self.association.accepted_contexts:
            if context.abstract_syntax == uid and context.context_id is not None:
                return context.context_id, str(context.transfer_syntax[0])
        return None

    def _on_pdu(self, event: evt.Event) -> None:
        if isinstance(event.pdu, A_ABORT_RQ):
            self._abort = (event.pdu.source or 0, event.pdu.reason_diagnostic or 0)
        elif isinstance(event.pdu, A_ASSOCIATE_RJ):
            # If the peer is quicker than we are, pynetdicom takes this for a connection that could not be opened.
            self._rejection = (event.pdu.result or 0, event.pdu.source or 0, event.pdu.reason_diagnostic or 0)

    def _on_transition(self, event: evt.Event) -> None:
        if event.next_state == _ENDING:
            self._wake(event.assoc)

    def _wake(self, association: Association) -> None:
        """Wake up who waits for a message: where something comes that is no DICOM, pynetdicom lets them wait on."""
        association.dimse.msg_queue.put((None, None))

    def _cut(self) -> None:
        cut(self._opened)
        if self._association is not None:
            self._wake(self._association)

    def _close(self) -> None:
        self._leash.hold(None)
        cut(self._opened)
        if self._association is not None and self._association.is_established:
            self._association.abort()
        self._opened.close()
