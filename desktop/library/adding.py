"""Adds files to the library: who they belong to, and whether they were there before."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from ..dicom.metadata import METADATA_VERSION, bulk_data_place, pack, unpack
from ..dicom.parsing import AGAIN
from ..dicom.records import Copy, FileRef, Header, Patient, Pixels, Series, Study
from ..dicom.uids import make_uid
from ..errors import Locked, Unreachable, Unreadable
from .charsets import find_charsets
from .comparing import digest, same_bytes, same_data_set
from .heirs import file_of, find_heir, find_heirs, hand_on, is_as_met
from .outcomes import FileOutcome, Outcome, Refusal
from .places import PLACE, is_here, medium_row, shown
from .rows import ELSEWHERE, from_row, instance_from_row, path_from_db, path_to_db, to_row
from .searching import index_study
from .stored import is_made_here, note_made_here

Reading = Header | Refusal

_NOTHING: Mapping[tuple[bytes, int], str] = MappingProxyType({})

_OF_ONE_FILE = (
    *(ArithmeticError, ValueError, sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError),
    *(OSError, Unreadable),
)
"""What a hostile header may cause, or a file that cannot be read any more. A full disk is something else: it stops the
import."""
_IDENTITY_TAGS = (
    ("0020000D", "StudyInstanceUID"),
    ("0020000E", "SeriesInstanceUID"),
    ("00080018", "SOPInstanceUID"),
)


def add_readings(
    connection: sqlite3.Connection, readings: Sequence[Reading], served: Mapping[tuple[bytes, int], str] = _NOTHING
) -> list[FileOutcome]:
    """Add what was read of some files, and say what became of each. Runs in the writer's transaction.

    A file whose values the database does not take is rejected; the others are added all the same.

    Args:
        served: the UIDs under which instances were served until now that were taken out to be read anew, by the path
            and medium of their files.
    """
    adder = _Adder(connection, served)
    outcomes = []
    for reading in readings:
        connection.execute("SAVEPOINT reading")
        try:
            outcomes.append(adder.add(reading))
        except _OF_ONE_FILE as error:
            connection.execute("ROLLBACK TO reading")
            adder.forget()
            outcomes.append(adder.add(_explain(reading.file, error)))
        connection.execute("RELEASE reading")
    adder.finish()
    return outcomes


def _explain(file: FileRef, error: Exception) -> Refusal:
    if isinstance(error, Unreadable):
        away = isinstance(error, Locked | Unreachable)
        return Refusal(file, Outcome.REJECTED, error.sentence, unreachable=away)
    if isinstance(error, OSError):
        # It was compared with another file, and could not be read any more.
        return Refusal(file, Outcome.REJECTED, f"It cannot be read: {error.strerror or error}.", unreachable=True)
    return Refusal(file, Outcome.REJECTED, f"Its header is damaged ({type(error).__name__}). {AGAIN}")


class _Twins(NamedTuple):
    """The files that have a file's SOP Instance UID.

    Attributes:
        same: one with the same bytes, that stays.
        is_alike: its File Meta Information is another one.
        where: it is, as text.
        replaced: one with the same bytes, whose place the library's copy takes.
        gave_way: one was this file, in another place.
        others: paths of those with other content, as text.
        away: paths of those that gave way, though nobody could see whether their pixels are the same.
    """

    same: sqlite3.Row | None = None
    is_alike: bool = False
    where: str = ""
    replaced: sqlite3.Row | None = None
    gave_way: bool = False
    others: tuple[str, ...] = ()
    away: tuple[str, ...] = ()


class _Adder:
    def __init__(self, connection: sqlite3.Connection, served: Mapping[tuple[bytes, int], str]) -> None:
        self._db = connection
        self._served = served
        self._holders = {uid: place for place, uid in served.items()}
        self._studies: dict[tuple[Patient, Study, bool], tuple[int, str]] = {}
        self._series: dict[tuple[int, Series], tuple[int, str]] = {}
        self._changed: set[int] = set()
        self._removed = False
        self._is_known = False
        """What the viewer made is read again; whose it is was looked at when it was new."""

    def add(self, reading: Reading) -> FileOutcome:
        before = self._db.execute(
            "SELECT files.id AS file, copy, instances.id AS instance, uid FROM files "
            "JOIN instances ON file = files.id WHERE path = ? AND medium = ?",
            (path_to_db(reading.file.path), medium_row(self._db, reading.file.medium)),
        ).fetchone()
        if isinstance(reading, Refusal):
            return self._refuse(reading, before)
        if reading.made_here and reading.copy is not None:
            note_made_here(self._db, reading.copy.name)
        elif reading.copy is not None and is_made_here(self._db, reading.copy.name):
            # It is read again; whether it was sent meanwhile stays as it is.
            self._is_known = True
            reading = replace(reading, made_here=True)
        try:
            return self._add_header(reading, before)
        finally:
            self._is_known = False

    def _refuse(self, refusal: Refusal, before: sqlite3.Row | None) -> FileOutcome:
        if before is not None and refusal.unreachable:
            # Its stick may be out, or its share away: what is known stays.
            return FileOutcome(refusal.file.path, refusal.outcome, refusal.reason)
        if before is not None:
            self._replace(before)
        self._put_file(refusal.file, refusal.outcome, refusal.reason, container=refusal.container)
        return FileOutcome(refusal.file.path, refusal.outcome, refusal.reason)

    def _replace(self, before: sqlite3.Row) -> None:
        """Take a file's instance out, since the file is another one now. The library's own copy of it stays."""
        if before["copy"]:
            place = path_to_db(before["copy"])
            # The same file may have come into the inbox too, and is noted as a duplicate there.
            self._db.execute("DELETE FROM files WHERE path = ? AND outcome = ?", (place, Outcome.DUPLICATE))
            self._db.execute("UPDATE files SET path = ?, medium = 1 WHERE id = ?", (place, before["file"]))
        else:
            self._remove_instance(before["instance"])

    def forget(self) -> None:
        """Drop what was remembered of rows that are gone with a rolled back file."""
        self._studies.clear()
        self._series.clear()

    def finish(self) -> None:
        """Give each changed study a new version, and drop series and studies that became empty."""
        for study in self._changed:
            self._db.execute("UPDATE studies SET version = version + 1 WHERE id = ?", (study,))
        if not self._removed:
            return
        self._db.execute("DELETE FROM series WHERE instances = 0")
        empty = "SELECT id FROM studies WHERE NOT EXISTS (SELECT 1 FROM series WHERE study = studies.id)"
        self._db.execute(f"DELETE FROM study_search WHERE rowid IN ({empty})")
        self._db.execute(f"DELETE FROM studies WHERE id IN ({empty})")
        self._db.execute("DELETE FROM patients WHERE id NOT IN (SELECT patient FROM studies)")

    def _add_header(self, header: Header, before: sqlite3.Row | None) -> FileOutcome:
        """Add a file's instance; ``before`` is the one that was in this file until now."""
        path, copy, notes = header.file.path, header.copy, list(header.notes)
        outcome = Outcome.ADDED if before is None else Outcome.UPDATED
        if before is not None and before["copy"] and (copy is None or copy.name != before["copy"]):
            self._replace(before)
            before = None
        uid = header.instance.SOPInstanceUID
        place = path if copy is None else self._copy_path(copy)
        heirs = [] if before is None else self._remove_before(before["instance"], place)
        twins = self._compare(header, place)
        if (known := self._find_known(header, twins)) is not None:
            return known
        if twins.gave_way:
            outcome = Outcome.UPDATED
        if twins.away:
            notes.append(f"It has the header of {twins.away[0]}, which is not here now, and takes its place.")
        if rival := self._find_rival(header, before, twins):
            outcome = Outcome.CONFLICT
            notes.insert(0, f"It has the SOP Instance UID of {rival}, but other content. Both are kept and shown.")
        if outcome is Outcome.CONFLICT or self._taken("instances", uid):
            uid = make_uid("instance", uid, digest(place))
        study, study_uid, is_new = self._find_study(header.patient, header.study, made_here=header.made_here)
        if is_new and study_uid != header.study.StudyInstanceUID:
            notes.append("Another patient's study has its Study Instance UID. They are kept apart.")
        series, series_uid = self._find_series(study, study_uid, header.series)
        if self._taken("instances", uid):
            # A third file that came in the same bytes as a conflicting one. Its study and series may be new, and empty.
            self._removed = True
            twin = self._db.execute(
                "SELECT instances.id AS id, studies.uid AS study, copy FROM instances JOIN files ON files.id = file "
                "JOIN series ON series.id = series JOIN studies ON studies.id = study WHERE instances.uid = ?",
                (uid,),
            ).fetchone()
            if copy is not None and not twin["copy"]:
                # The other one may be gone.
                return self._take_over(header, twin)
            return self._put_duplicate(header, "The same file is there already.", study_uid, twin["id"])
        reason = " ".join(notes)
        flags = {"conflict": outcome is Outcome.CONFLICT, "truncated": header.truncated}
        file = self._put_file(header.file, outcome, reason, copy=copy)
        row = to_row(header.instance, without=ELSEWHERE) | to_row(header.pixels) | flags
        instance = self._insert("instances", row | {"series": series, "file": file, "uid": uid})
        dicom_json, ohif_json = _served_pieces(header, (study_uid, series_uid, uid))
        self._insert(
            "metadata",
            {
                "instance": instance,
                "version": METADATA_VERSION,
                "dicom_json": dicom_json,
                "ohif_json": ohif_json,
            },
        )
        self._db.executemany("UPDATE files SET twin = ? WHERE id = ?", ((instance, heir) for heir in heirs))
        if header.doubtful_text:
            self._db.execute("UPDATE studies SET doubtful_text = 1 WHERE id = ?", (study,))
        self._changed.add(study)
        return FileOutcome(path, outcome, reason, study_uid)

    def _find_known(self, header: Header, twins: "_Twins") -> FileOutcome | None:
        """Return what became of a file whose object is here already; None if it is not."""
        if twins.same is not None and twins.is_alike:
            reason = f"The same object is there already, in a file that another program has written: {twins.where}"
            return self._put_duplicate(replace(header, copy=None), reason, twins.same["study"], twins.same["id"])
        if twins.same is not None:
            reason = f"The same file is there already: {twins.where}"
            return self._put_duplicate(header, reason, twins.same["study"], twins.same["id"])
        if twins.replaced is not None:
            return self._take_over(header, twins.replaced)
        return None

    def _find_rival(self, header: Header, before: sqlite3.Row | None, twins: "_Twins") -> str:
        """Return whose SOP Instance UID a file has; empty if it is its own: it was first, or nobody else has it."""
        uid = header.instance.SOPInstanceUID
        key = (path_to_db(header.file.path), medium_row(self._db, header.file.medium))
        was_first = uid == (before["uid"] if before is not None else self._served.get(key))
        if twins.others and (not was_first or self._taken("instances", uid)):
            return twins.others[0] + (f" and {len(twins.others) - 1} more" if len(twins.others) > 1 else "")
        holder = self._holders.get(uid, key)
        # It is read anew after this one.
        return "" if holder == key else shown(path_from_db(holder[0]))

    def _compare(self, header: Header, place: str) -> "_Twins":
        """Compare a file with those of its SOP Instance UID. One that it takes the place of is taken out.

        Args:
            place: where the file's bytes are.
        """
        others: list[str] = []
        away: list[str] = []
        gave_way = False
        for twin in self._twins(header.instance.SOPInstanceUID, header.file):
            met = FileRef(path_from_db(twin["place"]), twin["size"], twin["place_mtime_ns"], twin["place_medium"])
            same = same_bytes(place, met)
            heir = find_heir(self._db, twin["id"], besides=header.file.path) if same is None else None
            if heir is not None:
                # It is gone, but another file with its bytes is not.
                hand_on(self._db, twin["id"], heir)
                met = file_of(self._db, twin["id"])
                same = same_bytes(place, met)
            is_copied = bool(twin["copy"]) and heir is None
            if same and not (is_copied or is_as_met(met) or _is_moved(header, twin)):
                # That file has become this one. What it was is known by its header alone, and is not there any more.
                self._remove_instance(twin["id"])
                self._db.execute("DELETE FROM files WHERE id = ?", (twin["file"],))
                continue
            if same and (header.copy is None or is_copied):
                return _Twins(same=twin, where="as a copy in the library" if is_copied else shown(met.path))
            if same:
                return _Twins(replaced=twin)
            if same is False and self._is_alike(header, place, twin, met):
                if header.copy is None or is_copied:
                    where = "as a copy in the library" if is_copied else shown(met.path)
                    return _Twins(same=twin, is_alike=True, where=where)
                self._leave_to_copy(twin, header)
                gave_way = True
                continue
            if same is None and _is_moved(header, twin):
                (gone,) = self._db.execute("SELECT file FROM instances WHERE id = ?", (twin["id"],)).fetchone()
                self._drop_instance(twin["id"])
                self._db.execute("DELETE FROM files WHERE id = ?", (gone,))
                gave_way = True
                if not is_here(met.path, met.medium):
                    away.append(shown(met.path))
            else:
                others.append(shown(met.path))
        return _Twins(gave_way=gave_way, others=tuple(others), away=tuple(away))

    def _is_alike(self, header: Header, place: str, twin: sqlite3.Row, met: FileRef) -> bool:
        """Whether a file is the twin but for its File Meta Information."""
        syntax = header.pixels.TransferSyntaxUID
        return syntax == twin["TransferSyntaxUID"] and is_as_met(met) and same_data_set(place, met)

    def _leave_to_copy(self, twin: sqlite3.Row, header: Header) -> None:
        """Let the library's copy of an object be what is shown, not the file in place, which may go."""
        (file,) = self._db.execute("SELECT file FROM instances WHERE id = ?", (twin["id"],)).fetchone()
        self._drop_instance(twin["id"])
        self._db.execute(
            "UPDATE files SET outcome = ?, reason = ?, twin = NULL WHERE id = ?",
            (Outcome.DUPLICATE, f"The library has a copy of the same object: {shown(header.file.path)}", file),
        )

    def _remove_before(self, instance: int, place: str) -> list[int]:
        """Take out the instance that was in a file until now; return the file's duplicates, if it has not changed."""
        heirs = find_heirs(self._db, instance)
        as_met = next((file for _, file in heirs if is_as_met(file)), None)
        if as_met is not None and same_bytes(place, as_met):
            self._drop_instance(instance)
            return [number for number, _ in heirs]
        self._remove_instance(instance)
        return []

    def _put_duplicate(self, header: Header, reason: str, study: str, twin: int) -> FileOutcome:
        self._put_file(header.file, Outcome.DUPLICATE, reason, twin=twin)
        if header.copy is not None:
            # It may have been made anew, in the place of one that was damaged.
            self._db.execute(
                "UPDATE files SET copy_mtime_ns = ? WHERE copy = ?", (header.copy.mtime_ns, header.copy.name)
            )
        return FileOutcome(header.file.path, Outcome.DUPLICATE, reason, study)

    def _take_over(self, header: Header, twin: sqlite3.Row) -> FileOutcome:
        """Let the library's own copy of a file take the place of the file: the bytes are the same."""
        reason = " ".join(header.notes)
        (before,) = self._db.execute("SELECT file FROM instances WHERE id = ?", (twin["id"],)).fetchone()
        file = self._put_file(header.file, Outcome.UPDATED, reason, copy=header.copy)
        self._db.execute("UPDATE instances SET file = ? WHERE id = ?", (file, twin["id"]))
        said = f"The library has a copy of the same file: {shown(header.file.path)}"
        self._db.execute(
            "UPDATE files SET outcome = ?, reason = ?, twin = ? WHERE id = ?",
            (Outcome.DUPLICATE, said, twin["id"], before),
        )
        (study,) = self._db.execute("SELECT id FROM studies WHERE uid = ?", (twin["study"],)).fetchone()
        self._changed.add(study)
        return FileOutcome(header.file.path, Outcome.UPDATED, reason, twin["study"])

    def _copy_path(self, copy: Copy) -> str:
        (path,) = self._db.execute("SELECT copy_path(?)", (copy.name,)).fetchone()
        return path_from_db(path)

    def _twins(self, uid: str, file: FileRef) -> list[Any]:
        return self._db.execute(
            "SELECT instances.*, instances.id AS id, series.uid AS series_uid, studies.uid AS study, file, path, "
            f"{PLACE} AS place, CASE copy WHEN '' THEN identity ELSE '' END AS place_medium, "
            "CASE copy WHEN '' THEN mtime_ns ELSE copy_mtime_ns END AS place_mtime_ns, "
            "copy, size, metadata.version, dicom_json FROM instances "
            "JOIN files ON files.id = file JOIN media ON media.id = medium "
            "JOIN series ON series.id = series JOIN studies ON studies.id = study "
            "JOIN metadata ON metadata.instance = instances.id "
            "WHERE SOPInstanceUID = ? AND NOT (path = ? AND identity = ?)",
            (uid, path_to_db(file.path), file.medium),
        ).fetchall()

    def _remove_instance(self, instance: int) -> None:
        """Take an instance out of its file. If there is another file with its bytes, it is there from now on."""
        heir = find_heir(self._db, instance)
        if heir is None:
            self._drop_instance(instance)
        else:
            hand_on(self._db, instance, heir)

    def _drop_instance(self, instance: int) -> None:
        (study,) = self._db.execute(
            "SELECT study FROM instances JOIN series ON series.id = series WHERE instances.id = ?",
            (instance,),
        ).fetchone()
        self._db.execute("DELETE FROM instances WHERE id = ?", (instance,))
        self._changed.add(study)
        self._removed = True

    def _put_file(
        self,
        file: FileRef,
        outcome: Outcome,
        reason: str,
        *,
        container: bool = False,
        copy: Copy | None = None,
        twin: int | None = None,
    ) -> int:
        row = {
            "path": path_to_db(file.path),
            "medium": medium_row(self._db, file.medium),
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "outcome": outcome,
            "reason": reason,
            "reader": METADATA_VERSION,
            "container": container,
            "copy": copy.name if copy else "",
            "copy_mtime_ns": copy.mtime_ns if copy else 0,
            "twin": twin,
        }
        updates = ", ".join(f"{name} = excluded.{name}" for name in row)
        (number,) = self._db.execute(
            f"INSERT INTO files ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) "
            f"ON CONFLICT (path, medium) DO UPDATE SET {updates} RETURNING id",
            tuple(row.values()),
        ).fetchone()
        return int(number)

    def _find_study(self, patient: Patient, study: Study, *, made_here: bool) -> tuple[int, str, bool]:
        """Return the row and served UID of a study, made if it is not there, and whether it was.

        Two patients' studies never become one, even if they share a Study Instance UID. What the viewer has made
        belongs to the study that is served under its UID, and adds nothing to what is known of that.
        """
        key = (patient, study, made_here)
        if key in self._studies:
            return *self._studies[key], False
        rows = self._db.execute(
            "SELECT studies.*, studies.id AS number, patients.* FROM studies JOIN patients ON patients.id = patient "
            f"WHERE {'' if made_here else 'StudyInstanceUID = ?1 OR '}uid = ?1",
            (study.StudyInstanceUID,),
        ).fetchall()
        candidates = [(row, from_row(Patient, row)) for row in rows]
        row = _choose_study(candidates, patient)
        if row is None and made_here and patient.PatientID and (self._is_known or self._has_chosen_letters(rows)):
            # The viewer writes a name as it was shown, in other letters perhaps.
            row = _choose_study(candidates, replace(patient, PatientName=""))
        if row is None:
            uid, attempt = study.StudyInstanceUID, 0
            while self._taken("studies", uid):
                # A study that was made for a file that says no more of its patient may since be known as another's.
                uid = make_uid("study", study.StudyInstanceUID, *_identity(patient), *["again"] * attempt)
                attempt += 1
            number = self._insert("studies", to_row(study) | {"patient": self._find_patient(patient), "uid": uid})
            index_study(self._db, number)
        else:
            number, uid = row["number"], row["uid"]
        if row is not None and not made_here:
            changed = self._complete("studies", number, row, study)
            if self._complete_patient(number, from_row(Patient, row), patient) or changed:
                index_study(self._db, number)
        self._studies[key] = number, uid
        return number, uid, row is None

    def _has_chosen_letters(self, studies: Sequence[sqlite3.Row]) -> bool:
        chosen = find_charsets(self._db)
        return any(study["StudyInstanceUID"] in chosen for study in studies)

    def _complete(self, table: str, number: int, row: sqlite3.Row, said: Study | Series) -> bool:
        """Take over what the files so far did not say of a study or series. Return whether that was anything."""
        new = {name: value for name, value in to_row(said).items() if value and row[name] in ("", None)}
        if new:
            columns = ", ".join(f"{name} = ?" for name in new)
            self._db.execute(f"UPDATE {table} SET {columns} WHERE id = ?", (*new.values(), number))
        return bool(new)

    def _complete_patient(self, study: int, known: Patient, said: Patient) -> bool:
        """Take over what the study's files so far did not say of the patient. Return whether that was anything.

        The patient's row is left as it is: studies of other patients without a name may share it.
        """
        whole = Patient(*(a or b for a, b in zip(astuple(known), astuple(said), strict=True)))
        if whole == known:
            return False
        self._db.execute("UPDATE studies SET patient = ? WHERE id = ?", (self._find_patient(whole), study))
        self._removed = True
        return True

    def _find_patient(self, patient: Patient) -> int:
        rows = self._db.execute("SELECT * FROM patients WHERE PatientID = ?", (patient.PatientID,)).fetchall()
        for number, *identity in rows:
            # All that was said must be the same: nobody's sex or name is to stand at somebody else's study.
            if patient == Patient(*identity):
                return int(number)
        return self._insert("patients", to_row(patient))

    def _find_series(self, study: int, study_uid: str, series: Series) -> tuple[int, str]:
        key = (study, series)
        if key in self._series:
            return self._series[key]
        row = self._db.execute(
            "SELECT * FROM series WHERE study = ?1 AND (SeriesInstanceUID = ?2 OR uid = ?2)",
            (study, series.SeriesInstanceUID),
        ).fetchone()
        if row is None:
            uid = series.SeriesInstanceUID
            if self._taken("series", uid):
                uid = make_uid("series", uid, study_uid)
            number = self._insert("series", to_row(series) | {"study": study, "uid": uid})
        else:
            number, uid = row["id"], row["uid"]
            self._complete("series", number, row, series)
        self._series[key] = number, uid
        return number, uid

    def _taken(self, table: str, uid: str) -> bool:
        return self._db.execute(f"SELECT 1 FROM {table} WHERE uid = ?", (uid,)).fetchone() is not None

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join("?" * len(row))
        cursor = self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", tuple(row.values()))
        assert cursor.lastrowid is not None
        return cursor.lastrowid


def same_patient(one: Patient, other: Patient) -> bool:
    """Whether two files of one Study Instance UID are of one patient: something that both say is the same, nothing
    differs.

    Letter case, padding and empty components of a name are no difference.
    """
    pairs = list(zip(_identity(one), _identity(other), strict=True))
    if any(a and b and a != b for a, b in pairs):
        return False
    # Where both say something, one thing must be the same. A file that says nothing belongs to its study.
    says_something = any(a for a, _ in pairs) and any(b for _, b in pairs)
    return not says_something or any(a and a == b for a, b in pairs)


def _choose_study(candidates: Sequence[tuple[sqlite3.Row, Patient]], patient: Patient) -> sqlite3.Row | None:
    """Choose among the studies of one Study Instance UID the one that a file of ``patient`` belongs to.

    It is the one with which it has most in common. If that is not certain, it is none: a file that says too little
    of its patient must not be given to one of several.
    """
    identity = _identity(patient)
    ranked: dict[tuple[int, bool], list[sqlite3.Row]] = {}
    for row, known in candidates:
        if same_patient(patient, known):
            other = _identity(known)
            common = sum(a == b != "" for a, b in zip(identity, other, strict=True))
            ranked.setdefault((common, identity == other), []).append(row)
    best = ranked[max(ranked)] if ranked else []
    return best[0] if len(best) == 1 else None


def _identity(patient: Patient) -> tuple[str, str, str, str]:
    name = "^".join(" ".join(part.split()) for part in patient.PatientName.casefold().split("^")).rstrip("^= ")
    return (
        patient.PatientID.strip(),
        patient.IssuerOfPatientID.strip(),
        name,
        patient.PatientBirthDate.strip(),
    )


def _served_pieces(header: Header, served: tuple[str, str, str]) -> tuple[bytes, bytes]:
    """Return the metadata pieces, with the UIDs of study, series and instance under which they are served."""
    own = (header.study.StudyInstanceUID, header.series.SeriesInstanceUID, header.instance.SOPInstanceUID)
    if own == served:
        return header.dicom_json, header.ohif_json
    dicom_json, ohif_json = json.loads(unpack(header.dicom_json)), json.loads(unpack(header.ohif_json))
    for (tag, keyword), uid in zip(_IDENTITY_TAGS, served, strict=True):
        dicom_json[tag] = {"vr": "UI", "Value": [uid]}
        ohif_json[keyword] = uid
    old, new = (bulk_data_place(*uids) for uids in (own, served))
    first, second = (
        pack(json.dumps(piece, separators=(",", ":"), ensure_ascii=False).replace(old, new))
        for piece in (dicom_json, ohif_json)
    )
    return first, second


def _is_moved(header: Header, twin: sqlite3.Row) -> bool:
    """Whether a file is the one that is not in its place any more: of the same size, with the same header.

    If it is not, the other one may be on a medium that is not here now, and both are kept. What an older program
    wrote of a header is in another form; there the records decide.
    """
    if header.file.size != twin["size"]:
        return False
    if twin["version"] != METADATA_VERSION:
        uids = {
            "StudyInstanceUID": header.instance.StudyInstanceUID,
            "SeriesInstanceUID": header.instance.SeriesInstanceUID,
        }
        return header.instance == instance_from_row(twin, **uids) and header.pixels == from_row(Pixels, twin)
    served = _served_pieces(header, (twin["study"], twin["series_uid"], twin["uid"]))[0]
    return unpack(served) == unpack(twin["dicom_json"])
