"""Searches in archives: real ones, and such as answer oddly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders import ask
from pacs.asking.archives import node_at, told, web_at
from pacs.asking.conftest import ORTHANC, QRSCP
from pacs.asking.scripted import EXPLICIT, PENDING, Asked, Line, element, run_script, run_web
from server.orthanc import Orthanc

from desktop.errors import UsageError
from desktop.events import Events
from desktop.importers.reading import ReaderPool
from desktop.jobs import Job
from desktop.library.held import Held
from desktop.library.store import Store
from desktop.pacs.answers import Answer, Oddity
from desktop.pacs.asking import Account
from desktop.pacs.failures import Failure
from desktop.pacs.nodes import DimseNode, Node, Timeouts, Tls
from desktop.pacs.query import Level, Query
from desktop.services.conversing import Outcome
from desktop.services.importing import Importing
from desktop.services.querying import Finding, Here, Querying, compare


@dataclass
class Search:
    """What a search came to."""

    findings: list[Finding]
    outcomes: list[Outcome[Account]]

    @property
    def account(self) -> Account:
        (outcome,) = self.outcomes
        assert outcome.error is None, outcome.error
        assert outcome.result is not None
        return outcome.result

    def uids(self, node: str = "") -> list[str]:
        return sorted(found.answer.uid for found in self.findings if node in ("", found.answer.node))

    def values(self, keyword: str) -> list[str]:
        return sorted(found.answer.values.get(keyword, "") for found in self.findings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "library.sqlite", tmp_path / "copies")
    yield made
    made.close()


Finder = Callable[..., Search]
Searching = Job[None, list[Outcome[Account]]]


@pytest.fixture
def find(store: Store) -> Finder:
    querying = Querying(store)

    def run(*nodes: Node, secret: str = "", **query: Any) -> Search:
        found: list[Finding] = []
        ended: list[str] = []
        job = querying.find(nodes, told(secret), Query(**query), found.extend, lambda one: ended.append(one.node))
        assert job.join(100)
        outcomes = job.wait()
        assert sorted(ended) == sorted(node.name for node in nodes)
        return Search(found, outcomes)

    return run


@pytest.fixture(params=["orthanc", "qrscp", "web"])
def archive(request: pytest.FixtureRequest) -> Node:
    """Each of the real archives."""
    if request.param == "qrscp":
        return node_at(request.getfixturevalue("qrscp"), QRSCP)
    orthanc: Orthanc = request.getfixturevalue("orthanc")
    return web_at(orthanc.port) if request.param == "web" else node_at(orthanc.dicom_port, ORTHANC)


S1, S2, S3, S4 = "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [S1, S2, S3, S4]),
        ({"name": "DOE"}, [S1, S2, S3]),
        ({"name": "DOE*JO*"}, [S1, S2, S3]),
        ({"name": "DOE*JO"}, []),
        ({"name": "*JOAN"}, [S3]),
        ({"name": "NOBODY"}, []),
        ({"patient_id": "P1"}, [S1, S2]),
        ({"patient_id": "P?"}, [S1, S2, S3, S4]),
        ({"accession": "A3"}, [S3]),
        ({"dates": "2026"}, [S1, S3]),
        ({"dates": "2026-01-03"}, [S3]),
        ({"dates": "..2025-06-07"}, [S2, S4]),
        ({"dates": "20260103-"}, [S3]),
        ({"dates": "-7d"}, []),
        ({"study_uid": S2}, [S2]),
        ({"description": "rain"}, [S3]),
        ({"patient_id": "P1", "dates": "2025"}, [S2]),
    ],
)
def test_studies(archive: Node, find: Finder, query: dict[str, Any], expected: list[str]) -> None:
    search = find(archive, **query)
    assert search.account == Account(len(expected), was_cut=False, odd={})
    assert search.uids() == expected


def test_names_with_any_letters(archive: Node, find: Finder) -> None:
    search = find(archive, study_uid=S4)
    assert search.values("PatientName") == ["Müller^Jürgen"]
    assert search.account.odd == {}


def test_names_with_any_letters_are_searched_for(orthanc: Orthanc, find: Finder) -> None:
    # DCMTK compares bytes, and Orthanc's plugin of this age does not decode what is typed.
    for charset in ("ISO_IR 192", "ISO_IR 100"):
        node = node_at(orthanc.dicom_port, ORTHANC, charset=charset)
        assert find(node, name="Müller^J").uids() == [S4]


def test_several_modalities(orthanc: Orthanc, find: Finder) -> None:
    for node in (node_at(orthanc.dicom_port, ORTHANC), web_at(orthanc.port)):
        assert find(node, modalities=("MR",)).uids() == [S1, S3]
        search = find(node, modalities=("us", "MR"))
        assert search.uids() == [S1, S3, S4]
        assert search.account.odd == {Oddity.UNWANTED: 1}


def test_patients_series_and_images(archive: Node, find: Finder) -> None:
    if isinstance(archive, DimseNode):
        search = find(archive, level=Level.PATIENT, name="DOE")
        assert search.uids() == ["P1", "P2"]
    series = find(archive, level=Level.SERIES, study_uid=S1)
    assert series.uids() == [f"{S1}.1", f"{S1}.2"]
    assert series.values("Modality") == ["CT", "MR"]
    assert find(archive, level=Level.SERIES, study_uid=S1, modalities=("MR",)).uids() == [f"{S1}.2"]
    images = find(archive, level=Level.IMAGE, study_uid=S1, series_uid=f"{S1}.1")
    assert images.uids() == [f"{S1}.1.1", f"{S1}.1.2"]


def test_a_list_that_is_cut_is_said_to_be(archive: Node, find: Finder) -> None:
    for limit in (1, 3):
        search = find(archive, limit=limit)
        assert len(search.findings) == limit
        assert search.account == Account(limit, was_cut=True, odd={})
    assert find(archive, limit=4).account == Account(4, was_cut=False, odd={})


def test_many_at_once_and_what_fails_beside_them(orthanc: Orthanc, qrscp: int, find: Finder) -> None:
    nodes = [
        node_at(orthanc.dicom_port, ORTHANC),
        node_at(qrscp, QRSCP),
        web_at(orthanc.port),
        node_at(orthanc.dicom_port, "NOBODY"),
        web_at(orthanc.port, name="WRONG", url=f"http://127.0.0.1:{orthanc.port}/wrong"),
    ]
    search = find(*nodes, patient_id="P1")
    for name in (ORTHANC, QRSCP, "WEB"):
        assert search.uids(name) == [S1, S2]
    assert len(search.findings) == 6
    failed = {outcome.node: getattr(outcome.error, "kind", None) for outcome in search.outcomes}
    assert failed == {ORTHANC: None, QRSCP: None, "WEB": None, "NOBODY": Failure.REJECTED, "WRONG": Failure.NOT_FOUND}
    # A search that makes no sense to one of them.
    search = find(*nodes[:3], level=Level.PATIENT, name="DOE^JOAN")
    assert search.uids() == ["P2", "P2"]
    assert isinstance(search.outcomes[2].error, UsageError)


def test_tls(tls_orthanc: Orthanc, keys: Path, find: Finder) -> None:
    tls = Tls(str(keys / "ca.pem"), str(keys / "client.pem"), str(keys / "client.key"))
    search = find(node_at(tls_orthanc.dicom_port, ORTHANC, tls=tls), name="DOE")
    assert search.uids() == [S1, S2, S3]


def test_what_is_here_is_told(
    orthanc: Orthanc, qrscp: int, studies: list[Path], store: Store, find: Finder, tmp_path: Path
) -> None:
    pool = ReaderPool(1)
    importing = Importing(store, pool, Events(), tmp_path / "copies")
    importing.start(ask(*studies[:2], studies[3])).wait()
    importing.close()
    pool.close()
    node = node_at(orthanc.dicom_port, ORTHANC)
    here = {found.answer.uid: (found.here, found.instances_here) for found in find(node).findings}
    assert here == {S1: (Here.PARTLY, 2), S2: (Here.ALL, 1), S3: (Here.NO, 0), S4: (Here.NO, 0)}
    # DCMTK does not count.
    here = {found.answer.uid: (found.here, found.instances_here) for found in find(node_at(qrscp, QRSCP)).findings}
    assert here == {S1: (Here.YES, 2), S2: (Here.YES, 1), S3: (Here.NO, 0), S4: (Here.NO, 0)}
    series = find(node, level=Level.SERIES, study_uid=S1)
    assert {found.answer.uid: found.here for found in series.findings} == {f"{S1}.1": Here.ALL, f"{S1}.2": Here.NO}


@pytest.mark.parametrize(
    ("patient_id", "there", "held", "here", "count"),
    [
        ("P1", "3", [], Here.NO, 0),
        ("P1", "3", [Held("P1", 2)], Here.PARTLY, 2),
        ("P1", "3", [Held("P1 ", 3)], Here.ALL, 3),
        ("P1", "", [Held("P1", 3)], Here.YES, 3),
        ("P1", "3", [Held("P2", 3)], Here.OTHER_PATIENT, 0),
        ("P1", "3", [Held("P2", 3), Held("P1", 1)], Here.PARTLY, 1),
        ("", "3", [Held("P2", 3)], Here.ALL, 3),
    ],
)
def test_what_is_here(patient_id: str, there: str, held: list[Held], here: Here, count: int) -> None:
    answer = Answer("a", Level.STUDY, {"PatientID": patient_id, "NumberOfStudyRelatedInstances": there})
    assert compare(answer, held) == Finding(answer, here, count)


UID, NAME, STUDY_ID, CHARSET = 0x0020000D, 0x00100010, 0x00200010, 0x00080005


def study(uid: str, name: bytes = b"DOE") -> bytes:
    return element(NAME, name) + element(UID, uid.encode())


def answering(*answers: tuple[int, bytes | None], syntax: bytes = EXPLICIT, last: int = 0) -> Callable[[Line], None]:
    def script(line: Line) -> None:
        line.accept(syntax)
        line.read_request()
        for status, identifier in answers:
            line.respond(status, identifier)
        line.respond(last)
        line.release()

    return script


def test_odd_answers_are_counted_and_told(find: Finder) -> None:
    odd = [
        (PENDING, study("1.1")),
        (0xFF01, study("1.2")),
        (PENDING, study("1.1")),
        (PENDING, study("1.1", b"ROE")),
        (PENDING, study("")),
        (PENDING, b""),
        (PENDING, element(STUDY_ID, b"")),
        (PENDING, b"\x10\x00\x10\x00\xff\xff\xff\x7fDOE"),
        (PENDING, b"<html>what is this</html>"),
        # In another transfer syntax than was agreed on, and in another character set than is said.
        (PENDING, element(NAME, b"MOE", b"PN") + element(UID, b"1.3", b"UI")),
        (PENDING, element(CHARSET, b"ISO_IR 100") + study("1.4", "Müller".encode())),
        (PENDING, study("1.5", "Müller".encode("latin-1"))),
    ]
    with run_script(answering(*odd)) as (port, _):
        search = find(node_at(port))
    assert search.account.odd == {
        Oddity.KEYS_NOT_SUPPORTED: 1,
        Oddity.DUPLICATE: 1,
        Oddity.CONFLICT: 1,
        Oddity.NO_UID: 1,
        Oddity.EMPTY: 2,
        Oddity.UNDECODABLE: 2,
        Oddity.DOUBTFUL_TEXT: 2,
    }
    assert search.uids() == ["", "1.1", "1.1", "1.2", "1.3", "1.4", "1.5"]
    assert search.values("PatientName") == ["DOE", "DOE", "DOE", "MOE", "Müller", "Müller", "ROE"]
    assert len(odd) == search.account.taken + 1 + 2 + 2


def test_a_pending_answer_without_identifier_is_counted(find: Finder) -> None:
    with run_script(answering((PENDING, None), (PENDING, study("1.1")))) as (port, _):
        search = find(node_at(port))
    assert search.account == Account(1, was_cut=False, odd={Oddity.EMPTY: 1})


@pytest.mark.parametrize(
    ("status", "said"),
    [(0xA700, "out of resources"), (0xC001, "unable to process"), (0xFE00, "no reason (status FE00)")],
)
def test_what_came_before_a_failure_stands(status: int, said: str, find: Finder) -> None:
    with run_script(answering((PENDING, study("1.1")), last=status)) as (port, _):
        search = find(node_at(port))
    assert search.uids() == ["1.1"]
    assert getattr(search.outcomes[0].error, "kind", "") == Failure.REFUSED
    assert said in str(search.outcomes[0].error)


def test_a_node_that_says_that_it_cuts_is_believed(find: Finder) -> None:
    with run_script(answering((PENDING, study("1.1")), last=0xB001)) as (port, _):
        assert find(node_at(port)).account == Account(1, was_cut=True, odd={})


def cut_off(line: Line) -> None:
    line.accept()
    line.read_request()
    line.respond(PENDING, study("1.1"))


def aborting(line: Line) -> None:
    cut_off(line)
    line.send(7, bytes((0, 0, 2, 6)))
    line.wait()


def stalling(line: Line) -> None:
    cut_off(line)
    line.wait()


def garbled(line: Line) -> None:
    cut_off(line)
    line.send(4, b"\x00\x00\x00\x50\x01\x03" + bytes(20))
    line.wait()


def too_long(line: Line) -> None:
    cut_off(line)
    line.socket.sendall(b"\x04\x00\x7f\xff\xff\xff" + bytes(100_000))
    line.wait()


def other_message(line: Line) -> None:
    cut_off(line)
    line.respond(0, command=0x8001)
    line.wait()


def unlimited(line: Line) -> None:
    line.accept()
    line.read_request()
    for number in range(1_000_000):
        line.respond(PENDING, study(f"1.{number}"))


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        (cut_off, {Failure.CUT_OFF}),
        (aborting, {Failure.ABORTED}),
        (stalling, {Failure.SILENT}),
        (garbled, {Failure.CUT_OFF}),
        (too_long, {Failure.CUT_OFF}),
        (other_message, {Failure.CUT_OFF, Failure.SILENT}),
    ],
)
def test_what_came_before_the_end_stands(script: Callable[[Line], None], kinds: set[Failure], find: Finder) -> None:
    with run_script(script) as (port, _):
        search = find(node_at(port, timeouts=Timeouts(30, 3)))
    assert getattr(search.outcomes[0].error, "kind", "") in kinds, search.outcomes
    assert search.uids() == ["1.1"]


def test_who_does_not_hear_cancel_is_cut(find: Finder) -> None:
    with run_script(unlimited) as (port, _):
        search = find(node_at(port), limit=5)
    assert search.account == Account(5, was_cut=True, odd={})
    assert search.uids() == [f"1.{number}" for number in range(5)]


def test_cancel_is_told_to_the_node(find: Finder) -> None:
    def script(line: Line) -> None:
        line.accept()
        line.read_request()
        for number in range(3):
            line.respond(PENDING, study(f"1.{number}"))
        line.release()

    with run_script(script) as (port, lines):
        assert find(node_at(port), limit=2).account == Account(2, was_cut=True, odd={})
    assert lines[0].cancelled


@contextmanager
def searching(
    store: Store, *nodes: Node
) -> Iterator[tuple[Job[None, list[Outcome[Account]]], threading.Event, list[Finding]]]:
    came = threading.Event()
    found: list[Finding] = []

    def on_findings(findings: Any) -> None:
        found.extend(findings)
        came.set()

    job = Querying(store).find(nodes, told(""), Query(), on_findings, lambda _: None)
    yield job, came, found
    assert job.join(60)


def test_answers_come_before_the_end_and_a_search_can_be_stopped(store: Store) -> None:
    with run_script(stalling) as (port, lines), run_web(lambda asked: asked.handler.connection.recv(1)) as (web, _):
        node, silent = node_at(port, name="slow"), web_at(web, timeouts=Timeouts(30, 20))
        with searching(store, node, silent) as (job, came, found):
            assert came.wait(60)
            start = time.monotonic()
            job.cancel()
            assert job.join(60)
            assert time.monotonic() - start < 20
    assert [outcome.error is not None and getattr(outcome.error, "kind", "") for outcome in job.wait()] == [
        Failure.CANCELLED,
        Failure.CANCELLED,
    ]
    assert [finding.answer.uid for finding in found] == ["1.1"]
    assert lines


def json_study(uid: str) -> str:
    name = {"vr": "PN", "Value": [{"Alphabetic": "Müller"}]}
    return json.dumps({"0020000D": {"vr": "UI", "Value": [uid]}, "00100010": name}, ensure_ascii=False)


def paging(total: int, most: int, *, warns: bool = False, heeds: bool = True) -> Callable[[Asked], None]:
    """Answer as an archive that has some studies, and sends at most so many at once."""

    def script(asked: Asked) -> None:
        asked_for = dict(part.split("=") for part in asked.path.partition("?")[2].split("&"))
        offset, limit = (int(asked_for["offset"]), int(asked_for["limit"])) if heeds else (0, total)
        numbers = range(offset, min(total, offset + min(limit, most)))
        body = "[" + ",".join(json_study(f"1.{number}") for number in numbers) + "]"
        more = {"Warning": '299 pacs: "There are more"'} if warns and numbers.stop < total else {}
        asked.answer(200, body.encode(), **more)

    return script


@pytest.mark.parametrize(
    ("script", "limit", "expected", "was_cut"),
    [
        (paging(7, 1000), 500, 7, False),
        (paging(7, 3, warns=True), 500, 7, False),
        (paging(120, 50), 500, 120, False),
        (paging(120, 50), 100, 100, True),
        (paging(120, 50), 120, 120, False),
        (paging(2500, 10_000), 2400, 2400, True),
        # It sends all, whatever it is asked for.
        (paging(100, 1000, heeds=False), 500, 100, False),
        (paging(100, 1000, heeds=False), 20, 20, True),
    ],
)
def test_pages(script: Callable[[Asked], None], limit: int, expected: int, was_cut: bool, find: Finder) -> None:
    with run_web(script) as (port, _):
        search = find(web_at(port), limit=limit)
    assert search.account == Account(expected, was_cut, {})
    assert len(set(search.uids())) == expected


def test_odd_answers_of_dicomweb(find: Finder) -> None:
    odd = (
        f'[{json_study("1.1")},{json_study("1.1")},5,{{}},{{"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"A"}}]}}}}]'
    )
    with run_web(lambda asked: asked.answer(200, odd.encode("latin-1"))) as (port, asked):
        search = find(web_at(port), name='"A B&C"', description="ä")
    assert search.account.odd == {Oddity.DUPLICATE: 1, Oddity.UNDECODABLE: 1, Oddity.EMPTY: 1, Oddity.NO_UID: 1}
    assert search.values("PatientName") == ["A", "Müller"]
    assert "PatientName=A%20B%26C&StudyDescription=*%C3%A4*&" in asked[0].path


def test_a_bug_of_ours_is_told_beside_the_others(
    orthanc: Orthanc, find: Finder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("desktop.pacs.dicomweb.read_json", lambda _: 1 / 0)
    search = find(node_at(orthanc.dicom_port, ORTHANC), web_at(orthanc.port), name="DOE")
    assert search.uids(ORTHANC) == [S1, S2, S3]
    assert "The log says where" in str(search.outcomes[1].error)
    assert "ZeroDivisionError" in caplog.text
    assert "DOE" not in caplog.text
