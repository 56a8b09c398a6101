"""What must never stand in a log."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop import logs


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.5.1.4.1.1.2",
        "1.3.12.2.1107.5.2.32.35235.2012041417554381589324478.0.0.0",
        "2.25.245662372554610541801060071207786967132",
        "0.1.2.3.4.5",
        "1.2.3.4.5",
    ],
)
@pytest.mark.parametrize(
    "line", ["{}", "'{}'", "/studies/{}/series", "MR.{}", "IM_{}_a", "CT{}.dcm", "uid={},", "({})", "{}\n", "a {} b"]
)
def test_uids_become_digests_wherever_they_stand(uid: str, line: str) -> None:
    redacted = logs.redact(line.format(uid))
    assert uid not in redacted
    # No rest of it stays either.
    assert uid.rpartition(".")[2] * 3 not in redacted * 3 or len(uid.rpartition(".")[2]) < 4
    assert redacted.count("uid:") == 1
    assert redacted.replace("\n", "").startswith(line.partition("{")[0])


@pytest.mark.parametrize(
    "text", ["127.0.0.1:8042", "took 1.25 s", "version 6.12.0", "2.25.1", "1.2.3.4", "SQLite 3.45.1"]
)
def test_other_numbers_stay(text: str) -> None:
    assert logs.redact(text) == text


@pytest.mark.parametrize(
    ("secret", "line"),
    [
        ("Doe^Jane", "Doe^Jane"),
        ("Doe^Jane", "DOE^JANE and doe, jane"),
        ("DOE^JANE", "the folder of Doe"),
        ("Müller^Jürgen", "MÜLLER"),
        ("Yamada^Tarou=山田太郎=やまだ^たろう", "山田太郎"),
        ("Mc Donald^Ann", "Donald"),
        ("P-4711", "p-4711"),
        ("Weiß^Jürgen", "Weiß, WEIß"),
        ("/media/cd/DOE JANE", "in /media/cd/DOE JANE/IM1"),
        ("C:\\Users\\Doe\\CD", "[Errno 2] No such file: 'C:\\\\Users\\\\Doe\\\\CD\\\\IM1'"),
        (os.fsdecode(b"/media/M\xfcller"), "No such file: '/media/M\\udcfcller/IM1'"),
    ],
)
def test_what_is_hidden_is_found_in_any_form(secret: str, line: str) -> None:
    logs.hide([secret])
    redacted = logs.redact(line)
    assert "▒▒▒" in redacted
    for part in ("doe", "jane", "müller", "weiß", "山田太郎", "donald", "4711"):
        assert part not in redacted.casefold()


def test_texts_of_two_letters_stay() -> None:
    # They would make holes in every line.
    logs.hide(["Li", "", "A^B", "/"])
    assert logs.redact("A list of / and B") == "A list of / and B"


@given(st.text(min_size=3, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_hidden_text_never_stands_in_a_line(secret: str, before: str, behind: str) -> None:
    logs._hidden.clear()
    logs.hide([secret])
    assert secret not in logs.redact(before + secret + behind) or secret in "▒▒▒"


def test_tracebacks_are_redacted_too(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.start_logging(file)
    logs.hide(["Doe^Jane"])

    def fail(name: str) -> None:
        raise KeyError(name)

    try:
        fail("DOE of 2.25.245662372554610541801060071207786967132")
    except KeyError:
        logging.getLogger("desktop").exception("the job failed")
    text = file.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "KeyError" in text
    assert "DOE" not in text
    assert "245662372554610541801060071207786967132" not in text


def test_the_screen_is_redacted_as_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_logging(None)
    logs.hide(["Doe^Jane"])
    logging.getLogger("desktop").warning("no pixels of %s", "Doe")
    logging.getLogger("desktop").info("only for the verbose")
    assert capsys.readouterr().err == "negatoscope: no pixels of ▒▒▒\n"


def test_starting_twice_gives_each_line_once(tmp_path: Path) -> None:
    for _ in range(2):
        logs.start_logging(tmp_path / "log")
    logging.getLogger("desktop").info("once")
    assert (tmp_path / "log").read_text(encoding="utf-8").count("once") == 1
    logs.stop_logging()
    logs.stop_logging()
    logging.getLogger("desktop").info("never")
    assert "never" not in (tmp_path / "log").read_text(encoding="utf-8")


def test_lines_that_are_no_text_can_be_logged(tmp_path: Path) -> None:
    logs.start_logging(tmp_path / "log")
    record = logging.makeLogRecord({"levelno": logging.INFO, "msg": "a name: \udcff"})
    # Straight to the program's own handlers: pytest's could not hand such a line on.
    for handler in logging.getLogger().handlers:
        if handler.get_name() == "negatoscope":
            handler.emit(record)
    assert "a name: \\udcff" in (tmp_path / "log").read_text(encoding="utf-8")


def test_pydicom_writes_no_values_into_the_log(tmp_path: Path) -> None:
    logs.start_logging(tmp_path / "log")
    logging.getLogger("pydicom").warning("Invalid value for VR PN: 'Doe'")
    logging.getLogger("pydicom.values").error("Doe")
    log = tmp_path / "log"
    assert not log.exists() or "Doe" not in log.read_text(encoding="utf-8")
