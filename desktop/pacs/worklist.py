"""The modality worklist: what is planned for a modality (PS3.4 Annex K)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from .answers import PATIENCE, Oddity, Values
from .asking import Account
from .dates import parse_dates
from .leash import Leash
from .nodes import DimseNode
from .query import DEFAULT_LIMIT, QueryError, to_name_pattern

WORKLIST = "1.2.840.10008.5.1.4.31"
"""Modality Worklist Information Model - FIND."""

_STEP_SEQUENCE = "ScheduledProcedureStepSequence"
_KEYS = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "ReferringPhysicianName",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "StudyInstanceUID",
)
_STEP_KEYS = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledStationName",
    "ScheduledProcedureStepLocation",
    "ScheduledProcedureStepID",
)

COLUMNS = (*_KEYS, *_STEP_KEYS)
"""What is told of each step."""


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """What is looked for in a worklist, as it is typed. What is empty is not looked for.

    Attributes:
        dates: of the step's start, as of :func:`~desktop.pacs.dates.parse_dates`.
        station: AE title of the modality.
    """

    name: str = ""
    patient_id: str = ""
    accession: str = ""
    dates: str = ""
    modality: str = ""
    station: str = ""
    limit: int = DEFAULT_LIMIT

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise QueryError("A limit is 1 or more.")
        for text in (self.name, self.patient_id, self.accession, self.modality, self.station):
            if "\\" in text or not text.isprintable() or len(text) > 64:
                raise QueryError("What is searched for has at most 64 letters, no backslash, and none that is unseen.")


@dataclass(frozen=True, slots=True)
class Step:
    """One scheduled procedure step, with its patient and order, by keyword.

    Attributes:
        node: the name of the node that told of it.
        is_doubtful: letters may be wrong.
    """

    node: str
    values: Mapping[str, str]
    is_doubtful: bool = False


def worklist_keys(query: WorklistQuery, today: date) -> dict[str, str | dict[str, str]]:
    """Return the identifier's elements (PS3.4 §K.6.1.2.2).

    Raises:
        QueryError: the date is none.
    """
    try:
        dates = parse_dates(query.dates, today)
    except ValueError as error:
        raise QueryError(str(error)) from error
    step = dict.fromkeys(_STEP_KEYS, "") | {
        "ScheduledStationAETitle": query.station.strip(),
        "ScheduledProcedureStepStartDate": dates,
        "Modality": query.modality.strip().upper(),
    }
    return {
        **dict.fromkeys(_KEYS, ""),
        "PatientName": to_name_pattern(query.name),
        "PatientID": query.patient_id.strip(),
        "AccessionNumber": query.accession.strip(),
        _STEP_SEQUENCE: step,
    }


def steps_of(node: str, values: Values) -> list[Step]:
    """Return the steps of one answer: one for each item of its sequence; its own values alone if there is none."""
    steps = values.items.get(_STEP_SEQUENCE) or (Values({}),)
    told = [{**values.texts, **step.texts} for step in steps]
    return [
        Step(node, {keyword: texts.get(keyword, "") for keyword in COLUMNS}, values.is_doubtful)
        for texts in told
        if any(texts.get(keyword) for keyword in COLUMNS)
    ]


def find_steps(
    node: DimseNode,
    query: WorklistQuery,
    secret: str,
    leash: Leash,
    take: Callable[[Sequence[Step]], None],
    today: date,
) -> Account:
    """Ask a node for its worklist.

    Raises:
        PeerError: it did not answer to the end; what was taken before stands.
        QueryError: the query makes no sense to it.
    """
    from .dimse import Find

    taken, was_cut, odd = 0, False, dict[Oddity, int]()
    seen: set[tuple[tuple[str, str], ...]] = set()
    with Find(
        node, secret, leash, "a worklist (C-FIND)", (WORKLIST,), lambda _: worklist_keys(query, today)
    ) as searching:
        for match in searching:
            steps = [] if match.values is None else steps_of(node.name, match.values)
            reasons = [] if match.keys_supported else [Oddity.KEYS_NOT_SUPPORTED]
            if not steps:
                reasons.append(Oddity.UNDECODABLE if match.values is None else Oddity.EMPTY)
            for step in steps:
                told = tuple(step.values.items())
                if told in seen:
                    reasons.append(Oddity.DUPLICATE)
                elif taken >= query.limit:
                    was_cut = True
                else:
                    seen.add(told)
                    taken += 1
                    reasons += [Oddity.DOUBTFUL_TEXT] if step.is_doubtful else []
                    take([step])
            for reason in reasons:
                odd[reason] = odd.get(reason, 0) + 1
            was_cut |= sum(odd.values()) > query.limit + PATIENCE
            if was_cut or leash.is_cancelled:
                searching.cancel()
    leash.check_cancelled()
    return Account(taken, was_cut or searching.was_cut, odd)
