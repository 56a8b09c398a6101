"""Asks nodes over DIMSE: C-ECHO and C-FIND (PS3.4 Annexes A, C and K, PS3.7 §9.1)."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pynetdicom import evt
from pynetdicom.dimse_messages import C_FIND_RSP

from .answers import Values, read_data_set
from .failures import explain_contexts, explain_status
from .identifiers import Keys, make_identifier
from .leash import Leash
from .nodes import DimseNode
from .outgoing import Outgoing

_VERIFICATION = "1.2.840.10008.1.1"
_SUCCESS, _PENDING = 0x0000, (0xFF00, 0xFF01)
_KEYS_NOT_SUPPORTED = 0xFF01
_LIMIT_REACHED = 0xB001
_MESSAGE_ID = 1
_CANCEL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Match:
    """One answer of a C-FIND.

    Attributes:
        values: None if its identifier could not be decoded.
        keys_supported: the node has searched by all that was asked (PS3.4 §C.4.1.1.4).
    """

    values: Values | None
    keys_supported: bool


def echo(node: DimseNode, secret: str, leash: Leash) -> None:
    """Ask a node whether it is there, by C-ECHO.

    Raises:
        PeerError: it is not, or not for us.
    """
    with Outgoing(node, secret, leash, "C-ECHO", [_VERIFICATION]) as outgoing:
        status = outgoing.association.send_c_echo()
        if "Status" not in status:
            raise outgoing.explain_end()
        if status.Status != _SUCCESS:
            raise explain_status(node, status.Status, str(status.get("ErrorComment", "")))


class Find:
    """One C-FIND. Use it in a ``with`` statement, and go through it once.

    Args:
        service: in words.
        models: SOP classes; the first that the node accepts is used.
        make_keys: given the SOP class, returns the identifier's elements.

    Attributes:
        was_cut: the node said that it has more than it sends.

    Raises:
        PeerError: the node did not answer, or not to the end.
        QueryError: what is searched for cannot be written in the node's character set.
    """

    def __init__(
        self,
        node: DimseNode,
        secret: str,
        leash: Leash,
        service: str,
        models: Sequence[str],
        make_keys: Callable[[str], Keys],
    ) -> None:
        self.was_cut = False
        self._node = node
        self._leash = leash
        self._service = service
        self._models = models
        self._make_keys = make_keys
        # Before there is a connection: a query that makes no sense needs none.
        for model in models:
            make_identifier(make_keys(model), node.charset)
        self._outgoing = Outgoing(node, secret, leash, service, models)
        self._received: deque[tuple[int, bytes]] = deque()
        self._cancelled = False
        self._context = (0, "")

    def __enter__(self) -> Self:
        self._outgoing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._outgoing.__exit__(kind, error, trace)

    def cancel(self) -> None:
        """Ask the node to stop, by C-CANCEL; what is under way is not waited for much longer."""
        if not self._cancelled and self._outgoing.association.is_established:
            self._cancelled = True
            self._leash.give(_CANCEL_SECONDS)
            self._outgoing.association.send_c_cancel(_MESSAGE_ID, self._context[0])

    def __iter__(self) -> Iterator[Match]:
        association = self._outgoing.association
        model, self._context = self._choose_model()
        association.bind(evt.EVT_DIMSE_RECV, self._on_message)
        identifier = make_identifier(self._make_keys(model), self._node.charset)
        try:
            answers = association.send_c_find(identifier, model, _MESSAGE_ID)
        except RuntimeError as error:
            # The association has ended just now.
            raise self._outgoing.explain_end() from error
        for status, _ in answers:
            code = status.get("Status")
            if code is None:
                if self._cancelled:
                    # It did not hear that, or did not care.
                    return
                raise self._outgoing.explain_end()
            if code in _PENDING:
                yield from self._take_received()
                continue
            self.was_cut |= code == _LIMIT_REACHED
            # Some end by a failure when they are told to stop.
            if code not in (_SUCCESS, _LIMIT_REACHED) and not self._cancelled:
                raise explain_status(self._node, code, str(status.get("ErrorComment", "")))

    def _take_received(self) -> Iterator[Match]:
        # Of an identifier that it cannot decode, pynetdicom tells twice; so what has come is what counts.
        while self._received:
            code, data = self._received.popleft()
            if not self._cancelled:
                self._leash.give(self._node.timeouts.answer)
                yield Match(self._read(data), code != _KEYS_NOT_SUPPORTED)

    def _choose_model(self) -> tuple[str, tuple[int, str]]:
        for model in self._models:
            context = self._outgoing.accepted(model)
            if context is not None:
                return model, context
        raise explain_contexts(self._node, self._service)

    def _on_message(self, event: evt.Event) -> None:
        # Called before pynetdicom decodes it, which we do ourselves: it knows no peers that lie.
        message = event.message
        if isinstance(message, C_FIND_RSP) and (code := message.command_set.get("Status")) in _PENDING:
            self._received.append((code, b"" if message.data_set is None else message.data_set.getvalue()))

    def _read(self, data: bytes) -> Values | None:
        try:
            return read_data_set(data, self._context[1], self._node.charset)
        except ValueError:
            return None
