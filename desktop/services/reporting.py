"""Says on the console what happened, in words and in JSON."""

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from ..counting import count_of
from ..dicom.memberpaths import shown
from ..importers.report import ImportReport
from ..library.outcomes import FileOutcome
from ..library.queries import StudyEntry

_ALIKE = 5

STUDY_COLUMNS = (
    "StudyInstanceUID",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ModalitiesInStudy",
    "series",
    "instances",
    "unsent",
    "away",
    "remarks",
)
"""What is told of a study."""

_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of surrogate pairs, and ends of lines and paragraphs."""


def print_json(value: Any) -> None:
    """Print one JSON value on standard output, in ASCII, so that any console and pipe can take it."""
    print(json.dumps(value), flush=True)


def print_report(report: ImportReport) -> None:
    """Print an import's account: one line, then one for each file of which there is something to say."""
    print(printable(report.sentence()), file=sys.stderr)
    print_outcomes(report.reasons, sys.stderr, most=_ALIKE)


def print_outcomes(outcomes: Iterable[FileOutcome], stream: TextIO, *, most: int | None = None) -> None:
    """Print a line for each file; ``most``: of those with one and the same reason only so many."""
    alike: Counter[tuple[str, str]] = Counter()
    for item in outcomes:
        alike[item.outcome.value, item.reason] += 1
        if most is None or alike[item.outcome.value, item.reason] <= most:
            print(f"  {item.outcome.value}: {printable(shown(item.path))}: {printable(item.reason)}", file=stream)
    for (outcome, reason), count in alike.items():
        if most is not None and count > most:
            print(f"  {outcome}: and {count - most:,} more: {printable(reason)}", file=stream)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns on standard output."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())


def printable_csv(text: str) -> str:
    """Return CSV as any console can print it, line by line."""
    return "".join(f"{printable(line)}\n" for line in text.splitlines())


def printable(text: str) -> str:
    """Return ``text`` so that any console can print it, and none obeys it: names may hold what moves the cursor."""
    shown = "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _UNSEEN else letter
        for letter in text
    )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def study_to_json(entry: StudyEntry) -> dict[str, Any]:
    """Return a study as ``negatoscope studies --json`` prints it, by :data:`STUDY_COLUMNS`."""
    study, patient = entry.study, entry.patient
    values = (
        study.StudyInstanceUID,
        patient.PatientName,
        patient.PatientID,
        patient.PatientBirthDate,
        patient.PatientSex,
        study.StudyDate,
        study.StudyTime,
        study.StudyDescription,
        study.AccessionNumber,
        list(entry.ModalitiesInStudy),
        entry.series,
        entry.instances,
        entry.unsent,
        entry.away,
        find_remarks(entry),
    )
    return dict(zip(STUDY_COLUMNS, values, strict=True))


def study_row(entry: StudyEntry) -> tuple[str, ...]:
    """Return a study as a row of a table."""
    return (
        entry.study.StudyDate,
        entry.patient.PatientName,
        entry.patient.PatientID,
        ",".join(entry.ModalitiesInStudy),
        entry.study.StudyDescription,
        f"{entry.series} series, {count_of(entry.instances, 'image')}",
        entry.study.StudyInstanceUID,
        "; ".join(find_remarks(entry)),
    )


def find_remarks(entry: StudyEntry) -> list[str]:
    """Return what whoever reads a study ought to know of it, in a few words each."""
    remarks = []
    if entry.away:
        remarks.append(f"not here now ({entry.away})")
    if entry.unsent:
        remarks.append(f"{count_of(entry.unsent, 'object')} made here, not sent yet")
    if entry.conflicts:
        remarks.append(f"{count_of(entry.conflicts, 'image')} with a UID that another file has")
    if entry.truncated:
        remarks.append(f"{count_of(entry.truncated, 'image')} truncated")
    if entry.shares_uid:
        remarks.append("another patient's study has the same UID")
    if entry.doubtful_text:
        remarks.append("letters may be wrong")
    return remarks


def nothing_viewable(report: ImportReport) -> str:
    """Return the sentence that says what was found where nothing can be shown."""
    if report.viewable:
        return f"Nothing to show. {report.sentence()} They are in the list, but hold no images that can be shown yet."
    return f"Nothing to show. {report.sentence()} Is this the folder that holds the DICOM files?"
