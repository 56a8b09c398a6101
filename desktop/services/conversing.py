"""Asks several nodes at once: each in a thread of its own, so that none keeps the others waiting, and none for ever."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from .. import logs
from ..errors import NegatoscopeError
from ..jobs import Job
from ..pacs.asking import load_protocols
from ..pacs.failures import explain_cancel
from ..pacs.leash import Leash
from ..pacs.nodes import Node
from ..pacs.secrets import Secrets

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
_GRACE_SECONDS = 3.0
"""How long a conversation whose connection was cut may take to end, before it is left to itself."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Take = Callable[[Sequence[Item]], None]
Ask = Callable[[Node, str, Leash, Take[Item]], Result]
"""Asks one node, given its secret, and where to put what it answers."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """How it went with one node.

    Attributes:
        result: None if it failed.
        error: why it failed; what it answered before stands.
    """

    node: str
    seconds: float
    result: Result | None = None
    error: NegatoscopeError | None = None


class _Conversation(Generic[Item, Result]):
    """One node that is being asked. Whatever it puts into ``said`` comes out in another thread."""

    def __init__(self, node: Node, secret: str, ask: Ask[Item, Result]) -> None:
        self.node = node
        self.leash = Leash(node)
        self.said: queue.SimpleQueue[Sequence[Item] | Outcome[Result]] = queue.SimpleQueue()
        self.ended: float | None = None
        self._started = time.monotonic()
        thread = threading.Thread(target=self._run, args=(ask, secret), name=f"pacs {node.name}", daemon=True)
        thread.start()

    def end_with(self, error: NegatoscopeError | None, result: Result | None = None) -> Outcome[Result]:
        return Outcome(self.node.name, time.monotonic() - self._started, result, error)

    def _run(self, ask: Ask[Item, Result], secret: str) -> None:
        try:
            result = ask(self.node, secret, self.leash, self.said.put)
            self.said.put(self.end_with(None, result))
        except NegatoscopeError as error:
            self.said.put(self.end_with(error))
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            log.error("asking a node failed\n%s", logs.say_where(error))  # noqa: TRY400
            told = NegatoscopeError(f"{self.node.name} could not be asked. The log says where this program failed.")
            self.said.put(self.end_with(self.leash.error or told))


def start_asking(
    name: str,
    nodes: Iterable[Node],
    secrets: Secrets,
    ask: Ask[Item, Result],
    on_answers: Callable[[Node, Sequence[Item]], None],
    on_outcome: Callable[[Outcome[Result]], None],
) -> Job[None, list[Outcome[Result]]]:
    """Ask nodes, and return the job, whose result has an outcome for each node, in their order.

    Args:
        on_answers: called in the job's thread with what a node answered, as it comes.
        on_outcome: called in the job's thread when a node is through.
    """
    return Job(name, partial(_run, tuple(nodes), secrets, ask, on_answers, on_outcome)).start()


def _run(
    nodes: Sequence[Node],
    secrets: Secrets,
    ask: Ask[Item, Result],
    on_answers: Callable[[Node, Sequence[Item]], None],
    on_outcome: Callable[[Outcome[Result]], None],
    job: Job[None, list[Outcome[Result]]],
) -> list[Outcome[Result]]:
    load_protocols(nodes)
    # Somebody may have to be asked, one after the other, and no node waits for that.
    known = [(node, secrets.find(node)) for node in nodes]
    talks = [_Conversation(node, secret, ask) for node, secret in known]
    outcomes: dict[int, Outcome[Result]] = {}
    while len(outcomes) < len(talks):
        if job.cancelled:
            for talk in talks:
                if not talk.leash.is_cancelled:
                    talk.leash.cancel()
        heard = False
        for number, talk in enumerate(talks):
            if number in outcomes:
                continue
            outcome, said = _listen(talk, on_answers)
            heard |= said
            if outcome is not None:
                outcomes[number] = outcome
                on_outcome(outcome)
        if not heard:
            time.sleep(_POLL_SECONDS)
    return [outcomes[number] for number in range(len(talks))]


def _listen(
    talk: _Conversation[Item, Result], on_answers: Callable[[Node, Sequence[Item]], None]
) -> tuple[Outcome[Result] | None, bool]:
    """Pass on what a node has answered; return the outcome, if it is through, and whether it said anything."""
    answers: list[Item] = []
    outcome: Outcome[Result] | None = None
    while outcome is None:
        try:
            said = talk.said.get_nowait()
        except queue.Empty:
            break
        if isinstance(said, Outcome):
            outcome = said
        else:
            answers += said
    if answers:
        on_answers(talk.node, answers)
    if outcome is None and not answers:
        outcome = _mind(talk)
    return outcome, bool(answers) or outcome is not None


def _mind(talk: _Conversation[Item, Result]) -> Outcome[Result] | None:
    """Cut a conversation that takes too long, and leave it to itself if that does not end it."""
    if talk.ended is None:
        if talk.leash.is_overdue:
            talk.ended = time.monotonic()
            talk.leash.end()
        return None
    if time.monotonic() - talk.ended < _GRACE_SECONDS:
        return None
    return talk.end_with(talk.leash.error or explain_cancel(talk.node))
