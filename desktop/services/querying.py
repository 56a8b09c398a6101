"""Searches in other archives, and says what of it is in the library already."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..errors import UsageError
from ..jobs import Job
from ..library.held import Held, find_held_series, find_held_studies
from ..library.store import Store
from ..pacs import asking
from ..pacs.answers import Answer
from ..pacs.asking import Account
from ..pacs.leash import Leash
from ..pacs.nodes import DimseNode, Node
from ..pacs.query import Level, Query
from ..pacs.secrets import Secrets
from ..pacs.worklist import Step, WorklistQuery, find_steps
from .conversing import Outcome, Take, start_asking


class Here(StrEnum):
    """Whether something that another archive has is in the library."""

    NO = "no"
    PARTLY = "partly"
    ALL = "all"
    YES = "yes"
    OTHER_PATIENT = "other_patient"


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer, and what of it is here.

    Attributes:
        here: :attr:`Here.ALL` if as many instances are here as there; :attr:`Here.YES` if the node does not tell how
            many it has; :attr:`Here.OTHER_PATIENT` if the UID is that of another patient here.
        instances_here: how many instances the library has of it.
    """

    answer: Answer
    here: Here
    instances_here: int


class Querying:
    """Searches in other archives, on behalf of window and command line."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(
        self,
        nodes: Iterable[Node],
        secrets: Secrets,
        query: Query,
        on_findings: Callable[[Sequence[Finding]], None],
        on_outcome: Callable[[Outcome[Account]], None],
    ) -> Job[None, list[Outcome[Account]]]:
        """Search at nodes.

        Args:
            on_findings: called in the job's thread with what a node answered, as it comes.
            on_outcome: called in the job's thread when a node is through.
        """
        today = datetime.now().astimezone().date()

        def ask(node: Node, secret: str, leash: Leash, take: Take[Answer]) -> Account:
            return asking.find(node, query, secret, leash, take, today)

        def on_answers(_node: Node, answers: Sequence[Answer]) -> None:
            on_findings(self._compare(answers))

        return start_asking("query", nodes, secrets, ask, on_answers, on_outcome)

    def compare_again(self, findings: Sequence[Finding]) -> list[Finding]:
        """Say anew what of findings of one level is in the library."""
        return self._compare([finding.answer for finding in findings]) if findings else []

    def _compare(self, answers: Sequence[Answer]) -> list[Finding]:
        finders = {Level.STUDY: find_held_studies, Level.SERIES: find_held_series}
        finder = finders.get(answers[0].level)
        try:
            held = {} if finder is None else finder(self._store.reader(), [answer.uid for answer in answers])
        finally:
            self._store.release()
        return [compare(answer, held.get(answer.uid, ())) for answer in answers]


def start_worklist(
    nodes: Iterable[Node],
    secrets: Secrets,
    query: WorklistQuery,
    on_steps: Callable[[Sequence[Step]], None],
    on_outcome: Callable[[Outcome[Account]], None],
) -> Job[None, list[Outcome[Account]]]:
    """Ask nodes for their worklists. No library is needed for that."""
    today = datetime.now().astimezone().date()

    def ask(node: Node, secret: str, leash: Leash, take: Take[Step]) -> Account:
        if not isinstance(node, DimseNode):
            raise UsageError(f"{node.name} speaks DICOMweb, which has no worklist.")
        return find_steps(node, query, secret, leash, take, today)

    def on_answers(_node: Node, steps: Sequence[Step]) -> None:
        on_steps(steps)

    return start_asking("worklist", nodes, secrets, ask, on_answers, on_outcome)


def start_echo(
    nodes: Iterable[Node], secrets: Secrets, on_outcome: Callable[[Outcome[None]], None]
) -> Job[None, list[Outcome[None]]]:
    """Ask nodes whether they are there and let us in. No library is needed for that."""

    def ask(node: Node, secret: str, leash: Leash, _take: Take[None]) -> None:
        asking.echo(node, secret, leash)

    def on_answers(_node: Node, _answers: Sequence[None]) -> None:
        raise AssertionError("an echo has no answers")

    return start_asking("echo", nodes, secrets, ask, on_answers, on_outcome)


def compare(answer: Answer, held: Sequence[Held]) -> Finding:
    """Say what of an answer is in the library.

    Args:
        held: what the library has under the answer's UID.
    """
    patient_id = answer.values.get("PatientID", "").strip()
    same = [item for item in held if not patient_id or item.PatientID.strip() == patient_id]
    count = sum(item.instances for item in same)
    if not same:
        return Finding(answer, Here.OTHER_PATIENT if held else Here.NO, 0)
    if answer.instances is None:
        return Finding(answer, Here.YES, count)
    return Finding(answer, Here.ALL if count >= answer.instances else Here.PARTLY, count)
