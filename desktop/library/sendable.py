"""What can be sent to other archives: instances with the UIDs that stand in their files."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sendable:
    """One instance.

    Attributes:
        place: the UIDs of study, series and instance under which it is served.
        SOPInstanceUID: as it stands in its file; empty if it has none.
        copy: the library's own copy; or empty.
        is_made_here: by the viewer.
        is_known_otherwise: its study is served under another UID than it has elsewhere.
    """

    place: tuple[str, str, str]
    SOPInstanceUID: str
    copy: str
    is_made_here: bool
    is_known_otherwise: bool


_SELECT = """
    SELECT studies.uid AS study, series.uid AS series, instances.uid AS instance, SOPInstanceUID, copy,
        copy IN (SELECT copy FROM made_here) AS made, StudyInstanceUID != studies.uid AS otherwise
    FROM instances JOIN files ON files.id = file JOIN series ON series.id = series JOIN studies ON studies.id = study
"""
_ORDER = " ORDER BY studies.id, SeriesNumber, series.id, InstanceNumber, instances.id"


def find_sendable(
    db: sqlite3.Connection,
    study_uids: Sequence[str],
    series_uid: str = "",
    instance_uid: str = "",
    *,
    unsent: bool = False,
) -> list[Sendable]:
    """Return what is to be sent of some studies.

    Args:
        study_uids: under which they are served; none: of all studies.
        series_uid, instance_uid: only this one of them; empty for all.
        unsent: only what the viewer made and was not sent anywhere yet.
    """
    conditions, values = ["1"], list[str]()
    if study_uids:
        conditions.append(f"studies.uid IN ({','.join('?' * len(study_uids))})")
        values += study_uids
    for column, uid in (("series.uid", series_uid), ("instances.uid", instance_uid)):
        if uid:
            conditions.append(f"{column} = ?")
            values.append(uid)
    if unsent:
        conditions.append("copy IN (SELECT copy FROM unsent)")
    rows = db.execute(f"{_SELECT} WHERE {' AND '.join(conditions)}{_ORDER}", values)
    return [
        Sendable(
            (row["study"], row["series"], row["instance"]),
            row["SOPInstanceUID"],
            row["copy"],
            bool(row["made"]),
            bool(row["otherwise"]),
        )
        for row in rows
    ]
