"""Sends objects to one node: by C-STORE (PS3.4 annex B), many over one association, or by STOW-RS (PS3.18 §10.5)."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ..dicom.uids import uid_name
from .answers import Values
from .calling import Calling
from .failures import explain_broken_off, explain_store
from .intake import NoIntake
from .leash import Leash
from .negotiation import Proposal
from .nodes import DimseNode, WebNode
from .parcels import Delivered, NotSendable, Parcel, skip_head
from .proposing import NATIVE

if TYPE_CHECKING:
    from .dicomweb import Client

_MOST = 128
_WARNINGS = (0xB000, 0xB006, 0xB007)
_MESSAGES = 0xFFFF

Tell = Callable[[Delivered], None]


def store(node: DimseNode, secret: str, leash: Leash, parcels: Sequence[Parcel], tell: Tell) -> None:
    """Send objects by C-STORE. Each keeps its transfer syntax if the node takes it, else it is sent uncompressed.

    Args:
        tell: told of each object once the node has answered, or once it is known that it cannot be sent.

    Raises:
        PeerError: the association ended before its time. Of which objects nothing was told, the node may have or not.
    """
    for proposals, group in group_parcels(parcels):
        with Calling(node, secret, leash, "to keep these objects (C-STORE)", proposals, (), NoIntake()) as calling:
            for number, parcel in enumerate(group):
                leash.check_cancelled()
                tell(_store_one(calling, number % _MESSAGES + 1, parcel, tell))


def group_parcels(parcels: Sequence[Parcel]) -> Iterator[tuple[list[Proposal], list[Parcel]]]:
    """Yield what goes over one association each: the presentation contexts, and the objects, in their order.

    Each SOP class has a context for objects without compression, and one for each other transfer syntax that is there.
    """
    offers: dict[tuple[str, tuple[str, ...]], None] = {}
    group: list[Parcel] = []
    for parcel in parcels:
        wanted: dict[tuple[str, tuple[str, ...]], None] = {(parcel.sop_class, NATIVE): None}
        if parcel.syntax != NATIVE[0]:
            wanted[parcel.sop_class, (parcel.syntax,)] = None
        if len(offers | wanted) > _MOST:
            yield _propose(offers), group
            offers, group = {}, []
        offers |= wanted
        group.append(parcel)
    if group:
        yield _propose(offers), group


def _propose(offers: Iterable[tuple[str, tuple[str, ...]]]) -> list[Proposal]:
    return [Proposal(2 * number + 1, uid, syntaxes) for number, (uid, syntaxes) in enumerate(offers)]


def _store_one(calling: Calling, message_id: int, parcel: Parcel, tell: Tell) -> Delivered:
    syntaxes = [parcel.syntax, *(NATIVE if parcel.plain else ())]
    context = calling.find(parcel.sop_class, syntaxes)
    if context is None:
        return _not_sent(parcel, _refused(calling, parcel))
    try:
        pieces = skip_head(parcel.open(context.syntax))
        # What cannot be had at all is found out before anything is sent of it.
        first = next(pieces, b"")
    except NotSendable as error:
        return _not_sent(parcel, str(error))
    try:
        response, sent = calling.store(context, message_id, parcel, chain([first], pieces))
    except NotSendable as error:
        # The node has half of it, and must not take that for all.
        tell(_not_sent(parcel, str(error)))
        raise explain_broken_off(calling.node, str(error)) from error
    is_there = response.status == 0 or response.status in _WARNINGS
    sentence = "" if response.status == 0 else explain_store(response.status, response.comment)
    return Delivered(parcel.sop_instance, is_there, response.status, sentence, sent)


def _refused(calling: Calling, parcel: Parcel) -> str:
    if parcel.sop_class not in calling.accepted():
        return f"{calling.node.name} does not take {uid_name(parcel.sop_class)}."
    return f"{calling.node.name} does not take {uid_name(parcel.syntax)}, and this object cannot be had uncompressed."


def _not_sent(parcel: Parcel, sentence: str) -> Delivered:
    return Delivered(parcel.sop_instance, is_there=False, status=None, sentence=sentence)


def stow(node: WebNode, secret: str, leash: Leash, parcels: Sequence[Parcel], tell: Tell) -> None:
    """Send objects by STOW-RS, as their files are, some in each request.

    Args:
        tell: as of :func:`store`.

    Raises:
        PeerError: the node did not answer. Of which objects nothing was told, the node may have or not.
    """
    from .dicomweb import Client

    with Client(node, secret, leash) as client:
        for start in range(0, len(parcels), _BATCH):
            leash.check_cancelled()
            opened: list[tuple[Parcel, Iterator[bytes]]] = []
            for parcel in parcels[start : start + _BATCH]:
                try:
                    pieces = parcel.open(parcel.syntax)
                    opened.append((parcel, chain([next(pieces, b"")], pieces)))
                except NotSendable as error:
                    tell(_not_sent(parcel, str(error)))
            if opened:
                told = _stow_some(node, client, opened, tell)
                for parcel, _ in opened:
                    of_it = told.get(parcel.sop_instance)
                    tell(of_it.pop(0) if of_it else _not_sent(parcel, f"{node.name} does not say that it has it."))


def _stow_some(
    node: WebNode, client: "Client", opened: Iterable[tuple[Parcel, Iterator[bytes]]], tell: Tell
) -> dict[str, list[Delivered]]:
    """Send some objects in one request, and return what the node says of each SOP Instance UID."""
    boundary = uuid.uuid4().hex

    def write() -> Iterator[bytes]:
        for parcel, pieces in opened:
            yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            try:
                yield from pieces
            except NotSendable as error:
                # The request has no end: the node takes nothing of it.
                tell(_not_sent(parcel, str(error)))
                raise explain_broken_off(node, str(error)) from error
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    return read_outcomes(client.store((boundary, write())))


def read_outcomes(answer: Values) -> dict[str, list[Delivered]]:
    """Return what the answer to StoreInstances says of each SOP Instance UID (PS3.18 §10.5.3).

    Where two objects of one UID were sent, there are two, in the order in which the node tells of them.
    """
    told: dict[str, list[Delivered]] = {}
    for name, is_there in (("ReferencedSOPSequence", True), ("FailedSOPSequence", False)):
        for item in answer.items.get(name, ()):
            uid = item.texts.get("ReferencedSOPInstanceUID", "")
            reason = _number(item.texts.get("WarningReason" if is_there else "FailureReason", "0"))
            sentence = explain_store(reason, "") if reason or not is_there else ""
            told.setdefault(uid, []).append(Delivered(uid, is_there, reason, sentence))
    return told


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return _UNKNOWN


_BATCH = 100
_UNKNOWN = 0x0110
