"""Asks a node which instances a study has there: what is to be fetched, and what all of it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ..errors import PeerError
from .answers import Answer, Oddity
from .asking import find
from .failures import Failure
from .leash import Leash
from .nodes import Node, WebNode
from .query import Level, Query

_LIMIT = 1_000_000
_NO_SUCH_SEARCH = (Failure.NOT_FOUND, Failure.HTTP, Failure.SERVER, Failure.REFUSED, Failure.NOT_JSON)
_LEFT_OUT = frozenset({Oddity.EMPTY, Oddity.UNDECODABLE, Oddity.NO_UID})
"""What is not listed, or cannot be named, may be an image."""

_TODAY = date(2000, 1, 1)
"""No day is asked for."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a node has of a study.

    Attributes:
        series: of each instance, by its SOP Instance UID.
        classes: the SOP classes, as far as they are told.
        count: how many instances there are; None if the node does not tell.
        is_whole: the instances are listed, all of them as far as the node tells, not only counted.
        PatientID: whose study it is there; empty if it is not told.
    """

    series: Mapping[str, str]
    classes: tuple[str, ...]
    count: int | None
    is_whole: bool
    PatientID: str = ""


def list_instances(node: Node, secret: str, leash: Leash, study_uid: str, series_uid: str = "") -> Listing:
    """List the instances of a study, or of one of its series.

    Raises:
        PeerError: the node did not answer.
    """
    studies, _ = _search(node, secret, leash, Query(study_uid=study_uid))
    patients = {one.values.get("PatientID", "").strip() for one in studies}
    query = Query(Level.SERIES, study_uid=study_uid, series_uid=series_uid, limit=_LIMIT)
    series, is_whole = _search(node, secret, leash, query)
    of: dict[str, str] = {}
    classes: dict[str, None] = {}
    for one in series:
        leash.check_cancelled()
        images, is_all = _try_to_list(node, secret, leash, study_uid, one)
        for uid, sop_class in images.items():
            of[uid] = one.uid
            if sop_class:
                classes[sop_class] = None
        is_whole &= is_all
    counts = [one.instances for one in series]
    known = None if None in counts else sum(count for count in counts if count is not None)
    patient = patients.pop() if len(patients) == 1 else ""
    return Listing(of, tuple(classes), len(of) if is_whole else known, is_whole, patient)


def _try_to_list(
    node: Node, secret: str, leash: Leash, study_uid: str, series: Answer
) -> tuple[Mapping[str, str], bool]:
    """Return the SOP class of each instance of a series, by its UID, and whether these are all."""
    if not series.uid:
        return {}, False
    try:
        images, is_all = _list_images(node, secret, leash, study_uid, series.uid)
    except PeerError as error:
        if error.kind not in _NO_SUCH_SEARCH:
            raise
        return {}, False
    return images, is_all and series.instances in (None, len(images))


def _list_images(
    node: Node, secret: str, leash: Leash, study_uid: str, series_uid: str
) -> tuple[Mapping[str, str], bool]:
    query = Query(Level.IMAGE, study_uid=study_uid, series_uid=series_uid, limit=_LIMIT)
    try:
        answers, is_all = _search(node, secret, leash, query)
    except PeerError as error:
        if not isinstance(node, WebNode) or error.kind not in _NO_SUCH_SEARCH:
            raise
        return _read_metadata(node, secret, leash, study_uid, series_uid)
    return {answer.uid: answer.values.get("SOPClassUID", "") for answer in answers if answer.uid}, is_all


def _read_metadata(
    node: WebNode, secret: str, leash: Leash, study_uid: str, series_uid: str
) -> tuple[Mapping[str, str], bool]:
    """Return the same of an archive that has no search for instances."""
    from .dicomweb import Client

    with Client(node, secret, leash) as client:
        page = client.search(f"studies/{study_uid}/series/{series_uid}/metadata", ())
    texts = [{} if values is None else values.texts for values in page.results]
    named = {text["SOPInstanceUID"]: text.get("SOPClassUID", "") for text in texts if text.get("SOPInstanceUID")}
    return named, all(text.get("SOPInstanceUID") for text in texts)


def _search(node: Node, secret: str, leash: Leash, query: Query) -> tuple[list[Answer], bool]:
    """Return what is found, and whether that is all: the list was not cut, and each answer could be read."""
    answers: list[Answer] = []
    account = find(node, query, secret, leash, answers.extend, _TODAY)
    return answers, not account.was_cut and not account.odd.keys() & _LEFT_OUT
