"""Lists for other programs: CSV as of RFC 4180, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..dicom.memberpaths import shown
from ..errors import InputError
from ..library.outcomes import FileOutcome
from ..library.queries import StudyEntry
from .reporting import STUDY_COLUMNS, study_to_json

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula; the last four are the same in full width, as Japanese spreadsheets take them."""


def studies_csv(entries: Iterable[StudyEntry]) -> str:
    """Return the list of studies, a line for each."""
    rows = [study_to_json(entry) for entry in entries]
    cells = ([", ".join(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows)
    return write_csv(STUDY_COLUMNS, cells)


def report_csv(outcomes: Iterable[FileOutcome]) -> str:
    """Return an import's account: a line for each file of which there is something to say."""
    rows = ((item.outcome.value, item.reason, shown(item.path)) for item in outcomes)
    return write_csv(("outcome", "reason", "path"), rows)


def write_csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return lines of CSV. What a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def save_csv(path: Path, text: str) -> None:
    """Save CSV with a byte order mark, by which spreadsheets know that it is UTF-8.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise InputError(f"The list could not be saved as {path}: {error.strerror}.") from error


def _harmless(cell: object) -> str:
    text = " ".join(str(cell).splitlines())
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text
