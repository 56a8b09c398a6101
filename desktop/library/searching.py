"""The words by which studies are found: one line of folded words for each study, in SQLite's full-text index."""

import re
import sqlite3

from .folding import words

_SEARCHED = (
    "PatientName",
    "PatientID",
    "AccessionNumber",
    "StudyDescription",
    "StudyDate",
    "ReferringPhysicianName",
    "StudyID",
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


def index_study(db: sqlite3.Connection, study: int) -> None:
    """Write the words of a study, given its row, anew."""
    db.execute("DELETE FROM study_search WHERE rowid = ?", (study,))
    row = db.execute(
        f"SELECT {', '.join(_SEARCHED)}, StudyInstanceUID FROM studies "
        "JOIN patients ON patients.id = patient WHERE studies.id = ?",
        (study,),
    ).fetchone()
    found = [word for value in row[:-1] for word in words(value)]
    # A UID is one word: its numbers would be found at every turn.
    found.append("".join(words(row[-1])))
    # Where names are written without spaces, they are looked for without, too.
    found += [joined for group in row[0].split("=") if not (joined := "".join(words(group))).isascii()]
    text = " ".join(found)
    db.execute("INSERT INTO study_search (rowid, words) VALUES (?, ?)", (study, text))


def search_condition(text: str) -> str:
    """Return what ``text`` asks of the full-text index; empty if there is no word in it.

    Each word must begin one of the study's, in any order; what is joined by a hyphen or the like must stand so. A date
    may be written as the list shows it.
    """
    return " AND ".join(term for part in text.split() if (term := _term(part)))


def _term(part: str) -> str:
    found = ["".join(words(part))] if _UID.fullmatch(part) else words(part)
    term = f'"{" ".join(found)}"*' if found else ""
    return f'({term} OR "{part.replace("-", "")}"*)' if _DATE.fullmatch(part) else term
