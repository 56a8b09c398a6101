"""Who is let in, and what is spoken: A-ASSOCIATE-RQ, and what is answered (PS3.8 §9.3.2 to §9.3.4, PS3.7 annex D)."""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ..dicom import dictionary
from ..dicom.uids import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    GE_PRIVATE_BIG_ENDIAN_PIXELS,
    IMPLEMENTATION_UID,
    IMPLEMENTATION_VERSION,
    IMPLICIT_VR_LITTLE_ENDIAN,
    PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN,
    is_uid,
)
from .wire import MAX_PDU, AbortReason, Broken, Pdu

VERIFICATION = "1.2.840.10008.1.1"

_DICOM_CONTEXT = "1.2.840.10008.3.1.1.1"
_HEAD = struct.Struct(">H2x16s16s32s")
_ITEM = struct.Struct(">BxH")
_APPLICATION, _CONTEXT_RQ, _CONTEXT_AC, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_MAX_LENGTH, _IMPLEMENTATION, _ROLES, _VERSION = 0x51, 0x52, 0x54, 0x55

_NOT_STORAGE = frozenset(
    {
        "1.2.840.10008.1.3.10",  # Media Storage Directory Storage
        "1.2.840.10008.1.20.1",  # Storage Commitment Push Model
        "1.2.840.10008.1.20.2",  # Storage Commitment Pull Model
        "1.2.840.10008.4.2",  # Storage Service Class
    }
)
"""What has Storage in its name, and is not stored."""

_LEAST_PDU = 64
"""Bytes of a P-DATA-TF, below which nobody could send anything."""

_SYNTAXES = "1.2.840.10008.1.2"
_OTHER_SYNTAXES = (GE_PRIVATE_BIG_ENDIAN_PIXELS, PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN)
_NOT_OF_FILES = (
    "1.2.840.10008.1.2.6.",  # MIME, XML
    "1.2.840.10008.1.2.7.",  # SMPTE: streams
)


class Rejection(IntEnum):
    """Why an association is rejected: result, source and reason, a byte each (PS3.8 §9.3.4)."""

    OTHER_APPLICATION = 0x010102
    CALLING_AET = 0x010103
    CALLED_AET = 0x010107
    OTHER_PROTOCOL = 0x010202
    TOO_MANY = 0x020302


class Result(IntEnum):
    """What becomes of a presentation context (PS3.8 §9.3.3.2)."""

    ACCEPTED = 0
    ABSTRACT_SYNTAX = 3
    TRANSFER_SYNTAXES = 4


@dataclass(frozen=True, slots=True)
class Proposal:
    """A presentation context that is proposed."""

    context_id: int
    abstract: str
    syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """An A-ASSOCIATE-RQ.

    Attributes:
        titles: the bytes of both AE titles and of what is reserved: an answer repeats them.
    """

    version: int
    called: str
    calling: str
    application: str
    proposals: tuple[Proposal, ...]
    titles: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context, with what became of it.

    Attributes:
        abstract: the SOP class.
        syntax: the transfer syntax that is spoken; one of those proposed if it is not accepted.
    """

    context_id: int
    abstract: str
    syntax: str
    result: Result


def parse_associate(data: bytes) -> Asked:
    """Read an A-ASSOCIATE-RQ without its first six bytes.

    Raises:
        Broken: it is none.
    """
    if len(data) < _HEAD.size:
        raise Broken(AbortReason.INVALID_PARAMETER)
    version, called, calling, _ = _HEAD.unpack_from(data)
    application, proposals, has_user = "", [], False
    for kind, item in _items(data[_HEAD.size :]):
        if kind == _APPLICATION:
            application = _uid(item)
        elif kind == _CONTEXT_RQ:
            proposals.append(_parse_proposal(item))
        elif kind == _USER:
            has_user = True
            for _ in _items(item):
                pass
    ids = {proposal.context_id for proposal in proposals}
    if not has_user or not proposals or len(ids) < len(proposals) or not all(number & 1 for number in ids):
        raise Broken(AbortReason.INVALID_PARAMETER)
    return Asked(version, _aet(called), _aet(calling), application, tuple(proposals), data[4 : _HEAD.size])


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(data):
        if len(data) - offset < _ITEM.size:
            raise Broken(AbortReason.INVALID_PARAMETER)
        kind, length = _ITEM.unpack_from(data, offset)
        offset += _ITEM.size
        if len(data) - offset < length:
            raise Broken(AbortReason.INVALID_PARAMETER)
        yield kind, data[offset : offset + length]
        offset += length


def _parse_proposal(item: bytes) -> Proposal:
    if len(item) < 4:
        raise Broken(AbortReason.INVALID_PARAMETER)
    abstract, syntaxes = "", []
    for kind, value in _items(item[4:]):
        if kind == _ABSTRACT:
            abstract = _uid(value)
        elif kind == _TRANSFER:
            syntaxes.append(_uid(value))
    return Proposal(item[0], abstract, tuple(syntaxes))


def _uid(value: bytes) -> str:
    """Return a UID; empty if it is none. Some pad it."""
    text = value.rstrip(b"\0 ").decode("ascii", "replace")
    return text if is_uid(text) else ""


def _aet(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")


def find_rejection(asked: Asked, our_aet: str, may_call: Callable[[str], bool]) -> Rejection | None:
    """Decide whether who calls is let in.

    Args:
        may_call: told its AE title.
    """
    if not asked.version & 1:
        return Rejection.OTHER_PROTOCOL
    if asked.application != _DICOM_CONTEXT:
        return Rejection.OTHER_APPLICATION
    if asked.called != our_aet:
        return Rejection.CALLED_AET
    if not may_call(asked.calling):
        return Rejection.CALLING_AET
    return None


def is_stored(abstract: str) -> bool:
    """Whether objects of this SOP class are taken: all that are stored, also private ones, and those to come."""
    name = dictionary.uid_name(abstract)
    return bool(abstract) and (name == abstract or "Storage" in name) and abstract not in _NOT_STORAGE


def choose_syntax(syntaxes: Sequence[str]) -> str | None:
    """Choose the transfer syntax to be spoken; None if there is none that files are written in.

    It is the first that the peer names, since that comes first to it. But without VRs, nobody could tell how
    private elements are read.
    """
    known = [syntax for syntax in syntaxes if _is_of_files(syntax)]
    if not known:
        return None
    better = known[0] == IMPLICIT_VR_LITTLE_ENDIAN and EXPLICIT_VR_LITTLE_ENDIAN in known
    return EXPLICIT_VR_LITTLE_ENDIAN if better else known[0]


def _is_of_files(syntax: str) -> bool:
    ours = f"{syntax}.".startswith(f"{_SYNTAXES}.") or syntax in _OTHER_SYNTAXES
    return ours and not syntax.startswith(_NOT_OF_FILES)


def decide(proposals: Sequence[Proposal]) -> tuple[Context, ...]:
    """Decide what becomes of each presentation context."""
    return tuple(map(_decide, proposals))


def _decide(proposal: Proposal) -> Context:
    first = proposal.syntaxes[0] if proposal.syntaxes else IMPLICIT_VR_LITTLE_ENDIAN
    if proposal.abstract != VERIFICATION and not is_stored(proposal.abstract):
        return Context(proposal.context_id, proposal.abstract, first, Result.ABSTRACT_SYNTAX)
    syntax = choose_syntax(proposal.syntaxes)
    if syntax is None:
        return Context(proposal.context_id, proposal.abstract, first, Result.TRANSFER_SYNTAXES)
    return Context(proposal.context_id, proposal.abstract, syntax, Result.ACCEPTED)


def encode_request(called: str, calling: str, proposals: Sequence[Proposal], served: Sequence[str] = ()) -> bytes:
    """Return an A-ASSOCIATE-RQ.

    Args:
        served: SOP classes of which we are the SCP, though we ask for the association (PS3.7 §D.3.3.4).
    """
    items = [_item(_APPLICATION, _DICOM_CONTEXT.encode())]
    for proposal in proposals:
        names = [_item(_ABSTRACT, proposal.abstract.encode())]
        names += [_item(_TRANSFER, syntax.encode()) for syntax in proposal.syntaxes]
        items.append(_item(_CONTEXT_RQ, bytes((proposal.context_id, 0, 0, 0)) + b"".join(names)))
    roles = [_item(_ROLES, struct.pack(">H", len(uid)) + uid.encode() + b"\0\1") for uid in dict.fromkeys(served)]
    titles = called.encode().ljust(16) + calling.encode().ljust(16) + bytes(32)
    body = struct.pack(">H2x", 1) + titles + b"".join(items) + _item(_USER, b"".join((*_our_user_items(), *roles)))
    return struct.pack(">BxI", Pdu.ASSOCIATE_RQ, len(body)) + body


def parse_accept(data: bytes, proposals: Sequence[Proposal]) -> tuple[tuple[Context, ...], int]:
    """Read an A-ASSOCIATE-AC without its first six bytes.

    Returns:
        The presentation contexts that were accepted, and how many bytes a P-DATA-TF may have; 0 for any.

    Raises:
        Broken: it is none, or accepts what was not proposed.
    """
    if len(data) < _HEAD.size:
        raise Broken(AbortReason.INVALID_PARAMETER)
    proposed = {proposal.context_id: proposal for proposal in proposals}
    accepted: list[Context] = []
    most = 0
    for kind, item in _items(data[_HEAD.size :]):
        if kind == _CONTEXT_AC:
            accepted += _parse_context(item, proposed)
        elif kind == _USER:
            most = next((int.from_bytes(value, "big") for name, value in _items(item) if name == _MAX_LENGTH), 0)
    if 0 < most < _LEAST_PDU:
        raise Broken(AbortReason.INVALID_PARAMETER)
    return tuple(accepted), most


def _parse_context(item: bytes, proposed: Mapping[int, Proposal]) -> Iterator[Context]:
    if len(item) < 4:
        raise Broken(AbortReason.INVALID_PARAMETER)
    proposal = proposed.get(item[0])
    if proposal is None:
        raise Broken(AbortReason.INVALID_PARAMETER)
    if item[2] == Result.ACCEPTED:
        syntax = next((_uid(value) for kind, value in _items(item[4:]) if kind == _TRANSFER), "")
        if syntax not in proposal.syntaxes:
            raise Broken(AbortReason.INVALID_PARAMETER)
        yield Context(proposal.context_id, proposal.abstract, syntax, Result.ACCEPTED)


def _our_user_items() -> tuple[bytes, ...]:
    return (
        _item(_MAX_LENGTH, struct.pack(">I", MAX_PDU)),
        _item(_IMPLEMENTATION, IMPLEMENTATION_UID.encode()),
        _item(_VERSION, IMPLEMENTATION_VERSION.encode()),
    )


def encode_accept(asked: Asked, contexts: Sequence[Context]) -> bytes:
    """Return the A-ASSOCIATE-AC."""
    items = [_item(_APPLICATION, _DICOM_CONTEXT.encode())]
    for context in contexts:
        syntax = _item(_TRANSFER, context.syntax.encode())
        items.append(_item(_CONTEXT_AC, bytes((context.context_id, 0, context.result, 0)) + syntax))
    body = struct.pack(">H2x", 1) + asked.titles + b"".join(items) + _item(_USER, b"".join(_our_user_items()))
    return struct.pack(">BxI", Pdu.ASSOCIATE_AC, len(body)) + body


def encode_rejection(rejection: Rejection) -> bytes:
    """Return the A-ASSOCIATE-RJ."""
    return struct.pack(">BxI", Pdu.ASSOCIATE_RJ, 4) + int(rejection).to_bytes(4, "big")


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value
