"""Asks a node which instances a study has there: what is to be fetched, and what all of it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ..errors import PeerError
from .answers import Answer
from .asking import find
from .failures import Failure
from .leash import Leash
from .nodes import Node, WebNode
from .query import Level, Query

_LIMIT = 1_000_000
_NO_SUCH_SEARCH = (Failure.NOT_FOUND, Failure.HTTP, Failure.SERVER, Failure.REFUSED, Failure.NOT_JSON)
_TODAY = date(2000, 1, 1)
"""No day is asked for."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a node has of a study.

    Attributes:
        series: of each instance, by its SOP Instance UID.
        classes: the SOP classes, as far as they are told.
        count: how many instances there are; None if the node does not tell.
        is_whole: the instances are listed, not only counted.
    """

    series: Mapping[str, str]
    classes: tuple[str, ...]
    count: int | None
    is_whole: bool


def list_instances(node: Node, secret: str, leash: Leash, study_uid: str, series_uid: str = "") -> Listing:
    """List the instances of a study, or of one of its series.

    Raises:
        PeerError: the node did not answer.
    """
    series = _search(node, secret, leash, Query(Level.SERIES, study_uid=study_uid, series_uid=series_uid, limit=_LIMIT))
    of: dict[str, str] = {}
    classes: dict[str, None] = {}
    is_whole = True
    for one in series:
        leash.check_cancelled()
        try:
            images = _list_images(node, secret, leash, study_uid, one.uid)
        except PeerError as error:
            if error.kind not in _NO_SUCH_SEARCH:
                raise
            is_whole = False
            continue
        for uid, sop_class in images.items():
            of[uid] = one.uid
            if sop_class:
                classes[sop_class] = None
        is_whole &= one.instances in (None, len(images))
    counts = [one.instances for one in series]
    known = None if None in counts else sum(count for count in counts if count is not None)
    return Listing(of, tuple(classes), len(of) if is_whole else known, is_whole)


def _list_images(node: Node, secret: str, leash: Leash, study_uid: str, series_uid: str) -> Mapping[str, str]:
    """Return the SOP class of each instance of a series, by its UID."""
    query = Query(Level.IMAGE, study_uid=study_uid, series_uid=series_uid, limit=_LIMIT)
    try:
        answers = _search(node, secret, leash, query)
    except PeerError as error:
        if not isinstance(node, WebNode) or error.kind not in _NO_SUCH_SEARCH:
            raise
        return _read_metadata(node, secret, leash, study_uid, series_uid)
    return {answer.uid: answer.values.get("SOPClassUID", "") for answer in answers if answer.uid}


def _read_metadata(node: WebNode, secret: str, leash: Leash, study_uid: str, series_uid: str) -> Mapping[str, str]:
    """Return the same of an archive that has no search for instances."""
    from .dicomweb import Client

    with Client(node, secret, leash) as client:
        page = client.search(f"studies/{study_uid}/series/{series_uid}/metadata", ())
    texts = [values.texts for values in page.results if values is not None]
    return {text["SOPInstanceUID"]: text.get("SOPClassUID", "") for text in texts if text.get("SOPInstanceUID")}


def _search(node: Node, secret: str, leash: Leash, query: Query) -> list[Answer]:
    answers: list[Answer] = []
    find(node, query, secret, leash, answers.extend, _TODAY)
    return answers
