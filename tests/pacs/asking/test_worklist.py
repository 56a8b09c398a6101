"""The modality worklist, as DCMTK's and scripted peers tell it."""

from typing import Any

import pytest
from pacs.asking.archives import node_at, told
from pacs.asking.conftest import WORKLIST
from pacs.asking.scripted import PENDING, Line, element, encode, run_script
from pydicom.dataset import Dataset
from server.orthanc import Orthanc

from desktop.errors import UsageError
from desktop.pacs.answers import Oddity
from desktop.pacs.asking import Account
from desktop.pacs.failures import Failure
from desktop.pacs.nodes import Node, WebNode
from desktop.pacs.worklist import Step, WorklistQuery
from desktop.services.conversing import Outcome
from desktop.services.querying import start_worklist


def ask(node: Node, **query: Any) -> tuple[list[Step], Outcome[Account]]:
    steps: list[Step] = []
    job = start_worklist([node], told(""), WorklistQuery(**query), steps.extend, lambda _: None)
    assert job.join(100)
    (outcome,) = job.wait()
    return steps, outcome


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["P1", "P2", "P3"]),
        ({"name": "DOE"}, ["P1"]),
        ({"patient_id": "P2"}, ["P2"]),
        ({"accession": "AP3"}, ["P3"]),
        ({"modality": "ct"}, ["P1", "P3"]),
        ({"station": "MR1"}, ["P2"]),
        ({"dates": "2026-01-06.."}, ["P2", "P3"]),
        ({"dates": "2026-01-05", "modality": "CT"}, ["P1"]),
        ({"dates": "today"}, []),
    ],
)
def test_steps(wlmscpfs: int, query: dict[str, Any], expected: list[str]) -> None:
    steps, outcome = ask(node_at(wlmscpfs, WORKLIST), **query)
    assert outcome.result == Account(len(expected), was_cut=False, odd={}), outcome.error
    assert sorted(step.values["PatientID"] for step in steps) == expected


def test_all_of_a_step_is_told(wlmscpfs: int) -> None:
    (step,), _ = ask(node_at(wlmscpfs, WORKLIST), patient_id="P2")
    assert step.node == WORKLIST
    assert (
        step.values.items()
        >= {
            "PatientName": "Müller^Jürgen",
            "PatientBirthDate": "19700102",
            "AccessionNumber": "AP2",
            "StudyInstanceUID": "1.2.3.9.2",
            "RequestedProcedureDescription": "CT chest",
            "ScheduledStationAETitle": "MR1",
            "ScheduledProcedureStepStartDate": "20260106",
            "ScheduledProcedureStepStartTime": "081500",
            "Modality": "MR",
            "ScheduledProcedureStepDescription": "Chest",
        }.items()
    )
    (greek,), _ = ask(node_at(wlmscpfs, WORKLIST), patient_id="P3")
    assert (greek.values["PatientName"], greek.is_doubtful) == ("Ολυμπία", False)


def test_a_list_that_is_cut_is_said_to_be(wlmscpfs: int) -> None:
    steps, outcome = ask(node_at(wlmscpfs, WORKLIST), limit=2)
    assert len(steps) == 2
    assert outcome.result == Account(2, was_cut=True, odd={})


def test_who_has_none_is_told(orthanc: Orthanc) -> None:
    _, outcome = ask(node_at(orthanc.dicom_port, "ORTHANC"))
    assert getattr(outcome.error, "kind", "") == Failure.NO_CONTEXT
    assert "does not offer a worklist" in str(outcome.error)
    _, outcome = ask(WebNode("WEB", f"http://127.0.0.1:{orthanc.port}/dicom-web"))
    assert isinstance(outcome.error, UsageError)


def test_odd_answers_are_counted_and_told() -> None:
    step = Dataset()
    step.Modality = "CT"
    two = Dataset()
    two.PatientID = "P1"
    two.ScheduledProcedureStepSequence = [step, Dataset()]
    answers = [
        encode(two),
        encode(two),
        encode(Dataset()),
        b"\x10\x00\x10\x00\xff\xff\xff\x7f",
        element(0x00100020, b"P2"),
    ]

    def script(line: Line) -> None:
        line.accept()
        line.read_request()
        for answer in answers:
            line.respond(PENDING, answer)
        line.respond(0)
        line.release()

    with run_script(script) as (port, _):
        steps, outcome = ask(node_at(port))
    assert [(item.values["PatientID"], item.values["Modality"]) for item in steps] == [
        ("P1", "CT"),
        ("P1", ""),
        ("P2", ""),
    ]
    assert outcome.result == Account(
        3, was_cut=False, odd={Oddity.DUPLICATE: 2, Oddity.EMPTY: 1, Oddity.UNDECODABLE: 1}
    )
