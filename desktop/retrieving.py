"""``negatoscope pacs get`` and ``pacs move``: fetch a study, series or image into the library."""

import sys
from typing import Any

from .app import start_app
from .console import Meter, shielded
from .counting import count_of
from .errors import ExitCode, InputError, UsageError
from .options import Options, PacsOptions
from .pacs.nodes import DimseNode, Node, Retrieve
from .pacs.secrets import Secrets
from .paths import Paths
from .services.fetching import FetchAsk, FetchProgress, FetchReport
from .services.reporting import print_json, printable

_NAMED = 10


def retrieve(options: Options, asked: PacsOptions, paths: Paths, node: Node, secrets: Secrets) -> int:
    """Fetch, and say what came of it. Ctrl-C ends it in good order; what has come stays.

    Raises:
        UsageError: the options do not name anything that can be fetched.
        InputError: another program has the library.
    """
    ask = make_ask(asked, node)
    with start_app(paths, verbose=options.verbose) as app:
        if not app.owns_library:
            raise InputError(
                "Another Negatoscope has this library open, and only that one can fetch into it. End it first."
            )
        with shielded():
            app.warm_up()
            app.watch()
        with Meter() as meter:
            job = app.fetching.start(ask, secrets, app.settings, lambda progress: meter.write(say_progress(progress)))
            try:
                job.join()
            except KeyboardInterrupt:
                job.cancel()
            report = job.wait()
    if options.json:
        print_json(report_to_json(report))
    else:
        _say(report)
    return exit_code(report)


def make_ask(asked: PacsOptions, node: Node) -> FetchAsk:
    """Return what is to be fetched.

    Raises:
        UsageError: it is not named, or cannot be fetched so.
    """
    if not asked.study:
        raise UsageError("Name a study with --study and its UID. See: negatoscope pacs find --help")
    if asked.image and not asked.series:
        raise UsageError("An image is named with its --series too.")
    if asked.action == "move" and not isinstance(node, DimseNode):
        raise UsageError(f"{node.name} speaks DICOMweb, which has no C-MOVE. Use: negatoscope pacs get")
    way = Retrieve.MOVE if asked.action == "move" else None
    return FetchAsk(node, asked.study, asked.series, asked.image, way)


def say_progress(progress: FetchProgress) -> str:
    """Return a line that says how far it is."""
    of = "" if progress.total is None else f" of {progress.total:,}"
    size = f", {progress.bytes / 1e6:,.0f} MB" if progress.bytes else ""
    left = "" if progress.seconds_left is None else f", {progress.seconds_left:,.0f} s to go"
    return f"Fetching: {progress.images:,}{of} images{size}{left}"


def report_to_json(report: FetchReport) -> dict[str, Any]:
    """Return a report as JSON values."""
    return {
        "node": report.node,
        "study": report.study_uid,
        "listed": report.listed,
        "before": report.before,
        "fetched": report.fetched,
        "missing": report.missing,
        "complete": report.is_complete,
        "refused": dict(report.refused),
        "ways": [way.value for way in report.ways],
        "notes": report.notes,
        "bytes": report.bytes,
        "seconds": round(report.seconds, 3),
        "error": None
        if report.error is None
        else {"code": getattr(report.error, "kind", report.error.code), "sentence": report.error.sentence},
    }


def say_report(report: FetchReport) -> list[str]:
    """Return the sentences that tell what came of it; the first one is the result."""
    by = f" by {' and '.join(way.value for way in report.ways)}" if report.ways else ""
    sentences = [f"{count_of(report.fetched, 'image')} fetched from {report.node}{by} in {report.seconds:.1f} s."]
    if report.before:
        sentences.append(f"{count_of(report.before, 'image')} had been here before.")
    if report.is_complete:
        sentences.append(f"All {report.listed:,} are here.")
    sentences += report.notes
    sentences += [f"{count_of(count, 'object')} cannot be taken: {reason}" for reason, count in report.refused]
    if report.missing:
        more = f" and {len(report.missing) - _NAMED:,} more" if len(report.missing) > _NAMED else ""
        sentences.append(
            f"{count_of(len(report.missing), 'image')} of {report.listed:,} did not come: "
            f"{', '.join(report.missing[:_NAMED])}{more}. Fetch the study again to get what is missing."
        )
    return sentences


def exit_code(report: FetchReport) -> int:
    """Return how the command ends: it is done when all that is listed is here."""
    if report.error is not None:
        return report.error.exit_code
    return ExitCode.FAILED if report.missing or report.refused else ExitCode.DONE


def _say(report: FetchReport) -> None:
    if report.error is not None:
        print(f"negatoscope: {printable(report.error.sentence)}", file=sys.stderr)
    for sentence in say_report(report):
        print(printable(sentence), file=sys.stderr)
