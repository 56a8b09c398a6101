"""Says on the console what happened, in words and in JSON."""

import json
import sys
import unicodedata
from typing import Any

from ..importers.report import ImportReport

_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of surrogate pairs, and ends of lines and paragraphs."""


def print_json(value: Any) -> None:
    """Print one JSON value on standard output, in ASCII, so that any console and pipe can take it."""
    print(json.dumps(value), flush=True)


def print_report(report: ImportReport) -> None:
    """Print an import's account: one line, then one for each file of which there is something to say."""
    print(report.sentence(), file=sys.stderr)
    for item in report.reasons:
        print(f"  {item.outcome.value}: {printable(item.path)}: {printable(item.reason)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return ``text`` so that any console can print it, and none obeys it: names may hold what moves the cursor."""
    shown = "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _UNSEEN else letter
        for letter in text
    )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def nothing_viewable(report: ImportReport) -> str:
    """Return the sentence that says what was found where nothing can be shown."""
    if report.viewable:
        return f"Nothing to show. {report.sentence()} They are in the list, but hold no images that can be shown yet."
    return f"Nothing to show. {report.sentence()} Is this the folder that holds the DICOM files?"
