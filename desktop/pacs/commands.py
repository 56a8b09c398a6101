"""Commands and their answers, those that we are sent and those that we send (PS3.7 §6.3, §9.3, annex E)."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from ..dicom.uids import is_uid

_HEAD = struct.Struct("<HHI")
_NO_DATA = 0x0101
_RESPONSE = 0x8000

_CLASS, _FIELD, _ID, _ID_ANSWERED, _DESTINATION = 0x0002, 0x0100, 0x0110, 0x0120, 0x0600
_PRIORITY, _DATA_SET, _STATUS, _COMMENT, _INSTANCE = 0x0700, 0x0800, 0x0900, 0x0902, 0x1000
_REMAINING, _COMPLETED, _FAILED, _WARNING = 0x1020, 0x1021, 0x1022, 0x1023
"""Elements of group 0000."""


class CommandField(IntEnum):
    """Which command it is."""

    C_STORE_RQ = 0x0001
    C_GET_RQ = 0x0010
    C_MOVE_RQ = 0x0021
    C_ECHO_RQ = 0x0030
    C_CANCEL_RQ = 0x0FFF


class Status(IntEnum):
    """How a command went (PS3.4 §B.2.3, PS3.7 annex C)."""

    SUCCESS = 0x0000
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    OTHER_SOP_CLASS = 0xA900
    CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True, slots=True)
class Request:
    """A command that asks for something.

    Attributes:
        field: a :class:`CommandField`, or another one.
        sop_class, sop_instance: UIDs, or whatever stands there; empty if nothing does.
        has_data: a data set follows.
    """

    field: int
    message_id: int
    sop_class: str = ""
    sop_instance: str = ""
    has_data: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """How a C-STORE went, or how far a C-GET or C-MOVE is (PS3.7 §9.3.1.2, §9.3.3.2, §9.3.4.2).

    Attributes:
        message_id: of the command that it answers; None if it does not say.
        status: as it was sent.
        remaining, completed, failed, warned: sub-operations; None if it does not say.
        comment: what it says of an error; may hold anything.
        has_data: a data set follows.
    """

    field: int
    message_id: int | None
    status: int
    remaining: int | None
    completed: int | None
    failed: int | None
    warned: int | None
    comment: str
    has_data: bool

    @property
    def is_pending(self) -> bool:
        """Whether others follow (PS3.4 §C.4.2.1.5, §C.4.3.1.4)."""
        return self.status in (0xFF00, 0xFF01)


def parse_response(data: bytes) -> Response | None:
    """Read a command set; None if it is no answer."""
    values = _read_elements(data)
    if values is None:
        return None
    field, message_id, data_set, status, *counts = (
        _number(values.get(element, b""))
        for element in (_FIELD, _ID_ANSWERED, _DATA_SET, _STATUS, _REMAINING, _COMPLETED, _FAILED, _WARNING)
    )
    if field is None or data_set is None or status is None or not field & _RESPONSE:
        return None
    remaining, completed, failed, warned = counts
    comment = _text(values.get(_COMMENT, b""))
    return Response(field, message_id, status, remaining, completed, failed, warned, comment, data_set != _NO_DATA)


def encode_retrieve(field: CommandField, message_id: int, model: str, destination: str = "") -> bytes:
    """Return the command set of a C-GET or C-MOVE (PS3.7 §9.3.3.1, §9.3.4.1).

    Args:
        model: the SOP class.
        destination: the AE title to which a C-MOVE sends.
    """
    elements = {
        _CLASS: _even(model.encode(), b"\0"),
        _FIELD: struct.pack("<H", field),
        _ID: struct.pack("<H", message_id),
        _PRIORITY: struct.pack("<H", 0),
        _DATA_SET: struct.pack("<H", _NO_DATA - 1),
    }
    if destination:
        elements[_DESTINATION] = _even(destination.encode(), b" ")
    return _encode(elements)


def encode_store(message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """Return the command set of a C-STORE (PS3.7 §9.3.1.1)."""
    return _encode(
        {
            _CLASS: _even(sop_class.encode(), b"\0"),
            _FIELD: struct.pack("<H", CommandField.C_STORE_RQ),
            _ID: struct.pack("<H", message_id),
            _PRIORITY: struct.pack("<H", 0),
            _DATA_SET: struct.pack("<H", _NO_DATA - 1),
            _INSTANCE: _even(sop_instance.encode(), b"\0"),
        }
    )


def encode_cancel(message_id: int) -> bytes:
    """Return the command set of a C-CANCEL (PS3.7 §9.3.2.3)."""
    return _encode(
        {
            _FIELD: struct.pack("<H", CommandField.C_CANCEL_RQ),
            _ID_ANSWERED: struct.pack("<H", message_id),
            _DATA_SET: struct.pack("<H", _NO_DATA),
        }
    )


def parse_request(data: bytes) -> Request | None:
    """Read a command set; None if it is none, or an answer."""
    values = _read_elements(data)
    if values is None:
        return None
    numbers = {element: _number(values.get(element, b"")) for element in (_FIELD, _ID, _DATA_SET)}
    field, message_id, data_set = numbers[_FIELD], numbers[_ID], numbers[_DATA_SET]
    if field is None or data_set is None or field & _RESPONSE:
        return None
    if message_id is None:
        # Only a cancellation has none of its own.
        if field != CommandField.C_CANCEL_RQ:
            return None
        message_id = 0
    return Request(
        field,
        message_id,
        _text(values.get(_CLASS, b"")),
        _text(values.get(_INSTANCE, b"")),
        data_set != _NO_DATA,
    )


def encode_response(request: Request, status: Status, comment: str = "") -> bytes:
    """Return the command set of an answer.

    Args:
        comment: what went wrong, in ASCII, at most 64 letters.
    """
    elements = {
        _FIELD: struct.pack("<H", request.field | _RESPONSE),
        _ID_ANSWERED: struct.pack("<H", request.message_id),
        _DATA_SET: struct.pack("<H", _NO_DATA),
        _STATUS: struct.pack("<H", status),
    }
    # What is no UID is not repeated.
    for element, uid in ((_CLASS, request.sop_class), (_INSTANCE, request.sop_instance)):
        if is_uid(uid):
            elements[element] = _even(uid.encode(), b"\0")
    if comment:
        elements[_COMMENT] = _even(comment.encode(), b" ")
    return _encode(elements)


def _encode(elements: dict[int, bytes]) -> bytes:
    body = b"".join(_HEAD.pack(0, element, len(value)) + value for element, value in sorted(elements.items()))
    return _HEAD.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _read_elements(data: bytes) -> dict[int, bytes] | None:
    """Return the elements of group 0000, in implicit VR and little endian; None if they are not whole."""
    values: dict[int, bytes] = {}
    offset = 0
    while offset < len(data):
        if len(data) - offset < _HEAD.size:
            return None
        group, element, length = _HEAD.unpack_from(data, offset)
        offset += _HEAD.size
        if group or len(data) - offset < length:
            return None
        values[element] = data[offset : offset + length]
        offset += length
    return values


def _number(value: bytes) -> int | None:
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")


def _even(value: bytes, pad: bytes) -> bytes:
    return value + pad * (len(value) % 2)
