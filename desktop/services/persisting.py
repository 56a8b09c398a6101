"""Asks one node until it has done what it was asked: again where it may do better the next time, with growing waits."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..jobs import Job
from ..pacs.failures import Failure
from ..pacs.leash import Leash
from ..pacs.nodes import Node
from ..pacs.secrets import Secrets
from .conversing import Take, start_asking

ATTEMPTS = 5
"""How often a node is asked that ends the connection or does not answer."""

PASSING = frozenset(
    {Failure.CUT_OFF, Failure.SILENT, Failure.ABORTED, Failure.UNREACHABLE, Failure.SERVER, Failure.BROKEN_OFF}
)
"""What may be otherwise in a moment, or with what is left."""

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 30.0
_POLL_SECONDS = 0.05

Item = TypeVar("Item")
Result = TypeVar("Result")


def wait_before(job: Job[Any, Any], attempt: int) -> None:
    """Wait before a node is asked again.

    Args:
        attempt: how often it was asked.
    """
    end = time.monotonic() + min(_FIRST_SECONDS * 2 ** (attempt - 1), _LONGEST_SECONDS)
    while time.monotonic() < end and not job.cancelled:
        time.sleep(_POLL_SECONDS)


def converse(
    job: Job[Any, Any],
    node: Node,
    secrets: Secrets,
    ask: Callable[[Node, str, Leash, Take[Item]], Result],
    on_items: Callable[[Sequence[Item]], None],
) -> Result:
    """Ask a node, in a thread that can be left, and return what ``ask`` returns.

    Args:
        job: whose cancellation ends it.
        on_items: called with what ``ask`` gives away meanwhile, in the thread that calls this.

    Raises:
        PeerError, or what else ``ask`` raises.
    """
    results: list[Result] = []

    def run(asked: Node, secret: str, leash: Leash, take: Take[Item]) -> None:
        results.append(ask(asked, secret, leash, take))

    talk = start_asking(job.name, [node], secrets, run, lambda _, items: on_items(items), lambda _: None)
    while not talk.join(_POLL_SECONDS):
        if job.cancelled:
            talk.cancel()
    (outcome,) = talk.wait()
    if outcome.error is not None:
        raise outcome.error
    (result,) = results
    return result
