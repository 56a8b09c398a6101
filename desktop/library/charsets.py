"""Character sets that the user has chosen for a study, since what its files say is missing or wrong."""

import sqlite3


def find_charsets(db: sqlite3.Connection) -> dict[str, str]:
    """Return the Specific Character Set that was chosen, by Study Instance UID as it stands in the files."""
    return dict(db.execute("SELECT StudyInstanceUID, charset FROM charsets").fetchall())


def choose_charset(db: sqlite3.Connection, study_uid: str, charset: str) -> None:
    """Choose a Specific Character Set for a study; empty for what its files say.

    It holds when its files are read again.
    """
    if charset:
        db.execute(
            "INSERT INTO charsets VALUES (?, ?) ON CONFLICT DO UPDATE SET charset = excluded.charset",
            (study_uid, charset),
        )
    else:
        db.execute("DELETE FROM charsets WHERE StudyInstanceUID = ?", (study_uid,))
