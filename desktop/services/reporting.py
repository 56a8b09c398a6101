"""Says on the console what happened, in words and in JSON."""

import json
import sys
from typing import Any

from ..importers.report import ImportReport


def print_json(value: Any) -> None:
    """Print one JSON value on standard output, in ASCII, so that any console and pipe can take it."""
    print(json.dumps(value), flush=True)


def print_report(report: ImportReport) -> None:
    """Print an import's account: one line, then one for each file of which there is something to say."""
    print(report.sentence(), file=sys.stderr)
    for item in report.reasons:
        print(f"  {item.outcome.value}: {printable(item.path)}: {printable(item.reason)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return ``text`` so that any console can print it."""
    return text.encode("utf-8", "backslashreplace").decode()


def nothing_viewable(report: ImportReport) -> str:
    """Return the sentence that says what was found where nothing can be shown."""
    return f"Nothing to show. {report.sentence()} Is this the folder that holds the DICOM files?"
