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
    found = [*name_words(row[0]), *(word for value in row[1:-1] for word in words(value))]
    # A UID is one word: its numbers would be found at every turn.
    found.append("".join(words(row[-1])))
    text = " ".join(found)
    db.execute("INSERT INTO study_search (rowid, words) VALUES (?, ?)", (study, text))


def name_words(name: str) -> list[str]:
    """Return the words of a person name, of all component groups."""
    # Where names are written without spaces, they are looked for without, too.
    joined = ("".join(words(group)) for group in name.split("="))
    return [*words(name), *(group for group in joined if not group.isascii())]


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
