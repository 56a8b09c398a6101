"""Fetches what one node has of a study: by C-GET, C-MOVE (PS3.4 §C.4.2, §C.4.3) or WADO-RS (PS3.18 §10.4)."""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

from .. import partreader
from ..errors import InputError
from ..partreader import Malformed, PartBegun, PartEnded, PartReader, TooMuch
from .calling import Calling
from .commands import Response
from .failures import explain_body, explain_cut_off_web, explain_http, explain_status
from .intake import Intake, NoRoom, Sender
from .leash import Leash
from .negotiation import Context, Proposal
from .nodes import DimseNode, WebNode
from .proposing import NATIVE, propose

_GET, _MOVE = "1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.2.2"
_SUCCESS, _SOME_FAILED = 0x0000, 0xB000
_UIDS_AT_ONCE = 500
"""Instances that one request names."""
_PARTS = 1_000_000
_LOOK_BYTES = 64 << 20
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class Wanted:
    """Part of a study that is to be fetched.

    Attributes:
        series_uid: empty for all series.
        instance_uids: some instances of the series; empty for all.
    """

    study_uid: str
    series_uid: str = ""
    instance_uids: tuple[str, ...] = ()

    def split(self) -> "Iterator[Wanted]":
        """Yield what one request may name."""
        if not self.instance_uids:
            yield self
        for start in range(0, len(self.instance_uids), _UIDS_AT_ONCE):
            yield Wanted(self.study_uid, self.series_uid, self.instance_uids[start : start + _UIDS_AT_ONCE])


@dataclass(slots=True)
class Tally:
    """How far it is.

    Attributes:
        objects: how many were sent; of a C-MOVE, how many the node says it has sent.
        bytes: of data sets; 0 for a C-MOVE.
        failed: how many the node says it could not send.
    """

    objects: int = 0
    bytes: int = 0
    failed: int = 0
    notes: list[str] = field(default_factory=list)


Tell = Callable[[Tally], None]


def get(
    node: DimseNode,
    secret: str,
    leash: Leash,
    wanted: Iterable[Wanted],
    classes: Sequence[str],
    intake: Intake,
    tell: Tell,
) -> Tally:
    """Fetch by C-GET, in one association.

    Args:
        classes: SOP classes of what is fetched; empty if that is not known.
        intake: where it goes.
        tell: called as it comes.

    Raises:
        PeerError: it did not go on to the end; what came before is here.
    """
    proposals, left_out = propose(_GET, classes)
    tally = Tally()
    if left_out:
        tally.notes.append(
            f"{len(left_out)} kinds of objects are too many for one association, and were not asked for."
        )
    served = [proposal.abstract for proposal in proposals[1:]]
    with Calling(node, secret, leash, "to send what it is asked for (C-GET)", proposals, served, intake) as calling:
        context = calling.choose([_GET])
        for request in _requests(wanted):
            before = Tally(tally.objects, tally.bytes, tally.failed)
            for heard in calling.retrieve(context, _encode(request, context)):
                if isinstance(heard, Response):
                    tally.failed = before.failed + (heard.failed or 0)
                    _check_status(node, heard, leash)
                else:
                    tally.objects += 1
                    tally.bytes = before.bytes + heard
                tell(tally)
    leash.check_cancelled()
    return tally


def move(node: DimseNode, secret: str, leash: Leash, wanted: Iterable[Wanted], intake: Intake, tell: Tell) -> Tally:
    """Have a node send by C-MOVE to the AE title by which it knows us. Somebody must listen there.

    Raises:
        PeerError: it did not go on to the end; what came before is here.
    """
    tally = Tally()
    service = "to send elsewhere what it is asked for (C-MOVE)"
    with Calling(node, secret, leash, service, [Proposal(1, _MOVE, NATIVE)], (), intake) as calling:
        context = calling.choose([_MOVE])
        for request in _requests(wanted):
            before = Tally(tally.objects, 0, tally.failed)
            for heard in calling.retrieve(context, _encode(request, context), node.our_aet):
                if isinstance(heard, Response):
                    tally.objects = before.objects + (heard.completed or 0) + (heard.warned or 0)
                    tally.failed = before.failed + (heard.failed or 0)
                    _check_status(node, heard, leash)
                    tell(tally)
    leash.check_cancelled()
    return tally


def _requests(wanted: Iterable[Wanted]) -> Iterator[Wanted]:
    for one in wanted:
        yield from one.split()


def _encode(wanted: Wanted, context: Context) -> bytes:
    # pydicom takes long to load.
    from .identifiers import encode_identifier

    return encode_identifier(_keys(wanted), "", context.syntax)


def _keys(wanted: Wanted) -> Mapping[str, str]:
    """Return the identifier: of the Study Root model, so that nobody need know the patient (PS3.4 §C.6.2)."""
    level = "IMAGE" if wanted.instance_uids else "SERIES" if wanted.series_uid else "STUDY"
    keys = {"QueryRetrieveLevel": level, "StudyInstanceUID": wanted.study_uid}
    if wanted.series_uid:
        keys["SeriesInstanceUID"] = wanted.series_uid
    if wanted.instance_uids:
        keys["SOPInstanceUID"] = "\\".join(wanted.instance_uids)
    return keys


def _check_status(node: DimseNode, response: Response, leash: Leash) -> None:
    if response.is_pending or response.status in (_SUCCESS, _SOME_FAILED) or leash.is_cancelled:
        # What failed is found out by what is not here.
        return
    raise explain_status(node, response.status, response.comment)


def wado(node: WebNode, secret: str, leash: Leash, wanted: Iterable[Wanted], intake: Intake, tell: Tell) -> Tally:
    """Fetch by WADO-RS, each file as it is stored there.

    Raises:
        PeerError: it did not go on to the end; what came before is here.
    """
    from .dicomweb import Client

    tally = Tally()
    sender = Sender(node.name, urlsplit(node.url).hostname or "")
    with Client(node, secret, leash) as client:
        for path in _paths(wanted):
            leash.check_cancelled()
            with client.open(path, _ACCEPT) as response:
                if response.status_code != 200:
                    raise explain_http(node, response.status_code, response.headers.get("Location", ""))
                content_type = response.headers.get("Content-Type", "")
                try:
                    kind = partreader.read_media_type(content_type)
                    if kind.name != "multipart/related":
                        raise explain_body(node, content_type, wanted="multipart/related")
                    reader = PartReader(kind.parameters.get("boundary", ""), _PARTS)
                    _take_parts(
                        node, reader, client.pieces(response), intake, sender, leash, lambda: tell(tally), tally
                    )
                except (Malformed, TooMuch) as error:
                    raise explain_body(node, content_type, wanted="multipart/related") from error
                except OSError as error:
                    if error.errno in (errno.ENOSPC, errno.EDQUOT):
                        raise NoRoom from error
                    raise InputError(
                        f"What comes cannot be written: {error.strerror}. Mend that, and go on."
                    ) from error
    return tally


def _paths(wanted: Iterable[Wanted]) -> Iterator[str]:
    for one in wanted:
        path = f"studies/{one.study_uid}"
        if one.series_uid:
            path += f"/series/{one.series_uid}"
        if one.instance_uids:
            yield from (f"{path}/instances/{uid}" for uid in one.instance_uids)
        else:
            yield path


def _take_parts(
    node: WebNode,
    reader: PartReader,
    pieces: Iterable[bytes],
    intake: Intake,
    sender: Sender,
    leash: Leash,
    tell: Callable[[], None],
    tally: Tally,
) -> None:
    """Write each part into a file of its own; the last one, if it is not whole, is none."""
    unseen = 0
    with ExitStack() as part:
        file: BinaryIO | None = None
        for piece in pieces:
            leash.give(node.timeouts.answer)
            leash.check_cancelled()
            for event in reader.feed(piece):
                if isinstance(event, PartBegun):
                    if intake.room() <= 0:
                        raise NoRoom
                    file = part.enter_context(intake.put(sender))
                elif isinstance(event, PartEnded):
                    part.close()
                    file = None
                    tally.objects += 1
                    tell()
                elif file is not None:
                    file.write(event)
                    tally.bytes += len(event)
                    unseen += len(event)
                    if unseen >= _LOOK_BYTES:
                        unseen = 0
                        if intake.room() <= 0:
                            raise NoRoom
                        tell()
        if not reader.is_over:
            # Whatever came of a part that is not whole is none.
            raise explain_cut_off_web(node)
