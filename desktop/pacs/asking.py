"""What any node can be asked, whatever it speaks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from .answers import Answer, Gathering, Oddity, Values
from .leash import Leash
from .nodes import DimseNode, Node, WebNode
from .query import Level, Query, Root, identifier_keys, qido_request

_PAGE = 1000

Take = Callable[[Sequence[Answer]], None]


@dataclass(frozen=True, slots=True)
class Account:
    """How a search went at one node.

    Attributes:
        taken: answers that are listed.
        was_cut: the node has more of them.
        odd: how many answers were odd, by what was odd about them.
    """

    taken: int
    was_cut: bool
    odd: Mapping[Oddity, int]


def load_protocols(nodes: Iterable[Node]) -> None:
    """Load what nodes are spoken to with. It takes long, and no node's time is to pass meanwhile."""
    for node in nodes:
        if isinstance(node, DimseNode):
            from . import dimse  # noqa: F401
        else:
            from . import dicomweb  # noqa: F401


def echo(node: Node, secret: str, leash: Leash) -> None:
    """Ask a node whether it is there and lets us in: by C-ECHO, or by a search for one study.

    Raises:
        PeerError: it is not, or does not.
    """
    if isinstance(node, DimseNode):
        from . import dimse

        dimse.echo(node, secret, leash)
        return
    from .dicomweb import Client

    with Client(node, secret, leash) as client:
        client.search("studies", [("limit", "1")])


def find(node: Node, query: Query, secret: str, leash: Leash, take: Take, today: date) -> Account:
    """Search at one node.

    Args:
        take: called with answers, some at a time, as they come.

    Raises:
        PeerError: it did not answer to the end; what was taken before stands.
        QueryError: the query makes no sense to it.
    """
    if isinstance(node, DimseNode):
        return _find_by_dimse(node, query, secret, leash, take, today)
    return _find_by_web(node, query, secret, leash, take, today)


def _find_by_dimse(node: DimseNode, query: Query, secret: str, leash: Leash, take: Take, today: date) -> Account:
    from .dimse import Find

    roots = (Root.PATIENT,) if query.level is Level.PATIENT else (Root.STUDY, Root.PATIENT)
    service = f"a search for {'patients' if query.level is Level.PATIENT else 'studies'} (C-FIND)"
    gathering = Gathering(node.name, query)
    with Find(
        node, secret, leash, service, roots, lambda model: identifier_keys(query, Root(model), today)
    ) as searching:
        for match in searching:
            if not match.keys_supported:
                gathering.note(Oddity.KEYS_NOT_SUPPORTED)
            _pass_on(gathering, [match.values], take)
            if gathering.was_cut or leash.is_cancelled:
                searching.cancel()
    leash.check_cancelled()
    return Account(gathering.taken, gathering.was_cut or searching.was_cut, gathering.odd)


def _find_by_web(node: WebNode, query: Query, secret: str, leash: Leash, take: Take, today: date) -> Account:
    from .dicomweb import Client, pages

    path, parameters = qido_request(query, today)
    gathering, has_more = Gathering(node.name, query), False
    with Client(node, secret, leash) as client:
        for page in pages(client, path, parameters, min(_PAGE, query.limit + 1)):
            leash.check_cancelled()
            _pass_on(gathering, page.results, take)
            # Of the last page: there is more that the node does not give.
            has_more = page.has_more
            if gathering.was_cut:
                break
    return Account(gathering.taken, gathering.was_cut or has_more, gathering.odd)


def _pass_on(gathering: Gathering, results: Sequence[Values | None], take: Take) -> None:
    answers = [answer for values in results if (answer := gathering.take(values)) is not None]
    if answers:
        take(answers)
