"""``negatoscope pacs`` on the command line."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.running import Finished, Program
from conftest import ROOT
from pacs.asking.conftest import ORTHANC, QRSCP, WORKLIST, Ring
from pacs.asking.scripted import Asked, run_web
from server.orthanc import Orthanc, free_port

from desktop.__main__ import main
from desktop.cli import read_options
from desktop.options import Options, PacsOptions

Pacs = Callable[..., Finished]


@pytest.fixture
def pacs(base_dir: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Pacs]:
    """Runs ``negatoscope pacs`` in this process."""
    level = logging.getLogger().level

    def run(*words: object) -> Finished:
        capfd.readouterr()
        code = main(["pacs", *map(str, words)])
        out, err = capfd.readouterr()
        return Finished(code, out, err)

    yield run
    logging.getLogger().setLevel(level)


@pytest.fixture
def known(pacs: Pacs, orthanc: Orthanc, qrscp: int, wlmscpfs: int) -> Pacs:
    """The same, with all real archives added."""
    for name, port in ((ORTHANC, orthanc.dicom_port), (QRSCP, qrscp), (WORKLIST, wlmscpfs)):
        assert pacs("add", name, "--aet", name, "--host", "127.0.0.1", "--port", port).code == 0
    assert pacs("add", "WEB", "--url", f"http://127.0.0.1:{orthanc.port}/dicom-web").code == 0
    return pacs


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list", "--json"], PacsOptions("list")),
        (["find", "a", "b", "--date", "-7d"], PacsOptions("find", ("a", "b"), date="-7d")),
        (["find", "--date", "-20260101"], PacsOptions("find", date="-20260101")),
        (["find", "--date=today", "--name", "DOE^JO*"], PacsOptions("find", date="today", name="DOE^JO*")),
        (["worklist", "--station", "CT1", "--limit", "5"], PacsOptions("worklist", station="CT1", limit=5)),
        (
            ["add", "a", "--aet", "A", "--host", "h", "--port", "104", "--tls"],
            PacsOptions("add", ("a",), aet="A", host="h", port=104, tls=True),
        ),
    ],
)
def test_words(words: list[str], expected: PacsOptions) -> None:
    assert read_options(["pacs", *words]) == Options("pacs", json="--json" in words, pacs=expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "ACTION"),
        (["fly"], "fly"),
        (["add"], "NAME"),
        (["add", "a"], "--aet, --host and --port, or with --url"),
        (["add", "a", "--aet", "A", "--host", "h"], "no --port"),
        (["add", "a", "--url", "http://a", "--aet", "A"], "--aet does not go with --url"),
        (["add", "a", "--url", "http://a", "--tls"], "--tls does not go with --url"),
        (["add", "a", "--url", "ftp://a"], "http:// or https://"),
        (["add", "a", "--url", "http://a", "--auth", "basic"], "needs a user"),
        (["add", "a", "--aet", "A" * 17, "--host", "h", "--port", "104"], "AE title"),
        (["add", "a", "--aet", "A", "--host", "h", "--port", "0"], "no --port"),
        (["add", "-a", "--aet", "A"], "NAME"),
        (["add", "a", "--aet", "A", "--host", "h", "--port", "104", "--user", "doe"], "--user does not go with --aet"),
        (["find", "--level", "file"], "file"),
        (["find", "--limit", "0"], "A limit is 1 or more"),
        (["find", "--level", "series"], "needs the UID of the study"),
        (["find", "--study", "x"], "no UID"),
        (["remove"], "NAME"),
        (["find", ""], "empty"),
    ],
)
def test_wrong_usage(words: list[str], said: str, pacs: Pacs) -> None:
    done = pacs(*words)
    assert (done.code, done.out) == (2, "")
    assert said in done.sentence()


def test_nodes_are_added_listed_and_removed(pacs: Pacs, base_dir: Path) -> None:
    assert json.loads(pacs("list", "--json").out) == []
    added = pacs("add", "a", "--aet", "THEIRS", "--host", "pacs.example", "--port", "104", "--tls-ca", "/ca", "--json")
    (node,) = json.loads(pacs("list", "--json").out)
    assert json.loads(added.out) == node
    assert node["tls"] == {"ca_file": "/ca", "certificate": "", "key": "", "check_host": True}
    assert (node["aet"], node["our_aet"], node["retrieve"]) == ("THEIRS", "NEGATOSCOPE", "auto")
    assert pacs("add", "a", "--url", "http://pacs.example").code == 1
    assert pacs("add", "b", "--url", "http://pacs.example/dicom-web").code == 0
    listed = pacs("list").out.splitlines()
    assert "THEIRS at pacs.example:104" in listed[0]
    assert "TLS" in listed[0]
    assert "not encrypted" in listed[1]
    assert pacs("remove", "a").code == 0
    assert "There are: b" in pacs("remove", "a").sentence()
    assert [node["name"] for node in json.loads(pacs("list", "--json").out)] == ["b"]
    (base_dir / "config" / "nodes.json").write_text("{")
    broken = pacs("list")
    assert broken.code == 1
    assert "Mend or delete it" in broken.sentence()


def test_a_password_goes_into_the_keyring_and_nowhere_else(
    pacs: Pacs, ring: Ring, base_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")

    def script(asked: Asked) -> None:
        # doe:open sesame
        asked.answer(200 if asked.authorization == "Basic ZG9lOm9wZW4gc2VzYW1l" else 401, b"[]")

    with run_web(script) as (port, _):
        url = f"http://127.0.0.1:{port}/"
        added = pacs("add", "a", "--url", url, "--auth", "basic", "--user", "doe", "--password-file", file)
        assert added.code == 0
        assert "anybody on the way can read it" in added.err
        assert list(ring.kept.values()) == ["open sesame"]
        assert "secret" not in pacs("list", "--json").out
        assert pacs("echo", "a").code == 0
        ring.kept.clear()
        assert "wrong, or has expired" in pacs("echo", "a").sentence()
        assert pacs("echo", "a", "--password-file", file).code == 0
    for path in base_dir.rglob("*"):
        assert not path.is_file() or b"sesame" not in path.read_bytes()
    pacs("remove", "a")


def test_without_a_keyring_it_is_said_that_nothing_was_kept(pacs: Pacs, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    added = pacs("add", "a", "--url", "https://pacs.example", "--auth", "bearer", "--password-file", file)
    assert added.code == 0
    assert "was not kept" in added.err
    assert "NEGATOSCOPE_PASSWORD_A" in added.err
    missing = pacs("echo", "a", "--password-file", tmp_path / "none")
    assert missing.code == 1
    assert "cannot be read" in missing.sentence()


def test_echo(known: Pacs) -> None:
    done = known("echo")
    assert done.code == 0
    assert len(done.out.splitlines()) == 4
    assert all("is there" in line for line in done.out.splitlines())
    known("add", "closed", "--aet", "A", "--host", "127.0.0.1", "--port", free_port())
    failed = known("echo", "closed", ORTHANC, "--json")
    assert failed.code == 1
    assert "Nothing listens" in failed.sentence()
    told = {outcome["node"]: outcome["error"] for outcome in failed.json()}
    assert told[ORTHANC] is None
    assert told["closed"]["code"] == "port_closed"


def test_find(known: Pacs) -> None:
    done = known("find", ORTHANC, QRSCP, "WEB", "--name", "DOE", "--date", "2026", "--json")
    assert done.code == 0
    found = done.json()
    assert {(answer["node"], answer["StudyInstanceUID"]) for answer in found["answers"]} == {
        (node, uid) for node in (ORTHANC, QRSCP, "WEB") for uid in ("1.2.3.1", "1.2.3.3")
    }
    assert {answer["here"] for answer in found["answers"]} == {"no"}
    assert [node["node"] for node in found["nodes"]] == [ORTHANC, QRSCP, "WEB"]
    assert all((node["answers"], node["cut"], node["odd"]) == (2, False, {}) for node in found["nodes"])


def test_what_is_found_is_a_table_and_what_is_wrong_is_said(known: Pacs) -> None:
    done = known("find", ORTHANC, WORKLIST, "--limit", "2")
    assert done.code == 1
    head, *rows = done.out.splitlines()
    assert head.startswith("node")
    assert len(rows) == 2
    assert "There are more: the list was cut" in done.err
    assert "WORKLIST (127.0.0.1" in done.err
    empty = known("find", ORTHANC, "--name", "NOBODY")
    assert (empty.code, empty.out) == (0, "")
    assert "0 studies" in empty.err
    series = known("find", "WEB", "--level", "series", "--study", "1.2.3.1")
    assert "CT series" in series.out


def test_worklist(known: Pacs) -> None:
    done = known("worklist", WORKLIST, "--modality", "CT", "--json")
    assert done.code == 0
    assert sorted(step["PatientID"] for step in done.json()["steps"]) == ["P1", "P3"]
    table = known("worklist", WORKLIST, "--name", "DOE")
    assert "DOE^JANE" in table.out
    assert "1 step in" in table.err


def test_silence_has_a_code_of_its_own(pacs: Pacs) -> None:
    with run_web(lambda asked: asked.handler.connection.recv(1)) as (port, _):
        timeouts = ("--connect-timeout", "5", "--answer-timeout", "0.5")
        pacs("add", "a", "--url", f"http://127.0.0.1:{port}", *timeouts)
        assert pacs("echo", "a").code == 4


def test_nothing_of_a_patient_is_logged(known: Pacs, base_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    for words in (("--name", "DOE"), ("--id", "P1"), ("--name", "Müller"), ("--description", "Brain")):
        known("find", ORTHANC, QRSCP, "WEB", *words, "-v")
    known("worklist", WORKLIST, "-v")
    log = base_dir / "logs" / "negatoscope.log"
    text = (log.read_text(encoding="utf-8") if log.exists() else "") + caplog.text
    for word in ("DOE", "P1", "ller", "Brain", "1.2.3.", "PatientName"):
        assert word not in text


def test_as_a_process_of_its_own(program: Program, orthanc: Orthanc) -> None:
    told = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    port = ("--port", str(orthanc.dicom_port))
    assert program.run("pacs", "add", "a", "--aet", ORTHANC, "--host", "127.0.0.1", *port, **told).code == 0
    done = program.run("pacs", "find", "a", "--json", **told)
    assert done.code == 0
    assert len(done.json()["answers"]) == 4
    table = program.run("pacs", "find", "a", **told)
    assert "M\\xfcller" in table.out
    done.sentence()
    if sys.platform != "win32":
        assert (program.base / "config" / "nodes.json").stat().st_mode & 0o077 == 0


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program as a process of its own, in a home of its own."""
    return Program(tmp_path / "program")
