"""The account of an import."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.importers.report import Account
from desktop.library.outcomes import VIEWABLE, FileOutcome, Outcome

OUTCOMES = st.builds(
    FileOutcome,
    path=st.text(max_size=5),
    outcome=st.sampled_from(Outcome),
    reason=st.sampled_from(["", "It is a text."]),
    study=st.sampled_from(["", "1.1", "1.2", "1.3"]),
)


@given(st.lists(OUTCOMES))
def test_every_file_is_counted_once(outcomes: list[FileOutcome]) -> None:
    account = Account()
    for outcome in outcomes:
        account.add(outcome)
    report = account.report(1.23456, cancelled=False)
    assert report.found == len(outcomes)
    assert report.viewable == sum(outcome.outcome in VIEWABLE for outcome in outcomes)
    assert list(report.reasons) == [outcome for outcome in outcomes if outcome.reason]
    assert list(report.studies) == list(dict.fromkeys(outcome.study for outcome in outcomes if outcome.study))
    said = json.loads(json.dumps(report.to_json()))
    assert said["found"] == sum(said[outcome.value] for outcome in Outcome) == len(outcomes)
    assert len(said["reasons"]) == len(report.reasons)
    assert said["seconds"] == 1.235


ALL = (
    "7 files: 1 added, 1 updated, 1 unchanged, 1 there already, 1 with a UID that another file has, "
    "1 not DICOM, 1 rejected."
)


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([], "No files were found."),
        ([Outcome.ADDED], "1 file: 1 added."),
        ([Outcome.NOT_DICOM] * 2 + [Outcome.ADDED], "3 files: 1 added, 2 not DICOM."),
        ([Outcome.UNCHANGED] * 1234, "1,234 files: 1,234 unchanged."),
        (
            list(Outcome),
            ALL,
        ),
    ],
)
def test_the_account_in_one_line(outcomes: list[Outcome], sentence: str) -> None:
    account = Account()
    for outcome in outcomes:
        account.add(FileOutcome("a", outcome))
    assert account.report(0, cancelled=False).sentence() == sentence
