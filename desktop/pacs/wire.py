"""The upper layer: Protocol Data Units over a socket, read and written by either side (PS3.8 §9.3).

Data are handed on as they come, in place: none is held, however long a PDU or an object is.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

MAX_PDU = 1 << 18
"""Bytes that a P-DATA-TF may be long after its first six: what we say that we take."""

_MAX_ASSOCIATE = 1 << 18
"""Bytes of an A-ASSOCIATE-RQ or -AC: 128 presentation contexts with all transfer syntaxes are a third of it."""

_BUFFER = MAX_PDU + 64
_HEAD = struct.Struct(">BxI")
_PDV_HEAD = struct.Struct(">IBB")

_IS_COMMAND, _IS_LAST = 1, 2


class Pdu(IntEnum):
    """Types of PDUs."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class AbortReason(IntEnum):
    """Why we abort (PS3.8 §9.3.8)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class HungUp(Exception):  # noqa: N818 - an end, not a fault of ours
    """The peer is gone: it closed the connection, aborted, or was silent for too long.

    Args:
        abort: source and reason of its A-ABORT; None if it did not say so.
        was_silent: it said nothing for too long.
    """

    def __init__(self, abort: tuple[int, int] | None = None, *, was_silent: bool = False) -> None:
        super().__init__()
        self.abort = abort
        self.was_silent = was_silent


class Broken(Exception):  # noqa: N818
    """The peer does not keep to the protocol; the association is aborted.

    Args:
        reason: what it is told.
    """

    def __init__(self, reason: AbortReason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fragment:
    """The head of a Presentation Data Value (PS3.8 §9.3.5.1, §E.2). Its bytes are read next.

    Attributes:
        length: of what follows, in bytes.
        is_command: it belongs to a command, else to a data set.
        is_last: of its command or data set.
    """

    context_id: int
    length: int
    is_command: bool
    is_last: bool


class Wire:
    """A connection, PDU by PDU.

    Whoever is silent for longer than the socket's timeout, or is not done at ``deadline``, has hung up.

    Attributes:
        deadline: by ``time.monotonic()``; None for none.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.deadline: float | None = None
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0
        self._left = 0  # bytes of the P-DATA-TF in hand that are still to be read

    def read_associate(self) -> bytes:
        """Return an A-ASSOCIATE-RQ without its first six bytes."""
        kind, length = _HEAD.unpack(self.read(_HEAD.size))
        if kind != Pdu.ASSOCIATE_RQ:
            raise Broken(AbortReason.UNEXPECTED_PDU)
        if length > _MAX_ASSOCIATE:
            raise Broken(AbortReason.INVALID_PARAMETER)
        return self.read(length)

    def read_answer(self) -> tuple[Pdu, bytes]:
        """Return the A-ASSOCIATE-AC or -RJ that answers ours, without its first six bytes."""
        kind, length = _HEAD.unpack(self.read(_HEAD.size))
        if kind == Pdu.ABORT:
            raise self._read_abort(length)
        if kind not in (Pdu.ASSOCIATE_AC, Pdu.ASSOCIATE_RJ) or length > _MAX_ASSOCIATE:
            raise Broken(AbortReason.UNEXPECTED_PDU)
        return Pdu(kind), self.read(length)

    def _read_abort(self, length: int) -> HungUp:
        said = self.read(4) if length == 4 else bytes(4)
        return HungUp((said[2], said[3]))

    def next_fragment(self) -> Fragment | None:
        """Return the head of the next Presentation Data Value; None if the peer asks for release instead.

        The bytes of the last one are all read.
        """
        while not self._left:
            if not self._next_data():
                return None
        if self._left < _PDV_HEAD.size:
            raise Broken(AbortReason.INVALID_PARAMETER)
        length, context_id, control = _PDV_HEAD.unpack(self.read(_PDV_HEAD.size))
        # The length counts the two bytes behind it.
        self._left -= length + 4
        if length < 2 or self._left < 0:
            raise Broken(AbortReason.INVALID_PARAMETER)
        return Fragment(context_id, length - 2, bool(control & _IS_COMMAND), bool(control & _IS_LAST))

    def _next_data(self) -> bool:
        """Begin the next P-DATA-TF; return whether there is one."""
        kind, length = _HEAD.unpack(self.read(_HEAD.size))
        if kind == Pdu.P_DATA:
            if length > MAX_PDU:
                raise Broken(AbortReason.INVALID_PARAMETER)
            self._left = length
            return True
        if kind == Pdu.RELEASE_RQ:
            return False
        if kind == Pdu.ABORT:
            raise self._read_abort(length)
        raise Broken(AbortReason.UNEXPECTED_PDU if kind in list(Pdu) else AbortReason.UNRECOGNIZED_PDU)

    def read(self, count: int) -> bytes:
        """Return exactly so many bytes, at most as many as the longest PDU has."""
        while self._end - self._start < count:
            self._fill()
        data = bytes(self._buffer[self._start : self._start + count])
        self._start += count
        return data

    def some(self, most: int) -> memoryview:
        """Return what there is, from 1 to ``most`` bytes. It is good until the next call."""
        if self._start == self._end:
            self._fill()
        end = min(self._end, self._start + most)
        data = self._buffer[self._start : end]
        self._start = end
        return data

    def _fill(self) -> None:
        """Receive at least one byte more."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start:
            rest = bytes(self._buffer[self._start : self._end])
            self._start, self._end = 0, len(rest)
            self._buffer[: self._end] = rest
        try:
            if self.deadline is not None:
                self._socket.settimeout(max(self.deadline - time.monotonic(), 0.001))
            count = self._socket.recv_into(self._buffer[self._end :])
        except OSError as error:
            raise HungUp(was_silent=isinstance(error, TimeoutError)) from error
        if not count:
            raise HungUp
        self._end += count

    def send(self, pdu: bytes) -> None:
        """Send one PDU."""
        try:
            self._socket.sendall(pdu)
        except OSError as error:
            raise HungUp from error

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send a command, which fits into one P-DATA-TF."""
        length = len(command) + 2
        head = _HEAD.pack(Pdu.P_DATA, length + 4) + _PDV_HEAD.pack(length, context_id, _IS_COMMAND | _IS_LAST)
        self.send(head + command)

    def send_data(self, context_id: int, pieces: Iterable[bytes], most: int) -> int:
        """Send a data set, as it is made; return how many bytes it had.

        What ``pieces`` raises leaves the data set without its end: then the association must be aborted.

        Args:
            most: bytes that a P-DATA-TF of ours may be long after its first six; 0 for any.
        """
        step = min(most or MAX_PDU, MAX_PDU) - _PDV_HEAD.size
        rest, sent = b"", 0
        for piece in pieces:
            # The last one says that it is; so there is always something left to be sent.
            if rest:
                self._send_value(context_id, rest, 0)
                rest = b""
            view = memoryview(piece)
            while len(view) > step:
                self._send_value(context_id, view[:step], 0)
                view = view[step:]
            rest = bytes(view)
            sent += len(piece)
        self._send_value(context_id, rest, _IS_LAST)
        return sent

    def _send_value(self, context_id: int, value: bytes | memoryview, control: int) -> None:
        length = len(value) + 2
        head = _HEAD.pack(Pdu.P_DATA, length + 4) + _PDV_HEAD.pack(length, context_id, control)
        self.send(b"".join((head, value)))

    def send_release(self) -> None:
        """Answer a release."""
        self.send(_HEAD.pack(Pdu.RELEASE_RP, 4) + bytes(4))

    def release(self, seconds: float) -> None:
        """Ask for release, and wait so long for the answer; whatever else comes meanwhile is thrown away."""
        with contextlib.suppress(HungUp):
            self.send(_HEAD.pack(Pdu.RELEASE_RQ, 4) + bytes(4))
            self.deadline = time.monotonic() + seconds
            while _HEAD.unpack(self.read(_HEAD.size))[0] != Pdu.RELEASE_RP:
                self.some(_BUFFER)

    def send_abort(self, reason: AbortReason) -> None:
        """Abort, as the provider of the service."""
        self.send(_HEAD.pack(Pdu.ABORT, 4) + bytes((0, 0, 2, reason)))

    def finish(self, seconds: float) -> None:
        """Let the peer read our last word before the connection is closed: what is unread would take it away."""
        with contextlib.suppress(HungUp, OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self.deadline = time.monotonic() + seconds
            while time.monotonic() < self.deadline:
                self.some(_BUFFER)
