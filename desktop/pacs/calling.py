"""Associations that this program asks for to fetch or send objects, over its own wire: pynetdicom's would be slow."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from .commands import (
    CommandField,
    Response,
    Status,
    encode_cancel,
    encode_retrieve,
    encode_store,
    parse_request,
    parse_response,
)
from .connection import cut, open_connection
from .failures import (
    explain_abort,
    explain_contexts,
    explain_cut_off,
    explain_rejection,
    explain_silence,
)
from .intake import Intake, NoRoom, Sender
from .leash import Leash
from .negotiation import Context, Proposal, encode_request, parse_accept
from .nodes import DimseNode
from .parcels import Parcel
from .taking import Taking
from .wire import Broken, HungUp, Pdu, Wire

_MESSAGE_ID = 1
_RELEASE_SECONDS = 2.0
_CANCEL_SECONDS = 3.0


class Calling:
    """An association with a node. Use it in a ``with`` statement.

    Args:
        secret: the password of our private key; or empty.
        service: in words, for the sentence that says that the node does not offer it.
        proposals: presentation contexts.
        served: SOP classes that the node may send over it.
        intake: where these go.

    Raises:
        PeerError: there is no association, or it has ended before its time; the sentence says why.
    """

    def __init__(
        self,
        node: DimseNode,
        secret: str,
        leash: Leash,
        service: str,
        proposals: Sequence[Proposal],
        served: Sequence[str],
        intake: Intake,
    ) -> None:
        self.node = node
        self._secret = secret
        self._leash = leash
        self._service = service
        self._proposals = proposals
        self._served = served
        self._intake = intake
        self._contexts: Mapping[int, Context] = {}
        self._is_cancelled = False

    def __enter__(self) -> Self:
        self._connection = open_connection(self.node, self._secret)
        self._wire = Wire(self._connection)
        try:
            self._leash.hold(partial(cut, self._connection))
            with self._explained():
                self._associate()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._wire.release(_RELEASE_SECONDS)
        self._close()

    def _close(self) -> None:
        self._leash.hold(None)
        cut(self._connection)
        self._connection.close()

    def _associate(self) -> None:
        node = self.node
        self._leash.give(node.timeouts.connect)
        self._wire.send(encode_request(node.aet, node.our_aet, self._proposals, self._served))
        kind, said = self._wire.read_answer()
        if kind is Pdu.ASSOCIATE_RJ:
            raise explain_rejection(node, *said.ljust(4, b"\0")[1:4])
        accepted, self._most = parse_accept(said, self._proposals)
        self._contexts = {context.context_id: context for context in accepted}
        self._leash.give(node.timeouts.answer)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in words why the association has ended."""
        try:
            yield
        except HungUp as error:
            self._leash.check()
            if error.abort is not None:
                raise explain_abort(self.node, *error.abort) from error
            if error.was_silent:
                raise explain_silence(self.node) from error
            raise explain_cut_off(self.node) from error
        except Broken as error:
            with contextlib.suppress(HungUp):
                self._wire.send_abort(error.reason)
            self._leash.check()
            raise explain_cut_off(self.node) from error

    def choose(self, models: Sequence[str]) -> Context:
        """Return the presentation context of the first of some SOP classes that the node accepted.

        Raises:
            PeerError: it accepted none.
        """
        for model in models:
            for context in self._contexts.values():
                if context.abstract == model:
                    return context
        raise explain_contexts(self.node, self._service)

    def accepted(self) -> frozenset[str]:
        """Return the SOP classes that were accepted."""
        return frozenset(context.abstract for context in self._contexts.values())

    def retrieve(self, context: Context, identifier: bytes, destination: str = "") -> Iterator[Response | int]:
        """Ask for objects by C-GET, or by C-MOVE if there is a destination.

        Yields each response of the node as it comes, the last one too; and for each object that came over this
        association, how many bytes have come until then.

        Args:
            context: of the SOP class that is asked.
            identifier: the encoded data set.
        """
        field = CommandField.C_MOVE_RQ if destination else CommandField.C_GET_RQ
        with self._explained():
            command = encode_retrieve(field, _MESSAGE_ID, context.abstract, destination)
            self._wire.send_command(context.context_id, command)
            self._wire.send_data(context.context_id, [identifier], self._most)
        sender = Sender(self.node.aet, self.node.host)
        taking = Taking(self._wire, self._contexts, self._intake, sender, self._note_alive)
        while True:
            with self._explained():
                heard = self._hear(taking, context, _MESSAGE_ID)
            yield heard
            if isinstance(heard, Response) and not heard.is_pending:
                return
            self._mind_cancel(context)

    def store(self, context: Context, message_id: int, parcel: Parcel, pieces: Iterable[bytes]) -> tuple[Response, int]:
        """Send one object by C-STORE; return what the node says, and how many bytes it had.

        Args:
            pieces: the data set, in the transfer syntax of the context.
        """
        with self._explained():
            self._wire.send_command(context.context_id, encode_store(message_id, parcel.sop_class, parcel.sop_instance))
            sent = self._wire.send_data(context.context_id, self._watched(pieces), self._most)
            sender = Sender(self.node.aet, self.node.host)
            taking = Taking(self._wire, self._contexts, self._intake, sender, self._note_alive)
            heard = self._hear(taking, context, message_id)
        assert isinstance(heard, Response)
        return heard, sent

    def _watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._note_alive()
            self._leash.check()
            yield piece

    def find(self, abstract: str, syntaxes: Iterable[str]) -> Context | None:
        """Return an accepted presentation context of a SOP class, in the first of some transfer syntaxes with one."""
        for syntax in syntaxes:
            for context in self._contexts.values():
                if (context.abstract, context.syntax) == (abstract, syntax):
                    return context
        return None

    def _hear(self, taking: Taking, asked: Context, message_id: int) -> Response | int:
        """Return the next response to a command, or take the next object.

        An answer to anything else would be taken for that of another object.
        """
        while True:
            fragment = self._wire.next_fragment()
            if fragment is None:
                # It asks for release in the midst of it.
                raise HungUp
            context = taking.context_of(fragment)
            command = taking.read_command(fragment)
            self._note_alive()
            request = parse_request(command)
            if request is not None and request.field == CommandField.C_STORE_RQ and self._served:
                if taking.store(request, context) is Status.OUT_OF_RESOURCES:
                    raise NoRoom
                return taking.received
            response = parse_response(command)
            if response is None or (context.context_id, response.message_id) != (asked.context_id, message_id):
                raise HungUp
            if response.has_data:
                taking.drain(context)
            return response

    def _note_alive(self) -> None:
        if not self._is_cancelled:
            self._leash.give(self.node.timeouts.answer)

    def _mind_cancel(self, context: Context) -> None:
        if self._leash.is_cancelled and not self._is_cancelled:
            self._is_cancelled = True
            self._leash.give(_CANCEL_SECONDS)
            with self._explained():
                self._wire.send_command(context.context_id, encode_cancel(_MESSAGE_ID))
