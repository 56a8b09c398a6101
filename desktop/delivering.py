"""``negatoscope pacs send``: send studies, or what was made here, to another archive."""

import sys
from typing import Any

from .app import start_app
from .console import Meter
from .counting import count_of
from .errors import ExitCode, UsageError
from .options import Options, PacsOptions
from .pacs.nodes import Node
from .pacs.secrets import Secrets
from .paths import Paths
from .services.reporting import print_json, printable
from .services.sending import SendAsk, SendProgress, SendReport

_NAMED = 10


def send(options: Options, asked: PacsOptions, paths: Paths, node: Node, secrets: Secrets) -> int:
    """Send, and say what became of each object. Ctrl-C ends it in good order.

    Raises:
        UsageError: the options do not name anything.
        InputError: there is nothing of that, or another program has the library.
    """
    ask = make_ask(asked, node)
    with start_app(paths, verbose=options.verbose) as app:
        # What was sent is noted.
        app.store.check_writable()
        with Meter() as meter:
            job = app.sending.start(ask, secrets, lambda progress: meter.write(say_progress(progress)))
            try:
                job.join()
            except KeyboardInterrupt:
                job.cancel()
            report = job.wait()
    if options.json:
        print_json(report_to_json(report))
    else:
        for sentence in say_report(report):
            print(printable(sentence), file=sys.stderr)
    if report.error is not None:
        return report.error.exit_code
    return ExitCode.DONE if report.is_complete else ExitCode.FAILED


def make_ask(asked: PacsOptions, node: Node) -> SendAsk:
    """Return what is to be sent.

    Raises:
        UsageError: nothing is named.
    """
    if not asked.study and not asked.unsent:
        raise UsageError("Name a study with --study and its UID, or say --unsent. See: negatoscope studies")
    if (asked.series or asked.image) and not asked.study:
        raise UsageError("A series or image is named with its --study too.")
    return SendAsk(node, (asked.study,) if asked.study else (), asked.series, asked.image, asked.unsent)


def say_progress(progress: SendProgress) -> str:
    """Return a line that says how far it is."""
    return f"Sending: {progress.objects:,} of {progress.total:,} objects, {progress.bytes / 1e6:,.0f} MB"


def say_report(report: SendReport) -> list[str]:
    """Return the sentences that tell what came of it."""
    of = f"of {len(report.outcomes):,} sent to {report.node} in {report.seconds:.1f} s."
    sentences = [f"{count_of(report.sent, 'object')} {of}"]
    if report.error is not None:
        sentences.append(report.error.sentence)
    told: dict[str, list[str]] = {}
    for (_, _, instance), delivered in report.outcomes:
        if delivered.sentence:
            told.setdefault(delivered.sentence, []).append(instance)
    for sentence, instances in told.items():
        more = f" and {len(instances) - _NAMED:,} more" if len(instances) > _NAMED else ""
        sentences.append(f"{', '.join(instances[:_NAMED])}{more}: {sentence}")
    if not report.is_complete:
        sentences.append("What is not there can be sent again.")
    return sentences


def report_to_json(report: SendReport) -> dict[str, Any]:
    """Return a report as JSON values."""
    return {
        "node": report.node,
        "sent": report.sent,
        "complete": report.is_complete,
        "objects": [
            {
                "study": place[0],
                "series": place[1],
                "instance": place[2],
                "sent": delivered.is_there,
                "status": delivered.status,
                "sentence": delivered.sentence,
            }
            for place, delivered in report.outcomes
        ],
        "seconds": round(report.seconds, 3),
        "error": None
        if report.error is None
        else {"code": getattr(report.error, "kind", report.error.code), "sentence": report.error.sentence},
    }
