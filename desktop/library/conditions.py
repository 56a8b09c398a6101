"""How SQLite is asked for what fits the criteria of a search: what each level has in columns, and the WHERE clause."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..dicom.levels import Level
from .folding import words
from .matching import (
    ANY_CASE,
    Criterion,
    Kind,
    as_number,
    is_wild,
    name_pattern,
    plain_date_time,
    write_criteria,
)

_AMONG_SERIES = "EXISTS (SELECT 1 FROM series AS one WHERE one.study = studies.id AND {})"
_AMONG_INSTANCES = (
    "EXISTS (SELECT 1 FROM series AS one JOIN instances AS two ON two.series = one.id "
    "WHERE one.study = studies.id AND {})"
)
_AMONG_REQUESTS = "EXISTS (SELECT 1 FROM json_each(series.RequestAttributesSequence) AS one WHERE {})"


@dataclass(frozen=True, slots=True)
class Column:
    """Where an attribute stands.

    Attributes:
        sql: its value.
        among: of one that has several values: a condition on them all, into which the one on a value is put.
    """

    sql: str
    among: str = "{}"


def _same(table: str, *names: str) -> dict[str, Column]:
    return {name: Column(f"{table}.{name}") for name in names}


COLUMNS: Mapping[Level, Mapping[str, Column]] = {
    Level.PATIENT: {
        **_same("patients", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    },
    Level.STUDY: {
        "StudyInstanceUID": Column("studies.uid"),
        **_same("studies", "StudyDate", "StudyTime", "StudyDescription", "StudyID", "AccessionNumber"),
        **_same("studies", "ReferringPhysicianName", "PatientAge"),
        "ModalitiesInStudy": Column("one.Modality", _AMONG_SERIES),
        "SOPClassesInStudy": Column("two.SOPClassUID", _AMONG_INSTANCES),
        "NumberOfStudyRelatedSeries": Column("(SELECT count(*) FROM series WHERE study = studies.id)"),
        "NumberOfStudyRelatedInstances": Column("(SELECT total(instances) FROM series WHERE study = studies.id)"),
    },
    Level.SERIES: {
        "SeriesInstanceUID": Column("series.uid"),
        **_same("series", "Modality", "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime"),
        **_same("series", "BodyPartExamined", "ProtocolName", "Manufacturer"),
        **_same("series", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
        "NumberOfSeriesRelatedInstances": Column("series.instances"),
        "RequestAttributesSequence.ScheduledProcedureStepID": Column(
            "json_extract(one.value, '$[0]')", _AMONG_REQUESTS
        ),
        "RequestAttributesSequence.RequestedProcedureID": Column("json_extract(one.value, '$[1]')", _AMONG_REQUESTS),
    },
    Level.INSTANCE: {
        "SOPInstanceUID": Column("instances.uid"),
        **_same("instances", "SOPClassUID", "InstanceNumber", "NumberOfFrames", "Rows", "Columns", "BitsAllocated"),
        **_same("instances", "SamplesPerPixel", "PhotometricInterpretation", "FrameOfReferenceUID"),
    },
}
"""What is matched in columns, by level. All else that a data set holds is matched in the stored metadata."""

_LINKS = (
    ("patients", "studies", "patient"),
    ("studies", "series", "study"),
    ("series", "instances", "series"),
    ("instances", "metadata", "instance"),
)
"""Level by level: a table, the one below it, and the column of that one which names its row in the first."""

_STORED = len(_LINKS)
_INDEXED_NAMES = frozenset({"PatientName", "ReferringPhysicianName"})

Condition = tuple[str, list[object]]
"""SQL, and the values to bind."""


def find_column(attribute: str) -> tuple[Level, Column] | None:
    """Return where an attribute stands; None if it has no column."""
    for level, columns in COLUMNS.items():
        if attribute in columns:
            return level, columns[attribute]
    return None


def where(criteria: Iterable[Criterion], level: Level) -> Condition:
    """Return the WHERE clause, empty if there are no conditions, and the values to bind.

    What is asked of a lower level must be so of one thing there: of one series, or one instance.

    Args:
        criteria: all of which must fit.
        level: whose table is asked; those above are joined to it.
    """
    here: list[Condition] = []
    below: list[Condition] = []
    stored: list[Criterion] = []
    depth = int(level)
    for criterion in criteria:
        found = find_column(criterion.attribute)
        if criterion.asks_nothing:
            continue
        if found is None:
            stored.append(criterion)
        else:
            at, column = found
            has_studies = max(level, at) >= Level.STUDY
            (here if at <= level else below).append(_on_column(criterion, column, has_studies=has_studies))
            depth = max(depth, at)
    if stored:
        below.append(("fits_all(metadata.dicom_json, ?)", [write_criteria(stored)]))
        depth = _STORED
    if below:
        here.append(_within(level, depth, below))
    if not here:
        return "", []
    sql, values = _join(here)
    return f"WHERE {sql}", values


def _within(level: Level, depth: int, conditions: Iterable[Condition]) -> Condition:
    """Return the condition that there is something below, down to a depth, on which all conditions hold."""
    links = [f"{table}.{column} = {above}.id" for above, table, column in _LINKS[level:depth]]
    tables = ", ".join(table for _, table, _ in _LINKS[level:depth])
    sql, values = _join(conditions)
    return f"EXISTS (SELECT 1 FROM {tables} WHERE {' AND '.join(links)} AND {sql})", values


def _join(conditions: Iterable[Condition]) -> Condition:
    made = list(conditions)
    return " AND ".join(sql for sql, _ in made), [value for _, values in made for value in values]


def _on_column(criterion: Criterion, column: Column, *, has_studies: bool) -> Condition:
    if criterion.empty:
        none = f"coalesce({column.sql}, '')"
        any_value = column.among.format(f"{none} != ''")
        return f"NOT {any_value}", []
    if criterion.low or criterion.high:
        sql, values = _range(criterion, column.sql)
    else:
        any_of = [_fits(criterion, column.sql, pattern, has_studies) for pattern in criterion.patterns]
        sql = "(" + " OR ".join(condition for condition, _ in any_of) + ")"
        values = [value for _, bound in any_of for value in bound]
    return column.among.format(sql), values


def _fits(criterion: Criterion, sql: str, pattern: str, has_studies: bool) -> Condition:
    kind = criterion.kind
    if kind is Kind.NAME:
        return _fits_name(criterion, sql, pattern, has_studies)
    if kind is Kind.NUMBER:
        return f"{sql} = ?", [as_number(pattern)]
    if criterion.attribute in ANY_CASE:
        # LIKE ignores the case of ASCII's letters only.
        is_ascii = pattern.isascii()
        return (f"{sql} LIKE ? ESCAPE '!'", [_like(pattern)]) if is_ascii else (f"text_fits({sql}, ?)", [pattern])
    if kind is Kind.UID or not is_wild(pattern):
        return _is(kind, sql, pattern)
    return f"{sql} GLOB ?", [pattern.replace("[", "[[]")]


def _is(kind: Kind, sql: str, value: str) -> Condition:
    if kind is Kind.DATE:
        plain = plain_date_time(kind, value)
        return f"{sql} IN (?, ?)", [plain, f"{plain[:4]}.{plain[4:6]}.{plain[6:]}"]
    if kind is Kind.TIME:
        said, plain = f"replace({sql}, ':', '')", plain_date_time(kind, value)
        # Times are written more or less exactly.
        return (
            f"({sql} != '' AND (substr({said}, 1, length(?)) = ? OR substr(?, 1, length({said})) = {said}))",
            [plain] * 3,
        )
    return f"{sql} = ?", [value]


def _fits_name(criterion: Criterion, sql: str, pattern: str, has_studies: bool) -> Condition:
    if pattern.isascii():
        whole, group = map(_like, name_pattern(pattern))
        condition = f"(rtrim({sql}, '^= ') LIKE ? ESCAPE '!' OR '=' || {sql} || '=' LIKE ? ESCAPE '!')"
        values: list[object] = [whole, group]
    else:
        condition, values = f"name_fits({sql}, ?)", [pattern]
    if not criterion.fuzzy:
        return condition, values
    fuzzy, bound = f"name_fits_fuzzily({sql}, ?)", [pattern]
    found = words(pattern)
    if found and has_studies and criterion.attribute in _INDEXED_NAMES:
        # The index knows which studies have these words somewhere.
        fuzzy = f"(studies.id IN (SELECT rowid FROM study_search WHERE study_search MATCH ?) AND {fuzzy})"
        bound = [" AND ".join(f'"{word}"*' for word in found), *bound]
    return f"({condition} OR {fuzzy})", [*values, *bound]


def _range(criterion: Criterion, sql: str) -> Condition:
    kind = criterion.kind
    plain = f"replace({sql}, '{'.' if kind is Kind.DATE else ':'}', '')"
    low, high = plain_date_time(kind, criterion.low), plain_date_time(kind, criterion.high)
    conditions: list[Condition] = [(f"{sql} != ''", [])]
    if low:
        # What is said to the minute only may be in the range: it is not to be missed.
        conditions.append((f"({plain} >= ? OR substr(?, 1, length({plain})) = {plain})", [low, low]))
    if high:
        conditions.append((f"{plain} <= ?", [high + "~"]))
    if kind is Kind.DATE:
        # For the index: years are written alike in all files, and a point comes before all digits.
        conditions.append((f"{sql} BETWEEN ? AND ?", [low[:4], (high or "") + "~"]))
    sql, values = _join(conditions)
    return f"({sql})", values


def _like(pattern: str) -> str:
    for letter in "!%_":
        pattern = pattern.replace(letter, f"!{letter}")
    return pattern.replace("*", "%").replace("?", "_")
